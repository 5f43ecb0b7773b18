use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Where something goes that comes, if anybody listens.
#[derive(Debug)]
pub(super) struct Outlet<T>(Arc<Mutex<Option<SyncSender<T>>>>);

impl<T> Outlet<T> {
    /// Hears what comes from now on, `most` of it before it is taken. Whoever listened before hears nothing more.
    pub(super) fn listen(&self, most: usize) -> Receiver<T> {
        let (heard, incoming) = sync_channel(most);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
        incoming
    }

    /// A full queue loses the newest: nobody has listened for long.
    pub(super) fn hand_on(&self, what: T) {
        if let Some(heard) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = heard.try_send(what);
        }
    }
}

impl<T> Default for Outlet<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
