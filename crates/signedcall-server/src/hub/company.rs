//! What a company's own backend asks of the hub.

use signedcall_wire::{AccountId, Branding, CallId, EndReason, Environment, ServiceEvent, SessionId, Timestamp};

use super::call::{Intent, State};
use super::session::Link;
use super::{Hub, Turn, User};

/// Where a user is signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// On how many devices calls can ring: those that are connected, and those that were a moment ago.
    pub devices: usize,
    /// Until when one of their devices was connected that can be known of: now, while one is.
    pub last_seen: Option<Timestamp>,
}

impl Hub {
    /// Whether a call goes on that is of this account, in this environment.
    pub fn has_call(&self, account: &AccountId, environment: Environment, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|call| call.callee.0 == *account && call.callee.1 == environment)
    }

    /// Where a user is signed in. A device that is expected back since the service was started again counts once it is.
    pub fn presence_of(&self, now: Timestamp, user: &User) -> Presence {
        let sessions = self.presence.get(user).into_iter().flatten().filter_map(|(_, session)| self.sessions.get(session));
        let mut presence = Presence::default();
        for session in sessions.filter(|session| session.right.is_some()) {
            let seen = match session.link {
                Link::Up { .. } => now,
                Link::Missing { since } | Link::Gone { since } => since,
            };
            presence.devices += usize::from(session.is_reachable());
            presence.last_seen = presence.last_seen.max(Some(seen));
        }
        presence
    }

    /// Calls of an account look like this from now on. Whoever signs in is told so too, also when the shell looked the account up before.
    pub(super) fn change_branding(&mut self, turn: &mut Turn, account: AccountId, branding: Branding) {
        let of_account = self.sessions.iter().filter(|(_, session)| session.user.0 == account);
        let told: Vec<SessionId> = of_account.map(|(id, _)| *id).collect();
        self.brandings.insert(account, branding.clone());
        for session in told {
            self.tell(turn, session, ServiceEvent::Branding(branding.clone()));
        }
    }

    /// How calls of an account look, when that was changed since the service was started.
    pub(super) fn changed_branding(&self, account: &AccountId) -> Option<Branding> {
        self.brandings.get(account).cloned()
    }

    /// Ends a call of an account for both sides, as if one of them had.
    pub(super) fn hang_up_for_company(&mut self, turn: &mut Turn, account: &AccountId, environment: Environment, id: CallId) {
        if !self.has_call(account, environment, id) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        match &mut call.state {
            // The record can be closed once it is durable, and whoever asked for the call is told then.
            State::Recording { intent, .. } => *intent = Intent::End(EndReason::Cancelled),
            State::Ringing { .. } => self.end(turn, id, EndReason::Cancelled, |_| EndReason::Cancelled),
            State::Answered { .. } => self.end(turn, id, EndReason::HungUp, |_| EndReason::HungUp),
        }
    }
}
