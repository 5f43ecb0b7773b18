//! Puts a recording through a whole call and writes what the other side hears.
//!
//! ```text
//! cargo run --release -p signedcall-voice --example through -- IN.wav OUT.wav [--processing] [--far FAR.wav] [--echo DB]
//!     [--loss PERCENT] [--burst PACKETS] [--jitter MS] [--seed N] [--drift PPM] [--expected-loss PERCENT] [--bitrate BITS]
//! ```
//!
//! `--far` is what the other side says meanwhile: it comes out of this side's loudspeaker and, `--echo` louder (so usually negative), back
//! into the microphone through a synthetic room.

#[path = "../tests/call/line.rs"]
mod line;
#[path = "../tests/call/room.rs"]
mod room;

use anyhow::{Context as _, Result, bail};
use line::{Line, carry, read};
use signedcall_voice::{FRAME_SAMPLES, Processing, ProcessingConfig, SAMPLE_RATE, SILENCE, SenderConfig};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut paths = Vec::new();
    let (mut processing, mut far, mut echo, mut line, mut sender) = (false, None, -12.0, Line::default(), SenderConfig::default());
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<f64> {
            let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
            value.parse().with_context(|| format!("{argument}: {value} is no number"))
        };
        match argument.as_str() {
            "--processing" => processing = true,
            "--far" => far = Some(arguments.next().context("--far needs a file")?),
            "--echo" => echo = number()?,
            "--loss" => line.loss = number()? / 100.0,
            "--burst" => line.burst = number()?,
            "--jitter" => line.jitter = number()?,
            "--seed" => line.seed = number()? as u64,
            "--drift" => line.drift = number()?,
            "--expected-loss" => sender.settings.expected_loss_percent = number()? as u8,
            "--bitrate" => sender.settings.bits_per_second = number()? as u32,
            option if option.starts_with("--") => bail!("{option} is not known"),
            path => paths.push(path.to_owned()),
        }
    }
    let [input, output] = paths.as_slice() else { bail!("usage: through IN.wav OUT.wav [options]") };
    let near = read(input);
    let far = far.map(read).unwrap_or_default();
    let mut microphone = near.clone();
    for (sample, echoed) in microphone.iter_mut().zip(room::Room::with(echo as f32).echo(&far)) {
        *sample = (*sample + echoed).clamp(-1.0, 1.0);
    }
    if processing {
        let mut processing = Processing::new(ProcessingConfig::default());
        for (index, frame) in microphone.as_chunks_mut::<FRAME_SAMPLES>().0.iter_mut().enumerate() {
            let from = index * FRAME_SAMPLES;
            processing.render(far.get(from..from + FRAME_SAMPLES).and_then(|frame| frame.try_into().ok()).unwrap_or(&SILENCE));
            processing.capture(frame);
        }
    }
    let heard = carry(&microphone, sender, &line);
    let spec = hound::WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(output, spec)?;
    for sample in &heard.sound {
        writer.write_sample((sample * 32_767.0) as i16)?;
    }
    writer.finalize()?;
    eprintln!("{:?}", heard.stats());
    Ok(())
}
