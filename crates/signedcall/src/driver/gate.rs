//! Calls that come, and whether they go ahead over the line as it is.

use signedcall_core::Event;
use signedcall_wire::{CallPhase, CallSnapshot, Direction, ServiceEvent, ServiceMessage};

use super::Driver;
use crate::line_check::LineCheck;
use crate::link::LinkEvent;
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
        | ServiceMessage::Goaway { .. }
        | ServiceMessage::Unknown => false,
    }
}
