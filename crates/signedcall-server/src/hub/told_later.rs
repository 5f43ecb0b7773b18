//! What the store has to do before a device is answered, and what is done again if it asks again: receipts of calls that are over, and events for analytics.

use signedcall_wire::{AnalyticsEvent, CallId, ErrorCode, MAX_EVENTS_PER_REQUEST, Redacted, RequestId, ServiceMessage, SessionId};

use super::call::Call;
use super::request::{DONE, refused};
use super::session::Answer;
use super::{AskedReceipt, Hub, HubCommand, KeptEvents, Turn, User};

impl Call {
    /// Whether a user is one of its sides.
    fn concerns(&self, user: &User) -> bool {
        let (account, environment, cuid) = user;
        let is_theirs = (&self.callee.0, &self.callee.1) == (account, environment);
        is_theirs && (self.callee.2 == *cuid || self.invite.from == *cuid)
    }
}

impl Hub {
    /// Has a receipt made of a call that does not go on. Whether the user had a part in it, its record says.
    pub(super) fn ask_receipt(&mut self, turn: &mut Turn, id: SessionId, request: RequestId, call: CallId) -> Answer {
        let Some(session) = self.sessions.get_mut(&id) else {
            return DONE;
        };
        if !session.receipts.take(turn.now) {
            return refused(ErrorCode::StopRetry);
        }
        let user = session.user.clone();
        if self.calls.get(&call).is_some_and(|call| call.concerns(&user)) {
            return refused(ErrorCode::OngoingCall);
        }
        let (account, environment, cuid) = user;
        turn.commands.push(HubCommand::MakeReceipt(AskedReceipt { session: id, request, account, environment, cuid, call }));
        Answer::Pending
    }

    /// Gives a receipt to whoever has asked. It is not remembered: a device that has lost its socket meanwhile asks again, and another is made.
    pub(super) fn receipt_made(
        &mut self,
        turn: &mut Turn,
        id: SessionId,
        request: RequestId,
        receipt: Result<Redacted<String>, ErrorCode>,
    ) {
        let (receipt, error) = receipt.map_or_else(|error| (None, Some(error)), |receipt| (Some(receipt), None));
        self.answer_once(turn, id, request, error, receipt);
    }

    /// Passes events for analytics on to the store. Whether the user had a part in their calls, the records say.
    pub(super) fn keep_events(&mut self, turn: &mut Turn, id: SessionId, request: RequestId, events: Vec<AnalyticsEvent>) -> Answer {
        let Some(session) = self.sessions.get_mut(&id) else {
            return DONE;
        };
        if events.len() > MAX_EVENTS_PER_REQUEST || !session.events_told.take(turn.now) {
            return refused(ErrorCode::StopRetry);
        }
        let (account, environment, cuid) = session.user.clone();
        let device = session.endpoint.device;
        turn.commands.push(HubCommand::KeepEvents(KeptEvents { session: id, request, account, environment, cuid, device, events }));
        Answer::Pending
    }

    /// Says whether events are kept. Each is kept once, however often it is told, so that this is not remembered either.
    pub(super) fn events_kept(&mut self, turn: &mut Turn, id: SessionId, request: RequestId, durable: bool) {
        let error = if durable { None } else { Some(ErrorCode::ServerFailure) };
        self.answer_once(turn, id, request, error, None);
    }

    fn answer_once(
        &mut self,
        turn: &mut Turn,
        session: SessionId,
        request: RequestId,
        error: Option<ErrorCode>,
        receipt: Option<Redacted<String>>,
    ) {
        let Some(session) = self.sessions.get_mut(&session) else {
            return;
        };
        session.answers.forget_pending(request);
        if let Some(socket) = session.socket() {
            turn.send(socket, ServiceMessage::Response { id: request, error, receipt });
        }
    }
}
