//! Calls that have outlived the service: it was started again, and they go on (R15).
//!
//! ```text
//!   placed, and not answered ──▶ Ringing, on whichever of the callee's devices sign in until its time is over
//!   answered                 ──▶ Answered, as it was
//! ```
//!
//! The caller's device, and the one that has answered, are expected back: each has a session that nobody can resume, and a grace as for a lost socket.
//! When it signs in, that session is its old one, so that it keeps its part in the call and learns what has become of it. A device that knows nothing of
//! the call any more, since its program was started again or since it has left the call, says so by hanging up.
//!
//! Which devices could be rung on is in the record, also those that have come while it rang. One that declines for itself ends the call for no other of them that may be back in a moment; when it
//! was the last of them, or the grace is over, the call ends with it.
//!
//! Of the calls that have ended shortly before, whoever was not told learns when it signs in.
//!
//! An answer may have been told before the store had it, and is lost with the service: the device that has answered repeats it when it signs in.
//!
//! A deadline that has passed meanwhile fires at once, and that of the ringing once the devices can be back. The clock on the wall may have been set back meanwhile: what has happened lies in no future, and
//! nothing lasts longer for it. A transfer whose record is durable is done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_wire::{CallId, DeviceName, EndReason, Endpoint, MAX_CALLS_PER_DEVICE, ServiceEvent, SessionId, Timestamp};

use super::budget::Budget;
use super::call::{Call, Held, Party, State, Telling};
use super::connecting::nobody;
use super::past::PastCall;
use super::push::CONFIRM_WITHIN;
use super::session::{Answers, EventRing, Link, Session};
use super::timers::Timer;
use super::{Hub, KeptAnswer, KeptCall, KeptEnd, OpenRecord, Turn, User};

/// How long a call that rings goes on at least: a device notices within ten seconds that its socket is gone, and is back in some more. One that was told
/// that the call is answered, by a service that died before its store had it, says so then.
pub(super) const BACK_WITHIN: Duration = Duration::from_secs(15);

/// How long after its start the service calls whom it was about to call when it died, since a company connects somebody with them: by then most devices are back.
const CONNECTED_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// A device that is expected back.
struct Returning {
    user: User,
    name: Option<String>,
    endpoint: Endpoint,
    device_name: Option<DeviceName>,
}

impl Hub {
    pub(super) fn restore(&mut self, turn: &mut Turn, kept: Vec<KeptCall>, ended: Vec<KeptEnd>) {
        for ended in ended {
            self.remember(past_call(turn.now, ended));
        }
        let mut transfers = Vec::new();
        for kept in kept {
            let (new, instead_of) = (kept.record.invite.call, kept.record.instead_of);
            transfers.extend(instead_of.map(|old| (new, old)));
            self.restore_call(turn, kept);
        }
        for (new, old) in transfers {
            self.finish_transfer(turn, new, old);
        }
    }

    fn restore_call(&mut self, turn: &mut Turn, kept: KeptCall) {
        let KeptCall { record, answer, sessions: [caller_session, callee_session], settled } = kept;
        let OpenRecord { account, environment, callee, context, invite, instead_of, limit, by_company: _, rings_on, placed_at } = record;
        let id = invite.call;
        let callee: User = (account.clone(), environment, callee);
        let caller = if invite.leads_to.is_some() {
            nobody(id)
        } else {
            let user: User = (account, environment, invite.from.clone());
            let caller = Returning { user, name: invite.from_name.clone(), endpoint: invite.endpoint, device_name: None };
            self.expect_back(turn, id, caller, caller_session)
        };
        let state = match answer {
            None => {
                let give_up_at = (placed_at.min(turn.now) + self.settings.ring_for).max(turn.now + BACK_WITHIN);
                self.timers.set(Timer::RingOver(id), give_up_at);
                if !self.reached_by_push(&callee).is_empty() {
                    // Whom the service was about to push when it died is pushed then. Twice, nobody is: the store knows.
                    self.timers.set(Timer::PushDue(id), turn.now + CONFIRM_WITHIN);
                }
                let until = turn.now + self.settings.call_grace;
                let awaited = rings_on.iter().map(|device| (*device, until)).collect();
                State::Ringing { give_up_at, awaited, restored: true, devices: Vec::new(), confirmed: Vec::new() }
            }
            Some(answer) => {
                if invite.leads_to.is_some() {
                    // The service died before it called the other user, unless it is found to have done so.
                    self.timers.set(Timer::AnswerOverdue(id), turn.now + CONNECTED_AGAIN_AFTER);
                }
                self.restore_answer(turn, id, &callee, answer, limit, callee_session)
            }
        };
        self.involve(callee.clone(), id);
        let (left, pushed, relayed) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let (rings_on, settled, declined_by) = (rings_on.into_iter().collect(), settled.into_iter().collect(), None);
        let call =
            Call { caller, callee, context, invite, instead_of, limit, rings_on, left, pushed, settled, declined_by, relayed, state };
        self.calls.insert(id, call);
        self.limit(turn, id);
    }

    /// How an answered call goes on.
    fn restore_answer(
        &mut self,
        turn: &Turn,
        id: CallId,
        callee: &User,
        answer: KeptAnswer,
        limit: Option<Duration>,
        fresh: SessionId,
    ) -> State {
        let answered = Returning { user: callee.clone(), name: None, endpoint: answer.by, device_name: answer.device_name.clone() };
        let by = self.expect_back(turn, id, answered, fresh);
        State::Answered {
            at: answer.at.min(turn.now),
            by,
            device_name: answer.device_name,
            caller_has_media: answer.connected_at.is_some(),
            callee_has_media: answer.connected_at.is_some(),
            connected_at: answer.connected_at.map(|at| at.min(turn.now)),
            caller_holds: answer.caller_holds,
            callee_holds: answer.callee_holds,
            held: Held::default(),
            ends_at: answer.ends_at.map(|ends_at| limit.map_or(ends_at, |limit| ends_at.min(turn.now + limit))),
            telling: Telling::Done,
        }
    }

    /// Waits for a device that has a part in a call and has not signed in since the service was started.
    fn expect_back(&mut self, turn: &Turn, call: CallId, returning: Returning, fresh: SessionId) -> Party {
        let Returning { user, name, endpoint, device_name } = returning;
        let known = self.presence.get(&user).and_then(|devices| devices.get(&endpoint.device)).copied();
        let session = known.unwrap_or(fresh);
        self.presence.entry(user.clone()).or_default().insert(endpoint.device, session);
        let kept = self.sessions.entry(session).or_insert_with(|| {
            Box::new(Session {
                user,
                right: None,
                name,
                endpoint,
                device_name,
                // How many calls it takes is known once it is back; until then its line declines what is too much.
                room: MAX_CALLS_PER_DEVICE,
                token: None,
                relay_only: false,
                max_call: None,
                link: Link::Missing { since: turn.now },
                events: EventRing::default(),
                answers: Answers::default(),
                calls: Default::default(),
                reports: Budget::default(),
                receipts: Budget::default(),
                push_changes: Budget::default(),
                events_told: Budget::default(),
            })
        });
        kept.calls.insert(call);
        self.timers.set(Timer::GraceOver(session), turn.now + self.settings.call_grace);
        self.timers.set(Timer::KeepOver(session), turn.now + self.settings.session_kept_for);
        Party { endpoint, session }
    }

    /// The service died after the record of `new` was durable, and perhaps before it had taken the place of `old`.
    fn finish_transfer(&mut self, turn: &mut Turn, new: CallId, old: CallId) {
        let Some((stays, is_answered)) = self.calls.get(&new).map(|call| (call.caller, call.is_answered())) else {
            return;
        };
        if let Some(PastCall { reason: Some(reason), .. }) = self.past.get(old)
            && *reason != EndReason::Transferred
            && !is_answered
        {
            // Nobody was told of the new one: it was not to ring any more once it was written down.
            self.close(turn, new, EndReason::Cancelled);
            return;
        }
        let Some(Call { caller, state: State::Answered { by, .. }, .. }) = self.calls.get(&old) else {
            return;
        };
        let leaves = if *caller == stays { *by } else { *caller };
        self.close(turn, old, EndReason::Transferred);
        self.tell(turn, leaves.session, ServiceEvent::Ended { call: old, reason: EndReason::Transferred, other_device: None });
    }
}

fn past_call(now: Timestamp, ended: KeptEnd) -> PastCall {
    let KeptEnd { call, account, environment, caller: (caller, device), callee, answered_by, declined_by, ended_at, reason } = ended;
    let caller = ((account.clone(), environment, caller), device);
    let (at, callee) = (ended_at.min(now), (account, environment, callee));
    PastCall { at, call, caller, callee, answered_by, declined_by, reason: Some(reason) }
}
