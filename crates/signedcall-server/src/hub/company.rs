//! What a company's own backend asks of the hub.

use signedcall_wire::{AccountId, Branding, CallId, EndReason, Environment, ServiceEvent, SessionId, Timestamp};

use super::call::{Intent, State};
use super::session::Link;
use super::{AskId, Hub, HubCommand, Turn, User};

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
    pub(super) fn has_call(&self, account: &AccountId, environment: Environment, call: CallId) -> bool {
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
    pub(super) fn hang_up_for_company(&mut self, turn: &mut Turn, ask: AskId, account: &AccountId, environment: Environment, id: CallId) {
        let went_on = self.has_call(account, environment, id);
        match self.calls.get_mut(&id).filter(|_| went_on).map(|call| &mut call.state) {
            // As for a device that hangs up: the record can be closed once it is durable, and a service that takes the place of this one before finds that it rings.
            Some(State::Recording { intent, .. }) => {
                if *intent != Intent::End(EndReason::InternalError) {
                    *intent = Intent::End(EndReason::Cancelled);
                }
                return self.hang_ups.entry(id).or_default().push(ask);
            }
            Some(State::Ringing { .. }) => self.end(turn, id, EndReason::Cancelled, |_| EndReason::Cancelled),
            Some(State::Answered { .. }) => self.end(turn, id, EndReason::HungUp, |_| EndReason::HungUp),
            None => {}
        }
        turn.commands.push(HubCommand::AnswerHangUp { ask, went_on });
    }

    /// Tells whoever has ended a call before it was known whether it is written down.
    pub(super) fn answer_hang_ups(&mut self, turn: &mut Turn, call: CallId, went_on: bool) {
        for ask in self.hang_ups.remove(&call).unwrap_or_default() {
            turn.commands.push(HubCommand::AnswerHangUp { ask, went_on });
        }
    }
}
