//! Notices what another process, the operator's command, has withdrawn in the store while the service runs, and which quiet hours and policies it has set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use signedcall_wire::AccountId;
use tokio::time::MissedTickBehavior;

use crate::cluster::Exchange;
use crate::hub::{HubEvent, Policy, Quiet, Withdrawn};
use crate::relay::Relay;
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
    pub(crate) fn read(accounts: Arc<Accounts>) -> Result<(Self, Withdrawn), StoreError> {
        // In this order: what is withdrawn in between is read again.
        let seen = accounts.withdrawals()?;
        let withdrawn = accounts.withdrawn()?;
        Ok((Self { accounts, seen }, withdrawn))
    }

    /// Tells every hub of the process, and the relay, whenever that changes, and all of it when there is another hub. A look that fails, or panics, is followed by
    /// another.
    pub(crate) async fn watch(mut self, exchange: Exchange, relay: Arc<Relay>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut fails, mut told) = (false, exchange.here());
        loop {
            ticks.tick().await;
            let here = exchange.here();
            // What has changed while it was made, it may not know.
            let all_know = here.iter().all(|hub| told.iter().any(|told| told.same_channel(hub)));
            let (accounts, seen) = (Arc::clone(&self.accounts), all_know.then_some(self.seen));
            let failed = match tokio::task::spawn_blocking(move || look(&accounts, seen)).await {
                Ok(Ok(None)) => None,
                Ok(Ok(Some((now, withdrawn, quiet, policies)))) => {
                    relay.withdraw(&withdrawn);
                    for hub in &here {
                        let events = [
                            HubEvent::Withdrawn(withdrawn.clone()),
                            HubEvent::QuietHours(quiet.clone()),
                            HubEvent::Policies(policies.clone()),
                        ];
                        for event in events {
                            // One that is there no more lets nobody in.
                            let _ = hub.send(Note::Event(Box::new(event))).await;
                        }
                    }
                    (self.seen, told) = (now, here);
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

/// What hubs go by, as of a number.
type Seen = (i64, Withdrawn, Quiet, BTreeMap<AccountId, Policy>);

/// What hubs go by, if that is another than what was seen last, or nothing was.
fn look(accounts: &Accounts, seen: Option<i64>) -> Result<Option<Seen>, StoreError> {
    let now = accounts.withdrawals()?;
    // In this order: what is withdrawn in between is read again.
    if Some(now) == seen { Ok(None) } else { Ok(Some((now, accounts.withdrawn()?, accounts.quiet_hours()?, accounts.policies()?))) }
}
