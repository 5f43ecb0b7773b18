//! Two calls at once: one that waits, and one that is held.

use signedcall::{AnswerHow, CallStatus, Direction, EndReason as Reason, ErrorCode, Phase};

use super::bench::{Bench, call, heard, heard_of_bella, held, seen, talking, until_true, waits};
use crate::controller::{Event, Reply};
use crate::settings::Preferences;
use crate::testing::Told;
use crate::view::{Answering, AppView, CallPhase, EndReason, Holding, ProblemCode};

/// Anna and this user talk, and Bella calls.
async fn waiting() -> Bench {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    bench.told_so_far().await;
    bench.happened(heard_of_bella(call(2), CallStatus::Placed));
    bench.happened(heard_of_bella(call(2), CallStatus::Ringing));
    bench.show_both(seen(call(1), Direction::Incoming, talking()), waits(call(2)));
    bench
}

/// This user talks with Bella and holds the call with Anna.
async fn both() -> Bench {
    let mut bench = waiting().await;
    bench.happened(heard_of_bella(call(2), CallStatus::Answered));
    bench.happened(heard_of_bella(call(2), CallStatus::InProgress));
    bench.show_both(signedcall::CallView { phase: talking(), ..waits(call(2)) }, held(call(1)));
    bench.told_so_far().await;
    bench
}

/// The ids of the call in front and of the other.
fn shown(view: &AppView) -> [Option<String>; 2] {
    [&view.call, &view.other].map(|call| call.as_ref().map(|call| call.id.clone()))
}

fn ids(numbers: [Option<u128>; 2]) -> [Option<String>; 2] {
    numbers.map(|number| number.map(|number| call(number).to_string()))
}

#[tokio::test]
async fn a_call_that_waits_stands_beside_the_one_that_goes_on() {
    let mut bench = waiting().await;
    let view = bench.view().await;
    assert_eq!(shown(&view), ids([Some(1), Some(2)]));
    let other = view.other.expect("it waits");
    assert_eq!((other.peer_name.as_deref(), other.phase, other.answering), (Some("Bella"), CallPhase::Ringing, Some(Answering::HoldOrEnd)));
    let told = bench.told_so_far().await;
    let [Told::Ring(ringing)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((ringing.call, ringing.caller.as_str(), ringing.answering), (call(2), "Bella", Answering::HoldOrEnd));
}

#[tokio::test]
async fn a_held_call_keeps_its_place_when_another_rings() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    // The line has the one in front that can be heard.
    bench.show_both(waits(call(2)), held(call(1)));
    let view = bench.view().await;
    assert_eq!(shown(&view), ids([Some(1), Some(2)]));
    assert_eq!(view.call.map(|call| call.holding), Some(Holding::ThisSide));
}

#[tokio::test]
async fn of_two_that_ring_either_is_simply_answered() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.show_both(seen(call(1), Direction::Incoming, Phase::Ringing), waits(call(2)));
    let view = bench.view().await;
    assert_eq!(shown(&view), ids([Some(1), Some(2)]));
    let answering = [view.call, view.other].map(|call| call.expect("it rings").answering);
    assert_eq!(answering, [Some(Answering::Simply); 2]);
}

#[tokio::test]
async fn a_call_that_nobody_has_answered_is_given_up_for_the_one_that_rings() {
    let bench = Bench::ready().await;
    bench.show_both(seen(call(1), Direction::Outgoing, Phase::Ringing), waits(call(2)));
    assert_eq!(bench.view().await.other.and_then(|call| call.answering), Some(Answering::End));
}

#[tokio::test]
async fn the_one_that_waits_is_answered_as_the_user_says() {
    let bench = waiting().await;
    bench.ask(|reply| Event::Answer(call(2), AnswerHow::HoldCurrent, reply)).await.expect("it waits");
    bench.ask(|reply| Event::Answer(call(2), AnswerHow::EndCurrent, reply)).await.expect("it waits");
    bench.ask(|reply| Event::Decline(call(2), reply)).await.expect("it waits");
    let id = call(2);
    assert_eq!(bench.line().asked(), [format!("answer {id}"), format!("end the other and answer {id}"), format!("decline {id}")]);
}

#[tokio::test]
async fn who_has_waited_in_vain_is_missed_and_the_talk_goes_on() {
    let mut bench = waiting().await;
    let before = bench.view().await.call;
    bench.told_so_far().await;
    bench.happened(heard_of_bella(call(2), CallStatus::Ended(Reason::Cancelled)));
    let view = bench.view().await;
    assert_eq!((view.call, view.other, view.missed), (before, None, 1));
    assert_eq!((view.recent[0].peer.as_str(), view.recent[0].is_missed), ("bella_7", true));
    let told = bench.told_so_far().await;
    assert!(matches!(&told[..], [Told::Missed(missed), Told::StopRinging] if missed.caller == "Bella"), "{told:?}");
}

#[tokio::test]
async fn a_call_that_waits_rings_as_any_other_once_the_talk_is_over() {
    let mut bench = waiting().await;
    bench.told_so_far().await;
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::RemoteNetworkLoss)));
    bench.show(waits(call(2)));
    let told = bench.told_so_far().await;
    assert!(matches!(&told[..], [Told::StopRinging, Told::Ring(ringing)] if ringing.answering == Answering::Simply), "{told:?}");
    let view = bench.view().await;
    assert_eq!(shown(&view), ids([Some(2), Some(1)]), "and why the talk is over stands beside it");
}

#[tokio::test]
async fn holding_and_swapping_are_the_line_s_to_do() {
    let bench = both().await;
    bench.ask(|reply| Event::Hold(call(2), true, reply)).await.expect("it goes on");
    bench.ask(|reply| Event::Hold(call(2), false, reply)).await.expect("it goes on");
    bench.ask(Event::Swap).await.expect("there are two");
    let id = call(2);
    assert_eq!(bench.line().asked(), [format!("hold {id} true"), format!("hold {id} false"), "swap".to_owned()]);
    let other = bench.view().await.other.expect("it is held");
    assert!(matches!((other.phase, other.holding, other.answering), (CallPhase::Talking { .. }, Holding::ThisSide, None)));
}

#[tokio::test]
async fn the_held_call_comes_to_front_when_the_other_side_ends_the_current_one() {
    let bench = both().await;
    bench.happened(heard_of_bella(call(2), CallStatus::Ended(Reason::HungUp)));
    let view = bench.view().await;
    assert_eq!(shown(&view), ids([Some(1), Some(2)]));
    assert_eq!(view.call.as_ref().map(|call| call.holding), Some(Holding::ThisSide));
    let ended = view.other.expect("the user is told");
    assert!(matches!(ended.phase, CallPhase::Ended { reason: EndReason::HungUp, seconds: Some(_) }) && ended.can_call_again);
    // The line's view of it is the same.
    bench.show(held(call(1)));
    assert_eq!(shown(&bench.view().await), ids([Some(1), Some(2)]));
    bench.ask(Event::CallAgain).await.expect("it stands there");
    assert_eq!(bench.line().asked(), ["call bella_7 Your order 4711"]);
    bench.ask(Event::DismissCall).await.expect("it stands there");
    assert_eq!(shown(&bench.view().await), ids([Some(1), None]));
}

#[tokio::test]
async fn whoever_has_ended_a_call_is_not_told_so() {
    let bench = both().await;
    bench.ask(|reply| Event::HangUp(call(2), reply)).await.expect("it goes on");
    bench.show(held(call(1)));
    bench.happened(heard_of_bella(call(2), CallStatus::Ended(Reason::HungUp)));
    let view = bench.view().await;
    assert_eq!((shown(&view), view.recent.len()), (ids([Some(1), None]), 1));
    let bench = waiting().await;
    bench.ask(|reply| Event::Answer(call(2), AnswerHow::EndCurrent, reply)).await.expect("it waits");
    bench.show(signedcall::CallView { phase: Phase::Connecting, ..waits(call(2)) });
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::HungUp)));
    assert_eq!(shown(&bench.view().await), ids([Some(2), None]));
}

#[tokio::test]
async fn when_both_are_over_the_last_one_has_the_screen() {
    let bench = both().await;
    bench.happened(heard_of_bella(call(2), CallStatus::Ended(Reason::HungUp)));
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::LocalNetworkLoss)));
    bench.show_nothing();
    let view = bench.view().await;
    assert_eq!((shown(&view), view.recent.len()), (ids([Some(1), None]), 2));
}

#[tokio::test]
async fn a_call_may_be_placed_beside_one_that_is_held() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    bench.show(held(call(1)));
    let dial = |reply| Event::Dial { cuid: "carol_7".to_owned(), context: "Order 12".to_owned(), reply };
    bench.line().next_dial(Err(ErrorCode::ContactNotReachable));
    bench.ask(dial).await.expect("the screen says why");
    let view = bench.view().await;
    assert_eq!(view.call.map(|call| call.id), Some(call(1).to_string()), "it is still held");
    let reason = EndReason::NotPlaced { code: ProblemCode::ContactNotReachable };
    assert_eq!(view.other.map(|call| call.phase), Some(CallPhase::Ended { reason, seconds: None }));
    bench.ask(dial).await.expect("it is placed");
    bench.show_both(seen(call(3), Direction::Outgoing, Phase::Calling), held(call(1)));
    assert_eq!(shown(&bench.view().await), ids([Some(3), Some(1)]));
}

#[tokio::test]
async fn a_crossing_call_that_never_comes_is_told_beside_the_held_one() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    bench.show_both(seen(call(3), Direction::Outgoing, Phase::Calling), held(call(1)));
    assert_eq!(shown(&bench.view().await), ids([Some(3), Some(1)]));
    bench.show(held(call(1)));
    let view = bench.view().await;
    assert_eq!(shown(&view), ids([Some(1), Some(3)]));
    let reason = EndReason::NotPlaced { code: ProblemCode::OngoingCall };
    assert_eq!(view.other.map(|call| call.phase), Some(CallPhase::Ended { reason, seconds: None }));
}

#[tokio::test]
async fn closing_the_app_ends_both_calls() {
    let mut bench = both().await;
    let line = bench.line();
    line.end_at_hang_up(heard_of_bella(call(2), CallStatus::Ended(Reason::HungUp)));
    line.end_at_hang_up(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::HungUp)));
    bench.inbox.send(Event::Quit);
    bench.until_quit().await;
    let asked = line.asked();
    for number in [1, 2] {
        assert!(asked.contains(&format!("hang up {}", call(number))), "{asked:?}");
    }
}

#[tokio::test]
async fn whether_a_second_call_waits_counts_at_once() {
    let bench = Bench::ready().await;
    assert!(bench.view().await.settings.second_calls && bench.sdk.sign_ins()[0].second_calls);
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    let busy = Preferences { second_calls: false, ..Preferences::default() };
    bench.ask(|reply| Event::SetPreferences(busy, reply)).await.expect("there is nothing to refuse");
    assert_eq!(bench.line().asked(), ["second calls false"], "and nothing else is told anew");
    let view = bench.view().await;
    assert_eq!((view.settings.second_calls, bench.sdk.sign_ins().len()), (false, 1));
    assert!(view.call.is_some_and(|call| call.is_on()), "the talk goes on");
}

#[tokio::test]
async fn the_notification_s_choice_reaches_the_line() {
    let bench = waiting().await;
    bench.inbox.send(Event::Answer(call(2), AnswerHow::EndCurrent, Reply::nobody()));
    let line = bench.line();
    until_true("the answer", || line.asked() == [format!("end the other and answer {}", call(2))]).await;
}

#[tokio::test]
async fn the_tray_says_that_another_call_waits_and_that_one_is_held() {
    let mut bench = waiting().await;
    bench.view().await;
    assert_eq!(bench.last_tray().status, "Another call waits");
    bench.happened(heard_of_bella(call(2), CallStatus::Ended(Reason::Cancelled)));
    bench.show(held(call(1)));
    bench.view().await;
    let tray = bench.last_tray();
    assert_eq!((tray.status, tray.in_call, tray.missed), ("Call on hold", true, 1));
}
