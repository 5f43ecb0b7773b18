//! Notes which api keys somebody is signed in by, so that whoever replaces one can see when nobody is any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::cluster::Exchange;
use crate::hub::KeyId;
use crate::store::{Accounts, Credential, StoreError, USE_NOTED_EVERY};
use crate::switchboard::Note;

/// Writes down when keys are used: by a connection of its own, so that whoever signs in waits for no store that cannot be written to.
#[derive(Debug)]
pub(crate) struct KeyUse {
    accounts: Accounts,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    keys: BTreeSet<KeyId>,
    /// Whether a thread takes what is there until nothing is.
    is_written: bool,
}

impl KeyUse {
    /// Opens the store of some accounts once more.
    pub(crate) fn open(accounts: &Accounts) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self { accounts: accounts.open_again()?, waiting: Mutex::default() }))
    }

    /// Notes the use of a key by somebody who may not stay until that is noted of all. Nobody waits for the store to have written it, and however many
    /// show keys meanwhile, one thread does.
    pub(crate) fn note(self: &Arc<Self>, credential: Credential) {
        if !credential.is_used_unnoticed(SystemTime::now()) {
            return;
        }
        let mut waiting = self.waiting();
        waiting.keys.insert(credential.id);
        if !std::mem::replace(&mut waiting.is_written, true) {
            let key_use = Arc::clone(self);
            tokio::task::spawn_blocking(move || while key_use.write_waiting() {});
        }
    }

    /// Says whether there was something to write.
    fn write_waiting(&self) -> bool {
        let mut waiting = self.waiting();
        let keys = std::mem::take(&mut waiting.keys);
        waiting.is_written = !keys.is_empty();
        drop(waiting);
        if let Err(error) = self.accounts.note_use(&keys, SystemTime::now()) {
            tracing::warn!(%error, "when keys were last used is not known");
        }
        !keys.is_empty()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes it again and again, of every hub of the process.
pub(crate) async fn note_use(key_use: Arc<KeyUse>, exchange: Exchange) {
    let mut ticks = tokio::time::interval(USE_NOTED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut keys = BTreeSet::new();
        for hub in exchange.here() {
            let (tell, told) = oneshot::channel();
            if hub.send(Note::KeysInUse(tell)).await.is_ok()
                && let Ok(used) = told.await
            {
                keys.extend(used);
            }
        }
        let key_use = Arc::clone(&key_use);
        let noted = match tokio::task::spawn_blocking(move || key_use.accounts.note_use(&keys, SystemTime::now())).await {
            Ok(noted) => noted.map_err(|error| error.to_string()),
            Err(panicked) => Err(panicked.to_string()),
        };
        if let Err(error) = noted {
            tracing::warn!(error, "when keys were last used is not known");
        }
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Environment};
    use tokio::sync::mpsc;

    use super::*;
    use crate::account;
    use crate::store::Account;

    #[tokio::test]
    async fn a_key_that_somebody_is_signed_in_by_is_noted_and_no_other() {
        let data = tempfile::tempdir().expect("a directory");
        let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a new store");
        let black = Color { red: 0, green: 0, blue: 0 };
        let (name, button_theme) = ("Grocer".to_owned(), ButtonTheme::Light);
        let branding = Branding { name, bg_color: black, font_color: black, logo: None, button_theme };
        let id = AccountId("grocer".to_owned());
        let grocer =
            Account { id: id.clone(), branding, relay_only: false, max_call: None, single_device: false, call_rates: Default::default() };
        account::add(&accounts, &grocer).expect("a new account");
        let (used, _) = account::add_key(&accounts, &id, Environment::Production).expect("room for another");
        let (notes, mut hub) = mpsc::channel(1);
        let noting = tokio::spawn(note_use(KeyUse::open(&accounts).expect("the same store"), Exchange::to_one(notes)));
        let Some(Note::KeysInUse(tell)) = hub.recv().await else { panic!("something else is asked") };
        tell.send([used.clone()].into()).expect("somebody waits");
        let noted = || {
            let keys = account::keys(&accounts, &id).expect("the account");
            keys.into_iter().filter(|key| key.last_used_at.is_some()).map(|key| key.id).collect::<Vec<_>>()
        };
        while noted().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(noted(), [used]);
        drop(hub);
        noting.abort();
    }
}
