//! Signing in: by an api key at once, by a user token once there is one.

use std::time::Duration;

use signedcall_core::{Event, Greeting};
use signedcall_wire::{ClientMessage, Credential, ErrorCode, Hello, PROTOCOL_VERSION, Refusal, Renew, Resume, Timestamp};

use super::Driver;
use super::tokens::{Fetched, Plan, Tokens, Use};
use crate::Error;
use crate::api::LinkState;

impl Driver {
    /// Says the first frame, unless a token has to be fetched before.
    pub(super) fn greet(&mut self, greeting: Greeting) {
        match greeting {
            Greeting::SignIn if self.tokens.is_some() => match self.plan_tokens(|plan, now| plan.show(now)).flatten() {
                Some(token) => self.say_hello(Credential::UserToken(token)),
                None => {
                    // The session has ended on a socket that is open, or the token has waited too long for one.
                    self.link_state = LinkState::Reconnecting;
                    self.fetch_before_signing_in(Duration::ZERO);
                    self.hand_in(Event::LinkLost);
                }
            },
            Greeting::SignIn => self.say_hello(self.hello.credential.clone()),
            Greeting::Resume { session, token, last_seq } => {
                self.plan_tokens(|plan, now| plan.lose_link(now));
                self.link.send(ClientMessage::Resume(Resume { version: PROTOCOL_VERSION, session, token, last_seq }));
            }
        }
    }

    /// Fetches a token, not before this time has passed, and opens a socket once it is there: neither this device's patience with the service nor the
    /// service's with a socket that says nothing is spent on the company's backend.
    pub(super) fn fetch_before_signing_in(&mut self, wait: Duration) {
        self.link.hold();
        self.plan_tokens(|plan, now| plan.begin(now + wait));
    }

    /// Signs in. Credentials enter here, and nowhere else.
    fn say_hello(&mut self, credential: Credential) {
        let hello = Hello { credential, second_calls: self.line.takes_second_calls(), ..self.hello.clone() };
        self.link.send(ClientMessage::Hello(hello));
    }

    /// A token is there, or there is none.
    pub(super) fn take_token(&mut self, fetched: Fetched) {
        match fetched {
            Ok(token) => match self.plan_tokens(|plan, now| plan.use_token(now, token)) {
                Some(Use::SignIn) => self.link.release(),
                Some(Use::Renew(user_token)) => {
                    let Hello { account_id, cuid, .. } = self.hello.clone();
                    self.link.send(ClientMessage::Renew(Renew { account_id, cuid, user_token }));
                }
                Some(Use::Nothing) | None => {}
            },
            Err(no_token) => match self.signing_in.take() {
                Some(signing_in) => {
                    let _ = signing_in.send(Err(Error::new(ErrorCode::NetworkNotAvailable, no_token.to_string())));
                    self.closed = true;
                }
                None => {
                    let wait = self.next_token_wait();
                    tracing::warn!(%no_token, ?wait, "asking again");
                    self.plan_tokens(|plan, now| plan.go_without(now + wait));
                }
            },
        }
    }

    pub(super) fn note_taken(&mut self, token_lasts_ms: Option<u64>) {
        if let Some(milliseconds) = token_lasts_ms {
            self.plan_tokens(|plan, now| plan.taken(now, Duration::from_millis(milliseconds)));
            if let Some(tokens) = &mut self.tokens {
                tokens.reset_waits();
            }
        }
    }

    pub(super) fn note_not_renewed(&mut self, refusal: &Refusal) {
        if refusal.is_passing() {
            let wait = self.next_token_wait().max(Duration::from_millis(refusal.retry_after_ms.unwrap_or(0)));
            self.plan_tokens(|plan, now| plan.renew_later(now + wait));
        } else {
            self.plan_tokens(|plan, now| plan.not_renewed(now));
        }
    }

    pub(super) fn tries_another_token(&mut self, refusal: &Refusal) -> bool {
        !refusal.is_passing() && self.plan_tokens(|plan, now| plan.refused(now, refusal.code)).unwrap_or(false)
    }

    /// Whatever was asked before is not waited for, and what was put off is done now: the network is another than it was.
    pub(super) fn hurry_tokens(&mut self) {
        let now = self.clock.now();
        if let Some(tokens) = &mut self.tokens {
            tokens.start_anew(now);
        }
    }

    pub(super) fn next_token_wait(&mut self) -> Duration {
        self.tokens.as_mut().map_or(Duration::ZERO, Tokens::next_wait)
    }

    /// Changes what tokens are wanted for, where there are any.
    pub(super) fn plan_tokens<T>(&mut self, change: impl FnOnce(&mut Plan, Timestamp) -> T) -> Option<T> {
        let now = self.clock.now();
        self.tokens.as_mut().map(|tokens| tokens.change(now, |plan| change(plan, now)))
    }
}

/// Waits for a token, where any is to come.
pub(super) async fn next_token(tokens: &mut Option<Tokens>) -> Fetched {
    match tokens {
        Some(tokens) => tokens.next().await,
        None => std::future::pending().await,
    }
}
