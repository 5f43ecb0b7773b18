//! What the link tells, and whether calls that come go ahead over the line as it is.

use std::time::{Duration, Instant};

use signedcall_core::Event;
use signedcall_wire::{CallPhase, CallSnapshot, Direction, ErrorCode, ServiceEvent, ServiceMessage};

use super::Driver;
use super::tokens::Lost;
use crate::api::LinkState;
use crate::line_check::LineCheck;
use crate::link::LinkEvent;
use crate::media::Answerer;
use crate::quality::LineMeasures;

impl Driver {
    /// Takes what the link tells in its order. A call that comes waits for the line to be measured, where the embedder wants to know how that is; and all
    /// that is told after it waits too.
    pub(super) fn take_link_in_turn(&mut self, event: LinkEvent) -> Option<Event> {
        if !self.held_back.is_empty() {
            self.held_back.push_back(event);
            return None;
        }
        let invites = matches!(&event, LinkEvent::Received(message) if invites(message));
        if !invites {
            return self.take_link(event);
        }
        match self.checks.fresh() {
            Some(check) => self.judge(&check),
            // Whoever calls hears nothing of it but a ringing that begins later, by 0.6 seconds at most.
            None if self.gate.is_some() => {
                self.checks.measure(|| self.link.ask());
                self.held_back.push_back(event);
                return None;
            }
            // What is measured meanwhile is shown.
            None => self.checks.measure(|| self.link.ask()),
        }
        self.take_link(event)
    }

    fn take_link(&mut self, event: LinkEvent) -> Option<Event> {
        match event {
            LinkEvent::Opened => Some(Event::LinkOpened),
            LinkEvent::Lost => {
                self.lose_link(Duration::ZERO);
                Some(Event::LinkLost)
            }
            LinkEvent::Doubtful => {
                self.hurry_tokens();
                None
            }
            LinkEvent::Unreachable => {
                if let Some(signing_in) = self.signing_in.take() {
                    let _ = signing_in.send(Err(ErrorCode::NetworkNotAvailable.into()));
                    self.closed = true;
                }
                None
            }
            LinkEvent::NetworkChanged => {
                self.checks.forget();
                self.hurry_tokens();
                Some(Event::NetworkChanged)
            }
            LinkEvent::Received(message) => self.take_message(*message),
        }
    }

    fn take_message(&mut self, message: ServiceMessage) -> Option<Event> {
        if let ServiceMessage::Goaway { deadline_ms, spread_ms } = message {
            tracing::info!("the service restarts; going to another socket");
            self.link.move_within(Duration::from_millis(spread_ms.min(deadline_ms)));
            return None;
        }
        match &message {
            ServiceMessage::Welcome(welcome) => self.note_taken(welcome.token_lasts_ms),
            ServiceMessage::Renewed { token_lasts_ms } => self.note_taken(Some(*token_lasts_ms)),
            ServiceMessage::NotRenewed(refusal) => {
                tracing::warn!(code = refusal.code.name(), "the service does not go on with a user token");
                tracing::debug!(detail = refusal.detail, "the service does not go on with a user token");
                self.note_not_renewed(refusal);
            }
            ServiceMessage::Refused(refusal) if self.tries_another_token(refusal) => {
                // At once it would often be refused again, by the same service and for the same reason.
                let wait = self.next_token_wait();
                tracing::warn!(code = refusal.code.name(), ?wait, "a user token is refused; fetching another");
                tracing::debug!(detail = refusal.detail, "a user token is refused; fetching another");
                self.fetch_before_signing_in(wait);
                self.lose_link(Duration::ZERO);
                return Some(Event::LinkLost);
            }
            ServiceMessage::Resumed
            | ServiceMessage::SessionExpired
            | ServiceMessage::Refused(_)
            | ServiceMessage::Response { .. }
            | ServiceMessage::Event { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => {}
        }
        if let ServiceMessage::Event { event: ServiceEvent::Answered { call, by, .. }, .. } = &message {
            self.media.note_answer(*call, Answerer::Other(by.device), Instant::now());
        }
        Some(Event::Received(message))
    }

    /// Notes that there is no socket any more, and that the next is not to be signed in on before this time has passed.
    pub(super) fn lose_link(&mut self, at_least: Duration) {
        if self.link_state == LinkState::Ready {
            tracing::info!("the connection to the service is lost; opening another");
            self.link_state = LinkState::Reconnecting;
        }
        if self.plan_tokens(|plan, now| plan.lose_link(now)) == Some(Lost::Token) {
            let wait = self.next_token_wait().max(at_least);
            self.fetch_before_signing_in(wait);
        }
    }

    /// Takes what was measured of the line: shows it, and goes on with what has waited for it.
    pub(super) fn line_measured(&mut self, measures: LineMeasures) {
        let check = self.checks.take(measures);
        self.view.send_if_modified(|view| std::mem::replace(&mut view.line_score, check.score) != check.score);
        if self.held_back.is_empty() {
            return;
        }
        self.judge(&check);
        for event in std::mem::take(&mut self.held_back) {
            if let Some(event) = self.take_link(event) {
                self.hand_in(event);
            }
        }
    }

    fn judge(&mut self, check: &LineCheck) {
        let Some(gate) = &self.gate else { return };
        let fit = gate.admits(Direction::Incoming, check);
        if !fit {
            tracing::info!(score = check.score.value(), "the line is too poor for whoever calls");
        }
        self.hand_in(Event::NetworkJudged { fit });
    }
}

/// Whether somebody calls by this message.
fn invites(message: &ServiceMessage) -> bool {
    let rings = |call: &CallSnapshot| matches!(call, CallSnapshot::Callee { phase: CallPhase::Placed | CallPhase::Ringing { .. }, .. });
    match message {
        ServiceMessage::Event { event, .. } => matches!(event, ServiceEvent::Invite(_)),
        ServiceMessage::Welcome(welcome) => welcome.calls.iter().any(rings),
        ServiceMessage::Resumed
        | ServiceMessage::SessionExpired
        | ServiceMessage::Refused(_)
        | ServiceMessage::Response { .. }
        | ServiceMessage::Ice(_)
        | ServiceMessage::Renewed { .. }
        | ServiceMessage::NotRenewed(_)
        | ServiceMessage::Goaway { .. }
        | ServiceMessage::Unknown => false,
    }
}
