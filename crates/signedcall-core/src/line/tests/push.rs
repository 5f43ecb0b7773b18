//! Pushes: each ends in ringing or in a reason.

use signedcall_wire::{CallStatus, Channel};

use super::*;
use crate::{Push, PushOutcome};

impl Rig {
    fn is_pushed(&mut self, number: u64, id: u128, left_ms: u64) -> String {
        let push = Push { number, call: call(id), to: cuid("alice"), left: Duration::from_millis(left_ms) };
        self.handle(Event::PushCame(push))
    }

    /// The channels of what is reported when something happens.
    fn channels(&mut self, event: Event) -> Vec<(CallStatus, Channel)> {
        let Step { commands, .. } = self.line.handle(Timestamp::from_millis(self.now), event);
        let reports = commands.into_iter().filter_map(|command| {
            let Command::Report(report) = command else { return None };
            Some((report.status, report.channel))
        });
        reports.collect()
    }
}

const RINGS: &str = "ask ringing 1, prepare 2 Answerer, report 1 Placed, report 1 Ringing, ack 1, tone Ringtone";

#[test]
fn a_push_rings_once_its_call_has_come_by_the_socket() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.is_pushed(1, 1, 30_000), "seek service");
    assert_eq!(rig.is_pushed(2, 1, 30_000), "push 2 AlreadyKnown");
    assert_eq!(rig.is_invited(1, "bobby"), format!("push 1 Rings, {RINGS}"));
    assert_eq!(rig.is_pushed(3, 1, 30_000), "push 3 AlreadyKnown");
}

#[test]
fn the_events_of_a_call_say_what_it_came_by() {
    let invited = |rig: &mut Rig| {
        rig.seq += 1;
        let event = ServiceEvent::Invite(invite(1, "bobby", PEER));
        rig.channels(Event::Received(ServiceMessage::Event { seq: rig.seq, event }))
    };
    let mut rig = Rig::signed_in();
    let _ = rig.is_pushed(1, 1, 30_000);
    assert_eq!(invited(&mut rig), [(CallStatus::Placed, Channel::Push), (CallStatus::Ringing, Channel::Push)]);
    let mut rig = Rig::signed_in();
    assert_eq!(invited(&mut rig), [(CallStatus::Placed, Channel::Socket), (CallStatus::Ringing, Channel::Socket)]);
    assert_eq!(rig.is_pushed(1, 1, 30_000), "push 1 AlreadyKnown");
    let ended = rig.channels(Event::UserDeclined { call: call(1) });
    assert_eq!(ended, [], "until the service confirms it");
}

#[test]
fn a_push_that_wakes_the_link_rings_from_the_welcome() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.is_pushed(1, 1, 30_000), "seek service");
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    let snapshot = CallSnapshot::Callee { invite: invite(1, "bobby", PEER), phase: CallPhase::Placed };
    assert!(rig.welcome(vec![snapshot]).contains("push 1 Rings, prepare 2 Answerer, report 1 Placed, report 1 Ringing"));
}

#[test]
fn where_pushes_go_is_said_again_after_a_cut_and_not_at_all_without_a_socket() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.handle(Event::UserSetPush(None)), "ask push nowhere");
    assert_eq!(rig.respond(None), "pushes off");
    let _ = rig.handle(Event::UserSetPush(None));
    assert_eq!(rig.respond(Some(ErrorCode::VoipServiceFailedToRegister)), "pushes not set VoipServiceFailedToRegister");
    let _ = rig.handle(Event::UserSetPush(None));
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::UserSetPush(None)), "pushes not set NetworkNotAvailable");
    let _ = rig.handle(Event::LinkOpened);
    assert!(rig.receive(ServiceMessage::Resumed).contains("ask push nowhere"));
}

#[test]
fn a_push_that_does_not_ring_has_a_reason() {
    let mut rig = Rig::signed_in();
    let push = Push { number: 1, call: call(1), to: cuid("carol"), left: Duration::from_secs(30) };
    assert_eq!(rig.handle(Event::PushCame(push)), "push 1 OtherUser");
    assert_eq!(rig.is_pushed(2, 1, 0), "push 2 Expired");

    let _ = rig.is_invited(1, "bobby");
    let _ = rig.ends(1, EndReason::Cancelled);
    assert_eq!(rig.is_pushed(3, 1, 30_000), "push 3 CallOver");

    assert_eq!(rig.is_pushed(4, 4, 30_000), "seek service");
    assert_eq!(rig.ends(4, EndReason::Cancelled), "push 4 CallOver, ack 3");
    let _ = rig.is_pushed(5, 5, 30_000);
    let ended = vec![EndedCall { call: call(5), reason: EndReason::AnsweredElsewhere, other_device: None }];
    let _ = rig.handle(Event::LinkLost);
    let _ = rig.handle(Event::LinkOpened);
    let _ = rig.receive(ServiceMessage::SessionExpired);
    assert!(rig.welcome_with(vec![], ended).contains("push 5 CallOver"));

    let mut rig = Rig::with(Line::new(cuid("alice"), ME, false, 7)).sign_in().talk();
    assert_eq!(rig.is_pushed(6, 6, 30_000), "seek service");
    assert_eq!(rig.is_invited(6, "carol"), "push 6 Busy, ask decline 6 Busy, ack 3");

    let mut rig = Rig::signed_in();
    let _ = rig.is_pushed(7, 7, 30_000);
    let _ = rig.handle(Event::UserLoggedOut);
    assert_eq!(rig.is_pushed(8, 8, 30_000), "push 8 SignedOut");
    assert_eq!(rig.respond(None), "push 7 SignedOut, close link");
}

#[test]
fn a_push_whose_call_does_not_come_is_given_up_after_ten_seconds_or_when_it_says_so() {
    for (left_ms, given_up_at) in [(30_000, 10_000), (4_000, 4_000)] {
        let mut rig = Rig::signed_in();
        let _ = rig.is_pushed(1, 1, left_ms);
        assert_eq!(rig.wake_at, Some(given_up_at));
        rig.now = given_up_at - 1;
        assert_eq!(rig.handle(Event::Woken), "");
        assert_eq!(rig.wake(), format!("push 1 {:?}", PushOutcome::NoSuchCall));
        assert_eq!(rig.wake_at, None);
    }
}

#[test]
fn the_patience_with_a_push_begins_once_the_session_is_up() {
    let mut rig = Rig::signed_in();
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.is_pushed(1, 1, 30_000), "seek service");
    assert_eq!(rig.wake_at, Some(30_000));
    rig.now = 12_000;
    let _ = rig.handle(Event::LinkOpened);
    rig.now = 15_000;
    let _ = rig.receive(ServiceMessage::Resumed);
    assert_eq!(rig.wake_at, Some(25_000));
    rig.now = 24_000;
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.wake_at, Some(30_000), "and anew with the next link");
    assert_eq!(rig.wake(), "push 1 NoSuchCall");

    assert_eq!(rig.is_pushed(2, 2, u64::MAX), "seek service");
    assert_eq!(rig.wake_at, Some(150_000), "no call rings for longer than two minutes");
}
