//! Calls that change hands, on each of the three sides, and calls that another device of the user has dealt with.

use signedcall::{CallEvent, CallStatus, Cuid, Direction, EndReason as Reason, ErrorCode, LineView, Phase};

use super::bench::{Bench, call, heard, in_time, seen};
use crate::controller::{Elsewhere, Event, Reply};
use crate::sdk::LineChange;
use crate::testing::{Told, nothing_heard};
use crate::view::{CallPhase, EndReason, ProblemCode};

async fn in_call() -> Bench {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    bench.told_so_far().await;
    bench
}

fn to_carol(reply: Reply) -> Event {
    Event::Transfer { call: call(1), to: "carol_7".to_owned(), reply }
}

fn to_david(reply: Reply) -> Event {
    Event::Transfer { call: call(1), to: "david_7".to_owned(), reply }
}

async fn handed_over_to(bench: &Bench) -> Option<String> {
    let last = bench.view().await.recent.remove(0);
    last.transferred_to.filter(|_| last.reason == EndReason::HandedOver)
}

/// A call with Anna that somebody has brought about.
fn brought_by(by: &str, direction: Direction, phase: Phase) -> signedcall::CallView {
    signedcall::CallView { transferred_by: Some(Cuid::new(by).expect("it is valid")), ..seen(call(2), direction, phase) }
}

#[tokio::test]
async fn whoever_transfers_a_call_reads_to_whom() {
    let bench = in_call().await;
    bench.ask(to_carol).await.expect("carol is there");
    assert_eq!(bench.line().asked(), [format!("transfer {} carol_7", call(1))]);
    bench.ends(call(1), Direction::Incoming, Reason::Transferred);
    let view = bench.view().await;
    let ended = view.call.expect("the ended screen");
    assert!(matches!(ended.phase, CallPhase::Ended { reason: EndReason::HandedOver, seconds: Some(_) }));
    assert_eq!((ended.peer.as_str(), ended.transferred_to.as_deref()), ("org_25", Some("carol_7")));
    assert_eq!((view.recent[0].reason, view.recent[0].transferred_to.as_deref()), (EndReason::HandedOver, Some("carol_7")));
}

#[tokio::test]
async fn a_transfer_that_is_refused_is_told_and_forgotten() {
    let bench = in_call().await;
    for (code, expected) in [
        (ErrorCode::ContactNotReachable, ProblemCode::ContactNotReachable),
        (ErrorCode::OngoingCall, ProblemCode::OngoingCall),
        (ErrorCode::CanNotCallSelf, ProblemCode::CanNotCallSelf),
        (ErrorCode::InvalidCuid, ProblemCode::InvalidCuid),
        (ErrorCode::FailureInMakeCall, ProblemCode::FailureInMakeCall),
    ] {
        bench.line().refuse_transfer(Some(code));
        assert_eq!(bench.refused(to_carol).await, expected);
    }
    assert!(matches!(bench.view().await.call.map(|call| call.phase), Some(CallPhase::Talking { .. })), "the call is as it was");
    bench.ends(call(1), Direction::Incoming, Reason::Transferred);
    assert_eq!(bench.view().await.recent[0].reason, EndReason::Transferred, "it was the other side's doing");
}

#[tokio::test]
async fn a_call_that_is_being_transferred_is_not_transferred_to_somebody_else() {
    let bench = in_call().await;
    let ((reply, first), (again, second)) = (Reply::new(), Reply::new());
    bench.inbox.send(to_carol(reply));
    bench.inbox.send(to_david(again));
    let refusal = in_time("the second answer", second).await.expect("each request is answered").expect_err("one at a time");
    assert_eq!(refusal.code, ProblemCode::OngoingCall);
    assert_eq!(in_time("the first answer", first).await, Ok(Ok(())));
    assert_eq!(bench.refused(to_david).await, ProblemCode::OngoingCall, "it is as good as over");
    assert_eq!(bench.line().asked(), [format!("transfer {} carol_7", call(1))]);
    bench.ends(call(1), Direction::Incoming, Reason::Transferred);
    assert_eq!(handed_over_to(&bench).await.as_deref(), Some("carol_7"));
}

#[tokio::test]
async fn a_transfer_whose_answer_is_lost_is_still_this_user_s_doing() {
    let bench = in_call().await;
    bench.line().refuse_transfer(Some(ErrorCode::NetworkLatency));
    assert_eq!(bench.refused(to_carol).await, ProblemCode::NetworkLatency);
    bench.line().refuse_transfer(Some(ErrorCode::OngoingCall));
    assert_eq!(bench.refused(to_david).await, ProblemCode::OngoingCall);
    bench.ends(call(1), Direction::Incoming, Reason::Transferred);
    assert_eq!(handed_over_to(&bench).await.as_deref(), Some("carol_7"));
}

#[tokio::test]
async fn a_transfer_that_was_never_asked_for_leaves_no_doubt() {
    let bench = in_call().await;
    bench.line().refuse_transfer(Some(ErrorCode::NetworkNotAvailable));
    assert_eq!(bench.refused(to_carol).await, ProblemCode::NetworkNotAvailable);
    bench.ends(call(1), Direction::Incoming, Reason::Transferred);
    assert_eq!(handed_over_to(&bench).await, None);
}

#[tokio::test]
async fn whoever_is_transferred_reads_by_whom() {
    let bench = in_call().await;
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::Transferred)));
    bench.happened(heard(call(2), Direction::Outgoing, CallStatus::Placed));
    bench
        .line()
        .tell(LineChange::View(LineView { call: Some(brought_by("org_25", Direction::Outgoing, Phase::Calling)), ..nothing_heard() }));
    let view = bench.view().await;
    let next = view.call.expect("the next call");
    assert_eq!((next.phase, next.transferred_by.as_deref()), (CallPhase::Calling, Some("Anna")), "her name is known");
    assert_eq!((view.recent[0].reason, view.recent[0].transferred_to.as_deref()), (EndReason::Transferred, None));
    bench.ends(call(2), Direction::Outgoing, Reason::Declined);
    let view = bench.view().await;
    assert_eq!((view.recent[0].reason, view.recent[0].transferred_by.as_deref()), (EndReason::Declined, Some("Anna")));
    assert_eq!(view.call.and_then(|call| call.transferred_by).as_deref(), Some("Anna"));
}

#[tokio::test]
async fn whoever_is_called_reads_who_has_put_the_caller_through() {
    let mut bench = Bench::ready().await;
    let ringing = brought_by("bella_7", Direction::Incoming, Phase::Ringing);
    bench.happened(heard(call(2), Direction::Incoming, CallStatus::Placed));
    bench.line().tell(LineChange::View(LineView { call: Some(ringing), ..nothing_heard() }));
    let told = bench.told_so_far().await;
    let Some(Told::Ring(ringing)) = told.first() else { panic!("{told:?}") };
    assert_eq!((ringing.caller.as_str(), ringing.transferred_by.as_deref()), ("Anna", Some("bella_7")));
    assert_eq!(bench.view().await.call.and_then(|call| call.transferred_by).as_deref(), Some("bella_7"));
    bench.ends(call(2), Direction::Incoming, Reason::RingTimeout);
    assert_eq!(bench.view().await.recent[0].transferred_by.as_deref(), Some("bella_7"));
}

/// A call by which the company connects this user with Anna.
fn brought_by_company(number: u128, direction: Direction, phase: Phase) -> signedcall::CallView {
    signedcall::CallView { is_by_company: true, ..seen(call(number), direction, phase) }
}

#[tokio::test]
async fn whoever_is_connected_by_their_company_reads_so_and_the_call_that_led_to_it_is_none_of_their_history() {
    let mut bench = Bench::ready().await;
    let show = |bench: &Bench, call| bench.line().tell(LineChange::View(LineView { call: Some(call), ..nothing_heard() }));
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Placed));
    show(&bench, brought_by_company(1, Direction::Incoming, Phase::Ringing));
    let told = bench.told_so_far().await;
    let Some(Told::Ring(ringing)) = told.first() else { panic!("{told:?}") };
    assert_eq!((ringing.caller.as_str(), ringing.connected_by.as_deref()), ("Anna", Some("Signed Call")));
    assert_eq!(bench.view().await.call.and_then(|call| call.connected_by).as_deref(), Some("Signed Call"));
    show(&bench, brought_by_company(1, Direction::Incoming, Phase::Connecting));
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::Transferred)));
    bench.happened(heard(call(2), Direction::Outgoing, CallStatus::Placed));
    show(&bench, brought_by_company(2, Direction::Outgoing, Phase::Calling));
    let view = bench.view().await;
    let next = view.call.expect("the call with Anna");
    assert_eq!((next.phase, next.connected_by.as_deref()), (CallPhase::Calling, Some("Signed Call")));
    assert!(view.recent.is_empty(), "{:?}", view.recent);
    bench.ends(call(2), Direction::Outgoing, Reason::HungUp);
    assert_eq!(bench.view().await.recent.len(), 1);
}

#[tokio::test]
async fn whoever_misses_that_they_were_to_be_connected_is_told_by_whom() {
    let mut bench = Bench::ready().await;
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Placed));
    let ringing = brought_by_company(1, Direction::Incoming, Phase::Ringing);
    bench.line().tell(LineChange::View(LineView { call: Some(ringing), ..nothing_heard() }));
    bench.told_so_far().await;
    bench.ends(call(1), Direction::Incoming, Reason::RingTimeout);
    let told = bench.told_so_far().await;
    let missed = told.iter().find_map(|told| if let Told::Missed(missed) = told { Some(missed.caller.clone()) } else { None });
    assert_eq!(missed.as_deref(), Some("Signed Call connects you with Anna"), "{told:?}");
}

#[tokio::test]
async fn nobody_who_is_signed_out_can_transfer() {
    let bench = super::bench::Before::new().start();
    assert_eq!(bench.refused(to_carol).await, ProblemCode::NotInitialized);
}

#[tokio::test]
async fn a_call_that_another_device_has_dealt_with_says_so_as_it_falls_silent() {
    for (reason, answered, device) in
        [(Reason::AnsweredElsewhere, true, None), (Reason::DeclinedElsewhere, false, Some("Kitchen laptop".to_owned()))]
    {
        let mut bench = Bench::ready().await;
        bench.is_called(call(1));
        bench.told_so_far().await;
        bench.happened(CallEvent { other_device: device.clone(), ..heard(call(1), Direction::Incoming, CallStatus::Ended(reason)) });
        let (whose, caller, context) = ("Signed Call".to_owned(), "Anna".to_owned(), "Your order 4711".to_owned());
        let elsewhere = Elsewhere { whose, caller, context, answered, device: device.clone(), picture: None };
        assert!(bench.told_so_far().await.contains(&Told::TakenElsewhere(elsewhere)), "{reason:?}");
        assert_eq!(bench.view().await.recent[0].other_device, device);
    }
    let mut bench = in_call().await;
    bench.ends(call(1), Direction::Incoming, Reason::HungUp);
    assert!(!bench.told_so_far().await.iter().any(|told| matches!(told, Told::TakenElsewhere(_))));
}
