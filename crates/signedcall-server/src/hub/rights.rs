//! What lets devices in, and what becomes of those that it has let in once it is withdrawn.

use std::collections::BTreeSet;

use signedcall_wire::{ErrorCode, Refusal, ServiceMessage, SessionId};

use super::call::Departure;
use super::session::Session;
use super::{Hub, Turn};

/// One api key of an account, by the name that its operator knows it by. It says nothing of the key itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub String);

/// What lets a device in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// An api key, until it is revoked.
    ApiKey(KeyId),
}

/// What lets nobody in any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// The api keys that are revoked.
    pub keys: BTreeSet<KeyId>,
}

impl Withdrawn {
    /// What whoever has this right is told, if it is withdrawn.
    pub(super) fn refusal(&self, right: &Right) -> Option<Refusal> {
        match right {
            Right::ApiKey(key) => self.keys.contains(key).then(|| Refusal {
                code: ErrorCode::ApiKeyRequired,
                detail: "the api key is revoked".to_owned(),
                retry_after_ms: None,
            }),
        }
    }
}

impl Hub {
    /// Signs out whoever is here by what is withdrawn.
    pub(super) fn withdraw(&mut self, turn: &mut Turn, withdrawn: Withdrawn) {
        self.withdrawn = withdrawn;
        let refused = self.sessions.iter().filter_map(|(id, session)| Some((*id, self.withdrawn.refusal(session.right.as_ref()?)?)));
        let refused: Vec<(SessionId, Refusal)> = refused.collect();
        for (id, refusal) in refused {
            if let Some(socket) = self.sessions.get(&id).and_then(Session::socket) {
                turn.send(socket, ServiceMessage::Refused(refusal));
            }
            self.forget_session(turn, id, Departure::Logout);
        }
    }
}
