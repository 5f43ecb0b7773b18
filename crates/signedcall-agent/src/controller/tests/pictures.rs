//! Faces and logos, and how far is gone for them.

use signedcall::{Branding, Direction, EndReason as Reason, LineView, Phase};

use super::bench::{Before, Bench, branding, call, seen};
use crate::pictures::{Reach, Request, Shape};
use crate::sdk::LineChange;
use crate::testing::{Told, nothing_heard};

const FACE: &str = "https://pictures.example/anna";
const LOGO: &str = "https://parcelo.example/logo.png";

fn with_logo() -> Branding {
    Branding { logo: Some(LOGO.to_owned()), ..branding() }
}

fn face(reach: Reach) -> Request {
    // The service of these tests is on this machine.
    Request { url: FACE.to_owned(), shape: Shape::Face, reach, nearby: true }
}

/// The line shows a call with Anna, whose picture lies at an address of her choice.
fn show(bench: &Bench, phase: Phase, line: LineView) {
    let call = signedcall::CallView { peer_image: Some(FACE.to_owned()), ..seen(call(1), Direction::Incoming, phase) };
    bench.line().tell(LineChange::View(LineView { call: Some(call), ..line }));
}

async fn wanted(bench: &Bench) -> Vec<Request> {
    bench.view().await;
    bench.pictures.wanted()
}

#[tokio::test]
async fn a_stranger_learns_nothing_before_the_answer() {
    let bench = Bench::ready().await;
    show(&bench, Phase::Ringing, nothing_heard());
    assert_eq!(wanted(&bench).await, [face(Reach::Kept)]);
    show(&bench, Phase::Connecting, nothing_heard());
    assert_eq!(wanted(&bench).await, [face(Reach::Anywhere)]);
}

#[tokio::test]
async fn the_face_of_somebody_who_was_talked_with_is_there_while_it_rings() {
    let bench = Bench::ready().await;
    bench.is_called(call(9));
    bench.talks(call(9), Direction::Incoming, 3);
    bench.ends(call(9), Direction::Incoming, Reason::HungUp);
    show(&bench, Phase::Ringing, nothing_heard());
    assert_eq!(wanted(&bench).await, [face(Reach::Anywhere)]);
}

#[tokio::test]
async fn what_the_company_itself_serves_is_shown_while_it_rings() {
    let bench = Bench::ready().await;
    show(&bench, Phase::Ringing, LineView { branding: Some(with_logo()), ..nothing_heard() });
    let logo = Request { url: LOGO.to_owned(), shape: Shape::Logo, ..face(Reach::Anywhere) };
    assert_eq!(wanted(&bench).await, [face(Reach::Host("parcelo.example".to_owned())), logo]);
}

#[tokio::test]
async fn an_account_that_hides_addresses_hides_them_after_the_answer_too() {
    let bench = Bench::ready().await;
    let hidden = || LineView { hides_addresses: true, ..nothing_heard() };
    for phase in [Phase::Ringing, Phase::Connecting] {
        show(&bench, phase, hidden());
    }
    assert_eq!(wanted(&bench).await, [face(Reach::Kept)]);
}

#[tokio::test]
async fn the_picture_of_whom_this_user_calls_is_this_app_s_own_choice() {
    let bench = Bench::ready().await;
    let call = signedcall::CallView { peer_image: Some(FACE.to_owned()), ..seen(call(1), Direction::Outgoing, Phase::Calling) };
    bench.line().tell(LineChange::View(LineView { call: Some(call), hides_addresses: true, ..nothing_heard() }));
    assert_eq!(wanted(&bench).await, [face(Reach::Anywhere)]);
}

#[tokio::test]
async fn a_service_elsewhere_lets_nobody_point_into_this_network() {
    let before = Before::signed_in_before();
    let settings = r#"{"account": {"service_url": "wss://calls.example", "account_id": "demo", "cuid": "courier_8842"}}"#;
    before.write("config/settings.json", settings);
    let mut bench = before.start();
    bench.until_ready().await;
    show(&bench, Phase::Connecting, nothing_heard());
    assert_eq!(wanted(&bench).await, [Request { nearby: false, ..face(Reach::Anywhere) }]);
}

#[tokio::test]
async fn a_picture_is_wanted_once_and_goes_with_its_call() {
    let mut bench = Bench::ready().await;
    let picture = bench.pictures.hang(FACE, 200);
    show(&bench, Phase::Connecting, nothing_heard());
    let view = bench.until(|view| view.call.as_ref().is_some_and(|call| call.image.is_some())).await;
    assert_eq!(view.call.and_then(|call| call.image), Some(picture.data_url.to_text()));
    show(&bench, Phase::Talking { since: Default::default(), interrupted: false }, nothing_heard());
    assert_eq!(wanted(&bench).await.len(), 1);
    bench.show(seen(call(2), Direction::Incoming, Phase::Ringing));
    assert_eq!(bench.view().await.call.and_then(|call| call.image), None);
}

#[tokio::test]
async fn a_face_that_comes_later_than_the_call_is_put_on_its_notification_once() {
    let mut bench = Bench::ready().await;
    bench.pictures.hang(FACE, 200);
    show(&bench, Phase::Ringing, nothing_heard());
    bench.until(|view| view.call.as_ref().is_some_and(|call| call.image.is_some())).await;
    show(&bench, Phase::Ringing, LineView { state: signedcall::CallState::IncomingCall, ..nothing_heard() });
    let told = bench.told_so_far().await;
    assert!(matches!(&told[..], [Told::Ring(ringing), Told::KeepAwake(true), Told::ShowCaller] if ringing.picture.is_none()), "{told:?}");
}

#[tokio::test]
async fn the_logo_is_on_the_screens_and_its_symbol_on_notification_and_tray() {
    let mut bench = Bench::ready().await;
    let logo = bench.pictures.hang(LOGO, 200);
    bench.line().tell(LineChange::View(LineView { branding: Some(with_logo()), ..nothing_heard() }));
    let view = bench.until(|view| view.brand.logo.is_some()).await;
    assert_eq!((view.brand.name.as_str(), view.brand.app.as_str()), ("Parcelo", "Signed Call"));
    assert_eq!(view.brand.logo, Some(logo.data_url.to_text()));
    let symbol = bench.last_tray().symbol.expect("the logo has a shape");
    let ringing = seen(call(1), Direction::Incoming, Phase::Ringing);
    bench.line().tell(LineChange::View(LineView { branding: Some(with_logo()), call: Some(ringing), ..nothing_heard() }));
    let told = bench.told_so_far().await;
    assert!(matches!(told.first(), Some(Told::Ring(ringing)) if ringing.picture.as_ref() == Some(&symbol)), "{told:?}");
}
