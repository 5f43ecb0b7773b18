//! *Check my set-up*, and starting with the session.

use std::sync::Arc;

use signedcall::LineScore;

use super::{Controller, Event, Host, Reply, Session};
use crate::doctor::{SetupFacts, SignInFact, judge};
use crate::view::{Problem, ProblemCode};

impl<H: Host> Controller<H> {
    /// Begins to look at everything that calls need. What is found is shown by the view.
    pub(super) fn check_setup(&mut self, reply: Reply) {
        // Two looks at once would fight for the microphone.
        if !self.setup.checking {
            self.setup.checking = true;
            let (surroundings, account, preferences) =
                (Arc::clone(&self.surroundings), self.account.clone(), self.settings.preferences.clone());
            let line = match &self.session {
                Session::Open { line, .. } => Some(Arc::clone(line)),
                Session::Nobody { .. } | Session::SigningIn => None,
            };
            self.later(async move {
                let score = async {
                    match line {
                        Some(line) => line.check_line().await,
                        None => LineScore::UNKNOWN,
                    }
                };
                let (facts, score) = tokio::join!(surroundings.look(&account, &preferences), score);
                Event::SetupLooked(Box::new(facts), score)
            });
        }
        self.answer_to(reply, Ok(()));
    }

    pub(super) fn setup_looked(&mut self, facts: SetupFacts, score: LineScore) {
        self.setup.checking = false;
        self.setup.checks = judge(&facts, &self.account, &self.settings.preferences, self.sign_in_fact(), score);
        self.devices = facts.devices;
    }

    fn sign_in_fact(&self) -> SignInFact {
        match &self.session {
            Session::Open { .. } => SignInFact::Accepted,
            Session::Nobody { problem: Some(problem) } => SignInFact::Refused(problem.code),
            Session::Nobody { problem: None } | Session::SigningIn => SignInFact::NotTried,
        }
    }

    pub(super) fn set_autostart(&mut self, on: bool, reply: Reply) {
        let outcome = self.autostart.set(on).map_err(|error| Problem::new(ProblemCode::AutostartFailed, error.to_string()));
        self.starts_with_session = self.autostart.is_on();
        self.answer_to(reply, outcome);
    }
}
