use std::num::NonZeroU32;

use signedcall_wire::{
    CallId, DeviceId, EndReason, MAX_CANDIDATES_PER_CALL, MAX_SDP_BYTES, MAX_SOCKETS_PER_CUID, MAX_UNANSWERED_REQUESTS, NewCall, Redacted,
    Request, Signal, VoiceReport,
};
use uuid::Uuid;

use super::arrows::placed;
use super::stage::{CALL, Do, FOURTH, Stage, THIRD, accept, call, call_to, endpoint, hang_up, hold, signal};
use crate::hub::budget::AT_ONCE;
use crate::hub::placing::MAX_IMAGE_URL_BYTES;
use crate::hub::presence::MAX_ENDS_PER_WELCOME;
use crate::hub::request::{MAX_CANDIDATE_BYTES, MAX_DESCRIPTIONS_PER_CALL};
use crate::hub::{CallRates, Hub, HubSettings};

const REFUSED: [&str; 1] = ["a ERR_FAILURE_IN_MAKE_CALL"];

fn ringing() -> Stage {
    let mut stage = Stage::with("axy");
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Recorded);
    stage
}

fn pass(signal: Signal) -> Do {
    Do::Ask('a', Request::Signal { call: CALL, to: endpoint('x', 1), signal })
}

fn text(bytes: usize) -> Redacted<String> {
    Redacted::new("s".repeat(bytes))
}

#[test]
fn a_side_may_send_sixty_four_candidates_to_each_device() {
    let mut stage = ringing();
    for _ in 0..MAX_CANDIDATES_PER_CALL {
        assert_eq!(stage.run(0, Do::Ask('a', signal('x'))).len(), 2);
    }
    assert_eq!(stage.run(0, Do::Ask('a', signal('x'))), REFUSED);
    assert_eq!(stage.run(0, Do::Ask('a', signal('y'))), ["y #2 signal a", "a ok"]);
    assert_eq!(stage.run(0, Do::Ask('x', signal('a'))), ["a #1 signal x", "x ok"]);
    let _ = stage.run(0, pass(Signal::Offer { sdp: text(1), generation: 1 }));
    for _ in 0..MAX_CANDIDATES_PER_CALL {
        assert_eq!(stage.run(0, Do::Ask('a', signal('x'))).len(), 2, "another path has candidates of its own");
    }
    assert_eq!(stage.run(0, Do::Ask('a', signal('x'))), REFUSED);
}

#[test]
fn descriptions_and_candidates_have_a_size_and_a_number() {
    let mut stage = ringing();
    assert_eq!(stage.run(0, pass(Signal::Offer { sdp: text(MAX_SDP_BYTES), generation: 0 })), ["x #2 signal a", "a ok"]);
    assert_eq!(stage.run(0, pass(Signal::Offer { sdp: text(MAX_SDP_BYTES + 1), generation: 0 })), REFUSED);
    assert_eq!(stage.run(0, pass(Signal::Candidate { candidate: text(MAX_CANDIDATE_BYTES) })), ["x #3 signal a", "a ok"]);
    assert_eq!(stage.run(0, pass(Signal::Candidate { candidate: text(MAX_CANDIDATE_BYTES + 1) })), REFUSED);
    assert_eq!(stage.run(0, pass(Signal::Unknown)), ["a ERR_FEATURE_NOT_AVAILABLE"]);
    for _ in 1..MAX_DESCRIPTIONS_PER_CALL {
        assert_eq!(stage.run(0, pass(Signal::Answer { sdp: text(1), generation: 0 })).len(), 2);
    }
    assert_eq!(stage.run(0, pass(Signal::Answer { sdp: text(1), generation: 0 })), REFUSED);
}

#[test]
fn whatever_a_device_may_repeat_is_done_once() {
    let mut stage = ringing();
    let signal = stage.event(Do::Ask('a', signal('x')));
    assert_eq!(stage.handle(0, signal.clone()), ["x #2 signal a", "a ok"]);
    for _ in 1..MAX_UNANSWERED_REQUESTS {
        assert_eq!(stage.run(0, Do::Ask('a', Request::Unknown)), ["a ERR_FEATURE_NOT_AVAILABLE"]);
    }
    assert_eq!(stage.handle(0, signal), ["a ok"]);
}

#[test]
fn a_picture_s_url_has_a_size() {
    let Request::Call(new) = call() else { unreachable!("a call is a call") };
    for (bytes, expected) in [(MAX_IMAGE_URL_BYTES, "open record"), (MAX_IMAGE_URL_BYTES + 1, "a ERR_FAILURE_IN_MAKE_CALL")] {
        let new = NewCall { receiver_image: Some("u".repeat(bytes)), ..new.clone() };
        assert_eq!(Stage::with("ax").run(0, Do::Ask('a', Request::Call(new))), [expected]);
    }
}

#[test]
fn a_user_has_eight_devices_and_one_that_is_away_makes_room() {
    let nth = |number: usize| DeviceId(Uuid::from_u128(number as u128));
    let mut stage = Stage::with("a");
    for number in 1..=MAX_SOCKETS_PER_CUID {
        let event = stage.sign_in('x', nth(number));
        assert!(stage.handle(0, event).concat().ends_with("welcome"), "device {number}");
    }
    let event = stage.sign_in('x', nth(9));
    assert_eq!(stage.handle(0, event), ["x9 refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE", "x9 close"]);
    let event = stage.sign_in('x', nth(8));
    assert_eq!(stage.handle(0, event), ["x8 close", "x10 welcome"]);
    stage.run(0, Do::Lose('x'));
    let event = stage.sign_in('y', nth(9));
    assert_eq!(stage.handle(1, event), ["y welcome"]);
    assert_eq!(stage.run(1, Do::Resume('x', 0)), ["x11 session expired"]);
}

#[test]
fn a_device_that_is_away_but_in_a_call_makes_no_room() {
    let nth = |number: usize| DeviceId(Uuid::from_u128(number as u128));
    let mut stage = Stage::with("ax");
    for number in 2..=MAX_SOCKETS_PER_CUID {
        let event = stage.sign_in('y', nth(number));
        let _ = stage.handle(0, event);
    }
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Recorded);
    stage.run(0, Do::Lose('x'));
    let event = stage.sign_in('z', nth(9));
    assert_eq!(stage.handle(1, event), ["z refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE", "z close"]);
    stage.run(1, Do::Ask('a', hang_up(EndReason::Cancelled)));
    let event = stage.sign_in('z', nth(9));
    assert_eq!(stage.handle(2, event), ["z2 welcome ended Cancelled"]);
}

#[test]
fn a_session_that_missed_more_than_is_kept_begins_anew() {
    let mut stage = ringing();
    stage.run(0, Do::Lose('x'));
    for _ in 0..MAX_CANDIDATES_PER_CALL {
        let _ = stage.run(0, Do::Ask('a', signal('x')));
    }
    for _ in 0..64 {
        let _ = stage.run(0, pass(Signal::Offer { sdp: text(1), generation: 0 }));
    }
    assert_eq!(stage.run(0, Do::Resume('x', 0)), ["x2 session expired"]);
    assert_eq!(stage.run(0, Do::Resume('x', 1)).len(), 129);
}

#[test]
fn a_welcome_lists_the_newest_ends_and_no_more_than_fit() {
    let mut stage = Stage::with("ax");
    let mut at = 0;
    for number in 0..MAX_ENDS_PER_WELCOME + 4 {
        at += 100;
        // Ids fall while time goes on, so that the newest are not the last by chance.
        let id = CallId(Uuid::from_u128(9_000 - number as u128));
        stage.run(at, Do::Ask('a', call_to(id, 'x')));
        stage.run(at, Do::RecordedOf(id));
        let end = if number < 4 {
            Do::Ask('x', Request::Decline { call: id, reason: EndReason::Declined })
        } else {
            Do::Ask('a', Request::Hangup { call: id, reason: EndReason::Cancelled })
        };
        stage.run(at, end);
    }
    let newest = " ended Cancelled".repeat(MAX_ENDS_PER_WELCOME);
    assert_eq!(stage.run(at, Do::SignIn('y')), [format!("y welcome{newest}")]);
    assert_eq!(stage.run(at, Do::SignIn('x'))[1], format!("x2 welcome{newest}"), "also of those that it was told of");
}

#[test]
fn a_side_may_hold_a_call_so_many_times_at_once_and_then_once_a_second() {
    let mut stage = ringing();
    stage.run(0, Do::Ask('x', accept()));
    for _ in 0..AT_ONCE {
        assert_eq!(stage.run(0, Do::Ask('a', hold(true))).len(), 2);
        assert_eq!(stage.run(0, Do::Ask('a', hold(true))), ["a ok"], "it holds already");
        assert_eq!(stage.run(0, Do::Ask('a', hold(false))).len(), 2, "it may always go on");
    }
    assert_eq!(stage.run(0, Do::Ask('a', hold(true))), REFUSED);
    assert_eq!(stage.run(0, Do::Ask('a', hold(false))), ["a ok"]);
    assert!(stage.run(0, Do::Ask('x', hold(true)))[0].ends_with(" held"), "the other side has its own");
    stage.run(0, Do::SignIn('a'));
    assert_eq!(stage.run(999, Do::Ask('a', hold(true))), ["a2 ERR_FAILURE_IN_MAKE_CALL"], "also in a new session");
    for second in 1..100 {
        assert_eq!(stage.run(second * 1_000, Do::Ask('a', hold(true))).len(), 2, "for as long as the call lasts");
        stage.run(second * 1_000, Do::Ask('a', hold(false)));
        assert_eq!(stage.run(second * 1_000 + 999, Do::Ask('a', hold(true))), ["a2 ERR_FAILURE_IN_MAKE_CALL"]);
    }
    let rested = 99_000 + u64::from(AT_ONCE) * 1_000;
    for _ in 0..AT_ONCE {
        assert_eq!(stage.run(rested, Do::Ask('a', hold(true))).len(), 2);
        stage.run(rested, Do::Ask('a', hold(false)));
    }
    assert_eq!(stage.run(rested, Do::Ask('a', hold(true))), ["a2 ERR_FAILURE_IN_MAKE_CALL"]);
}

#[test]
fn a_device_may_report_so_many_calls_at_once_and_then_one_a_second() {
    let mut stage = ringing();
    let sounded = VoiceReport { seconds: 60, mos: 430, worst_mos: 400, ..VoiceReport::default() };
    let report = || Do::Ask('x', Request::ReportVoice { call: CALL, report: sounded });
    let impossible = VoiceReport { mos: u16::MAX, ..sounded };
    let refused = ["x ERR_STOP_RETRY"];
    assert_eq!(ringing().run(0, Do::Ask('x', Request::ReportVoice { call: CALL, report: impossible })), refused);
    for _ in 0..AT_ONCE {
        assert_eq!(stage.run(0, report()), ["keep report x", "x ok"]);
    }
    assert_eq!(stage.run(999, report()), refused);
    assert_eq!(stage.run(1_000, report()), ["keep report x", "x ok"]);
}

#[test]
fn a_user_who_calls_too_often_is_refused_whoever_is_called_and_may_ask_again_for_the_same() {
    let settings = HubSettings { call_rates: CallRates { per_user: NonZeroU32::new(1), per_account: None }, ..HubSettings::default() };
    let mut stage = Stage::empty();
    stage.hub = Hub::new(settings);
    for who in ['a', 'x'] {
        stage.run(0, Do::SignIn(who));
    }
    for event in placed() {
        stage.run(0, event);
    }
    assert_eq!(stage.run(0, Do::AskAgain('a')), ["a ok"], "the same call again is no other");
    stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(stage.run(59_999, Do::Ask('a', call_to(THIRD, 'x'))), ["a ERR_STOP_RETRY"]);
    assert_eq!(stage.run(60_000, Do::Ask('a', call_to(THIRD, 'q'))), ["a ERR_CONTACT_NOT_REACHABLE"], "which counts for nothing");
    assert_eq!(stage.run(60_000, Do::Ask('a', call_to(FOURTH, 'x'))), ["open record"]);
}
