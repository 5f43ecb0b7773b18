//! Notes which api keys somebody is signed in by, so that whoever replaces one can see when nobody is any more.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::store::{Accounts, USE_NOTED_EVERY};
use crate::switchboard::Note;

/// Notes it again and again, for as long as there is a hub.
pub(crate) async fn note_use(accounts: Arc<Accounts>, hub: Sender<Note>) {
    let mut ticks = tokio::time::interval(USE_NOTED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (tell, told) = oneshot::channel();
        if hub.send(Note::KeysInUse(tell)).await.is_err() {
            return;
        }
        let Ok(keys) = told.await else { return };
        let accounts = Arc::clone(&accounts);
        let noted = match tokio::task::spawn_blocking(move || accounts.note_use(&keys, SystemTime::now())).await {
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
        let accounts = Arc::new(Accounts::open(&data.path().join("store.sqlite")).expect("a new store"));
        let black = Color { red: 0, green: 0, blue: 0 };
        let (name, button_theme) = ("Grocer".to_owned(), ButtonTheme::Light);
        let branding = Branding { name, bg_color: black, font_color: black, logo: None, button_theme };
        let id = AccountId("grocer".to_owned());
        let grocer = Account { id: id.clone(), branding, relay_only: false, max_call: None, single_device: false };
        account::add(&accounts, &grocer).expect("a new account");
        let (used, _) = account::add_key(&accounts, &id, Environment::Production).expect("room for another");
        let (notes, mut hub) = mpsc::channel(1);
        let noting = tokio::spawn(note_use(Arc::clone(&accounts), notes));
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
