//! Receipts of calls that are over, for devices of whoever had a part in them.

use signedcall_wire::{CallId, ErrorCode, Redacted, RequestId, ServiceMessage, SessionId};

use super::call::Call;
use super::request::{DONE, refused};
use super::session::Answer;
use super::{AskedReceipt, Hub, HubCommand, Turn, User};

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
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.answers.forget_pending(request);
        if let Some(socket) = session.socket() {
            let (receipt, error) = receipt.map_or_else(|error| (None, Some(error)), |receipt| (Some(receipt), None));
            turn.send(socket, ServiceMessage::Response { id: request, error, receipt });
        }
    }
}
