//! A company's backend connects two of its users: the devices of the one ring first, and once it is answered there the other is called.
//!
//! ```text
//!            asked ──▶ the first call: Recording ──recorded──▶ Ringing ──accept──▶ Answered ──▶ the second call: Recording ──recorded──▶ Ringing
//!              │                          │                       │                   │                           │           the first one is over,
//!           refused                 store failed      as every other call     the other cannot be asked      store failed     as after a transfer
//! ```
//!
//! The first call has no caller: in its invite the other user stands as who is to be talked to, and nobody's device as the other end of its media, so that none is
//! connected and no microphone opened before the other user has answered too. Whoever answers it has agreed to place the second call, which takes the place of the first
//! as a [transfer](super::transfer) does. Devices need to know nothing of all this but how to show it.
//!
//! It counts as one call of the first user. Asked for again under the same id, it is the same call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signedcall_wire::{AccountId, CallId, Context, Cuid, DeviceId, EndReason, Endpoint, Environment, ErrorCode, Invite, RunId, SessionId};

use super::call::{Call, Intent, Party, State};
use super::few::Few;
use super::past::PastCall;
use super::timers::Timer;
use super::{Hub, HubCommand, Turn, User};

/// By what a company's backend is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// Two users whom their company's backend connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// The company.
    pub account: AccountId,
    /// For which of its environments it asks.
    pub environment: Environment,
    /// The first call.
    pub call: CallId,
    /// The call that it leads to.
    pub leads_to: CallId,
    /// Whose devices ring first.
    pub from: Cuid,
    /// Who is called then.
    pub to: Cuid,
    /// Why, as the first user sees it, and the other too unless `remote_context` is set.
    pub context: Context,
    /// Why, as the other user sees it.
    pub remote_context: Option<Context>,
    /// URL of the first user's picture, shown to the other.
    pub initiator_image: Option<String>,
    /// URL of the other user's picture, shown to the first.
    pub receiver_image: Option<String>,
    /// The longest that the two may talk.
    pub limit: Option<Duration>,
}

/// What has come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connected {
    /// The first call is placed, or was before.
    Placed,
    /// There has been a call with this id: whether it is the one, its record says.
    Before,
    /// Another call goes by this id.
    Another,
    /// One of the two is not signed in, and not reached by push.
    NotReachable(Side),
    /// One of the two is not called at this hour.
    Quiet(Side),
    /// The first user, or the account, has no call left in this minute.
    TooMany,
    /// The service cannot place it at the moment.
    Unavailable,
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Whose devices ring first.
    From,
    /// Who is called then.
    To,
}

impl Connect {
    fn user(&self, side: Side) -> User {
        let cuid = match side {
            Side::From => &self.from,
            Side::To => &self.to,
        };
        (self.account.clone(), self.environment, cuid.clone())
    }

    fn is(&self, call: &Call) -> bool {
        call.invite.leads_to.is_some()
            && call.callee == self.user(Side::From)
            && call.invite.from == self.to
            && call.invite.context == self.context
    }

    fn was(&self, past: &PastCall) -> bool {
        past.callee == self.user(Side::From) && past.caller.0 == self.user(Side::To)
    }
}

impl Call {
    /// Whether nobody has called: its company connects the callee with somebody else.
    pub(super) fn is_by_company(&self) -> bool {
        self.invite.leads_to.is_some()
    }
}

/// Whoever stands in a call's place of a caller where there is none: no session goes by this id, and no device.
pub(super) const fn nobody(call: CallId) -> Party {
    Party { endpoint: Endpoint { device: DeviceId(call.0), run: RunId(call.0) }, session: SessionId(call.0) }
}

impl Hub {
    /// Begins to write down the first call.
    pub(super) fn connect(&mut self, turn: &mut Turn, ask: AskId, connect: Connect) {
        if let Some(outcome) = self.begin_to_connect(turn, ask, connect) {
            turn.commands.push(HubCommand::AnswerConnect { ask, outcome });
        }
    }

    /// `None`: the store has to do its part first.
    fn begin_to_connect(&mut self, turn: &mut Turn, ask: AskId, connect: Connect) -> Option<Connected> {
        let id = connect.call;
        if let Some(known) = self.calls.get(&id) {
            return match known.state {
                _ if !connect.is(known) => Some(Connected::Another),
                State::Recording { .. } => {
                    self.asks.entry(id).or_default().push(ask);
                    None
                }
                State::Ringing { .. } | State::Answered { .. } => Some(Connected::Placed),
            };
        }
        match self.past.get(id) {
            Some(past) if !connect.was(past) => return Some(Connected::Another),
            Some(past) if past.reason.is_some() => return Some(Connected::Placed),
            // It was not written down, or not in time: the store knows.
            Some(_) | None => {}
        }
        if self.drains {
            return Some(Connected::Unavailable);
        }
        let (first, second) = (connect.user(Side::From), connect.user(Side::To));
        if !self.may_be_connected(turn.now, &first) {
            return Some(Connected::TooMany);
        }
        for (user, side) in [(&second, Side::To), (&first, Side::From)] {
            if !self.may_be_reached(user, &self.reachable(user)) {
                return Some(if self.may_come_back(turn.now) { Connected::Unavailable } else { Connected::NotReachable(side) });
            }
            if self.is_quiet(turn, user) {
                return Some(Connected::Quiet(side));
            }
        }
        let nobody = nobody(id);
        let invite = Invite {
            call: id,
            from: connect.to,
            endpoint: nobody.endpoint,
            from_name: self.name_of(&second),
            context: connect.context.clone(),
            initiator_image: connect.receiver_image,
            receiver_image: connect.initiator_image,
            transferred_by: None,
            leads_to: Some(connect.leads_to),
            ring_for_ms: 0,
        };
        let call = Call {
            caller: nobody,
            callee: first.clone(),
            context: connect.remote_context.unwrap_or(connect.context),
            invite,
            instead_of: None,
            limit: connect.limit,
            rings_on: BTreeSet::new(),
            left: BTreeSet::new(),
            pushed: BTreeSet::new(),
            settled: BTreeSet::new(),
            declined_by: None,
            relayed: BTreeMap::new(),
            state: State::Recording { asked_by: nobody.session, waiting: Vec::new(), intent: Intent::Ring },
        };
        self.past.forget(id);
        self.asks.entry(id).or_default().push(ask);
        self.count_connected(turn.now, &first);
        let reachable = self.reachable(&first);
        self.write_down(turn, nobody.session, call, &reachable);
        None
    }

    /// Tells whoever waits for the record of a call what has come of it.
    pub(super) fn answer_asks(&mut self, turn: &mut Turn, call: CallId, outcome: Connected) {
        for ask in self.asks.remove(&call).unwrap_or_default() {
            turn.commands.push(HubCommand::AnswerConnect { ask, outcome });
        }
    }

    /// The answer of a call is durable, or cannot be: everyone is told, and where it leads to another call, that one is begun.
    pub(super) fn answer_is_settled(&mut self, turn: &mut Turn, id: CallId) {
        self.tell_answer(turn, id);
        self.call_second(turn, id);
    }

    /// Begins to write down the second call.
    fn call_second(&mut self, turn: &mut Turn, first: CallId) {
        let Some(call @ Call { state: State::Answered { by, .. }, .. }) = self.calls.get(&first) else {
            return;
        };
        let Some(second) = call.invite.leads_to else {
            return;
        };
        match self.calls.get(&second) {
            Some(begun) if begun.instead_of == Some(first) => return,
            // Somebody has called by this id, now or before.
            Some(_) => return self.give_up_connecting(turn, first, EndReason::InternalError),
            None if self.past.get(second).is_some() => return self.give_up_connecting(turn, first, EndReason::InternalError),
            None => {}
        }
        let Some(of_first) = self.sessions.get(&by.session) else {
            return;
        };
        let (account, environment, cuid) = call.callee.clone();
        let callee: User = (account, environment, call.invite.from.clone());
        let reachable = match self.may_take_over(turn, first, by.session, &callee) {
            Ok(devices) => devices,
            Err((error, reason)) => {
                let is_away = error == ErrorCode::ContactNotReachable && reason == EndReason::RemoteNetworkLoss;
                return match self.returns_until(turn.now).filter(|_| is_away) {
                    Some(until) => self.timers.set(Timer::AnswerOverdue(first), until),
                    None => self.give_up_connecting(turn, first, reason),
                };
            }
        };
        let invite = Invite {
            call: second,
            from: cuid,
            endpoint: by.endpoint,
            from_name: of_first.name.clone(),
            context: call.context.clone(),
            initiator_image: call.invite.receiver_image.clone(),
            receiver_image: call.invite.initiator_image.clone(),
            transferred_by: None,
            leads_to: None,
            ring_for_ms: 0,
        };
        let asked_by = call.caller.session;
        let call = Call {
            caller: *by,
            callee,
            context: call.invite.context.clone(),
            invite,
            instead_of: Some(first),
            limit: call.limit.into_iter().chain(of_first.max_call).min(),
            rings_on: BTreeSet::new(),
            left: BTreeSet::new(),
            pushed: BTreeSet::new(),
            settled: BTreeSet::new(),
            declined_by: None,
            relayed: BTreeMap::new(),
            state: State::Recording { asked_by, waiting: Vec::new(), intent: Intent::Ring },
        };
        self.write_down(turn, asked_by, call, &reachable);
    }

    /// The second call comes to nothing: whoever has answered the first is told why.
    pub(super) fn give_up_connecting(&mut self, turn: &mut Turn, first: CallId, reason: EndReason) {
        if self.calls.get(&first).is_some_and(|call| call.is_by_company() && call.is_answered()) {
            self.end(turn, first, reason, |_| reason);
        }
    }

    /// What a user is called, as far as one of their devices has said.
    fn name_of(&self, user: &User) -> Option<String> {
        let sessions = self.presence.get(user).into_iter().flat_map(Few::values);
        sessions.filter_map(|id| self.sessions.get(id)).find_map(|session| session.name.clone())
    }
}
