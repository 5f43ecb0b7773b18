//! What is counted of how records are written.

use std::time::{Duration, Instant};

use crate::metrics::{Counter, Histogram, Page};

/// From a commit on a fast disk to what the hub gives up at.
const COMMIT_MICROSECONDS: &[u64] =
    &[250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
/// Up to a full batch.
const JOBS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// How records were written since the service was started.
#[derive(Debug)]
pub(crate) struct StoreFigures {
    commit: Histogram,
    jobs: Histogram,
    failed: Counter,
    calls_placed: Counter,
    calls_not_written: Counter,
    /// From the moment that the hub has a call written down until that is durable: all that the caller waits for.
    placing: Histogram,
}

impl Default for StoreFigures {
    fn default() -> Self {
        Self {
            commit: Histogram::of_durations(COMMIT_MICROSECONDS),
            jobs: Histogram::new(JOBS),
            failed: Counter::default(),
            calls_placed: Counter::default(),
            calls_not_written: Counter::default(),
            placing: Histogram::of_durations(COMMIT_MICROSECONDS),
        }
    }
}

impl StoreFigures {
    /// A commit of so many jobs is durable.
    pub(super) fn committed(&self, jobs: usize, took: Duration) {
        self.commit.observe_duration(took);
        self.jobs.observe(jobs.try_into().unwrap_or(u64::MAX));
    }

    pub(super) fn failed(&self) {
        self.failed.add_one();
    }

    /// How many commits have failed.
    #[cfg(test)]
    pub(super) fn failures(&self) -> u64 {
        self.failed.get()
    }

    /// The record of a call that was handed in at that moment is durable, or never will be.
    pub(super) fn opened(&self, handed_in: Instant, durable: bool) {
        if durable {
            self.calls_placed.add_one();
            self.placing.observe_duration(handed_in.elapsed());
        } else {
            self.calls_not_written.add_one();
        }
    }

    pub(crate) fn write(&self, page: &mut Page) {
        page.counter("signedcall_calls_placed_total", "Calls whose record is durable.", &self.calls_placed);
        page.counter(
            "signedcall_calls_not_written_total",
            "Calls that were refused since they could not be written down.",
            &self.calls_not_written,
        );
        page.histogram(
            "signedcall_call_setup_seconds",
            "From a request for a call, once it is found good, until it is durable and rings.",
            &self.placing,
        );
        page.histogram("signedcall_store_commit_seconds", "How long commits of call records took.", &self.commit);
        page.histogram("signedcall_store_commit_jobs", "How much was written in one commit.", &self.jobs);
        page.counter("signedcall_store_commits_failed_total", "Commits of call records that failed.", &self.failed);
    }
}
