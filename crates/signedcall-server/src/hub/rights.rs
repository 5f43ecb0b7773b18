//! What lets devices in, and what becomes of those that it has let in once it is withdrawn.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signedcall_wire::{AccountId, Cuid, Environment, ErrorCode, Refusal, ServiceMessage, SessionId};

use super::call::Departure;
use super::timers::Timer;
use super::{Hub, SocketId, Turn, User};

/// One api key of an account, by the name that its operator knows it by. It says nothing of the key itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId(pub String);

/// One key that an account signs user tokens with, as it was registered: another that takes its place under the same name is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenKeyId(pub i64);

/// What lets a device in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Right {
    /// An api key, until it is revoked.
    ApiKey(KeyId),
    /// A user token, until it expires or its key is not registered any more.
    UserToken {
        /// What has signed it.
        key: TokenKeyId,
        /// How long it is good.
        lasts: Duration,
    },
}

/// What a right rests on, by which it is withdrawn. It does not expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// An api key.
    ApiKey(KeyId),
    /// The key of user tokens.
    TokenKey(TokenKeyId),
}

impl Right {
    /// What it rests on.
    pub(super) fn basis(&self) -> Basis {
        match self {
            Self::ApiKey(key) => Basis::ApiKey(key.clone()),
            Self::UserToken { key, .. } => Basis::TokenKey(*key),
        }
    }

    /// How long it is good, in milliseconds; `None` when nothing says so.
    pub(super) fn lasts_ms(&self) -> Option<u64> {
        match self {
            Self::ApiKey(_) => None,
            Self::UserToken { lasts, .. } => Some(milliseconds(*lasts)),
        }
    }
}

/// What lets nobody in any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// The api keys that are revoked.
    pub keys: BTreeSet<KeyId>,
    /// The keys that tokens were signed with, and that are not registered any more.
    pub token_keys: BTreeSet<TokenKeyId>,
    /// The users who are blocked.
    pub users: BTreeSet<(AccountId, Environment, Cuid)>,
}

impl Withdrawn {
    /// What this user is told who signs in by this right, if either is withdrawn.
    pub(super) fn sign_in_refusal(&self, user: &User, right: &Right) -> Option<Refusal> {
        self.refusal(user, Some(right)).or_else(|| self.has_taken_key_of(Some(right)).then(unsigned))
    }

    /// What this user is told who is here by this right, if there is no way to stay: a device that is expected back has shown none yet.
    pub(super) fn refusal(&self, user: &User, right: Option<&Right>) -> Option<Refusal> {
        if self.users.contains(user) {
            return Some(blocked());
        }
        match right? {
            Right::ApiKey(key) => self.keys.contains(key).then(|| not_signed_in("the api key is revoked")),
            Right::UserToken { .. } => None,
        }
    }

    /// Whether nothing can rest on this any more.
    pub(super) fn has(&self, basis: &Basis) -> bool {
        match basis {
            Basis::ApiKey(key) => self.keys.contains(key),
            Basis::TokenKey(key) => self.token_keys.contains(key),
        }
    }

    /// Whether a right rests on a user token whose key is not registered any more. Another token may be had.
    fn has_taken_key_of(&self, right: Option<&Right>) -> bool {
        match right {
            Some(Right::UserToken { key, .. }) => self.token_keys.contains(key),
            Some(Right::ApiKey(_)) | None => false,
        }
    }
}

/// What a device is told whose token is signed with a key that is not registered any more.
fn unsigned() -> Refusal {
    not_signed_in("the key that has signed the user token is not registered any more")
}

/// What a user is told who is blocked.
pub(crate) fn blocked() -> Refusal {
    let detail = "this user is blocked by the account".to_owned();
    Refusal { code: ErrorCode::ContactRegistrationFailed, detail, retry_after_ms: None }
}

/// What a device is told whose credential is good elsewhere (R13).
fn of_other_environment(token: Environment, session: Environment) -> Refusal {
    let detail = format!("the user token belongs to {token:?}, and the device is signed in to {session:?}");
    Refusal { code: ErrorCode::ProductionFieldRequired, detail, retry_after_ms: None }
}

fn not_signed_in(detail: &str) -> Refusal {
    Refusal { code: ErrorCode::ApiKeyRequired, detail: detail.to_owned(), retry_after_ms: None }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Hub {
    /// Signs out whoever is here by what is withdrawn. A device whose token has lost its key has to bring another, and keeps its calls meanwhile.
    pub(super) fn withdraw(&mut self, turn: &mut Turn, withdrawn: Withdrawn) {
        self.withdrawn = withdrawn;
        let refused = self.sessions.iter().map(|(id, session)| (*id, self.withdrawn.refusal(&session.user, session.right.as_ref())));
        let refused: Vec<(SessionId, Refusal)> = refused.filter_map(|(id, refusal)| Some((id, refusal?))).collect();
        for (id, refusal) in refused {
            if let Some(socket) = self.sessions.get(&id).and_then(|session| session.socket()) {
                turn.send(socket, ServiceMessage::Refused(refusal));
            }
            self.forget_session(turn, id, Departure::Logout);
        }
        let unsigned = self.sessions.iter().filter(|(_, session)| self.withdrawn.has_taken_key_of(session.right.as_ref()));
        let unsigned: Vec<SessionId> = unsigned.map(|(id, _)| *id).collect();
        for id in unsigned {
            self.expire_token(turn, id);
        }
        self.push_no_more_by_what_is_withdrawn(turn);
    }

    /// The api keys that somebody is signed in by, or was a moment ago and may go on.
    pub fn keys_in_use(&self) -> BTreeSet<KeyId> {
        let mut keys = BTreeSet::new();
        for session in self.sessions.values() {
            if let Some(Right::ApiKey(key)) = &session.right
                && !keys.contains(key)
            {
                keys.insert(key.clone());
            }
        }
        keys
    }

    /// Begins to wait for the end of a right that has one.
    pub(super) fn time_right(&mut self, turn: &Turn, id: SessionId, right: &Right) {
        match right {
            Right::ApiKey(_) => {}
            Right::UserToken { lasts, .. } => self.timers.set(Timer::TokenOver(id), turn.now + *lasts),
        }
    }

    /// Another user token takes the place of the one that a session has begun with.
    pub(super) fn renew_token(&mut self, turn: &mut Turn, socket: SocketId, user: &User, key: TokenKeyId, lasts: Duration) {
        let Some(&id) = self.sockets.get(&socket) else {
            return;
        };
        let renewed = Right::UserToken { key, lasts };
        // Its key may have been taken away since the shell looked.
        if self.withdrawn.has_taken_key_of(Some(&renewed)) {
            return turn.send(socket, ServiceMessage::NotRenewed(unsigned()));
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.user.1 != user.1 {
            return turn.send(socket, ServiceMessage::NotRenewed(of_other_environment(user.1, session.user.1)));
        }
        let is_theirs = session.user == *user;
        let Some(right @ Right::UserToken { .. }) = session.right.as_mut().filter(|_| is_theirs) else {
            return turn
                .send(socket, ServiceMessage::NotRenewed(not_signed_in("this session has not begun with a user token of this user")));
        };
        *right = renewed.clone();
        let device = session.endpoint.device;
        self.time_right(turn, id, &renewed);
        self.renew_push(turn, user, device, &renewed);
        turn.send(socket, ServiceMessage::Renewed { token_lasts_ms: milliseconds(lasts) });
    }

    /// No other token has come in time, or the one that there is has lost its key: the session is not resumed any more. Its device may sign in anew, and
    /// its calls wait for that.
    pub(super) fn expire_token(&mut self, turn: &mut Turn, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.token = None;
        self.timers.clear(Timer::TokenOver(id));
        if let Some(socket) = session.socket() {
            turn.send(socket, ServiceMessage::SessionExpired);
            self.lose_socket(turn, socket);
        }
    }
}
