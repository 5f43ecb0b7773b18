//! Keeps the calls of a database that others could use too for one service, from its start to its end; or for the nodes of a cluster, which divide them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::service::StartError;
use crate::store::Location;
use crate::store::owners::{ClaimError, NodeId, Owners, Partition, RENEW_EVERY, RenewError, Tenure};

/// All calls of a database. A service that is alone has them; those of a cluster have them together, by a name that is none's own.
pub(crate) const ALL_CALLS: Partition = Partition(0);
/// How much longer than its lease whoever was killed is waited for: what it takes to say so.
const A_MOMENT: Duration = Duration::from_millis(100);

/// What all nodes of a cluster have all calls by.
pub(crate) fn every_node() -> NodeId {
    NodeId("cluster".to_owned())
}

/// Claims all calls, and waits for the end of the lease of a service that has gone without a word.
pub(crate) async fn claim_all(at: &Location, owners: &Arc<Owners>, node: &NodeId) -> Result<Tenure, StartError> {
    let mut waited = false;
    loop {
        match owners.claim(ALL_CALLS, node) {
            Ok(tenure) => return Ok(tenure),
            Err(ClaimError::Store(error)) => return Err(error.into()),
            Err(ClaimError::Held(owner)) if !waited => {
                tracing::info!(node = owner.node.0, "waiting whether the service that has the calls is still there");
                tokio::time::sleep(owner.free_in + A_MOMENT).await;
                waited = true;
            }
            Err(held) => return Err(StartError::Owned { store: at.clone(), whose: held.to_string() }),
        }
    }
}

/// That the calls are this service's.
#[derive(Clone, Debug)]
pub(crate) struct Tenancy {
    owners: Arc<Owners>,
    tenure: Tenure,
}

impl Tenancy {
    /// Claims the calls. `None` for a file: whoever has the lock of its directory has its calls.
    pub(crate) async fn begin(at: &Location) -> Result<Option<Self>, StartError> {
        match at {
            Location::File(_) => return Ok(None),
            Location::Server(_) => {}
        }
        let (owners, node) = (Arc::new(Owners::open(at)?), NodeId(Uuid::new_v4().to_string()));
        let tenure = claim_all(at, &owners, &node).await?;
        // Nodes of a cluster that was there before may not have noticed.
        owners.end_others(&tenure)?;
        Ok(Some(Self { owners, tenure }))
    }

    /// What whoever writes the records of the calls states.
    pub(crate) fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Renews it again and again, and returns when the calls are another service's.
    pub(crate) async fn keep(self) {
        let mut ticks = tokio::time::interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fails = false;
        loop {
            ticks.tick().await;
            let Self { owners, tenure } = self.clone();
            let failed = match spawn_blocking(move || owners.renew(&tenure)).await {
                Ok(Ok(())) => None,
                Ok(Err(RenewError::Fenced(_))) => return,
                // Whoever else would claim it needs the database as well.
                Ok(Err(RenewError::Store(error))) => Some(error.to_string()),
                Err(panicked) => Some(panicked.to_string()),
            };
            let failed_before = std::mem::replace(&mut fails, failed.is_some());
            if let Some(error) = failed.filter(|_| !failed_before) {
                tracing::error!(error, "it cannot be said in the database that this service is there; trying again");
            }
        }
    }

    /// Lets the next service have the calls at once.
    pub(crate) async fn end(self) {
        let released = spawn_blocking(move || self.owners.release(&self.tenure)).await;
        if let Ok(Err(error)) = released {
            tracing::warn!(%error, "the next service has to wait until this one's lease is over");
        }
    }
}
