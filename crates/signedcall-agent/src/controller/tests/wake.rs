//! Calls that come while the app is closed: registering, what pushes bring, and leaving.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use signedcall::{Direction, EndReason, LineView, LinkState, Redacted};

use super::bench::{Before, Bench, call, in_time, until_true};
use crate::controller::{Event, WakeEvent};
use crate::sdk::LineChange;
use crate::settings::Preferences;
use crate::testing::{FakeDistributors, KeyringState, nothing_heard};
use crate::view::WakeView;
use crate::wake::{NotRegistered, Registration};

/// The service's public key.
const VAPID: &str = "BP-of-the-service";
/// The receiver of the example in RFC 8291, section 5, and what it is sent.
const KEYS: [&str; 2] = ["q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "BTBZMqHH6r4Tts7J_aSIgg"];
const SEALED: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
const OPENED: &str = "push When I grow up, I want to be a watermelon";

/// An earlier start has registered.
const REGISTERED: &str = r#"{"device": "6b0f3c1e-0000-4000-8000-000000000001", "registration": {"distributor": "org.unifiedpush.Distributor.kde",
    "token": "kept", "vapid": "BP", "service_url": "ws://127.0.0.1:7443", "account_id": "demo", "cuid": "courier_8842"}}"#;

fn decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Somebody was signed in when the app was last closed, and wants calls to ring then.
fn wanting() -> Before {
    let before = Before::signed_in_before();
    before.write(
        "config/settings.json",
        r#"{"account": {"service_url": "ws://127.0.0.1:7443", "account_id": "demo", "cuid": "courier_8842", "name": "Ravi"},
            "preferences": {"ring_when_closed": true}}"#,
    );
    before.sdk.keep_push_keys("demo", "courier_8842", &BASE64_URL_SAFE_NO_PAD.encode(KEYS.map(decoded).concat()));
    before.distributors.install("kde");
    before
}

fn wants(ring_when_closed: bool) -> Preferences {
    Preferences { ring_when_closed, ..Preferences::default() }
}

fn knows_key(vapid: &str) -> LineChange {
    LineChange::View(LineView { push_key: Some(vapid.to_owned()), ..nothing_heard() })
}

/// Waits until the app has registered so many times, and gives the last registration.
async fn registered(distributors: &FakeDistributors, times: usize) -> Registration {
    until_true("a registration", || distributors.registered().len() >= times).await;
    distributors.registered().pop().expect("there is one")
}

fn says_where(bench: &Bench, registration: &Registration, endpoint: &str) {
    let endpoint = Redacted::new(endpoint.to_owned());
    bench.inbox.send(Event::Wake(WakeEvent::Endpoint { token: registration.token.clone(), endpoint }));
}

fn push(token: &Redacted<String>) -> Event {
    Event::Wake(WakeEvent::Push { token: token.clone(), sealed: decoded(SEALED) })
}

/// An app whose calls ring when it is closed.
async fn reachable(before: Before) -> (Bench, Registration) {
    let mut bench = before.start();
    bench.until_ready().await;
    bench.line().tell(knows_key(VAPID));
    let registration = registered(&bench.distributors, 1).await;
    says_where(&bench, &registration, "https://push.example/1");
    bench.until(|view| view.settings.wake == WakeView::Works { by: Some("kde".to_owned()) }).await;
    (bench, registration)
}

fn asked_for(bench: &Bench, what: &str) -> usize {
    bench.line().asked().iter().filter(|asked| asked.starts_with(what)).count()
}

#[tokio::test]
async fn pushes_go_where_the_distributor_says_and_the_service_is_told() {
    let (mut bench, registration) = reachable(wanting()).await;
    assert_eq!((registration.distributor.as_str(), registration.vapid.as_str()), ("org.unifiedpush.Distributor.kde", VAPID));
    assert_eq!(asked_for(&bench, "pushes to https://push.example/1"), 1);
    assert!(bench.file("services/org.signedcall.desktop.profile_default.service").contains("'--for-push'"), "the bus can start the app");
    assert!(bench.file("config/device.json").contains(registration.token.expose()), "the next start knows the token");
    // The endpoint changes.
    says_where(&bench, &registration, "https://push.example/2");
    until_true("the new endpoint", || asked_for(&bench, "pushes to https://push.example/2") == 1).await;
    // Somebody who does not know the token says where pushes go.
    let stranger = Registration { token: Redacted::new("guessed".to_owned()), ..registration.clone() };
    says_where(&bench, &stranger, "https://evil.example");
    assert_eq!(bench.view().await.settings.wake, WakeView::Works { by: Some("kde".to_owned()) });
    assert_eq!(asked_for(&bench, "pushes to https://evil.example"), 0);
    // The service has another key: what was registered takes none of its pushes.
    bench.line().tell(knows_key("another key"));
    let renewed = registered(&bench.distributors, 2).await;
    assert_ne!(renewed.token, registration.token);
    assert_eq!(bench.distributors.unregistered(), [registration]);
    bench.until(|view| view.settings.wake == WakeView::Asking).await;
}

#[tokio::test]
async fn the_next_start_registers_by_the_same_token() {
    let (mut bench, first) = reachable(wanting()).await;
    bench.inbox.send(Event::Quit);
    bench.until_quit().await;
    let mut bench = bench.again().start();
    bench.until_ready().await;
    bench.line().tell(knows_key(VAPID));
    assert_eq!(registered(&bench.distributors, 2).await, first);
}

#[tokio::test]
async fn a_push_reaches_the_line_once_somebody_is_signed_in() {
    let before = wanting();
    before.sdk.set_slow(true);
    let token = Redacted::new("kept".to_owned());
    before.write("config/device.json", REGISTERED);
    let mut bench = before.start();
    // It has started the app.
    bench.inbox.send(push(&token));
    bench.inbox.send(push(&Redacted::new("another".to_owned())));
    in_time("an attempt", bench.sdk.until_attempts(1)).await;
    bench.sdk.set_slow(false);
    bench.until_ready().await;
    until_true("the push", || asked_for(&bench, OPENED) == 1).await;
    bench.inbox.send(Event::Wake(WakeEvent::Push { token, sealed: b"nothing that could be opened".to_vec() }));
    until_true("the other", || asked_for(&bench, "push ") == 2).await;
    assert_eq!(bench.line().asked().last().map(String::as_str), Some("push "), "it says nothing");
}

#[tokio::test]
async fn whoever_signs_out_is_forgotten_by_everybody_and_woken_by_nothing() {
    let (bench, registration) = reachable(wanting()).await;
    let line = bench.line();
    bench.ask(Event::SignOut).await.expect("it is confirmed");
    until_true("the distributor", || bench.distributors.unregistered() == [registration.clone()]).await;
    until_true("the keyring", || bench.sdk.kept_keys().is_empty()).await;
    assert!(bench.file("services/org.signedcall.desktop.profile_default.service").is_empty(), "the bus starts the app no more");
    assert!(!bench.file("config/device.json").contains(registration.token.expose()));
    bench.inbox.send(push(&registration.token));
    bench.view().await;
    assert!(line.asked().iter().all(|asked| !asked.starts_with("push ")), "{:?}", line.asked());
    assert!(!line.asked().contains(&"go idle".to_owned()), "the service forgets this device");
}

#[tokio::test]
async fn an_app_that_is_closed_stays_reachable_and_leaves_pushes_to_the_next_start() {
    let (mut bench, _) = reachable(wanting()).await;
    let (line, distributors) = (bench.line(), Arc::clone(&bench.distributors));
    bench.inbox.send(Event::Quit);
    bench.until_quit().await;
    assert_eq!(line.asked().last().map(String::as_str), Some("go idle"));
    assert!(distributors.retired());
    assert!(distributors.unregistered().is_empty());
}

#[tokio::test]
async fn turning_it_off_takes_all_of_it_back() {
    let (mut bench, registration) = reachable(wanting()).await;
    bench.ask(|reply| Event::SetPreferences(wants(false), reply)).await.expect("nothing is against it");
    assert_eq!(bench.view().await.settings.wake, WakeView::Off);
    until_true("the service", || asked_for(&bench, "pushes to nobody") == 1).await;
    until_true("the distributor", || bench.distributors.unregistered() == [registration.clone()]).await;
    assert!(bench.file("services/org.signedcall.desktop.profile_default.service").is_empty());
    let line = bench.line();
    bench.inbox.send(Event::Quit);
    bench.until_quit().await;
    assert_eq!(line.asked().last().map(String::as_str), Some("log out"));
}

#[tokio::test]
async fn of_several_distributors_the_user_chooses_one() {
    let before = wanting();
    before.distributors.install("ntfy");
    let (mut bench, first) = reachable(before).await;
    let shown = bench.view().await.settings;
    assert_eq!(shown.distributors.iter().map(|one| one.name.as_deref()).collect::<Vec<_>>(), [Some("kde"), Some("ntfy")]);
    assert_eq!(shown.distributor, None);
    let ntfy = "org.unifiedpush.Distributor.ntfy".to_owned();
    let chosen = Preferences { distributor: Some(ntfy.clone()), ..wants(true) };
    bench.ask(|reply| Event::SetPreferences(chosen, reply)).await.expect("nothing is against it");
    let second = registered(&bench.distributors, 2).await;
    assert_eq!((&second.distributor, bench.distributors.unregistered()), (&ntfy, vec![first]));
    says_where(&bench, &second, "https://push.example/2");
    bench.until(|view| view.settings.wake == WakeView::Works { by: Some("ntfy".to_owned()) }).await;
    assert_eq!(bench.view().await.settings.distributor, Some(ntfy));
}

#[tokio::test]
async fn a_distributor_alone_is_no_choice_and_says_nothing_until_pushes_would_come() {
    let mut bench = wanting().start();
    bench.until_ready().await;
    bench.line().tell(knows_key(VAPID));
    registered(&bench.distributors, 1).await;
    let shown = bench.view().await.settings;
    assert_eq!((shown.wake, shown.distributors), (WakeView::Asking, Vec::new()));
}

#[tokio::test]
async fn what_was_turned_off_on_another_computer_with_the_same_home_folder_is_taken_back_here() {
    let before = wanting();
    before.write("config/settings.json", r#"{"preferences": {"ring_when_closed": false}}"#);
    before.write("config/device.json", REGISTERED);
    let bench = before.start();
    until_true("the distributor", || bench.distributors.unregistered().len() == 1).await;
    assert!(!bench.file("config/device.json").contains("kept"));
}

#[tokio::test]
async fn what_keeps_calls_from_ringing_when_the_app_is_closed_is_said() {
    // Nobody has asked for it.
    let mut bench = Bench::ready().await;
    bench.distributors.install("kde");
    bench.line().tell(knows_key(VAPID));
    assert_eq!(bench.view().await.settings.wake, WakeView::Off);
    // The distributor refuses.
    bench.distributors.refuse(Some(NotRegistered::Refused("ACTION_REQUIRED".to_owned())));
    bench.ask(|reply| Event::SetPreferences(wants(true), reply)).await.expect("it is wanted all the same");
    bench.until(|view| view.settings.wake == WakeView::Refused).await;

    // There is none.
    let before = wanting();
    before.distributors.uninstall();
    let mut bench = before.start();
    bench.until_ready().await;
    bench.line().tell(knows_key(VAPID));
    bench.until(|view| view.settings.wake == WakeView::NoDistributor).await;

    // The keyring does not keep what reads pushes.
    let mut bench = wanting().start();
    bench.until_ready().await;
    bench.sdk.set_keyring(KeyringState::Locked);
    bench.line().tell(knows_key(VAPID));
    bench.until(|view| view.settings.wake == WakeView::NotKept).await;

    // The environment says who is signed in: the next start would not know.
    let before = Before::prefilled();
    before.write("config/settings.json", r#"{"preferences": {"ring_when_closed": true}}"#);
    before.distributors.install("kde");
    let mut bench = before.start();
    bench.until_ready().await;
    bench.line().tell(knows_key(VAPID));
    bench.until(|view| view.settings.wake == WakeView::NotKept).await;
    assert!(bench.distributors.registered().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_comes_without_a_link_is_told_when_the_link_is_back() {
    let (mut bench, registration) = reachable(wanting()).await;
    let line = bench.line();
    let gone = LineView { link: LinkState::Reconnecting, push_key: Some(VAPID.to_owned()), ..nothing_heard() };
    line.tell(LineChange::View(gone));
    bench.until(|view| matches!(view.session, crate::view::SessionView::Reconnecting { .. })).await;
    says_where(&bench, &registration, "https://push.example/2");
    bench.view().await;
    assert_eq!(asked_for(&bench, "pushes to https://push.example/2"), 0);
    line.tell(knows_key(VAPID));
    until_true("the new endpoint", || asked_for(&bench, "pushes to https://push.example/2") == 1).await;
}

#[tokio::test]
async fn a_registration_that_the_distributor_gives_up_is_renewed_once() {
    let (mut bench, first) = reachable(wanting()).await;
    let gives_up = |token: &Redacted<String>| Event::Wake(WakeEvent::Unregistered { token: token.clone() });
    bench.inbox.send(gives_up(&first.token));
    let second = registered(&bench.distributors, 2).await;
    assert_ne!(first.token, second.token);
    bench.inbox.send(gives_up(&second.token));
    bench.until(|view| view.settings.wake == WakeView::Refused).await;
    assert_eq!(bench.distributors.registered().len(), 2);
}

#[tokio::test]
async fn an_app_that_a_push_has_started_ends_when_there_is_nothing_left_to_do() {
    let mut bench = wanting().for_push().start();
    bench.until_ready().await;
    let rest = || Event::Wake(WakeEvent::Rest);
    bench.is_called(call(1));
    bench.inbox.send(rest());
    bench.view().await;
    bench.ends(call(1), Direction::Incoming, EndReason::Declined);
    bench.inbox.send(rest());
    bench.until_quit().await;
}

#[tokio::test]
async fn an_app_that_a_push_has_started_stays_where_the_user_has_looked_at_it_or_may_call_back() {
    let mut bench = wanting().for_push().start();
    bench.until_ready().await;
    bench.is_called(call(1));
    bench.ends(call(1), Direction::Incoming, EndReason::Cancelled);
    bench.inbox.send(Event::Wake(WakeEvent::Rest));
    assert_eq!(bench.view().await.missed, 1);

    let mut bench = wanting().for_push().start();
    bench.until_ready().await;
    bench.ask(Event::ShowMain).await.expect("it is shown");
    bench.inbox.send(Event::Wake(WakeEvent::Rest));
    bench.view().await;
}
