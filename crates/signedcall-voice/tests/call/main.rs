//! Whole calls in simulated time: speech goes in at one end, over a line that may be bad, and what the other end hears is measured.

mod echo;
mod line;
mod quality;
mod room;
mod schedules;
mod traces;

use std::path::Path;

/// One of the recordings in `assets/speech`, said as often as fills `seconds`.
fn speech(name: &str, seconds: usize) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/speech").join(name);
    let once = line::read(path);
    once.iter().copied().cycle().take(seconds * 48_000).collect()
}
