//! Signing in and out, and where the key goes.

use signedcall::{CallStatus, Credentials, Direction, ErrorCode, LineView, LinkState, Options};

use super::bench::{Before, Bench, KEY, call, form, heard, in_time, until_true};
use crate::controller::{Event, Reply};
use crate::sdk::LineChange;
use crate::testing::{KeyringState, Told, nothing_heard};
use crate::view::{CallPhase, EndReason, ProblemCode, SessionView, SignInForm};

fn problem(session: &SessionView) -> Option<ProblemCode> {
    match session {
        SessionView::SignedOut { problem } => problem.as_ref().map(|problem| problem.code),
        SessionView::SigningIn | SessionView::Ready { .. } | SessionView::Reconnecting { .. } => panic!("{session:?}"),
    }
}

#[tokio::test]
async fn signing_in_goes_from_signed_out_by_signing_in_to_ready() {
    let mut bench = Before::new().start();
    assert_eq!(problem(&bench.view().await.session), None);
    bench.sdk.set_slow(true);
    let (reply, answer) = Reply::new();
    bench.inbox.send(Event::SignIn(form(), reply));
    bench.until(|view| view.session == SessionView::SigningIn).await;
    bench.sdk.set_slow(false);
    let view = bench.until_ready().await;
    let ready = SessionView::Ready { cuid: "courier_8842".to_owned(), name: Some("Ravi".to_owned()), kept: true };
    assert_eq!((view.session, view.settings.has_api_key), (ready, true));
    assert_eq!(in_time("the form's answer", answer).await, Ok(Ok(())));
}

#[tokio::test]
async fn the_key_of_the_form_lies_in_the_keyring_and_nowhere_else() {
    let bench = Before::new().start();
    bench.ask(|reply| Event::SignIn(form(), reply)).await.expect("the form is right");
    until_true("the key in the keyring", || bench.sdk.kept_keys() == [KEY]).await;
    assert!(bench.file("config/settings.json").contains("courier_8842"), "who signed in is kept");
    for (path, text) in bench.everything_written() {
        assert!(!text.contains(KEY), "{}", path.display());
    }
}

#[tokio::test]
async fn what_is_wrong_in_the_form_is_answered_by_its_code() {
    let bench = Before::new().start();
    for (code, expected) in [
        (ErrorCode::AccountIdRequired, ProblemCode::AccountIdRequired),
        (ErrorCode::ApiKeyRequired, ProblemCode::ApiKeyRequired),
        (ErrorCode::InvalidCuid, ProblemCode::InvalidCuid),
        (ErrorCode::InvalidNameLength, ProblemCode::InvalidNameLength),
        (ErrorCode::ContactRegistrationFailed, ProblemCode::ContactRegistrationFailed),
        (ErrorCode::NetworkNotAvailable, ProblemCode::NetworkNotAvailable),
    ] {
        bench.sdk.refuse(code);
        assert_eq!(bench.refused(|reply| Event::SignIn(form(), reply)).await, expected);
        assert_eq!(problem(&bench.view().await.session), Some(expected));
    }
    assert!(bench.sdk.kept_keys().is_empty(), "a key that lets nobody in is not kept");
    assert!(!bench.file("config/settings.json").contains("courier_8842"), "nor is who was not let in");
}

#[tokio::test]
async fn an_address_that_is_no_service_reaches_no_network() {
    let bench = Before::new().start();
    let form = SignInForm { service_url: "https://calls.example".to_owned(), ..form() };
    assert_eq!(bench.refused(|reply| Event::SignIn(form, reply)).await, ProblemCode::InvalidServiceUrl);
    assert!(bench.sdk.sign_ins().is_empty());
}

#[tokio::test]
async fn an_empty_key_means_the_one_in_the_keyring() {
    let before = Before::new();
    before.sdk.keep_key("demo", "courier_8842", KEY);
    let bench = before.start();
    let form = SignInForm { api_key: String::new(), ..form() };
    bench.ask(|reply| Event::SignIn(form, reply)).await.expect("the keyring has it");
    assert_eq!(key_of(&bench.sdk.sign_ins()[0]), KEY);
}

#[tokio::test]
async fn an_empty_key_that_no_keyring_has_is_asked_for() {
    let bench = Before::new().start();
    let form = SignInForm { api_key: String::new(), ..form() };
    assert_eq!(bench.refused(|reply| Event::SignIn(form, reply)).await, ProblemCode::ApiKeyMissing);
}

#[tokio::test]
async fn without_a_keyring_that_takes_it_the_key_is_for_this_session() {
    for (keyring, code) in [(KeyringState::Absent, ProblemCode::KeyringAbsent), (KeyringState::Locked, ProblemCode::KeyringLocked)] {
        let before = Before::new();
        before.sdk.set_keyring(keyring);
        let mut bench = before.start();
        bench.ask(|reply| Event::SignIn(form(), reply)).await.expect("the user is signed in all the same");
        let view = bench.until(|view| !view.notices.is_empty()).await;
        assert_eq!(view.notices[0].code, code);
        assert!(matches!(view.session, SessionView::Ready { kept: false, .. }), "{:?}", view.session);
        assert!(bench.everything_written().iter().all(|(_, text)| !text.contains(KEY)), "the key is on no disk");
    }
}

#[tokio::test]
async fn a_key_that_no_keyring_took_is_offered_again_at_the_next_sign_in() {
    let before = Before::new();
    before.sdk.set_keyring(KeyringState::Locked);
    let mut bench = before.start();
    bench.ask(|reply| Event::SignIn(form(), reply)).await.expect("the form is right");
    bench.until(|view| !view.notices.is_empty()).await;
    bench.sdk.set_keyring(KeyringState::Open);
    let form = SignInForm { api_key: String::new(), ..form() };
    bench.ask(|reply| Event::SignIn(form, reply)).await.expect("this session has the key");
    until_true("the key in the keyring", || bench.sdk.kept_keys() == [KEY]).await;
    assert!(matches!(bench.until_ready().await.session, SessionView::Ready { kept: true, .. }));
}

#[tokio::test]
async fn whoever_was_signed_in_is_again_at_the_next_start() {
    let mut bench = Before::signed_in_before().start();
    bench.until_ready().await;
    let options = &bench.sdk.sign_ins()[0];
    assert_eq!((options.cuid.as_str(), key_of(options), options.production), ("courier_8842", KEY, Some(false)));
    assert!(bench.file("config/device.json").contains(&options.device.expect("each installation has an id").to_string()));
}

#[tokio::test]
async fn a_locked_keyring_at_the_start_leads_to_the_form() {
    let before = Before::signed_in_before();
    before.sdk.set_keyring(KeyringState::Locked);
    let mut bench = before.start();
    let view = bench.until(|view| matches!(&view.session, SessionView::SignedOut { problem: Some(_) })).await;
    assert_eq!(problem(&view.session), Some(ProblemCode::KeyringLocked));
    assert_eq!(view.settings.cuid, "courier_8842", "the form is filled in");
}

#[tokio::test]
async fn the_environment_signs_in_at_once_and_leaves_nothing_behind() {
    let mut bench = Before::prefilled().start();
    bench.until_ready().await;
    let line = bench.line();
    line.next_dial(Err(ErrorCode::ContactNotReachable));
    let dial = |reply| Event::Dial { cuid: "org_25".to_owned(), context: "Order".to_owned(), reply };
    bench.ask(dial).await.expect("the call's screen says why");
    assert!(bench.file("data/history.json").contains("org_25"), "there is a history to look into");
    assert!(bench.sdk.kept_keys().is_empty());
    for (path, text) in bench.everything_written() {
        assert!(!text.contains(KEY) && !text.contains("courier_8842"), "{}", path.display());
    }
}

#[tokio::test]
async fn an_address_of_the_environment_that_is_no_service_is_said_so() {
    let mut before = Before::prefilled();
    before.prefill.service_url = Some("calls.example".to_owned());
    let mut bench = before.start();
    let view = bench.until(|view| matches!(&view.session, SessionView::SignedOut { problem: Some(_) })).await;
    assert_eq!(problem(&view.session), Some(ProblemCode::InvalidServiceUrl));
}

#[tokio::test]
async fn a_start_without_network_tries_again_and_leaves_the_form_alone() {
    let before = Before::signed_in_before();
    before.sdk.refuse(ErrorCode::NetworkNotAvailable);
    let mut bench = before.start();
    let view = bench.until(|view| matches!(&view.session, SessionView::SignedOut { problem: Some(_) })).await;
    assert_eq!(problem(&view.session), Some(ProblemCode::NetworkNotAvailable));
    bench.sdk.set_slow(true);
    in_time("a second attempt", bench.sdk.until_attempts(2)).await;
    assert_eq!(problem(&bench.view().await.session), Some(ProblemCode::NetworkNotAvailable), "the user may be typing");
    bench.sdk.set_slow(false);
    bench.until_ready().await;
}

#[tokio::test]
async fn only_a_missing_network_is_worth_another_attempt() {
    let before = Before::signed_in_before();
    before.sdk.refuse(ErrorCode::ContactRegistrationFailed);
    let mut bench = before.start();
    bench.until(|view| matches!(&view.session, SessionView::SignedOut { problem: Some(_) })).await;
    bench.ask(|reply| Event::SignIn(form(), reply)).await.expect("the form is right");
    assert_eq!(bench.sdk.sign_ins().len(), 2);
}

#[tokio::test]
async fn signing_out_forgets_the_key_and_who_it_was() {
    let mut bench = Bench::ready().await;
    bench.ask(Event::SignOut).await.expect("the keyring is open");
    let view = bench.view().await;
    assert_eq!((problem(&view.session), view.settings.has_api_key), (None, false));
    assert!(bench.sdk.kept_keys().is_empty());
    assert!(!bench.file("config/settings.json").contains("courier_8842"));
    assert_eq!(bench.line().asked(), ["log out"]);
    assert_eq!(bench.told_so_far().await, []);
}

#[tokio::test]
async fn signing_out_with_a_keyring_that_never_answers_signs_out_all_the_same() {
    let mut bench = Bench::ready().await;
    bench.sdk.set_keyring(KeyringState::Silent);
    let (reply, _answer) = Reply::new();
    bench.inbox.send(Event::SignOut(reply));
    let view = bench.until(|view| matches!(view.session, SessionView::SignedOut { .. })).await;
    assert_eq!(problem(&view.session), None);
    assert!(!bench.file("config/settings.json").contains("courier_8842"));
}

#[tokio::test]
async fn signing_out_during_a_call_writes_down_how_it_ended() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 65);
    bench.line().end_at_log_out(heard(call(1), Direction::Incoming, CallStatus::Ended(signedcall::EndReason::LoggedOut)));
    bench.ask(Event::SignOut).await.expect("the keyring is open");
    let recent = bench.view().await.recent;
    assert_eq!((recent.len(), recent[0].seconds, recent[0].reason), (1, Some(65), EndReason::LoggedOut));
    assert_eq!(bench.told_so_far().await.last(), Some(&Told::KeepAwake(false)));
}

#[tokio::test]
async fn a_line_that_the_service_closes_is_told_and_the_user_stays_known() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.line().tell(LineChange::View(LineView { link: LinkState::Closed, ..nothing_heard() }));
    let view = bench.until(|view| matches!(&view.session, SessionView::SignedOut { .. })).await;
    assert_eq!(problem(&view.session), Some(ProblemCode::SignallingSocketConnection));
    assert!(view.call.is_some_and(|call| matches!(call.phase, CallPhase::Ended { .. }) && !call.can_call_again));
    assert!(bench.file("config/settings.json").contains("courier_8842"));
    assert_eq!(bench.told_so_far().await[1..], [Told::KeepAwake(true), Told::StopRinging, Told::KeepAwake(false)]);
}

#[tokio::test]
async fn a_connection_that_is_lost_is_shown_as_such() {
    let mut bench = Bench::ready().await;
    bench.line().tell(LineChange::View(LineView { link: LinkState::Reconnecting, ..nothing_heard() }));
    bench.until(|view| matches!(view.session, SessionView::Reconnecting { .. })).await;
}

#[tokio::test]
async fn what_an_earlier_line_still_says_is_not_heard() {
    let mut bench = Bench::ready().await;
    let earlier = bench.line();
    earlier.go_deaf();
    // Signing in as somebody else leaves the earlier line first, which here never ends.
    let (reply, _answer) = Reply::new();
    bench.inbox.send(Event::SignIn(SignInForm { cuid: "courier_9000".to_owned(), ..form() }, reply));
    bench.until(|view| view.session == SessionView::SigningIn).await;
    let ringing = super::bench::seen(call(1), Direction::Incoming, signedcall::Phase::Ringing);
    earlier.tell(LineChange::View(LineView { call: Some(ringing), ..nothing_heard() }));
    earlier.tell(LineChange::Call(heard(call(1), Direction::Incoming, CallStatus::Ended(signedcall::EndReason::Missed))));
    let view = bench.view().await;
    assert_eq!((view.call, view.recent.len()), (None, 0));
    assert_eq!(bench.told_so_far().await, []);
}

#[tokio::test]
async fn an_attempt_that_the_user_gives_up_signs_nobody_in() {
    let mut bench = Before::new().start();
    bench.sdk.set_slow(true);
    let (reply, answer) = Reply::new();
    bench.inbox.send(Event::SignIn(form(), reply));
    bench.until(|view| view.session == SessionView::SigningIn).await;
    bench.ask(Event::SignOut).await.expect("there is nothing to forget");
    bench.sdk.set_slow(false);
    let answer = in_time("the form's answer", answer).await.expect("each request is answered");
    assert_eq!(answer.expect_err("it was given up").code, ProblemCode::NotInitialized);
    assert_eq!(problem(&bench.view().await.session), None);
    assert!(bench.sdk.kept_keys().is_empty());
}

#[tokio::test]
async fn somebody_else_signs_in_after_the_call_that_is_on() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.view().await;
    assert_eq!(bench.refused(|reply| Event::SignIn(form(), reply)).await, ProblemCode::OngoingCall);
}

#[tokio::test]
async fn quitting_puts_the_windows_away_ends_the_call_and_keeps_the_user() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    bench.view().await;
    bench.line().end_at_hang_up(heard(call(1), Direction::Incoming, CallStatus::Ended(signedcall::EndReason::HungUp)));
    bench.told_so_far().await;
    bench.inbox.send(Event::Quit);
    assert_eq!(bench.until_quit().await, [Told::Hide, Told::KeepAwake(false)]);
    assert_eq!(bench.line().asked(), [format!("hang up {}", call(1)), "log out".to_owned()]);
    assert!(bench.file("config/settings.json").contains("courier_8842"), "the next start signs in again");
    assert!(bench.file("data/history.json").contains("hungUp"), "so does the history");
    assert_eq!(bench.sdk.kept_keys(), [KEY]);
}

#[tokio::test]
async fn quitting_takes_the_notification_of_a_call_that_rings_away() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.told_so_far().await;
    bench.inbox.send(Event::Quit);
    assert_eq!(bench.until_quit().await, [Told::Hide, Told::StopRinging, Told::KeepAwake(false)]);
    assert_eq!(bench.line().asked(), ["log out"], "it rings on at the user's other devices");
}

#[tokio::test]
async fn quitting_waits_neither_for_a_deaf_service_nor_for_a_silent_keyring() {
    let mut bench = Bench::ready().await;
    bench.line().go_deaf();
    bench.sdk.set_keyring(KeyringState::Silent);
    let (reply, _answer) = Reply::new();
    bench.inbox.send(Event::SignOut(reply));
    bench.inbox.send(Event::Quit);
    assert_eq!(bench.until_quit().await, [Told::Hide]);
}

#[tokio::test]
async fn quitting_while_a_keyring_keeps_its_prompt_open_ends_at_once() {
    let before = Before::signed_in_before();
    before.sdk.set_keyring(KeyringState::Silent);
    let mut bench = before.start();
    bench.until(|view| view.session == SessionView::SigningIn).await;
    bench.inbox.send(Event::Quit);
    assert_eq!(bench.until_quit().await, [Told::Hide]);
}

fn key_of(options: &Options) -> &str {
    match &options.credentials {
        Credentials::ApiKey(key) => key.expose(),
        Credentials::UserTokens(_) => panic!("the app signs in with a key"),
    }
}
