//! Microphone and speaker, tried out of any call.

use std::time::Duration;

use signedcall::{Direction, Phase, SoundError, SoundTrialStep, SoundTrialView};
use tokio::sync::watch;

use super::bench::{Bench, call, in_time, seen};
use crate::controller::{Event, Reply};
use crate::view::{ProblemCode, TrialFailure, TrialStep, TrialView};

/// Somebody who tries them, and what the trial goes by.
async fn trying() -> (Bench, watch::Sender<SoundTrialView>) {
    let bench = Bench::ready().await;
    bench.ask(Event::BeginTrial).await.expect("no call is on");
    let trial = bench.sdk.take_trial();
    (bench, trial)
}

fn at(step: SoundTrialStep, level: f32) -> SoundTrialView {
    SoundTrialView { step, level, left: Duration::from_secs(1) }
}

#[tokio::test]
async fn a_trial_is_shown_until_it_is_put_away() {
    let (mut bench, trial) = trying().await;
    assert_eq!(bench.view().await.trial, Some(TrialView { step: TrialStep::Opening, level: 0 }));
    trial.send_replace(at(SoundTrialStep::Listening, 0.1));
    bench.until(|view| view.trial == Some(TrialView { step: TrialStep::Listening, level: 60 })).await;
    trial.send_replace(at(SoundTrialStep::Playing, 1.0));
    bench.until(|view| view.trial == Some(TrialView { step: TrialStep::Playing, level: 100 })).await;
    trial.send_replace(at(SoundTrialStep::Over, 0.0));
    bench.until(|view| view.trial == Some(TrialView { step: TrialStep::Over, level: 0 })).await;
    bench.ask(Event::EndTrial).await.expect("it can always be put away");
    assert_eq!(bench.view().await.trial, None);
}

#[tokio::test]
async fn a_trial_that_fails_says_why() {
    for (error, why) in [
        (SoundError::NoSoundSystem(String::new()), TrialFailure::NoSoundSystem),
        (SoundError::NoMicrophone, TrialFailure::NoMicrophone),
        (SoundError::NoSpeaker, TrialFailure::NoSpeaker),
        (SoundError::Refused, TrialFailure::Refused),
        (SoundError::Broken(String::new()), TrialFailure::Broken),
    ] {
        let (mut bench, trial) = trying().await;
        trial.send_replace(at(SoundTrialStep::Failed(error), 0.0));
        bench.until(|view| view.trial == Some(TrialView { step: TrialStep::Failed { why }, level: 0 })).await;
    }
    let (mut bench, trial) = trying().await;
    drop(trial);
    let step = TrialStep::Failed { why: TrialFailure::Broken };
    bench.until(|view| view.trial == Some(TrialView { step, level: 0 })).await;
}

#[tokio::test]
async fn nothing_is_listened_to_once_the_user_has_gone() {
    for leave in [|_: Reply| Event::MainPutAway, Event::EndTrial] {
        let (bench, trial) = trying().await;
        bench.inbox.send(leave(Reply::nobody()));
        in_time("the end of the trial", trial.closed()).await;
        assert_eq!(bench.view().await.trial, None);
    }
    let (bench, first) = trying().await;
    bench.ask(Event::BeginTrial).await.expect("no call is on");
    in_time("the end of the first", first.closed()).await;
}

#[tokio::test]
async fn a_call_has_the_microphone_to_itself() {
    let (bench, trial) = trying().await;
    bench.show(seen(call(1), Direction::Incoming, Phase::Ringing));
    in_time("the end of the trial", trial.closed()).await;
    assert_eq!(bench.view().await.trial, None);
    assert_eq!(bench.refused(Event::BeginTrial).await, ProblemCode::OngoingCall);

    let (bench, trial) = trying().await;
    bench.inbox.send(Event::Dial { cuid: "org_25".to_owned(), context: "Order 4711".to_owned(), reply: Reply::nobody() });
    in_time("the end of the trial", trial.closed()).await;
}
