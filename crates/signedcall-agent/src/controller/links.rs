//! Links from outside, which ask for a call and never place one.

use super::{Controller, Host, Reply};
use crate::link::CallLink;
use crate::view::{LinkView, Problem, ProblemCode};

impl<H: Host> Controller<H> {
    /// Puts a link before the user.
    pub(super) fn follow_link(&mut self, text: &str) {
        self.show_main();
        match CallLink::parse(text) {
            Err(invalid) => self.notice(Problem::new(ProblemCode::InvalidLink, invalid.to_string())),
            Ok(_) if self.is_in_call() => self.notice(Problem::new(ProblemCode::OngoingCall, "a link asks for another call")),
            // A second link must not take the first one's place under the pointer of somebody who is about to agree.
            Ok(_) if self.link.is_some() => tracing::info!("a link is not followed: another one waits for the user's answer"),
            Ok(CallLink { cuid, context }) => {
                let name = self.history.name_of(&cuid);
                self.link = Some(LinkView { cuid, name, context });
            }
        }
    }

    pub(super) fn dismiss_link(&mut self, reply: Reply) {
        self.link = None;
        self.answer_to(reply, Ok(()));
    }
}
