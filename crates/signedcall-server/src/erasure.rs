//! Takes out of the store what is not to be kept, beside all else that goes on: users whom their company has had erased, and records that are old.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

use crate::store::{Accounts, StoreError};

/// How often it is looked for. A company that has a user erased sees that it is being done, and nothing waits for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long whoever writes has the store for themselves between two portions.
const PAUSE: Duration = Duration::from_millis(20);

/// Goes on for as long as the service. Records are kept for so long after the end of their calls, or for ever.
pub(crate) async fn erase(accounts: Arc<Accounts>, keep_records: Option<Duration>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fails = false;
    loop {
        ticks.tick().await;
        let failed = loop {
            let accounts = Arc::clone(&accounts);
            match tokio::task::spawn_blocking(move || portion(&accounts, keep_records, SystemTime::now())).await {
                Ok(Ok(true)) => tokio::time::sleep(PAUSE).await,
                Ok(Ok(false)) => break None,
                Ok(Err(error)) => break Some(error.to_string()),
                Err(panicked) => break Some(panicked.to_string()),
            }
        };
        let failed_before = std::mem::replace(&mut fails, failed.is_some());
        if let Some(error) = failed.filter(|_| !failed_before) {
            tracing::error!(error, "what is not to be kept cannot be erased; trying again");
        }
    }
}

/// Says whether there may be more to do at once.
fn portion(accounts: &Accounts, keep_records: Option<Duration>, now: SystemTime) -> Result<bool, StoreError> {
    let erases = accounts.erase_some(now)?;
    let forgets = match keep_records.and_then(|keep| now.checked_sub(keep)) {
        Some(before) => accounts.forget_calls(before)?,
        None => false,
    };
    Ok(erases || forgets)
}
