//! *Check my set-up*, and starting with the session.

use std::time::Duration;

use signedcall::{ErrorCode, LineMeasures};

use super::bench::{Before, Bench, form};
use crate::controller::Event;
use crate::view::{Finding, Verdict};

async fn found(bench: &mut Bench) -> Vec<(Finding, Verdict)> {
    bench.ask(Event::CheckSetup).await.expect("it begins");
    let view = bench.until(|view| !view.setup.checking && !view.setup.checks.is_empty()).await;
    view.setup.checks.into_iter().map(|check| (check.finding, check.verdict)).collect()
}

#[tokio::test]
async fn the_check_says_what_it_finds_and_lists_the_devices_anew() {
    let mut bench = Bench::ready().await;
    let found = found(&mut bench).await;
    assert!(found.contains(&(Finding::KeyringAbsent, Verdict::Odd)), "{found:?}");
    assert!(found.contains(&(Finding::CredentialsAccepted, Verdict::Good)), "{found:?}");
    assert!(found.contains(&(Finding::EnvironmentTest, Verdict::Good)), "{found:?}");
    assert_eq!(bench.view().await.settings.microphones[0].name, "Built-in Microphone");
}

#[tokio::test]
async fn the_check_measures_the_line_of_whoever_is_signed_in() {
    let mut bench = Bench::ready().await;
    let slow = LineMeasures { round_trip: Some(Duration::from_millis(540)), ..LineMeasures::default() };
    bench.line().set_score(slow.score());
    assert!(found(&mut bench).await.contains(&(Finding::LinePoor, Verdict::Odd)));
    assert!(bench.view().await.setup.checks.iter().any(|check| check.about.as_deref() == Some("30")));
    let mut nobody = Before::new().start();
    assert!(found(&mut nobody).await.contains(&(Finding::LineUnmeasured, Verdict::Odd)));
}

#[tokio::test]
async fn whoever_cannot_sign_in_is_told_why() {
    let mut bench = Before::new().start();
    assert!(found(&mut bench).await.contains(&(Finding::CredentialsUntried, Verdict::Odd)));
    for (code, expected) in [
        (ErrorCode::ApiKeyRequired, Finding::CredentialsRefused),
        (ErrorCode::ContactRegistrationFailed, Finding::CredentialsBlocked),
        (ErrorCode::ProductionFieldRequired, Finding::EnvironmentMismatch),
    ] {
        bench.sdk.refuse(code);
        bench.refused(|reply| Event::SignIn(form(), reply)).await;
        bench.ask(Event::CheckSetup).await.expect("it begins");
        bench.until(|view| view.setup.checks.iter().any(|check| (check.finding, check.verdict) == (expected, Verdict::Wrong))).await;
    }
}

#[tokio::test]
async fn starting_with_the_session_is_off_until_it_is_turned_on() {
    let bench = Bench::ready().await;
    assert!(!bench.view().await.settings.autostart);
    bench.ask(|reply| Event::SetAutostart(true, reply)).await.expect("the folder can be made");
    assert!(bench.view().await.settings.autostart);
    assert!(bench.file("autostart/org.signedcall.desktop.default.desktop").contains("--hidden"));
    bench.ask(|reply| Event::SetAutostart(false, reply)).await.expect("it is there");
    assert!(!bench.view().await.settings.autostart);
}

#[tokio::test]
async fn what_cannot_be_turned_on_is_said() {
    let before = Before::new();
    // A file where the folder should be.
    before.write("autostart", "");
    let bench = before.start();
    assert_eq!(bench.refused(|reply| Event::SetAutostart(true, reply)).await, crate::view::ProblemCode::AutostartFailed);
}
