//! Numbers of sockets, which say in which order they were opened: also of those that are on other nodes, of which a node hears once somebody has signed in there.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::hub::SocketId;

/// How many bits tell sockets apart that are opened within the same millisecond. The others count milliseconds, for thirty years.
const COUNT_BITS: u32 = 24;
/// When milliseconds begin, before the process does: a socket on another node may be older, by as long as it may take to sign in.
const BEFORE: Duration = Duration::from_secs(3600);

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The numbers that were given.
#[derive(Debug, Default)]
pub(super) struct SocketNumbers(AtomicU64);

impl SocketNumbers {
    /// A number that no socket of this process has had, for one that was opened so long ago.
    pub(super) fn give(&self, ago: Duration) -> SocketId {
        let count = self.0.fetch_add(1, Ordering::Relaxed) & ((1 << COUNT_BITS) - 1);
        SocketId((milliseconds().saturating_sub(as_milliseconds(ago)) << COUNT_BITS) | count)
    }
}

/// How long ago a socket of this process was opened.
pub(super) fn opened_ago(socket: SocketId) -> Duration {
    Duration::from_millis(milliseconds().saturating_sub(socket.0 >> COUNT_BITS))
}

fn milliseconds() -> u64 {
    as_milliseconds(BEGAN.elapsed() + BEFORE)
}

fn as_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_says_which_socket_was_opened_first_and_is_given_once() {
        let numbers = SocketNumbers::default();
        let (first, second) = (numbers.give(Duration::ZERO), numbers.give(Duration::ZERO));
        let (older, oldest) = (numbers.give(Duration::from_millis(2_000)), numbers.give(Duration::MAX));
        assert!(oldest < older && older < first && first < second);
        let ago = opened_ago(older);
        assert!(ago >= Duration::from_millis(2_000) && ago < Duration::from_secs(60), "{ago:?}");
    }
}
