use std::ops::Add;
use std::time::Duration;

/// A moment on the clock of whoever drives a machine, in milliseconds since that clock was started.
///
/// It is our own type, and not `Instant`, so that tables, logs and replays can hold literal times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Makes the moment `milliseconds` after the clock was started.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the clock was started.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}
