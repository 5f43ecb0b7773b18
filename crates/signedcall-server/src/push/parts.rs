//! What pushes are kept in and sent by, opened together.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::sender::Senders;
use super::{CertificatesError, PushSettings, PushThread, VapidKey};
use crate::hub::HubEvent;
use crate::store::{Location, Pushes, StoreError};

/// Why nothing can be pushed.
#[derive(Debug, thiserror::Error)]
pub enum StartPushError {
    /// What vouches for push services cannot be read.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// The service has no key to sign its pushes with.
    #[error("the key that pushes are signed with is damaged, or could not be made")]
    NoKey,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What pushes are kept in and sent by.
#[derive(Debug)]
pub(crate) struct PushParts {
    pub(crate) thread: PushThread,
    pub(crate) senders: Arc<Senders>,
    pub(crate) pushes: Arc<Mutex<Pushes>>,
    /// Which pushes were not brought, for whoever decides on their calls.
    pub(crate) failed: UnboundedReceiver<HubEvent>,
    /// What devices are told that Web Push services know the service by.
    pub(crate) key: String,
}

impl PushParts {
    /// Opens them on a store, with the service's own key, which is made when there is none.
    pub(crate) fn open(settings: &PushSettings, store: &Location) -> Result<Self, StartPushError> {
        let pushes = Pushes::open(store)?;
        let kept = pushes.key(&VapidKey::make().ok_or(StartPushError::NoKey)?)?;
        let vapid = Arc::new(VapidKey::of(&kept).ok_or(StartPushError::NoKey)?);
        let key = vapid.public();
        let pushes = Arc::new(Mutex::new(pushes));
        let (tell, failed) = unbounded_channel();
        let thread = PushThread::start(Pushes::open(store)?, settings.clone(), tell)?;
        let senders = Arc::new(Senders::new(settings, vapid, Arc::clone(&pushes))?);
        Ok(Self { thread, senders, pushes, failed, key })
    }
}
