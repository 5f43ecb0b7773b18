//! Calls that this user makes, until the line has them.

use std::sync::Arc;
use std::time::SystemTime;

use signedcall::{CallId, LineView};
use uuid::Uuid;

use super::{Controller, Event, Host, Reply, Session, nobody_is_signed_in};
use crate::history::PastCall;
use crate::view::{CallPhase, CallView, Direction, EndReason, Problem, ProblemCode};

/// A call that the line was asked to place.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(super) session: u64,
    pub(super) peer: String,
    pub(super) context: String,
    /// Whether there was a call with the same user before.
    pub(super) already: bool,
}

impl<H: Host> Controller<H> {
    /// Whether a call may be placed beside another is the line's to say.
    pub(super) fn dial(&mut self, cuid: String, context: String, reply: Reply) {
        if self.dialling {
            return self.answer_to(reply, Err(Problem::new(ProblemCode::OngoingCall, "a call is being placed already")));
        }
        let Session::Open { line, .. } = &self.session else {
            return self.answer_to(reply, Err(nobody_is_signed_in()));
        };
        let line = Arc::clone(line);
        let already = self.calls_on().any(|call| call.peer == cuid);
        let dialled = Dialled { session: self.attempt, peer: cuid.clone(), context: context.clone(), already };
        self.dialling = true;
        self.later(async move { Event::Dialled { dialled, outcome: line.call(&cuid, &context).await, reply } });
    }

    pub(super) fn dialled(&mut self, dialled: Dialled, outcome: Result<CallId, signedcall::Error>, reply: Reply) {
        let Dialled { session, peer, context, already } = dialled;
        self.dialling = false;
        let Err(error) = outcome else { return self.answer_to(reply, Ok(())) };
        // Both have called each other at the same moment, and the other one's call has won: that is the call that was wanted.
        if !already && error.code == signedcall::ErrorCode::OngoingCall && self.calls_on().any(|call| call.peer == peer) {
            return self.answer_to(reply, Ok(()));
        }
        let problem = Problem::from(error);
        if session != self.attempt {
            return self.answer_to(reply, Err(problem));
        }
        let shown = self.take_unplaced(&[]);
        if is_about_the_entry(problem.code) {
            self.bring_to_front();
            return self.answer_to(reply, Err(problem));
        }
        let id = CallId(Uuid::new_v4()).to_string();
        let call = shown.unwrap_or_else(|| CallView::new(id, Direction::Outgoing, peer, context, CallPhase::Calling));
        self.call_not_placed(call, problem.code);
        self.answer_to(reply, Ok(()));
    }

    /// Takes the call off the screen that the line has shown while it asked the service, unless it is one of these.
    fn take_unplaced(&mut self, still: &[CallId]) -> Option<CallView> {
        let facts = &self.facts;
        let unplaced = |call: &mut CallView| {
            let known = facts.keys().chain(still).any(|id| id.to_string() == call.id);
            call.direction == Direction::Outgoing && call.is_on() && !known
        };
        self.call.take_if(unplaced).or_else(|| self.other.take_if(unplaced))
    }

    /// Shows and remembers a call that never began.
    fn call_not_placed(&mut self, mut call: CallView, code: ProblemCode) {
        tracing::info!(?code, "the call could not be placed");
        let reason = EndReason::NotPlaced { code };
        let id = call.id.parse().map_or_else(|_| CallId(Uuid::new_v4()), CallId);
        self.facts.remove(&id);
        self.remember(PastCall {
            id,
            direction: call.direction,
            peer: call.peer.clone(),
            peer_name: call.peer_name.clone(),
            context: call.context.clone(),
            at: SystemTime::now(),
            seconds: None,
            reason,
            is_new: false,
            transferred_by: None,
            transferred_to: None,
            other_device: None,
        });
        call.phase = CallPhase::Ended { reason, seconds: None };
        call.can_call_again = true;
        self.show_end(call);
    }

    pub(super) fn call_again(&mut self, reply: Reply) {
        let ended = [&self.call, &self.other].into_iter().flatten().find(|call| call.can_call_again);
        match ended.map(|call| (call.peer.clone(), call.context.clone())) {
            Some((peer, context)) => self.dial(peer, context, reply),
            None => {
                self.answer_to(reply, Err(Problem::new(ProblemCode::FailureInMakeCall, "there is no ended call to repeat")));
            }
        }
    }

    /// A call that crossed the other side's, which then did not come after all, goes without an event: it was never placed.
    pub(super) fn drop_crossed_call(&mut self, line: &LineView) {
        let other = line.other.as_ref().map(|other| other.call.call);
        let still: Vec<CallId> = line.call.as_ref().map(|call| call.call).into_iter().chain(other).collect();
        if !self.dialling
            && let Some(call) = self.take_unplaced(&still)
        {
            self.call_not_placed(call, ProblemCode::OngoingCall);
        }
    }
}

/// Whether the user can mend it in the form that is still open; anything else is told by the call's screen, with "call again".
fn is_about_the_entry(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::CallContextInvalid
            | ProblemCode::CuidMissing
            | ProblemCode::InvalidLengthCuid
            | ProblemCode::InvalidCuid
            | ProblemCode::CanNotCallSelf
            | ProblemCode::OngoingCall
            | ProblemCode::NotInitialized
    )
}
