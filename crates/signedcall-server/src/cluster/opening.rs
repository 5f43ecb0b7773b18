//! What a switchboard is made of.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver};

use crate::hub::HubSettings;
use crate::metrics::Metrics;
use crate::push::PushJobs;
use crate::receipts::ReceiptMaker;
use crate::store::owners::{Epoch, Tenure};
use crate::store::{Accounts, Location, Pushes, Records, StoreError, StoreFigures, Written};
use crate::switchboard::{Note, Switchboard};
use crate::tenancy::ALL_CALLS;

/// How long whoever was signed in where a partition was before may take to come back, after which a call to them is refused. Whoever calls them may be back
/// seconds sooner, and gives up after ten.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// What all switchboards of a process have in common.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) store: Location,
    pub(crate) hub: HubSettings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) receipts: ReceiptMaker,
    pub(crate) push_jobs: PushJobs,
    pub(crate) push_key: String,
    pub(crate) pushes: Arc<Mutex<Pushes>>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) figures: Arc<StoreFigures>,
    pub(crate) filled: Arc<Notify>,
}

/// A switchboard that is about to run.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) switchboard: Switchboard,
    pub(crate) notes: Sender<Note>,
    pub(crate) inbox: Receiver<Note>,
    pub(crate) written: UnboundedReceiver<Written>,
}

impl Opening {
    /// Makes the switchboard of a tenure, which goes on from where an earlier one has stopped; without a tenure, the one of a store that nobody else has. Blocks.
    pub(crate) fn open(&self, tenure: Option<Tenure>) -> Result<Opened, StoreError> {
        let partition = tenure.as_ref().map(|tenure| tenure.partition).filter(|partition| *partition != ALL_CALLS);
        let (is_shared, by) = (tenure.is_some(), tenure.clone());
        let has_moved = partition.is_some() && tenure.as_ref().is_some_and(|tenure| tenure.epoch > Epoch(1));
        let (records, written, legacy) = Records::start_beside(&self.store, tenure, (&self.figures, &self.filled))?;
        if !legacy.open.is_empty() {
            tracing::info!(calls = legacy.open.len(), "calls go on that an earlier process has left open");
        }
        let known = self.pushes.lock().unwrap_or_else(PoisonError::into_inner).known(partition)?;
        // What changes from now on is told to all that are there: this one, once it is.
        let (withdrawn, quiet, policies) = (self.accounts.withdrawn()?, self.accounts.quiet_hours()?, self.accounts.policies()?);
        let (receipts, keeper) = (self.receipts.another(), self.push_jobs.for_hub(by));
        // Whoever goes on with these calls may do so at any time, and knows of a winner by the store alone.
        let hub = if is_shared { HubSettings { answer_within: None, ..self.hub } } else { self.hub };
        let (mut switchboard, notes, inbox) = Switchboard::new(hub, records, Arc::clone(&self.metrics), receipts, keeper);
        switchboard.know_pushes(self.push_key.clone(), known);
        switchboard.restore(legacy);
        if has_moved {
            switchboard.expect_return(BACK_WITHIN);
        }
        switchboard.withdraw(withdrawn);
        switchboard.quieten(quiet);
        switchboard.know_policies(policies);
        Ok(Opened { switchboard, notes, inbox, written })
    }
}
