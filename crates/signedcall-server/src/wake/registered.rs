//! Whether a line is registered: anybody can hold one, and only to those that devices have said is something pushed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::lines::FirstWords;
use crate::store::WakeTargets;

/// How long it is waited for what the store says, with those who asked before.
const SAID_WITHIN: Duration = Duration::from_secs(2);

/// Asks the store one question at a time, so that a crowd takes no more than one thread and one connection.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    targets: Arc<WakeTargets>,
    turn: Arc<Semaphore>,
}

impl Registered {
    pub(crate) fn new(targets: WakeTargets) -> Self {
        Self { targets: Arc::new(targets), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Whether pushes of some device go to a line. One of which the store does not say so in time is none.
    pub(super) async fn has(&self, line: &FirstWords) -> bool {
        let (targets, turn, line) = (Arc::clone(&self.targets), Arc::clone(&self.turn), line.clone());
        let look = async move {
            let turn = turn.acquire_owned().await.ok()?;
            let look = move || {
                let found = targets.lead_to(&line.end, &line.origin);
                drop(turn);
                found
            };
            let found = spawn_blocking(look).await.ok()?;
            found.inspect_err(|error| tracing::warn!(%error, "a line counts as one that nobody has registered")).ok()
        };
        timeout(SAID_WITHIN, look).await.ok().flatten().unwrap_or(false)
    }
}
