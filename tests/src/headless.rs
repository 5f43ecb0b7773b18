use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{PATIENCE, Process};

/// What a phone without a screen tells.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Told {
    /// When: Unix time in milliseconds. All hosts of a rig share one clock.
    pub at_ms: f64,
    /// `ready` and `lost` of the service, `sound` and `silence` of the other side's tone, `placed` when a call could be placed, and the
    /// statuses of R20.
    pub what: String,
}

/// A phone without a screen: `rig phone` in a process of its own.
#[derive(Debug)]
pub struct Headless {
    process: Process,
}

impl Headless {
    /// Starts it with a command that ends in the arguments of `rig phone`, and waits until it is signed in.
    pub async fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let process = Process::start_with_commands(name, command, folder)?;
        let phone = Self { process };
        phone.hears_of(0, "ready", PATIENCE).await?;
        Ok(phone)
    }

    /// Says one command.
    pub fn command(&mut self, line: &str) -> Result<()> {
        self.process.say(line)
    }

    /// Where the phone's account stands now; what it tells after it can be waited for.
    pub fn mark(&self) -> usize {
        self.process.mark()
    }

    /// Waits until the phone tells this after `mark`; returns when it was.
    pub async fn hears_of(&self, mark: usize, what: &str, limit: Duration) -> Result<f64> {
        let line = self.process.line_after(mark, what, limit, |line| read(line).is_some_and(|told| told.what == what)).await?;
        Ok(read(&line.text).context("it was read before")?.at_ms)
    }

    /// Whether the other side's tone is heard at the moment.
    pub fn is_heard(&self) -> bool {
        self.told().iter().rev().find(|told| matches!(told.what.as_str(), "sound" | "silence")).is_some_and(|told| told.what == "sound")
    }

    /// Everything that the phone has told.
    pub fn told(&self) -> Vec<Told> {
        self.process.lines().iter().filter_map(|line| read(&line.text)).collect()
    }
}

/// The present moment as phones tell it.
pub fn now_ms() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64() * 1000.0
}

/// How long the other side's tone was not heard between two moments, in milliseconds.
pub fn silence_between(told: &[Told], from_ms: f64, to_ms: f64) -> f64 {
    let mut silent_since = Some(0.0);
    let mut silence = 0.0;
    let overlap = |since: f64, until: f64| (until.min(to_ms) - since.max(from_ms)).max(0.0);
    for Told { at_ms, what } in told {
        match (what.as_str(), silent_since) {
            ("sound", Some(since)) => {
                silence += overlap(since, *at_ms);
                silent_since = None;
            }
            ("silence", None) => silent_since = Some(*at_ms),
            _ => {}
        }
    }
    silence + silent_since.map_or(0.0, |since| overlap(since, to_ms))
}

fn read(line: &str) -> Option<Told> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_within_the_time_looked_at() {
        let told = |at_ms: f64, what: &str| Told { at_ms, what: what.to_owned() };
        let told = [told(100.0, "sound"), told(500.0, "silence"), told(550.0, "lost"), told(700.0, "sound"), told(900.0, "silence")];
        assert_eq!(silence_between(&told, 200.0, 800.0), 200.0);
        assert_eq!(silence_between(&told, 600.0, 1_000.0), 200.0);
        assert_eq!(silence_between(&told, 0.0, 200.0), 100.0);
    }
}
