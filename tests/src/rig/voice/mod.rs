//! What a bad line leaves of a voice: recorded speech through the whole of `signedcall-voice` over simulated lines, scored.

mod cells;
mod drift;
mod line;
mod page;
mod processing;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use signedcall_tests::{Rig, Scorer, speech};
use signedcall_voice::ControllerConfig;

use crate::bench::Extent;
use crate::figures::Figures;
use cells::Cell;

/// Calls over each line, each over another part of the losses: 90 s of speech, over which figures repeat to about 0.05.
const SEEDS: u64 = 5;

/// How much is said before what counts, in samples: reports have to come before anything can follow from them.
const LEAD: usize = 5 * 48_000;

/// How many calls are simulated at a time.
const THREADS: usize = 2;

/// A call that is to be scored.
struct Heard {
    cell: usize,
    file: PathBuf,
    offset_ms: f64,
    kilobits_per_second: f64,
    encoding_ms: f64,
    decoding_ms: f64,
}

/// Measures everything, or the cells alone whose name has `part` in it.
pub(crate) fn voice(extent: Extent, part: Option<&str>) -> Result<Figures> {
    let rig = Rig::new("bench-voice")?;
    let words = [read("reading")?, read("reading-2")?].concat();
    let said = rig.folder().join("said.wav");
    write(&said, &words)?;
    let said_with_lead = [&words[words.len() - LEAD..], &words].concat();
    let is_meant = |cell: &Cell| part.is_none_or(|part| format!("{}.", cell.figure("pesq")).contains(part));
    let cells: Vec<Cell> = cells::cells(extent).into_iter().filter(is_meant).collect();
    let seeds = match extent {
        Extent::Full => SEEDS,
        Extent::Quick => 2,
    };
    let calls: Vec<(usize, u64)> = (0..cells.len()).flat_map(|cell| (1..=seeds).map(move |seed| (cell, seed))).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let simulate = || -> Result<()> {
            while let Some(&(cell, seed)) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                let heard = carry(&rig, &cells, cell, &said_with_lead, seed)?;
                done.lock().map_err(|_| anyhow::anyhow!("another thread has failed"))?.push(heard);
            }
            Ok(())
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(simulate)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a simulated call has panicked"))?)
    })?;
    let mut heard = done.into_inner().map_err(|_| anyhow::anyhow!("a simulated call has panicked"))?;
    heard.sort_by_key(|heard| (heard.cell, heard.file.clone()));
    eprintln!("{} calls simulated", heard.len());
    let files: Vec<PathBuf> = heard.iter().map(|heard| heard.file.clone()).collect();
    let scores = Scorer::new(&rig)?.scores(&said, &files)?;
    let mut figures = Figures::default();
    for (heard, score) in heard.iter().zip(scores) {
        let cell: &Cell = &cells[heard.cell];
        figures.add(&cell.figure("pesq"), "MOS", score.pesq);
        figures.add(&cell.figure("estoi"), "1", score.estoi);
        if let Some(delay) = score.delay_ms {
            figures.add(&cell.figure("delay_ms"), "ms", delay + heard.offset_ms);
        }
        figures.add(&cell.figure("wire_kbit"), "kbit/s", heard.kilobits_per_second);
        figures.add(&cell.figure("encoding_cpu"), "ms/s", heard.encoding_ms);
        figures.add(&cell.figure("decoding_cpu"), "ms/s", heard.decoding_ms);
    }
    if part.is_some() {
        return Ok(figures);
    }
    processing::processing(&rig, &mut figures)?;
    if extent == Extent::Full {
        drifts(&words, &mut figures)?;
        page::write(&figures)?;
    }
    Ok(figures)
}

/// What the stages of a voice take of a core in both directions over a clean line, in percent, by themselves.
pub(crate) fn stages(figures: &mut Figures) -> Result<()> {
    let (words, others) = (read("reading")?, read("reading-2")?);
    let clean = cells::Line { loss: 0.0, burst: 1.0, jitter_ms: 0.0, kilobits: 0.0 };
    for seed in 1..=SEEDS {
        let carried = line::carry(&words, cells::Plan::Controlled(ControllerConfig::default()), clean, seed)?;
        let stages =
            [("processing", processing::cost(&words, &others)), ("encoding", carried.encoding_ms), ("decoding", carried.decoding_ms)];
        for (stage, milliseconds) in stages {
            figures.add(&format!("cpu_percent.stage.{stage}"), "%", milliseconds / 10.0);
        }
    }
    Ok(())
}

/// An hour with each clock, both at a time.
fn drifts(words: &[f32], figures: &mut Figures) -> Result<()> {
    let ways = [("fast", 200.0), ("slow", -200.0)];
    let found = std::thread::scope(|scope| {
        let threads = ways.map(|(name, millionths)| (name, scope.spawn(move || drift::drift(words, millionths, 3_600))));
        threads.map(|(name, thread)| (name, thread.join()))
    });
    for (name, drift) in found {
        let drift = drift.map_err(|_| anyhow::anyhow!("a simulated hour has panicked"))??;
        figures.add(&format!("drift.off_ms.{name}"), "ms", drift.off_ms);
        figures.add(&format!("drift.made_up.{name}"), "frames", drift.made_up);
    }
    Ok(())
}

/// Simulates one call and keeps what was heard of what counts.
fn carry(rig: &Rig, cells: &[Cell], cell: usize, said: &[f32], seed: u64) -> Result<Heard> {
    let carried = line::carry(said, cells[cell].named.plan, cells[cell].line, seed)?;
    let file = rig.folder().join(format!("{}-{seed}.wav", cells[cell].figure("heard")));
    write(&file, &carried.sound[LEAD..])?;
    Ok(Heard {
        cell,
        file,
        offset_ms: carried.offset_ms,
        kilobits_per_second: carried.kilobits_per_second,
        encoding_ms: carried.encoding_ms,
        decoding_ms: carried.decoding_ms,
    })
}

/// A recording of `assets/speech`.
fn read(name: &str) -> Result<Vec<f32>> {
    let mut reader = hound::WavReader::open(speech(name)?)?;
    reader.samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect()
}

fn write(file: &PathBuf, sound: &[f32]) -> Result<()> {
    let spec = hound::WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(file, spec).with_context(|| format!("making {}", file.display()))?;
    for sample in sound {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16)?;
    }
    Ok(writer.finalize()?)
}
