//! What windows and tray are shown, and when.

use std::time::Duration;

use signedcall::{Direction, EndReason as Reason, ErrorCode, LineMeasures, LineView, LinkState, Phase};

use super::bench::{Before, Bench, call, seen, until_true};
use crate::controller::{Event, Ongoing, Reply, Tray};
use crate::sdk::LineChange;
use crate::testing::{Told, nothing_heard};
use crate::view::{Problem, ProblemCode};

#[tokio::test]
async fn there_is_a_view_before_the_first_event() {
    let bench = Before::signed_in_before().start();
    let view = bench.views().borrow().clone();
    assert!(view.revision > 0);
    assert_eq!(view.settings.cuid, "courier_8842");
}

#[tokio::test]
async fn each_change_raises_the_revision_and_nothing_else_does() {
    let bench = Bench::ready().await;
    let before = bench.view().await;
    bench.show_nothing();
    bench.ask(Event::ShowMain).await.expect("there is a window");
    assert_eq!(bench.view().await, before);
    let mut last = before.revision;
    bench.is_called(call(1));
    for phase in [Phase::Connecting, Phase::Talking { since: Default::default(), interrupted: true }] {
        bench.show(seen(call(1), Direction::Incoming, phase));
        let revision = bench.view().await.revision;
        assert!(revision > last, "{revision} after {last}");
        last = revision;
    }
}

#[tokio::test]
async fn a_poor_line_is_shown_with_a_call_until_both_talk() {
    let bench = Bench::ready().await;
    let slow = |milliseconds| LineMeasures { round_trip: Some(Duration::from_millis(milliseconds)), ..LineMeasures::default() };
    let is_poor = async |phase, milliseconds| {
        let call = seen(call(1), Direction::Outgoing, phase);
        let line_score = slow(milliseconds).score();
        bench.line().tell(LineChange::View(LineView { call: Some(call), line_score, ..nothing_heard() }));
        bench.view().await.call.map(|call| call.poor_network)
    };
    assert_eq!(is_poor(Phase::Calling, 540).await, Some(true));
    assert_eq!(is_poor(Phase::Ringing, 540).await, Some(true));
    assert_eq!(is_poor(Phase::Ringing, 340).await, Some(false), "it is weak at most");
    assert_eq!(is_poor(Phase::Talking { since: Default::default(), interrupted: false }, 540).await, Some(false));
}

#[tokio::test]
async fn the_tray_says_what_goes_on_and_offers_what_can_be_done() {
    let mut bench = Before::signed_in_before().start();
    let tray = |status, in_call, signed_in| Tray { status, missed: 0, symbol: None, in_call, signed_in };
    assert_eq!(bench.next_tray().await, tray("Signed out", false, false));
    assert_eq!(bench.next_tray().await, tray("Signing in…", false, false));
    assert_eq!(bench.next_tray().await, tray("Ready for calls", false, true));
    bench.is_called(call(1));
    assert_eq!(bench.next_tray().await, tray("Incoming call", true, true));
    bench.talks(call(1), Direction::Incoming, 1);
    assert_eq!(bench.next_tray().await, tray("In a call", true, true));
    bench.ends(call(1), Direction::Incoming, Reason::HungUp);
    assert_eq!(bench.next_tray().await, tray("Ready for calls", false, true));
    bench.line().tell(LineChange::View(LineView { link: LinkState::Reconnecting, ..nothing_heard() }));
    assert_eq!(bench.next_tray().await, tray("Reconnecting…", false, true));
}

#[tokio::test]
async fn a_second_start_brings_the_window_to_front() {
    let mut bench = Bench::ready().await;
    bench.inbox.send(Event::ShowMain(Reply::nobody()));
    assert_eq!(bench.told_so_far().await, [Told::ShowMain]);
}

#[tokio::test]
async fn missing_notifications_are_mentioned_once() {
    let bench = Bench::ready().await;
    for _ in 0..2 {
        bench.inbox.send(Event::Noticed(Problem::new(ProblemCode::NotificationsAbsent, "nobody owns the name")));
        assert!(bench.view().await.notices.len() <= 1);
        bench.ask(|reply| Event::DismissNotice(ProblemCode::NotificationsAbsent, reply)).await.expect("it may be there");
    }
    bench.inbox.send(Event::Noticed(Problem::new(ProblemCode::NotificationsAbsent, "nobody owns the name")));
    assert_eq!(bench.view().await.notices, []);
}

#[tokio::test]
async fn a_missing_microphone_is_mentioned_when_it_is_new_and_forgotten_when_it_is_back() {
    let bench = Bench::ready().await;
    let problem = || Some(signedcall::Error::from(ErrorCode::MicrophonePermissionNotGranted));
    let without = |link| LineChange::View(LineView { microphone_problem: problem(), link, ..nothing_heard() });
    bench.line().tell(without(LinkState::Ready));
    assert_eq!(bench.view().await.notices[0].code, ProblemCode::MicrophonePermissionNotGranted);
    bench.ask(|reply| Event::DismissNotice(ProblemCode::MicrophonePermissionNotGranted, reply)).await.expect("it is there");
    bench.line().tell(without(LinkState::Reconnecting));
    assert_eq!(bench.view().await.notices, [], "it was put away");
    bench.show_nothing();
    bench.line().tell(without(LinkState::Ready));
    assert_eq!(bench.view().await.notices.len(), 1, "it is gone again");
    bench.show_nothing();
    assert_eq!(bench.view().await.notices, []);
}

#[tokio::test]
async fn missed_calls_are_counted_on_the_tray_until_somebody_looks() {
    let mut bench = Bench::ready().await;
    for number in 1..=2 {
        bench.is_called(call(number));
        bench.ends(call(number), Direction::Incoming, Reason::RingTimeout);
        bench.ask(Event::DismissCall).await.expect("it is over");
    }
    assert_eq!(bench.view().await.missed, 2);
    assert_eq!(bench.last_tray().missed, 2);
    assert!(bench.file("data/history.json").contains(r#""is_new": true"#), "the next start counts them as well");
    bench.ask(Event::SeeMissed).await.expect("there is something to see");
    let view = bench.view().await;
    assert_eq!((view.missed, view.recent.iter().filter(|call| call.is_missed).count()), (0, 2));
    assert_eq!(bench.last_tray().missed, 0);
    assert!(!bench.file("data/history.json").contains(r#""is_new": true"#));
}

#[tokio::test]
async fn a_missed_call_is_called_back_from_its_notification() {
    let mut bench = Bench::ready().await;
    bench.inbox.send(Event::CallBack { cuid: "org_25".to_owned(), context: "Your order 4711".to_owned() });
    let line = bench.line();
    until_true("the call", || line.asked() == ["call org_25 Your order 4711"]).await;
    assert_eq!(bench.told_so_far().await, [Told::ShowMain]);
}

#[tokio::test]
async fn whoever_cannot_be_called_back_is_not_called_in_silence() {
    let bench = Before::new().start();
    bench.inbox.send(Event::CallBack { cuid: "org_25".to_owned(), context: "Your order 4711".to_owned() });
    assert_eq!(bench.view().await.notices[0].code, ProblemCode::NotInitialized);
}

#[tokio::test]
async fn a_call_whose_window_is_put_away_can_be_come_back_to() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.inbox.send(Event::MainPutAway);
    let told = bench.told_so_far().await;
    assert!(!told.iter().any(|told| matches!(told, Told::Remind(_))), "it rings, and says so: {told:?}");
    bench.talks(call(1), Direction::Incoming, 3);
    let ongoing = Ongoing {
        call: call(1),
        whose: "Signed Call".to_owned(),
        peer: "Anna".to_owned(),
        context: "Your order 4711".to_owned(),
        picture: None,
    };
    assert_eq!(bench.told_so_far().await, [Told::StopRinging, Told::Remind(ongoing.clone())]);
    bench.inbox.send(Event::ShowMain(Reply::nobody()));
    assert_eq!(bench.told_so_far().await, [Told::ShowMain, Told::StopReminding]);
    bench.inbox.send(Event::MainPutAway);
    assert_eq!(bench.told_so_far().await, [Told::Remind(ongoing)]);
    bench.ends(call(1), Direction::Incoming, Reason::HungUp);
    assert_eq!(bench.told_so_far().await, [Told::StopReminding, Told::KeepAwake(false)]);
}
