//! The same speech over the same bad lines, through this SDK and through libwebrtc.

mod ours;
mod page;
mod theirs;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use signedcall::{SAMPLE_RATE, VoiceOptions};
use signedcall_tests::{
    Counted, ImpairedLine, Impairment, Recording, Rig, Scorer, Service, ServiceSetup, click_beside_tone, delay, level, speech,
};

use crate::figures::{Figures, milliseconds};

/// Calls at the same time: more would measure the processor.
const AT_ONCE: usize = 4;
/// Networks of each kind.
const SEEDS: u64 = 2;
const LOSSES: [u32; 6] = [0, 5, 10, 20, 30, 45];
const JITTERS: [u64; 2] = [0, 40];
/// What libwebrtc's 32 kbit/s of Opus take on the wire, measured with this bench.
const EQUAL_BITS_PER_SECOND: u32 = 58_000;
/// A black-out lasts so long.
const BLACK_OUT: Duration = Duration::from_secs(3);
/// How soon a tone is back after it.
const BLACK_OUT_FIGURE: &str = "black_out_back_ms";
/// How loud the loudest click is from before it until half a second later, in dB below full scale.
const CLICK_FIGURE: &str = "black_out_click_dbfs";
/// What is heard before and after it, in hertz.
const BLACK_OUT_TONE: f32 = 1_000.0;
/// How the first seconds sound.
const FIRST_FIGURE: &str = "pesq_first_8s";
/// Calls with a black-out.
const BLACK_OUTS: u64 = 5;

/// How much is said before what counts, in samples, as in `bench voice`: each side hears of the other's losses first, and becomes used to them.
const LEAD: usize = 5 * SAMPLE_RATE as usize;
/// What the first seconds are scored by themselves for: how soon that is.
const FIRST: usize = 8 * SAMPLE_RATE as usize;

/// What is said.
struct Said {
    samples: Arc<Vec<f32>>,
    whole: PathBuf,
    /// What of it counts.
    file: PathBuf,
    /// What is said first.
    first: PathBuf,
}

impl Said {
    /// How long it takes to be said, and to arrive.
    fn lasts(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(SAMPLE_RATE)) + Duration::from_secs(1)
    }
}

/// What was heard of it.
struct Heard {
    said_from: Instant,
    recording: Recording,
}

/// How much a call may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bits {
    /// 32 kbit/s of Opus and nothing else: what libwebrtc sends without RED.
    Equal,
    /// As much as this SDK sends at most unless told otherwise; libwebrtc with RED sends somewhat less.
    Cap,
}

impl Bits {
    const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Cap => "cap",
        }
    }

    fn limit(self, voice: &mut VoiceOptions) {
        match self {
            Self::Equal => voice.most_bits_per_second = EQUAL_BITS_PER_SECOND,
            Self::Cap => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Us,
    Libwebrtc,
}

impl Who {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Us => "",
            Self::Libwebrtc => "libwebrtc.",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    who: Who,
    bits: Bits,
    loss_percent: u32,
    /// `None` is what chance does.
    burst: Option<u32>,
    jitter_ms: u64,
    seed: u64,
}

impl Cell {
    fn impairment(self) -> Impairment {
        let loss = f64::from(self.loss_percent) / 100.0;
        let burst = self.burst.map_or(1.0 / (1.0 - loss), f64::from);
        Impairment { loss, burst, jitter: Duration::from_millis(self.jitter_ms), black_out: None, seed: self.seed }
    }

    /// A figure's name. Losses by chance are bursts of 1, each packet being lost by itself.
    fn figure(self, what: &str) -> String {
        let burst = self.burst.unwrap_or(1);
        let jitter = if self.jitter_ms == 0 { String::new() } else { format!(".jitter{}", self.jitter_ms) };
        format!("{}{what}.{}.loss{}.burst{burst}{jitter}", self.who.prefix(), self.bits.name(), self.loss_percent)
    }
}

/// Measures all, or what has `only` in the names of its figures.
pub(crate) async fn peer(only: Option<&str>) -> Result<Figures> {
    let rig = Rig::new("bench-peer")?;
    let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
    let mut figures = Figures::default();
    let is_wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    if is_wanted(BLACK_OUT_FIGURE) {
        black_outs(&rig, &service, &mut figures).await?;
    }
    let said = say(rig.folder(), &["reading", "reading-2", "synthetic"])?;
    let cells: Vec<Cell> = cells().into_iter().filter(|cell| is_wanted(&cell.figure("pesq"))).collect();
    let count = cells.len();
    let calls = cells.into_iter().enumerate().map(|(number, cell)| {
        let (service, said, folder) = (&service, &said, rig.folder());
        async move { (cell, quality(service, folder, number, cell, said).await) }
    });
    let mut calls = futures_util::stream::iter(calls).buffer_unordered(AT_ONCE);
    let mut heard_files = Vec::new();
    let mut done = 0;
    while let Some((cell, call)) = calls.next().await {
        let (file, counted, delayed) = call.with_context(|| format!("{cell:?}"))?;
        done += 1;
        eprintln!("call {done} of {count}: {} {:.0} kbit/s", cell.figure("pesq"), counted.kilobits_per_second());
        figures.add(&cell.figure("wire_kbps"), "kbit/s", counted.kilobits_per_second());
        if let Some(delayed) = delayed {
            figures.add(&cell.figure("delay_ms"), "ms", delayed);
        }
        heard_files.push((cell, file));
    }
    let scorer = Scorer::new(&rig)?;
    let files: Vec<PathBuf> = heard_files.iter().map(|(_, file)| file.clone()).collect();
    for (what, said) in [("pesq", &said.file), (FIRST_FIGURE, &said.first)] {
        for ((cell, _), score) in heard_files.iter().zip(scorer.scores(said, &files)?) {
            figures.add(&cell.figure(what), "MOS", score.pesq);
        }
    }
    if only.is_none() {
        page::write(&figures)?;
    }
    Ok(figures)
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for seed in 1..=SEEDS {
        for jitter_ms in JITTERS {
            for loss_percent in LOSSES {
                for burst in [None, Some(3)] {
                    for bits in [Bits::Equal, Bits::Cap] {
                        // Without losses they have no length.
                        if loss_percent > 0 || burst.is_none() {
                            cells.extend([Who::Us, Who::Libwebrtc].map(|who| Cell { who, bits, loss_percent, burst, jitter_ms, seed }));
                        }
                    }
                }
            }
        }
    }
    cells
}

/// Recordings of people who read aloud, one after the other.
fn say(folder: &Path, names: &[&str]) -> Result<Said> {
    let mut samples = Vec::new();
    for name in names {
        let mut reader = hound::WavReader::open(speech(name)?)?;
        for sample in reader.samples::<i16>() {
            samples.push(f32::from(sample?) / 32_768.0);
        }
        samples.extend(std::iter::repeat_n(0.0, SAMPLE_RATE as usize / 2));
    }
    save(&[&samples[samples.len() - LEAD..], &samples].concat(), LEAD, folder)
}

/// Writes what is said, what of it counts and what is said first into files.
fn save(samples: &[f32], counts_from: usize, folder: &Path) -> Result<Said> {
    let [whole, file, first] = ["said.wav", "said-later.wav", "said-first.wav"].map(|name| folder.join(name));
    for (part, file) in [(samples, &whole), (&samples[counts_from..], &file), (&samples[..FIRST], &first)] {
        Recording::of(part.to_vec(), Vec::new()).save(file)?;
    }
    Ok(Said { samples: Arc::new(samples.to_vec()), whole, file, first })
}

/// One call: the file with what was heard, what was sent, and the delay in the middle.
async fn quality(service: &Service, folder: &Path, number: usize, cell: Cell, said: &Said) -> Result<(PathBuf, Counted, Option<f64>)> {
    let line = ImpairedLine::open([127, 0, 0, 1].into(), cell.impairment()).await?;
    let file = folder.join(format!("heard-{number}.wav"));
    let heard = match cell.who {
        Who::Us => {
            let heard = ours::call(service, number, &line, cell.bits, said).await?;
            heard.recording.save(&file)?;
            heard
        }
        Who::Libwebrtc => theirs::call(&line, cell.bits, said, &file).await?,
    };
    let mut delays: Vec<f64> = delay(&said_at(said, heard.said_from), &heard.recording).iter().map(|delay| delay.ms).collect();
    delays.sort_by(f64::total_cmp);
    Ok((file, line.counted(), delays.get(delays.len() / 2).copied()))
}

/// What was said, as if it had been recorded while it was.
fn said_at(said: &Said, from: Instant) -> Recording {
    let end = from + Duration::from_secs_f64(said.samples.len() as f64 / f64::from(SAMPLE_RATE));
    Recording::of(said.samples.to_vec(), vec![(said.samples.len(), end)])
}

/// How soon a tone is back after nothing has passed for three seconds, and how it ends and begins.
async fn black_outs(rig: &Rig, service: &Service, figures: &mut Figures) -> Result<()> {
    let step = std::f32::consts::TAU * BLACK_OUT_TONE / SAMPLE_RATE as f32;
    let samples: Vec<f32> = (0..SAMPLE_RATE * 12).map(|index| 0.3 * (step * index as f32).sin()).collect();
    let said = save(&samples, 0, rig.folder())?;
    for seed in 1..=BLACK_OUTS {
        for who in [Who::Us, Who::Libwebrtc] {
            // Each ends at another moment between two packets, which follow each other by 20 ms.
            let begins = Duration::from_secs(5) + Duration::from_millis(20) * seed as u32 / BLACK_OUTS as u32;
            let impairment = Impairment { black_out: Some((begins, BLACK_OUT)), seed, ..Impairment::default() };
            let line = ImpairedLine::open([127, 0, 0, 1].into(), impairment).await?;
            let heard = match who {
                Who::Us => ours::call(service, 10_000 + seed as usize, &line, Bits::Cap, &said).await?,
                Who::Libwebrtc => theirs::call(&line, Bits::Cap, &said, &rig.folder().join(format!("black-{seed}.wav"))).await?,
            };
            let (back, click) = around_black_out(&line, begins, &heard)?;
            eprintln!("black-out {seed} of {BLACK_OUTS}: {who:?} is back after {back:.0} ms, the loudest click has {click:.0} dBFS");
            figures.add(&format!("{}{BLACK_OUT_FIGURE}", who.prefix()), "ms", back);
            figures.add(&format!("{}{CLICK_FIGURE}", who.prefix()), "dBFS", click);
        }
    }
    Ok(())
}

/// From the end of the black-out to the first 10 ms that are as loud as before it, and the loudest click from shortly before it until half a second later.
fn around_black_out(line: &ImpairedLine, begins: Duration, heard: &Heard) -> Result<(f64, f64)> {
    let (first, _) = line.counted().between.context("nothing was sent")?;
    let begins = first + begins;
    let index_at = |at: Instant| heard.recording.index_at(at).context("nothing was heard");
    let (before, from) = (index_at(begins - Duration::from_millis(200))?, index_at(begins + BLACK_OUT)?);
    let samples = heard.recording.samples.get(from..).context("nothing was heard after the black-out")?;
    let found = samples.chunks(SAMPLE_RATE as usize / 100).position(|chunk| level(chunk) > 0.1).context("the tone does not come back")?;
    let around = heard.recording.samples.get(before..from + SAMPLE_RATE as usize / 2).context("the recording ends too early")?;
    let click = 20.0 * f64::from(click_beside_tone(around, BLACK_OUT_TONE).max(1e-6)).log10();
    Ok((milliseconds(Duration::from_millis(10) * u32::try_from(found)?), click))
}
