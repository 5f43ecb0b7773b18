//! Signing in: by an api key at once, by a user token once there is one.

use std::time::Duration;

use signedcall_core::Greeting;
use signedcall_wire::{ClientMessage, Credential, ErrorCode, Hello, PROTOCOL_VERSION, Renew, Resume, Timestamp};

use super::Driver;
use super::tokens::{Fetched, Plan, Tokens, Use};
use crate::Error;
use crate::api::LinkState;

impl Driver {
    /// Says the first frame, unless a token has to be fetched before.
    pub(super) fn greet(&mut self, greeting: Greeting) {
        match greeting {
            Greeting::SignIn if self.tokens.is_some() => {
                // The service may have ended a session on a socket that stays open.
                self.link_state = LinkState::Reconnecting;
                self.plan_tokens(|plan, now| plan.begin(now));
            }
            Greeting::SignIn => self.say_hello(self.hello.credential.clone()),
            Greeting::Resume { session, token, last_seq } => {
                self.plan_tokens(|plan, now| plan.lose_link(now));
                self.link.send(ClientMessage::Resume(Resume { version: PROTOCOL_VERSION, session, token, last_seq }));
            }
        }
    }

    /// Signs in. Credentials enter here, and nowhere else.
    fn say_hello(&mut self, credential: Credential) {
        let hello = Hello { credential, second_calls: self.line.takes_second_calls(), ..self.hello.clone() };
        self.link.send(ClientMessage::Hello(hello));
    }

    /// A token is there, or there is none.
    pub(super) fn take_token(&mut self, fetched: Fetched) {
        match fetched {
            Ok(token) => match self.plan_tokens(|plan, _| plan.use_token(token)) {
                Some(Use::SignIn(token)) => self.say_hello(Credential::UserToken(token)),
                Some(Use::Renew(user_token)) => {
                    let Hello { account_id, cuid, .. } = self.hello.clone();
                    self.link.send(ClientMessage::Renew(Renew { account_id, cuid, user_token }));
                }
                Some(Use::Nothing) | None => {}
            },
            Err(no_token) => match self.signing_in.take() {
                Some(signing_in) => {
                    let _ = signing_in.send(Err(Error::new(ErrorCode::ApiKeyRequired, no_token.to_string())));
                    self.closed = true;
                }
                None => {
                    tracing::warn!(%no_token, "asking again");
                    self.plan_tokens(|plan, now| plan.go_without(now));
                }
            },
        }
    }

    pub(super) fn note_taken(&mut self, token_lasts_ms: Option<u64>) {
        if let Some(milliseconds) = token_lasts_ms {
            self.plan_tokens(|plan, now| plan.taken(now, Duration::from_millis(milliseconds)));
        }
    }

    pub(super) fn tries_another_token(&mut self, code: ErrorCode) -> bool {
        self.plan_tokens(|plan, _| plan.refused(code)).unwrap_or(false)
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
