//! The trial of microphone and speaker, which never holds either in a call.

use signedcall::{SoundError, SoundTrialStep, SoundTrialView};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Controller, Event, Host, Inbox, Reply};
use crate::view::{Problem, ProblemCode, TrialFailure, TrialStep, TrialView};

/// The softest sound that a meter shows, in decibels below the loudest.
const SOFTEST: f32 = 50.0;

/// A trial that goes on, or that the user still reads about.
#[derive(Debug)]
pub(super) struct Trial {
    number: u64,
    view: TrialView,
    /// Nobody else follows the trial: it ends with this.
    follows: JoinHandle<()>,
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.follows.abort();
    }
}

impl<H: Host> Controller<H> {
    pub(super) fn begin_trial(&mut self, reply: Reply) {
        if self.is_with_a_call() {
            return self.answer_to(reply, Err(Problem::new(ProblemCode::OngoingCall, "a call has the microphone")));
        }
        self.trials += 1;
        let number = self.trials;
        let views = self.sdk.try_sound(&self.settings.preferences.voice());
        let view = TrialView::from(&*views.borrow());
        self.trial = Some(Trial { number, view, follows: tokio::spawn(follow(views, number, self.inbox.clone())) });
        self.answer_to(reply, Ok(()));
    }

    pub(super) fn end_trial(&mut self, reply: Reply) {
        self.trial = None;
        self.answer_to(reply, Ok(()));
    }

    pub(super) fn trial_went_on(&mut self, number: u64, view: TrialView) {
        // What an earlier one has said last may come late.
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.number == number) {
            trial.view = view;
        }
    }

    /// Leaves microphone and speaker to a call.
    pub(super) fn end_trial_in_call(&mut self) {
        if self.is_with_a_call() {
            self.trial = None;
        }
    }

    pub(super) fn trial_view(&self) -> Option<TrialView> {
        self.trial.as_ref().map(|trial| trial.view.clone())
    }

    fn is_with_a_call(&self) -> bool {
        self.dialling || self.is_in_call()
    }
}

async fn follow(mut views: watch::Receiver<SoundTrialView>, number: u64, inbox: Inbox) {
    loop {
        let view = TrialView::from(&*views.borrow_and_update());
        let is_over = matches!(view.step, TrialStep::Over | TrialStep::Failed { .. });
        if !inbox.send(Event::Trial { number, view }) || is_over {
            return;
        }
        if views.changed().await.is_err() {
            // It could not begin.
            let step = TrialStep::Failed { why: TrialFailure::Broken };
            inbox.send(Event::Trial { number, view: TrialView { step, level: 0 } });
            return;
        }
    }
}

impl From<&SoundTrialView> for TrialView {
    fn from(view: &SoundTrialView) -> Self {
        let step = match &view.step {
            SoundTrialStep::Opening => TrialStep::Opening,
            SoundTrialStep::Listening => TrialStep::Listening,
            SoundTrialStep::Playing => TrialStep::Playing,
            SoundTrialStep::Over => TrialStep::Over,
            SoundTrialStep::Failed(error) => TrialStep::Failed { why: error.into() },
        };
        Self { step, level: level(view.level) }
    }
}

impl From<&SoundError> for TrialFailure {
    fn from(error: &SoundError) -> Self {
        match error {
            SoundError::NoSoundSystem(_) => Self::NoSoundSystem,
            SoundError::NoMicrophone => Self::NoMicrophone,
            SoundError::NoSpeaker => Self::NoSpeaker,
            SoundError::Refused => Self::Refused,
            SoundError::Broken(_) => Self::Broken,
        }
    }
}

/// How far a meter goes up: what is twice as loud to an ear is far more than twice the peak.
fn level(peak: f32) -> u32 {
    let decibels = 20.0 * peak.max(f32::MIN_POSITIVE).log10();
    (100.0 * (1.0 + decibels / SOFTEST)).clamp(0.0, 100.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_full_at_the_loudest_and_empty_where_nobody_hears_anything() {
        let table = [(0.0, 0), (0.003, 0), (0.01, 20), (0.1, 60), (1.0, 100), (2.0, 100), (f32::NAN, 0)];
        for (peak, shown) in table {
            assert_eq!(level(peak), shown, "{peak}");
        }
    }
}
