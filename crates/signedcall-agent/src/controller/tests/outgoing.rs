//! Calls that this user makes.

use signedcall::{CallStatus, Direction, EndReason as Reason, ErrorCode, Phase};

use super::bench::{Bench, call, heard, seen, until_true};
use crate::controller::dialling::Dialled;
use crate::controller::{Event, Reply};
use crate::view::{CallPhase, EndReason, ProblemCode};

fn dial(reply: Reply) -> Event {
    Event::Dial { cuid: "org_25".to_owned(), context: "Your order 4711".to_owned(), reply }
}

fn dialled() -> Dialled {
    Dialled { session: 1, peer: "org_25".to_owned(), context: "Order".to_owned(), already: false }
}

fn not_placed(code: ProblemCode) -> CallPhase {
    CallPhase::Ended { reason: EndReason::NotPlaced { code }, seconds: None }
}

#[tokio::test]
async fn dialling_asks_the_line_and_shows_what_it_says() {
    let bench = Bench::ready().await;
    bench.ask(dial).await.expect("the line places it");
    assert_eq!(bench.line().asked(), ["call org_25 Your order 4711"]);
    bench.show(seen(call(1), Direction::Outgoing, Phase::Calling));
    assert_eq!(bench.view().await.call.map(|call| call.phase), Some(CallPhase::Calling));
}

#[tokio::test]
async fn an_entry_that_can_be_mended_is_answered_in_the_form() {
    let bench = Bench::ready().await;
    for (code, expected) in [
        (ErrorCode::InvalidCuid, ProblemCode::InvalidCuid),
        (ErrorCode::CallContextInvalid, ProblemCode::CallContextInvalid),
        (ErrorCode::CanNotCallSelf, ProblemCode::CanNotCallSelf),
    ] {
        bench.line().next_dial(Err(code));
        assert_eq!(bench.refused(dial).await, expected);
    }
    let view = bench.view().await;
    assert_eq!((view.call, view.recent.len()), (None, 0));
}

#[tokio::test]
async fn an_entry_that_the_service_refuses_leaves_no_call_on_the_screen() {
    let bench = Bench::ready().await;
    // The line shows the call while it asks the service.
    bench.show(seen(call(1), Direction::Outgoing, Phase::Calling));
    bench.view().await;
    bench.line().next_dial(Err(ErrorCode::CallContextInvalid));
    let outcome = Err(signedcall::Error::from(ErrorCode::CallContextInvalid));
    let (reply, _answer) = Reply::new();
    let event = Event::Dialled { dialled: dialled(), outcome, reply };
    bench.inbox.send(event);
    assert_eq!(bench.view().await.call, None);
}

#[tokio::test]
async fn a_call_that_is_not_placed_says_why_on_its_screen_and_in_the_history() {
    let bench = Bench::ready().await;
    bench.line().next_dial(Err(ErrorCode::ContactNotReachable));
    bench.ask(dial).await.expect("the screen says why");
    let view = bench.view().await;
    let shown = view.call.expect("the ended screen");
    assert_eq!((shown.phase, shown.can_call_again), (not_placed(ProblemCode::ContactNotReachable), true));
    assert_eq!(view.recent[0].reason, EndReason::NotPlaced { code: ProblemCode::ContactNotReachable });
    assert_eq!(view.recent[0].id, shown.id);
}

#[tokio::test]
async fn a_second_call_is_refused_while_one_is_on() {
    let bench = Bench::ready().await;
    bench.show(seen(call(1), Direction::Outgoing, Phase::Ringing));
    bench.happened(heard(call(1), Direction::Outgoing, CallStatus::Placed));
    bench.line().next_dial(Err(ErrorCode::OngoingCall));
    assert_eq!(bench.refused(dial).await, ProblemCode::OngoingCall);
    let view = bench.view().await;
    assert_eq!((view.call.map(|call| call.phase), view.recent.len()), (Some(CallPhase::Ringing), 0), "that one goes on");
}

#[tokio::test]
async fn nobody_who_is_signed_out_can_call() {
    let bench = super::bench::Before::new().start();
    assert_eq!(bench.refused(dial).await, ProblemCode::NotInitialized);
}

#[tokio::test]
async fn calling_again_dials_the_same_person_for_the_same_reason() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.ends(call(1), Direction::Incoming, Reason::Cancelled);
    bench.view().await;
    bench.ask(Event::CallAgain).await.expect("the ended screen offers it");
    assert_eq!(bench.line().asked(), ["call org_25 Your order 4711"]);
}

#[tokio::test]
async fn there_is_nothing_to_repeat_without_an_ended_call() {
    let bench = Bench::ready().await;
    assert_eq!(bench.refused(Event::CallAgain).await, ProblemCode::FailureInMakeCall);
    bench.is_called(call(1));
    bench.view().await;
    assert_eq!(bench.refused(Event::CallAgain).await, ProblemCode::FailureInMakeCall);
}

#[tokio::test]
async fn two_who_call_each_other_at_once_have_one_call() {
    let bench = Bench::ready().await;
    bench.show(seen(call(2), Direction::Incoming, Phase::Connecting));
    bench.happened(heard(call(2), Direction::Incoming, CallStatus::Placed));
    let outcome = Err(signedcall::Error::from(ErrorCode::OngoingCall));
    let (reply, answer) = Reply::new();
    let event = Event::Dialled { dialled: dialled(), outcome, reply };
    bench.inbox.send(event);
    assert_eq!(answer.await, Ok(Ok(())), "the call that was wanted is there");
    let view = bench.view().await;
    assert_eq!(view.call.map(|call| call.id), Some(call(2).to_string()));
    assert_eq!(view.recent.len(), 0);
}

#[tokio::test]
async fn a_crossing_call_that_never_comes_leaves_no_ghost() {
    let bench = Bench::ready().await;
    bench.show(seen(call(1), Direction::Outgoing, Phase::Calling));
    let outcome = Err(signedcall::Error::from(ErrorCode::OngoingCall));
    let (reply, _answer) = Reply::new();
    let event = Event::Dialled { dialled: dialled(), outcome, reply };
    bench.inbox.send(event);
    assert_eq!(bench.view().await.call.map(|call| call.phase), Some(CallPhase::Calling), "the other call may still come");
    bench.show_nothing();
    let view = bench.view().await;
    assert_eq!(view.call.map(|call| call.phase), Some(not_placed(ProblemCode::OngoingCall)));
    assert_eq!(view.recent.len(), 1);
}

#[tokio::test]
async fn a_call_that_the_view_loses_before_its_end_is_told_waits_for_the_end() {
    let bench = Bench::ready().await;
    bench.show(seen(call(1), Direction::Outgoing, Phase::Ringing));
    bench.happened(heard(call(1), Direction::Outgoing, CallStatus::Placed));
    bench.show_nothing();
    assert_eq!(bench.view().await.call.map(|call| call.phase), Some(CallPhase::Ringing));
    bench.ends(call(1), Direction::Outgoing, Reason::RingTimeout);
    let phase = bench.view().await.call.map(|call| call.phase);
    assert_eq!(phase, Some(CallPhase::Ended { reason: EndReason::RingTimeout, seconds: None }));
}

#[tokio::test]
async fn the_tray_hangs_up_what_is_on_and_declines_what_rings() {
    let bench = Bench::ready().await;
    let line = bench.line();
    bench.inbox.send(Event::HangUpCurrent);
    bench.is_called(call(1));
    bench.inbox.send(Event::HangUpCurrent);
    until_true("the call declined", || line.asked() == [format!("decline {}", call(1))]).await;
    bench.talks(call(1), Direction::Incoming, 1);
    bench.inbox.send(Event::HangUpCurrent);
    until_true("the call hung up", || line.asked().last() == Some(&format!("hang up {}", call(1)))).await;
}
