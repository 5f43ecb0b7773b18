//! One call between two peers of libwebrtc.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::json;
use signedcall_tests::{ImpairedLine, Recording};
use tokio::process::Command;

use super::{Bits, Heard, Said};

/// The program's own account, in milliseconds of the system's monotonic clock.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    said_from: f64,
    arrivals: Vec<(usize, f64)>,
}

/// Calls, says what there is to say, and gives what was heard of it.
pub(super) async fn call(line: &ImpairedLine, bits: Bits, said: &Said, out: &Path) -> Result<Heard> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/libwebrtc/call.js");
    let order = json!({
        "wav": said.whole, "out": out, "seconds": said.lasts().as_secs_f64(), "red": bits == Bits::Cap,
        "first": line.for_first().port(), "second": line.for_second().port(),
    });
    let mut command = Command::new("node");
    command.arg(program).arg(order.to_string()).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = command.output().await.context("starting node")?;
    anyhow::ensure!(output.status.success(), "the call of libwebrtc failed: {}", output.status);
    let account: Account = serde_json::from_slice(&output.stdout).context("its account of the call")?;
    let mut heard = hound::WavReader::open(out).context("what was heard")?;
    let samples = heard.samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect::<Result<_>>()?;
    let (now, clock) = (Instant::now(), clock_gettime(ClockId::Monotonic));
    let now_ms = clock.tv_sec as f64 * 1_000.0 + clock.tv_nsec as f64 / 1_000_000.0;
    let at = |milliseconds: f64| now - Duration::from_secs_f64((now_ms - milliseconds).max(0.0) / 1_000.0);
    let arrivals = account.arrivals.iter().map(|(count, milliseconds)| (*count, at(*milliseconds))).collect();
    Ok(Heard { said_from: at(account.said_from), recording: Recording::of(samples, arrivals) })
}
