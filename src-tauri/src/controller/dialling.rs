//! Calls that this user makes, until the line has them.

use std::sync::Arc;
use std::time::SystemTime;

use signedcall::CallId;
use uuid::Uuid;

use super::calls::is_on;
use super::{Controller, Event, Host, Reply, Session, nobody_is_signed_in};
use crate::history::PastCall;
use crate::view::{CallPhase, CallView, Direction, EndReason, Problem, ProblemCode};

impl<H: Host> Controller<H> {
    pub(super) fn dial(&mut self, cuid: String, context: String, reply: Reply) {
        if self.is_in_call() || self.dialling {
            return self.answer_to(reply, Err(Problem::new(ProblemCode::OngoingCall, "there is a call already")));
        }
        let Session::Open { line, .. } = &self.session else {
            return self.answer_to(reply, Err(nobody_is_signed_in()));
        };
        self.dialling = true;
        let (line, session) = (Arc::clone(line), self.attempt);
        self.later(async move {
            let outcome = line.call(&cuid, &context).await;
            Event::Dialled { session, peer: cuid, context, outcome, reply }
        });
    }

    pub(super) fn dialled(
        &mut self,
        session: u64,
        peer: String,
        context: String,
        outcome: Result<CallId, signedcall::Error>,
        reply: Reply,
    ) {
        self.dialling = false;
        let Err(error) = outcome else { return self.answer_to(reply, Ok(())) };
        // Both have called each other at the same moment, and the other one's call has won: that is the call that was wanted.
        if self.call.as_ref().is_some_and(|call| call.peer == peer && is_on(call)) && error.code == signedcall::ErrorCode::OngoingCall {
            return self.answer_to(reply, Ok(()));
        }
        let problem = Problem::from(error);
        if session != self.attempt {
            return self.answer_to(reply, Err(problem));
        }
        let shown = self.call.take_if(|call| call.direction == Direction::Outgoing && is_on(call));
        if is_about_the_entry(problem.code) {
            return self.answer_to(reply, Err(problem));
        }
        let call = shown.unwrap_or_else(|| CallView {
            id: CallId(Uuid::new_v4()).to_string(),
            direction: Direction::Outgoing,
            peer,
            peer_name: None,
            context,
            image: None,
            phase: CallPhase::Calling,
            muted: false,
            quality: None,
            microphone: None,
            can_call_again: false,
        });
        self.call_not_placed(call, problem.code);
        self.answer_to(reply, Ok(()));
    }

    /// Shows and remembers a call that never began. One that rings here meanwhile stays on the screen.
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
        });
        if !self.is_in_call() {
            call.phase = CallPhase::Ended { reason, seconds: None };
            call.can_call_again = true;
            self.call = Some(call);
        }
    }

    pub(super) fn call_again(&mut self, reply: Reply) {
        match self.call.clone() {
            Some(call) if call.can_call_again => self.dial(call.peer, call.context, reply),
            Some(_) | None => {
                self.answer_to(reply, Err(Problem::new(ProblemCode::FailureInMakeCall, "there is no ended call to repeat")));
            }
        }
    }

    /// A call that crossed the other side's, which then did not come after all, goes without an event: it was never placed.
    pub(super) fn drop_crossed_call(&mut self) {
        let never_placed = |call: &CallView| {
            call.direction == Direction::Outgoing && is_on(call) && !self.facts.keys().any(|id| id.to_string() == call.id)
        };
        if !self.dialling
            && let Some(call) = self.call.take_if(|call| never_placed(call))
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
