//! Links from outside.

use signedcall::{Direction, EndReason as Reason};

use super::bench::{Before, Bench, call};
use crate::controller::Event;
use crate::testing::Told;
use crate::view::{LinkView, ProblemCode};

fn link(text: &str) -> Event {
    Event::Link(format!("signedcall://call/{text}"))
}

#[tokio::test]
async fn a_link_asks_and_calls_nobody() {
    let mut bench = Bench::ready().await;
    bench.inbox.send(link("org_25?context=Order%204711"));
    let asked = LinkView { cuid: "org_25".to_owned(), name: None, context: Some("Order 4711".to_owned()) };
    assert_eq!(bench.view().await.link, Some(asked));
    assert_eq!(bench.told_so_far().await, [Told::ShowMain]);
    assert!(bench.line().asked().is_empty());
    bench.ask(Event::DismissLink).await.expect("it is there");
    assert_eq!(bench.view().await.link, None);
}

#[tokio::test]
async fn somebody_who_is_known_is_asked_for_by_name() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.ends(call(1), Direction::Incoming, Reason::RingTimeout);
    bench.inbox.send(link("org_25"));
    let asked = bench.view().await.link.expect("it asks");
    assert_eq!((asked.name.as_deref(), asked.context), (Some("Anna"), None));
}

#[tokio::test]
async fn a_second_link_does_not_take_the_place_of_the_first() {
    let bench = Bench::ready().await;
    bench.inbox.send(link("org_25"));
    bench.inbox.send(link("agent_310"));
    assert_eq!(bench.view().await.link.map(|link| link.cuid).as_deref(), Some("org_25"));
}

#[tokio::test]
async fn a_link_that_cannot_be_followed_says_so_and_nothing_of_what_it_said() {
    let bench = Bench::ready().await;
    bench.inbox.send(link("org_25?context=%3Cb%3EYour%20bank"));
    let view = bench.view().await;
    assert_eq!((view.link, view.notices[0].code), (None, ProblemCode::InvalidLink));
    assert!(!format!("{:?}", view.notices).contains("bank"));
}

#[tokio::test]
async fn a_link_does_not_disturb_a_call() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.view().await;
    bench.inbox.send(link("org_25"));
    let view = bench.view().await;
    assert_eq!((view.link, view.notices[0].code), (None, ProblemCode::OngoingCall));
}

#[tokio::test]
async fn a_link_waits_until_somebody_is_signed_in() {
    let before = Before::signed_in_before();
    before.sdk.set_slow(true);
    let mut bench = before.start();
    bench.inbox.send(link("org_25"));
    bench.sdk.set_slow(false);
    assert!(bench.until_ready().await.link.is_some());
}
