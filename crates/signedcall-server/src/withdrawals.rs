//! Notices what another process, the operator's command, has withdrawn in the store while the service runs, and whose quiet hours it has set.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::MissedTickBehavior;

use crate::hub::{HubEvent, Quiet, Withdrawn};
use crate::store::{Accounts, StoreError};
use crate::switchboard::Note;

/// How often the store is asked, which reads one number: whoever revokes a key expects that it is done when the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is withdrawn in a store, and as of when.
#[derive(Debug)]
pub(crate) struct Withdrawals {
    accounts: Arc<Accounts>,
    seen: i64,
}

impl Withdrawals {
    /// Reads what is so already.
    pub(crate) fn read(accounts: Arc<Accounts>) -> Result<(Self, Withdrawn, Quiet), StoreError> {
        // In this order: what is withdrawn in between is read again.
        let seen = accounts.withdrawals()?;
        let (withdrawn, quiet) = (accounts.withdrawn()?, accounts.quiet_hours()?);
        Ok((Self { accounts, seen }, withdrawn, quiet))
    }

    /// Tells the hub whenever that changes, for as long as there is one. A look that fails, or panics, is followed by another.
    pub(crate) async fn watch(mut self, hub: Sender<Note>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fails = false;
        loop {
            ticks.tick().await;
            let (accounts, seen) = (Arc::clone(&self.accounts), self.seen);
            let failed = match tokio::task::spawn_blocking(move || look(&accounts, seen)).await {
                Ok(Ok(None)) => None,
                Ok(Ok(Some((now, withdrawn, quiet)))) => {
                    for event in [HubEvent::Withdrawn(withdrawn), HubEvent::QuietHours(quiet)] {
                        if hub.send(Note::Event(Box::new(event))).await.is_err() {
                            return;
                        }
                    }
                    self.seen = now;
                    None
                }
                Ok(Err(error)) => Some(error.to_string()),
                Err(panicked) => Some(panicked.to_string()),
            };
            let failed_before = std::mem::replace(&mut fails, failed.is_some());
            if let Some(error) = failed.filter(|_| !failed_before) {
                tracing::error!(error, "it cannot be read what is withdrawn; trying again");
            }
        }
    }
}

/// What is withdrawn, if that is another than what was seen last.
fn look(accounts: &Accounts, seen: i64) -> Result<Option<(i64, Withdrawn, Quiet)>, StoreError> {
    let now = accounts.withdrawals()?;
    // In this order: what is withdrawn in between is read again.
    if now == seen { Ok(None) } else { Ok(Some((now, accounts.withdrawn()?, accounts.quiet_hours()?))) }
}
