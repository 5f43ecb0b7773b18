//! Notices what another process, the operator's command, has withdrawn in the store while the service runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::MissedTickBehavior;

use crate::hub::{HubEvent, Withdrawn};
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
    /// Reads what is withdrawn already.
    pub(crate) fn read(accounts: Arc<Accounts>) -> Result<(Self, Withdrawn), StoreError> {
        // In this order: what is withdrawn in between is read again.
        let seen = accounts.withdrawals()?;
        let withdrawn = accounts.withdrawn()?;
        Ok((Self { accounts, seen }, withdrawn))
    }

    /// Tells the hub whenever that changes, for as long as there is one.
    pub(crate) async fn watch(mut self, hub: Sender<Note>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fails = false;
        loop {
            ticks.tick().await;
            let looked = tokio::task::spawn_blocking(move || {
                let changed = self.look();
                (self, changed)
            });
            let Ok((same, changed)) = looked.await else {
                return tracing::error!("nobody looks after what is withdrawn any more");
            };
            self = same;
            match changed {
                Ok(None) => fails = false,
                Ok(Some(withdrawn)) => {
                    fails = false;
                    if hub.send(Note::Event(Box::new(HubEvent::Withdrawn(withdrawn)))).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut fails, true) {
                        tracing::error!(%error, "it cannot be read what is withdrawn");
                    }
                }
            }
        }
    }

    fn look(&mut self) -> Result<Option<Withdrawn>, StoreError> {
        let now = self.accounts.withdrawals()?;
        if now == self.seen {
            return Ok(None);
        }
        let withdrawn = self.accounts.withdrawn()?;
        self.seen = now;
        Ok(Some(withdrawn))
    }
}
