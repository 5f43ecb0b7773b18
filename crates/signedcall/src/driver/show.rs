//! What a screen is shown of the line.

use std::time::SystemTime;

use signedcall_core::{CallState, CallView, Holding, Phase};
use signedcall_wire::{Branding, CallId, Contrast, Timestamp};

use super::Driver;
use crate::api::{LineView, OtherCall};
use crate::link::Pace;

/// Moments of one call on the wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    talking_since: Option<SystemTime>,
    /// When its time is over, by both clocks.
    ends_at: Option<(Timestamp, SystemTime)>,
}

impl Driver {
    pub(super) fn use_branding(&self, of_account: Option<Branding>) {
        let branding = self.branding.applied_to(of_account);
        if let Some(contrast) = branding.as_ref().map(Branding::contrast)
            && !contrast.is_legible()
        {
            tracing::warn!(%contrast, least = %Contrast::LEGIBLE, "the branding's font_color on its bg_color is hard to read");
        }
        self.view.send_modify(|view| view.branding = branding);
    }

    /// Shows what has changed, and watches the service more closely while a call goes on.
    pub(super) fn show(&mut self) {
        let state = self.line.call_state();
        self.link.set_pace(match state {
            CallState::NoCall => Pace::Idle,
            CallState::OutgoingCall | CallState::IncomingCall | CallState::OngoingCall | CallState::CleanupCall => Pace::InCall,
        });
        let (call, other) = (self.line.view(), self.line.other_view());
        let shown = [&call, &other].map(|call| call.as_ref().map(|call| call.call));
        self.times.retain(|call, _| shown.contains(&Some(*call)));
        let times = call.as_ref().map(|call| self.times_of(call)).unwrap_or_default();
        let (talking_since, ends_at) = (times.talking_since, times.ends_at.map(|(_, wall)| wall));
        let other = other.map(|call| {
            let Times { talking_since, ends_at } = self.times_of(&call);
            Box::new(OtherCall { call, talking_since, ends_at: ends_at.map(|(_, wall)| wall) })
        });
        let is_heard = |whose: CallId| {
            call.as_ref()
                .is_some_and(|call| call.call == whose && matches!(call.phase, Phase::Talking { .. }) && call.holding == Holding::Nobody)
        };
        let voice =
            self.condition.as_ref().filter(|(whose, _)| is_heard(*whose)).map(|(_, condition)| condition.clone()).unwrap_or_default();
        let link = self.link_state;
        self.view.send_if_modified(|view| {
            let shown = LineView { link, state, call, talking_since, ends_at, other, voice, ..view.clone() };
            let changed = *view != shown;
            *view = shown;
            changed
        });
    }

    fn times_of(&mut self, call: &CallView) -> Times {
        let times = self.times.entry(call.call).or_default();
        match call.phase {
            Phase::Talking { since, .. } => {
                times.talking_since.get_or_insert_with(|| self.clock.wall(since));
            }
            Phase::Calling | Phase::Ringing | Phase::Connecting | Phase::Ended { .. } => {}
        }
        times.ends_at = call.ends_at.map(|ends_at| match times.ends_at {
            Some((known, wall)) if known == ends_at => (known, wall),
            Some(_) | None => (ends_at, self.clock.wall(ends_at)),
        });
        *times
    }
}
