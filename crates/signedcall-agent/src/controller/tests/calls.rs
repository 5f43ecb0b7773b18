//! Calls as they come, go on and end.

use signedcall::{AnswerHow, CallStatus, Direction, EndReason as Reason, ErrorCode, LineView, Phase, VoiceCondition};

use super::bench::{Bench, branding, call, heard, seen, until_true};
use crate::controller::{Event, Missed, Reply, Ringing};
use crate::sdk::LineChange;
use crate::testing::{Told, nothing_heard};
use crate::view::{Answering, CallPhase, EndReason, LineNotice, MicrophoneNote, ProblemCode, Quality};

fn ring_of_anna() -> Told {
    Told::Ring(Ringing {
        call: call(1),
        answering: Answering::Simply,
        whose: "Signed Call".to_owned(),
        caller: "Anna".to_owned(),
        context: "Your order 4711".to_owned(),
        transferred_by: None,
        connected_by: None,
        picture: None,
    })
}

fn answer(call: signedcall::CallId, reply: Reply) -> Event {
    Event::Answer(call, AnswerHow::HoldCurrent, reply)
}

#[tokio::test]
async fn a_call_rings_once_with_who_calls_and_why() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.is_called(call(1));
    assert_eq!(bench.told_so_far().await, [ring_of_anna(), Told::KeepAwake(true)]);
    let shown = bench.view().await.call.expect("the pop-up shows it");
    assert_eq!((shown.peer.as_str(), shown.peer_name.as_deref(), shown.phase), ("org_25", Some("Anna"), CallPhase::Ringing));
}

#[tokio::test]
async fn a_call_rings_in_the_name_of_the_company() {
    let mut bench = Bench::ready().await;
    let branding = branding();
    let unnamed = signedcall::CallView { peer_name: None, ..seen(call(1), Direction::Incoming, Phase::Ringing) };
    bench.line().tell(LineChange::View(LineView { branding: Some(branding.clone()), ..nothing_heard() }));
    bench.line().tell(LineChange::View(LineView { branding: Some(branding), call: Some(unnamed), ..nothing_heard() }));
    let told = bench.told_so_far().await;
    let Some(Told::Ring(ringing)) = told.first() else { panic!("{told:?}") };
    assert_eq!((ringing.whose.as_str(), ringing.caller.as_str()), ("Parcelo · Signed Call", "org_25"));
    let brand = bench.view().await.brand;
    assert_eq!((brand.background.as_str(), brand.foreground.as_str(), brand.light_buttons), ("#0F3D2E", "#FFFFFF", false));
}

#[tokio::test]
async fn ringing_stops_when_the_call_is_answered() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.told_so_far().await;
    bench.show(seen(call(1), Direction::Incoming, Phase::Connecting));
    assert_eq!(bench.told_so_far().await, [Told::StopRinging]);
    bench.talks(call(1), Direction::Incoming, 0);
    assert_eq!(bench.told_so_far().await, [], "it rings no more, and the machine stays awake");
}

#[tokio::test]
async fn ringing_stops_when_the_call_ends_in_whatever_way() {
    for reason in [Reason::Declined, Reason::Cancelled, Reason::AnsweredElsewhere, Reason::DeclinedElsewhere, Reason::RingTimeout] {
        let mut bench = Bench::ready().await;
        bench.is_called(call(1));
        bench.told_so_far().await;
        bench.ends(call(1), Direction::Incoming, reason);
        let told: Vec<Told> =
            bench.told_so_far().await.into_iter().filter(|told| !matches!(told, Told::Missed(_) | Told::TakenElsewhere(_))).collect();
        assert_eq!(told, [Told::StopRinging, Told::KeepAwake(false)], "{reason:?}");
    }
}

#[tokio::test]
async fn the_notification_s_answer_reaches_the_line_and_brings_the_window() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.told_so_far().await;
    bench.inbox.send(answer(call(1), Reply::nobody()));
    let line = bench.line();
    until_true("the answer", || line.asked() == [format!("answer {}", call(1))]).await;
    assert_eq!(bench.told_so_far().await, [Told::ShowMain]);
}

#[tokio::test]
async fn an_answer_without_microphone_is_told_where_nobody_waits_for_it() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.line().refuse_answer(ErrorCode::MicrophonePermissionNotGranted);
    bench.inbox.send(answer(call(1), Reply::nobody()));
    let view = bench.until(|view| !view.notices.is_empty()).await;
    assert_eq!(view.notices[0].code, ProblemCode::MicrophonePermissionNotGranted);
    assert_eq!(bench.refused(|reply| answer(call(1), reply)).await, ProblemCode::MicrophonePermissionNotGranted);
}

#[tokio::test]
async fn each_button_of_a_call_asks_the_line_for_its_own_thing() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.ask(|reply| Event::Decline(call(1), reply)).await.expect("the line does as asked");
    bench.ask(|reply| Event::Mute(call(1), true, reply)).await.expect("the line does as asked");
    bench.ask(|reply| Event::HangUp(call(1), reply)).await.expect("the line does as asked");
    let id = call(1);
    assert_eq!(bench.line().asked(), [format!("decline {id}"), format!("mute {id} true"), format!("hang up {id}")]);
}

#[tokio::test]
async fn a_button_of_a_call_that_is_gone_harms_nothing() {
    let bench = Bench::ready().await;
    let before = bench.view().await;
    for event in [answer as fn(_, _) -> _, Event::Decline, Event::HangUp] {
        assert_eq!(bench.ask(|reply| event(call(9), reply)).await, Ok(()));
    }
    assert_eq!(bench.ask(Event::DismissCall).await, Ok(()));
    assert_eq!(bench.view().await, before);
}

#[tokio::test]
async fn without_anybody_signed_in_a_button_is_refused() {
    let bench = super::bench::Before::new().start();
    assert_eq!(bench.refused(|reply| Event::HangUp(call(1), reply)).await, ProblemCode::NotInitialized);
}

#[tokio::test]
async fn a_missed_call_is_told_and_kept() {
    for reason in [Reason::Missed, Reason::Cancelled, Reason::RingTimeout] {
        let mut bench = Bench::ready().await;
        bench.is_called(call(1));
        bench.ends(call(1), Direction::Incoming, reason);
        let missed = Missed {
            whose: "Signed Call".to_owned(),
            caller: "Anna".to_owned(),
            peer: "org_25".to_owned(),
            context: "Your order 4711".to_owned(),
            picture: None,
        };
        assert!(bench.told_so_far().await.contains(&Told::Missed(missed)), "{reason:?}");
        let recent = bench.view().await.recent;
        assert_eq!((recent[0].reason, recent[0].seconds), (reason.into(), None));
        assert!(bench.file("data/history.json").contains("org_25"));
    }
}

#[tokio::test]
async fn a_call_that_was_taken_or_declined_is_not_missed() {
    for reason in [Reason::Declined, Reason::AnsweredElsewhere, Reason::DeclinedElsewhere, Reason::HungUp] {
        let mut bench = Bench::ready().await;
        bench.is_called(call(1));
        bench.ends(call(1), Direction::Incoming, reason);
        assert!(!bench.told_so_far().await.iter().any(|told| matches!(told, Told::Missed(_))), "{reason:?}");
    }
}

#[tokio::test]
async fn a_talk_is_kept_with_its_length_and_its_screen_stays() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 125);
    bench.ends(call(1), Direction::Incoming, Reason::HungUp);
    let view = bench.view().await;
    assert_eq!((view.recent[0].seconds, view.recent[0].reason), (Some(125), EndReason::HungUp));
    let ended = view.call.expect("the ended screen stays");
    assert_eq!((ended.phase, ended.can_call_again), (CallPhase::Ended { reason: EndReason::HungUp, seconds: Some(125) }, true));
}

#[tokio::test]
async fn how_the_voices_fare_is_shown_while_both_talk() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 5);
    let shown = bench.view().await.call.expect("it goes on");
    assert_eq!((shown.quality, shown.microphone), (None, None));
    let talking = Phase::Talking { since: Default::default(), interrupted: false };
    let voice = VoiceCondition {
        quality: Some(signedcall::Quality::Weak),
        notice: Some(signedcall::LineNotice::LosingPackets),
        microphone: Some(signedcall::MicrophoneNote::TalkingWhileMuted),
        ..VoiceCondition::default()
    };
    let line = LineView { call: Some(seen(call(1), Direction::Incoming, talking)), voice, ..nothing_heard() };
    bench.line().tell(LineChange::View(line));
    let shown = bench.view().await.call.expect("it goes on");
    assert_eq!((shown.quality, shown.microphone), (Some(Quality::Weak), Some(MicrophoneNote::TalkingWhileMuted)));
    assert_eq!(shown.notice, Some(LineNotice::LosingPackets));
}

#[tokio::test]
async fn what_the_user_has_just_decided_needs_no_screen() {
    for reason in [Reason::Declined, Reason::AnsweredElsewhere, Reason::DeclinedElsewhere] {
        let bench = Bench::ready().await;
        bench.is_called(call(1));
        // First what this side believes, then what the service says.
        bench.show(seen(call(1), Direction::Incoming, Phase::Ended { reason }));
        assert_eq!(bench.view().await.call, None, "{reason:?}");
        bench.ends(call(1), Direction::Incoming, reason);
        assert_eq!(bench.view().await.call, None, "{reason:?}");
    }
}

#[tokio::test]
async fn an_outgoing_call_that_was_declined_keeps_the_screen() {
    let bench = Bench::ready().await;
    bench.show(seen(call(1), Direction::Outgoing, Phase::Ringing));
    bench.happened(heard(call(1), Direction::Outgoing, CallStatus::Placed));
    bench.ends(call(1), Direction::Outgoing, Reason::Declined);
    let view = bench.view().await;
    assert_eq!(view.call.map(|call| call.phase), Some(CallPhase::Ended { reason: EndReason::Declined, seconds: None }));
    assert_eq!(view.recent[0].peer_name.as_deref(), Some("Anna"));
}

#[tokio::test]
async fn a_screen_that_was_put_away_does_not_come_back() {
    let bench = Bench::ready().await;
    bench.show(seen(call(1), Direction::Outgoing, Phase::Calling));
    bench.happened(heard(call(1), Direction::Outgoing, CallStatus::Placed));
    bench.show(seen(call(1), Direction::Outgoing, Phase::Ended { reason: Reason::Cancelled }));
    bench.ask(Event::DismissCall).await.expect("it is over");
    assert_eq!(bench.view().await.call, None);
    bench.show(seen(call(1), Direction::Outgoing, Phase::Ended { reason: Reason::Cancelled }));
    bench.ends(call(1), Direction::Outgoing, Reason::Cancelled);
    let view = bench.view().await;
    assert_eq!((view.call, view.recent.len()), (None, 1));
}

#[tokio::test]
async fn a_call_that_goes_on_cannot_be_put_away() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.ask(Event::DismissCall).await.expect("there is nothing to put away");
    assert!(bench.view().await.call.is_some());
}

#[tokio::test]
async fn a_view_that_is_older_than_the_end_brings_no_ghost() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.happened(heard(call(1), Direction::Incoming, CallStatus::Ended(Reason::Declined)));
    bench.show(seen(call(1), Direction::Incoming, Phase::Ringing));
    assert_eq!(bench.view().await.call, None);
}

#[tokio::test]
async fn somebody_who_calls_in_vain_does_not_push_the_talk_off_the_screen() {
    let bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 3);
    bench.happened(heard(call(2), Direction::Incoming, CallStatus::Ended(Reason::Busy)));
    let view = bench.view().await;
    assert_eq!(view.call.map(|call| call.id), Some(call(1).to_string()));
    assert_eq!(view.recent.len(), 1);
}

#[tokio::test]
async fn the_machine_stays_awake_from_the_first_ring_to_the_end() {
    let mut bench = Bench::ready().await;
    bench.is_called(call(1));
    bench.talks(call(1), Direction::Incoming, 1);
    bench.ends(call(1), Direction::Incoming, Reason::HungUp);
    let awake = |told: &Told| matches!(told, Told::KeepAwake(_));
    let told: Vec<Told> = bench.told_so_far().await.into_iter().filter(awake).collect();
    assert_eq!(told, [Told::KeepAwake(true), Told::KeepAwake(false)]);
}
