//! What accounts have set for calls of their users, and how a change of it reaches whoever is signed in.
//!
//! A change counts for calls that are placed from then on. Those that there are keep the limit that they were placed with, and the path that their voice has found.

use std::collections::BTreeMap;
use std::time::Duration;

use signedcall_wire::{AccountId, ServiceMessage, SessionId};

use super::call::Departure;
use super::presence::signed_in_elsewhere;
use super::session::Link;
use super::{CallRates, Hub, Turn, User};

/// What an account has set for calls of its users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether media goes through a relay only.
    pub relay_only: bool,
    /// The longest that a call may last from its answer, in whole seconds; `None` for no limit.
    pub max_call: Option<Duration>,
    /// Whether a user is signed in on one device at a time.
    pub single_device: bool,
    /// How many calls may be placed in a minute; where nothing is set, what the service has set counts.
    pub call_rates: CallRates,
}

/// What all accounts have set.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// As it was told last; `None` before that.
    known: Option<BTreeMap<AccountId, Policy>>,
    /// Those of accounts that have changed theirs since the service was started.
    changed: BTreeMap<AccountId, Policy>,
}

impl Policies {
    /// Learns what is so now; gives what is so no more, of accounts that have changed it.
    fn learn(&mut self, now: BTreeMap<AccountId, Policy>) -> BTreeMap<AccountId, Policy> {
        let mut over = self.known.take().unwrap_or_default();
        over.retain(|account, before| now.get(account).is_some_and(|now| now != before));
        self.changed.extend(over.keys().filter_map(|account| Some((account.clone(), *now.get(account)?))));
        self.known = Some(now);
        over
    }

    /// What an account has set, when it has changed that since the service was started: whoever signs in may have been looked up before.
    pub(super) fn changed(&self, account: &AccountId) -> Option<Policy> {
        self.changed.get(account).copied()
    }

    /// How many calls may be placed, as far as the account has set that.
    pub(super) fn call_rates(&self, account: &AccountId) -> CallRates {
        self.known.as_ref().and_then(|known| known.get(account)).map(|policy| policy.call_rates).unwrap_or_default()
    }
}

impl Hub {
    /// These are the policies of all accounts from now on.
    pub(super) fn change_policies(&mut self, turn: &mut Turn, policies: BTreeMap<AccountId, Policy>) {
        for (account, over) in self.policies.learn(policies) {
            let Some(now) = self.policies.changed(&account) else { continue };
            for session in self.sessions.values_mut().filter(|session| session.user.0 == account) {
                session.max_call = now.max_call;
                session.relay_only = now.relay_only;
            }
            if now.relay_only != over.relay_only && self.relay.is_some() {
                for session in self.sessions.values().filter(|session| session.user.0 == account) {
                    if let Some(socket) = session.socket() {
                        turn.send(socket, ServiceMessage::Ice(self.ice(session)));
                    }
                }
            }
            if now.single_device && !over.single_device {
                self.leave_one_device_each(turn, &account);
            }
        }
    }

    /// Leaves each user of an account signed in on one device: those that are in a call, or the one that was connected last. The others are signed out, and called by
    /// push no more. Of several that are in calls, each stays until it signs in anew.
    fn leave_one_device_each(&mut self, turn: &mut Turn, account: &AccountId) {
        let users: Vec<User> = self.presence.keys().filter(|user| user.0 == *account).cloned().collect();
        for user in users {
            let sessions: Vec<SessionId> = self.presence.get(&user).into_iter().flatten().map(|(_, session)| *session).collect();
            let is_engaged = |session: &SessionId| self.calls_of(*session).any(|call| call.occupies(*session));
            let mut stay: Vec<SessionId> = sessions.iter().copied().filter(is_engaged).collect();
            if stay.is_empty() {
                stay.extend(
                    sessions.iter().copied().max_by_key(|session| self.sessions.get(session).map(|session| connected_last(session.link))),
                );
            }
            for leaves in sessions.into_iter().filter(|session| !stay.contains(session)) {
                if let Some(socket) = self.sessions.get(&leaves).and_then(|session| session.socket()) {
                    let detail = "the account allows one device from now on, and this user is signed in on another".to_owned();
                    turn.send(socket, ServiceMessage::Refused(signed_in_elsewhere(detail)));
                }
                self.forget_session(turn, leaves, Departure::NetworkLoss);
            }
            if let [stays] = stay[..]
                && let Some(device) = self.sessions.get(&stays).map(|session| session.endpoint.device)
            {
                self.push_to_no_other(turn, &user, device);
            }
        }
    }
}

/// Orders sessions by when they were connected: those that are, by their sockets, after those that are not any more.
fn connected_last(link: Link) -> (bool, u64) {
    match link {
        Link::Up { socket } => (true, socket.0),
        Link::Missing { since } | Link::Gone { since } => (false, since.as_millis()),
    }
}
