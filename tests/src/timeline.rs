use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::process::Line;
use crate::{PATIENCE, Process};

/// What an app's log says about calls after a moment.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    process: &'a Process,
    mark: usize,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(process: &'a Process) -> Self {
        Self { process, mark: process.mark() }
    }

    /// Every status that the app was told of (R20), in order.
    pub fn statuses(&self) -> Vec<(Instant, String)> {
        self.process.lines().iter().skip(self.mark).filter_map(|line| Some((line.at, status(&line.text)?.to_owned()))).collect()
    }

    /// The names of the statuses, in order.
    pub fn names(&self) -> Vec<String> {
        self.statuses().into_iter().map(|(_, name)| name).collect()
    }

    /// Waits for a status, and returns when it was reported.
    pub async fn reaches(&self, wanted: &str) -> Result<Instant> {
        self.reaches_within(wanted, PATIENCE).await
    }

    /// Waits for a status that may take longer than others.
    pub async fn reaches_within(&self, wanted: &str, limit: Duration) -> Result<Instant> {
        let found = self.process.line_after(self.mark, wanted, limit, |line| status(line) == Some(wanted)).await?;
        Ok(found.at)
    }

    /// When a milestone of media was reached, since the peer connection was prepared.
    pub async fn milestone(&self, name: &str) -> Result<Duration> {
        let found: Line = self.process.line_after(self.mark, name, PATIENCE, |line| value(line, "milestone") == Some(name)).await?;
        let elapsed = value(&found.text, "elapsed_us").and_then(|text| text.parse().ok());
        elapsed.map(Duration::from_micros).with_context(|| format!("no elapsed_us in {:?}", found.text))
    }
}

/// The status in a line of the app; the SDK below it logs the same change once more.
fn status(line: &str) -> Option<&str> {
    if line.contains(" signedcall_agent::") { value(line, "status") } else { None }
}

/// The value of a field in a line of log.
fn value<'a>(line: &'a str, field: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {field}="))?;
    Some(rest.split(' ').next().unwrap_or(rest).trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_with_and_without_quotes() {
        let line = "INFO call{call=1}: signedcall::driver: call=1 status=\"CALL_RINGING\" elapsed_us=25";
        assert_eq!((value(line, "status"), value(line, "elapsed_us"), value(line, "milestone")), (Some("CALL_RINGING"), Some("25"), None));
    }

    #[test]
    fn a_status_is_counted_where_the_app_hears_of_it() {
        assert_eq!(status("INFO signedcall_agent::controller::calls: call call=1 status=CALL_RINGING"), Some("CALL_RINGING"));
        assert_eq!(status("INFO signedcall::driver: call=1 status=\"CALL_RINGING\""), None);
    }
}
