//! One row for each arrow of the diagram, and the millisecond on each side of each deadline.

mod mismatch;
mod path;
mod properties;
mod talk;

use signedcall_wire::Channel;

use super::*;
use crate::brief::{actions, call, candidate, cuid, device, dial, endpoint, invite, restarted};

const ME: DeviceId = device(1);
const PEER: DeviceId = device(2);
/// A second device of the callee.
const OTHER: DeviceId = device(3);
const BY_ME: Endpoint = endpoint(ME);
const BY_PEER: Endpoint = endpoint(PEER);
const BY_PEER_ANEW: Endpoint = restarted(PEER);
const BY_OTHER: Endpoint = endpoint(OTHER);
const BY_OTHER_ANEW: Endpoint = restarted(OTHER);

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

/// Where a row begins, having come there at 0.
#[derive(Clone, Copy, Debug)]
enum Given {
    Placing,
    Crossed,
    Placed,
    CalleeRings,
    /// Two devices ring; media to the first is connected, to the second it has failed.
    TwoRing,
    /// The same, and the second knows no codec that the caller knows.
    CallerMismatched,
    CallerConnecting,
    CallerTalking,
    /// Cancelled before it was placed.
    CallerEnding,
    Rings,
    RingsWarm,
    RingsInVain,
    Answering,
    AnsweringWarm,
    Connecting,
    Talking,
    Interrupted,
    Ending,
    Over,
}

use Given as G;

impl Given {
    fn call(self) -> Call {
        let (base, events): (Self, &[CallEvent]) = match self {
            G::Placing => return Call::dial(at(0), cuid("alice"), ME, dial(1, "bobby")).0,
            G::Rings => return Call::invited(at(0), cuid("alice"), ME, invite(1, "bobby", PEER), Channel::Socket).0,
            G::Crossed => (G::Placing, &[CallEvent::PlacingRefused(ErrorCode::OngoingCall)]),
            G::Placed => (G::Placing, &[CallEvent::Placed]),
            G::CalleeRings => (G::Placed, &[CallEvent::CalleeRings(BY_PEER)]),
            G::TwoRing => {
                (G::CalleeRings, &[CallEvent::CalleeRings(BY_OTHER), CallEvent::MediaConnected(PEER), CallEvent::MediaFailed(OTHER)])
            }
            G::CallerMismatched => (G::TwoRing, &[CallEvent::CalleeRings(BY_OTHER_ANEW), CallEvent::MediaMismatched(OTHER)]),
            G::CallerConnecting => (G::CalleeRings, &[CallEvent::Answered(BY_PEER)]),
            G::CallerTalking => (G::TwoRing, &[CallEvent::Answered(BY_PEER)]),
            G::CallerEnding => (G::Placing, &[CallEvent::UserHungUp]),
            G::RingsWarm => (G::Rings, &[CallEvent::MediaConnected(PEER)]),
            G::RingsInVain => (G::Rings, &[CallEvent::MediaFailed(PEER)]),
            G::Answering => (G::Rings, &[CallEvent::UserAnswered]),
            G::AnsweringWarm => (G::RingsWarm, &[CallEvent::UserAnswered]),
            G::Connecting => (G::Answering, &[CallEvent::Answered(BY_ME)]),
            G::Talking => (G::AnsweringWarm, &[CallEvent::Answered(BY_ME)]),
            G::Interrupted => (G::Talking, &[CallEvent::MediaInterrupted(PEER)]),
            G::Ending => (G::Talking, &[CallEvent::UserHungUp]),
            G::Over => (G::Rings, &[CallEvent::Ended(EndReason::Cancelled, None)]),
        };
        let mut call = base.call();
        for event in events {
            let _ = call.handle(at(0), event.clone());
        }
        call
    }
}

fn name(call: &Call) -> &'static str {
    match call.state {
        State::Placing { .. } => "Placing",
        State::Crossed { .. } => "Crossed",
        State::Placed { .. } => "Placed",
        State::CalleeRings { .. } => "CalleeRings",
        State::Rings { .. } => "Rings",
        State::Answering { .. } => "Answering",
        State::Connecting { .. } => "Connecting",
        State::Talking { flow: Flow::Steady, .. } => "Talking",
        State::Talking { flow: Flow::Interrupted { .. }, .. } => "Interrupted",
        State::Ending { .. } => "Ending",
        State::Over => "Over",
    }
}

/// given, when, at, then, commands
type Row = (Given, CallEvent, u64, &'static str, &'static str);

fn check(rows: &[Row]) {
    for (given, event, when, then, commands) in rows {
        let mut call = given.call();
        let followed = call.handle(at(*when), event.clone());
        assert_eq!((name(&call), actions(&followed).as_str()), (*then, *commands), "{given:?}, {event:?} at {when}");
    }
}

#[test]
fn a_callers_call_goes_from_dialled_to_talking() {
    use CallEvent as E;
    check(&[
        (G::Placing, E::Placed, 100, "Placed", "placed 1, report 1 Placed"),
        (G::Placing, E::CalleeRings(BY_PEER), 100, "CalleeRings", "placed 1, report 1 Placed, prepare 2 Offerer, report 1 Ringing"),
        (
            G::Placing,
            E::Answered(BY_PEER),
            100,
            "Connecting",
            "placed 1, report 1 Placed, prepare 2 Offerer, report 1 Ringing, report 1 Answered",
        ),
        (G::Placing, E::PlacingRefused(ErrorCode::ContactNotReachable), 100, "Over", "not placed 1 ContactNotReachable"),
        (G::Placing, E::PlacingRefused(ErrorCode::OngoingCall), 100, "Crossed", ""),
        (G::Placing, E::Forgotten, 100, "Placing", ""),
        (G::Crossed, E::Superseded, 100, "Over", "not placed 1 OngoingCall"),
        (G::Crossed, E::UserHungUp, 100, "Over", "not placed 1 OngoingCall"),
        (G::Crossed, E::Forgotten, 100, "Crossed", ""),
        (G::Placed, E::Placed, 100, "Placed", ""),
        (G::Placed, E::CalleeRings(BY_PEER), 100, "CalleeRings", "prepare 2 Offerer, report 1 Ringing"),
        (G::Placed, E::Answered(BY_PEER), 100, "Connecting", "prepare 2 Offerer, report 1 Ringing, report 1 Answered"),
        (G::CalleeRings, E::CalleeRings(BY_PEER), 100, "CalleeRings", ""),
        (G::CalleeRings, E::CalleeRings(BY_OTHER), 100, "CalleeRings", "prepare 3 Offerer"),
        (G::CalleeRings, E::MediaConnected(PEER), 100, "CalleeRings", ""),
        (G::CalleeRings, E::Answered(BY_PEER), 100, "Connecting", "report 1 Answered"),
        (G::CalleeRings, E::Answered(BY_OTHER), 100, "Connecting", "prepare 3 Offerer, report 1 Answered, drop 2"),
        (
            G::TwoRing,
            E::Answered(BY_PEER),
            100,
            "Talking",
            "start voice 2, ask media connected 1, report 1 Answered, report 1 InProgress, drop 3",
        ),
        (G::TwoRing, E::Answered(BY_OTHER), 100, "Ending", "report 1 Answered, drop 3, tone Ended, ask hangup 1 MediaSetupTooSlow, drop 2"),
        (G::CallerConnecting, E::MediaConnected(PEER), 100, "Talking", "start voice 2, ask media connected 1, report 1 InProgress"),
        (G::CallerConnecting, E::MediaConnected(OTHER), 100, "Connecting", ""),
        (G::CallerConnecting, E::Answered(BY_OTHER), 100, "Connecting", ""),
    ]);
}

#[test]
fn a_device_that_rings_again_after_a_restart_is_offered_media_anew() {
    use CallEvent as E;
    check(&[
        (G::CalleeRings, E::CalleeRings(BY_PEER_ANEW), 100, "CalleeRings", "drop 2, prepare 2 Offerer"),
        (G::TwoRing, E::Answered(BY_PEER_ANEW), 100, "Connecting", "drop 2, prepare 2 Offerer, report 1 Answered, drop 3"),
        (G::CallerConnecting, E::CalleeRings(BY_PEER_ANEW), 100, "Connecting", ""),
        (G::CallerTalking, E::CalleeRings(BY_PEER_ANEW), 100, "Talking", ""),
    ]);
    let mut call = G::CalleeRings.call();
    let sent = |call: &mut Call| {
        (0..100).filter(|_| !call.handle(at(0), CallEvent::SignalMade { to: PEER, signal: candidate() }).is_empty()).count()
    };
    assert_eq!(sent(&mut call), MAX_CANDIDATES_PER_CALL);
    let _ = call.handle(at(0), CallEvent::CalleeRings(BY_PEER_ANEW));
    assert_eq!(sent(&mut call), MAX_CANDIDATES_PER_CALL, "the new connection has candidates of its own");
    let signal = call.handle(at(0), CallEvent::SignalMade { to: PEER, signal: Signal::Offer { sdp: String::new().into(), generation: 0 } });
    assert!(matches!(&signal[..], [Action::Ask(Request::Signal { to, .. })] if *to == BY_PEER_ANEW), "{signal:?}");
}

#[test]
fn a_callees_call_goes_from_invited_to_talking() {
    use CallEvent as E;
    check(&[
        (G::Rings, E::MediaConnected(PEER), 100, "Rings", ""),
        (G::Rings, E::Answered(BY_ME), 100, "Rings", ""),
        (G::Rings, E::UserAnswered, 100, "Answering", "ask accept 1"),
        (G::RingsWarm, E::UserAnswered, 100, "Answering", "ask accept 1"),
        (G::RingsInVain, E::UserAnswered, 100, "Answering", "ask accept 1"),
        (G::Answering, E::UserAnswered, 100, "Answering", ""),
        (G::Answering, E::Answered(BY_OTHER), 100, "Answering", ""),
        (G::Answering, E::Answered(BY_ME), 100, "Connecting", "report 1 Answered"),
        (G::Answering, E::MediaConnected(PEER), 100, "Answering", ""),
        (
            G::AnsweringWarm,
            E::Answered(BY_ME),
            100,
            "Talking",
            "start voice 2, ask media connected 1, report 1 Answered, report 1 InProgress",
        ),
        (G::Connecting, E::MediaConnected(PEER), 100, "Talking", "start voice 2, ask media connected 1, report 1 InProgress"),
        (G::Talking, E::MediaInterrupted(PEER), 100, "Interrupted", ""),
        (G::Talking, E::MediaInterrupted(OTHER), 100, "Talking", ""),
        (G::Talking, E::MediaConnected(PEER), 100, "Talking", ""),
        (G::Interrupted, E::MediaInterrupted(PEER), 100, "Interrupted", ""),
        (G::Interrupted, E::MediaConnected(PEER), 100, "Talking", ""),
    ]);
}

#[test]
fn the_user_ends_a_call_from_every_state() {
    use CallEvent as E;
    check(&[
        (G::Placing, E::UserHungUp, 100, "Ending", "ask hangup 1 Cancelled"),
        (G::Placed, E::UserHungUp, 100, "Ending", "tone Ended, ask hangup 1 Cancelled"),
        (G::CalleeRings, E::UserHungUp, 100, "Ending", "drop 2, tone Ended, ask hangup 1 Cancelled"),
        (G::TwoRing, E::UserHungUp, 100, "Ending", "drop 2, drop 3, tone Ended, ask hangup 1 Cancelled"),
        (G::Rings, E::UserHungUp, 100, "Ending", "drop 2, ask decline 1 Declined"),
        (G::Rings, E::UserDeclined, 100, "Ending", "drop 2, ask decline 1 Declined"),
        (G::CallerConnecting, E::UserHungUp, 100, "Ending", "drop 2, tone Ended, ask hangup 1 HungUp"),
        (G::CallerTalking, E::UserHungUp, 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 HungUp"),
        (G::Rings, E::UserLoggedOut, 100, "Ending", "drop 2, ask decline 1 LoggedOut"),
        (G::Talking, E::UserLoggedOut, 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 HungUp"),
        (G::Placed, E::UserLoggedOut, 100, "Ending", "tone Ended, ask hangup 1 Cancelled"),
        (G::Answering, E::UserHungUp, 100, "Ending", "drop 2, ask decline 1 HungUp"),
        (G::Connecting, E::UserHungUp, 100, "Ending", "drop 2, tone Ended, ask hangup 1 HungUp"),
        (G::Talking, E::UserHungUp, 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 HungUp"),
        (G::Interrupted, E::UserHungUp, 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 HungUp"),
        (G::Ending, E::UserHungUp, 100, "Ending", ""),
        (G::Talking, E::UserDeclined, 100, "Talking", ""),
        (G::Placed, E::UserDeclined, 100, "Placed", ""),
        (G::Placed, E::UserAnswered, 100, "Placed", ""),
    ]);
}

#[test]
fn the_service_ends_a_call_in_every_state() {
    use CallEvent as E;
    let ended = E::Ended(EndReason::HungUp, None);
    check(&[
        (G::Placing, E::Ended(EndReason::Cancelled, None), 100, "Over", "placed 1, report 1 Placed, report 1 Ended(Cancelled)"),
        (G::Placed, E::Ended(EndReason::RingTimeout, None), 100, "Over", "tone Ended, report 1 Ended(RingTimeout)"),
        (G::CalleeRings, E::Ended(EndReason::Busy, None), 100, "Over", "drop 2, tone Busy, report 1 Ended(Busy)"),
        (G::TwoRing, E::Ended(EndReason::Declined, None), 100, "Over", "drop 2, drop 3, tone Ended, report 1 Ended(Declined)"),
        (G::CallerConnecting, ended.clone(), 100, "Over", "drop 2, tone Ended, report 1 Ended(HungUp)"),
        (G::CallerTalking, ended.clone(), 100, "Over", "stop voice, drop 2, tone Ended, report 1 Ended(HungUp)"),
        (G::Rings, E::Ended(EndReason::AnsweredElsewhere, None), 100, "Over", "drop 2, report 1 Ended(AnsweredElsewhere)"),
        (G::Answering, E::Ended(EndReason::AnsweredElsewhere, None), 100, "Over", "drop 2, report 1 Ended(AnsweredElsewhere)"),
        (G::Connecting, ended.clone(), 100, "Over", "drop 2, tone Ended, report 1 Ended(HungUp)"),
        (G::Talking, ended.clone(), 100, "Over", "stop voice, drop 2, tone Ended, report 1 Ended(HungUp)"),
        (G::Interrupted, ended.clone(), 100, "Over", "stop voice, drop 2, tone Ended, report 1 Ended(HungUp)"),
        (G::Ending, ended.clone(), 100, "Over", "report 1 Ended(HungUp)"),
        (G::Over, ended, 100, "Over", ""),
    ]);
}

#[test]
fn what_the_service_decided_before_it_heard_of_the_end_is_reported() {
    use CallEvent as E;
    check(&[
        (G::CallerEnding, E::Placed, 100, "Ending", "placed 1, report 1 Placed"),
        (G::CallerEnding, E::CalleeRings(BY_PEER), 100, "Ending", "placed 1, report 1 Placed, report 1 Ringing"),
        (G::CallerEnding, E::Answered(BY_PEER), 100, "Ending", "placed 1, report 1 Placed, report 1 Ringing, report 1 Answered"),
        (G::CallerEnding, E::PlacingRefused(ErrorCode::OngoingCall), 100, "Over", "not placed 1 OngoingCall"),
        (G::CallerEnding, E::LeavingRefused, 100, "Over", "not placed 1 FailureInMakeCall"),
        (G::Ending, E::LeavingRefused, 100, "Over", "report 1 Ended(HungUp)"),
        (G::Rings, E::TooLate, 100, "Ending", "drop 2"),
        (G::Answering, E::TooLate, 100, "Ending", "drop 2"),
        (G::Talking, E::TooLate, 100, "Talking", ""),
    ]);
}

#[test]
fn a_call_that_the_service_knows_nothing_more_of_is_cut_short_in_every_state() {
    use CallEvent as E;
    for (given, commands) in [
        (G::Placed, "tone Ended, report 1 Ended(LocalNetworkLoss)"),
        (G::CalleeRings, "drop 2, tone Ended, report 1 Ended(LocalNetworkLoss)"),
        (G::Rings, "drop 2, report 1 Ended(Missed)"),
        (G::Answering, "drop 2, report 1 Ended(LocalNetworkLoss)"),
        (G::Connecting, "drop 2, tone Ended, report 1 Ended(LocalNetworkLoss)"),
        (G::CallerConnecting, "drop 2, tone Ended, report 1 Ended(LocalNetworkLoss)"),
        (G::Talking, "stop voice, drop 2, tone Ended, report 1 Ended(LocalNetworkLoss)"),
        (G::Ending, "report 1 Ended(HungUp)"),
    ] {
        check(&[(given, E::Forgotten, 100, "Over", commands), (given, E::SignedOut, 100, "Over", commands)]);
    }
    check(&[
        (G::Placing, E::SignedOut, 100, "Over", "not placed 1 NotInitialized"),
        (G::Crossed, E::SignedOut, 100, "Over", "not placed 1 NotInitialized"),
        (G::CallerEnding, E::SignedOut, 100, "Over", "not placed 1 NotInitialized"),
        (G::CallerEnding, E::Forgotten, 100, "Over", "not placed 1 FailureInMakeCall"),
        (G::Over, E::SignedOut, 100, "Over", ""),
        (G::Over, E::Forgotten, 100, "Over", ""),
    ]);
}

#[test]
fn media_or_sound_that_fails_ends_what_it_must() {
    use CallEvent as E;
    let refused = E::VoiceFailed(EndReason::MicrophoneRefused);
    check(&[
        (G::CalleeRings, E::MediaFailed(PEER), 100, "CalleeRings", ""),
        (G::Rings, E::MediaFailed(PEER), 100, "Rings", ""),
        (G::RingsInVain, E::MediaConnected(PEER), 100, "Rings", ""),
        (G::RingsWarm, E::MediaInterrupted(PEER), 100, "Rings", ""),
        (G::Connecting, E::MediaFailed(PEER), 100, "Ending", "drop 2, tone Ended, ask hangup 1 MediaSetupTooSlow"),
        (G::Connecting, E::MediaFailed(OTHER), 100, "Connecting", ""),
        (G::Talking, E::MediaFailed(PEER), 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 RemoteNetworkLoss"),
        (G::Rings, refused.clone(), 100, "Ending", "drop 2, ask decline 1 MicrophoneRefused"),
        (G::Answering, refused.clone(), 100, "Ending", "drop 2, ask decline 1 MicrophoneRefused"),
        (G::Connecting, refused.clone(), 100, "Ending", "drop 2, tone Ended, ask hangup 1 MicrophoneRefused"),
        (G::Talking, refused.clone(), 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 MicrophoneRefused"),
        (G::Placed, refused.clone(), 100, "Ending", "tone Ended, ask hangup 1 InternalError"),
        (G::CalleeRings, refused.clone(), 100, "Ending", "drop 2, tone Ended, ask hangup 1 InternalError"),
        (G::CallerConnecting, refused.clone(), 100, "Ending", "drop 2, tone Ended, ask hangup 1 InternalError"),
        (G::Ending, refused.clone(), 100, "Ending", ""),
        (G::CallerTalking, refused, 100, "Ending", "stop voice, drop 2, tone Ended, ask hangup 1 InternalError"),
    ]);
}

#[test]
fn signals_pass_only_to_and_from_devices_that_media_is_prepared_for() {
    use CallEvent as E;
    let made = |to| E::SignalMade { to, signal: candidate() };
    let came = |from| E::SignalCame { from, signal: candidate() };
    check(&[
        (G::Placed, made(PEER), 100, "Placed", ""),
        (G::CalleeRings, made(PEER), 100, "CalleeRings", "ask signal to 2"),
        (G::CalleeRings, made(OTHER), 100, "CalleeRings", ""),
        (G::CalleeRings, came(PEER), 100, "CalleeRings", "apply signal of 2"),
        (G::CalleeRings, came(OTHER), 100, "CalleeRings", ""),
        (G::CalleeRings, E::SignalCame { from: PEER, signal: Signal::Unknown }, 100, "CalleeRings", ""),
        (G::Rings, made(PEER), 100, "Rings", "ask signal to 2"),
        (G::Talking, came(PEER), 100, "Talking", "apply signal of 2"),
        (G::Ending, came(PEER), 100, "Ending", ""),
        (G::Ending, made(PEER), 100, "Ending", ""),
    ]);
}

#[test]
fn no_more_candidates_are_sent_than_the_service_takes() {
    let mut call = G::Rings.call();
    let sent = (0..100).filter(|_| !call.handle(at(0), CallEvent::SignalMade { to: PEER, signal: candidate() }).is_empty());
    assert_eq!(sent.count(), MAX_CANDIDATES_PER_CALL);
}

#[test]
fn a_device_with_many_candidates_takes_none_from_another() {
    let mut call = G::CalleeRings.call();
    let _ = call.handle(at(0), CallEvent::CalleeRings(BY_OTHER));
    let mut sent = |to| (0..100).filter(|_| !call.handle(at(0), CallEvent::SignalMade { to, signal: candidate() }).is_empty()).count();
    assert_eq!((sent(PEER), sent(OTHER)), (MAX_CANDIDATES_PER_CALL, MAX_CANDIDATES_PER_CALL));
}

#[test]
fn no_more_devices_are_prepared_for_than_a_user_may_have() {
    let mut call = G::Placed.call();
    let prepared = (10..30).filter(|number| !call.handle(at(0), CallEvent::CalleeRings(endpoint(device(*number)))).is_empty());
    assert_eq!(prepared.count(), MAX_LEGS);
}

#[test]
fn each_deadline_fires_in_its_millisecond_and_not_before() {
    let rows = [
        (G::Placing, 10_000, "Over", "ask hangup 1 Cancelled, not placed 1 NetworkNotAvailable"),
        (G::Crossed, 7_000, "Over", "not placed 1 OngoingCall"),
        (G::Placed, 120_000, "Ending", "tone Ended, ask hangup 1 RingTimeout"),
        (G::CalleeRings, 120_000, "Ending", "drop 2, tone Ended, ask hangup 1 RingTimeout"),
        (G::CallerConnecting, 15_000, "Ending", "drop 2, tone Ended, ask hangup 1 MediaSetupTooSlow"),
        (G::Rings, 40_000, "Ending", "drop 2"),
        (G::Answering, 15_000, "Ending", "drop 2, ask decline 1 LocalNetworkLoss"),
        (G::Connecting, 15_000, "Ending", "drop 2, tone Ended, ask hangup 1 MediaSetupTooSlow"),
        (G::Ending, 5_000, "Over", "report 1 Ended(HungUp)"),
        (G::CallerEnding, 5_000, "Over", "not placed 1 NetworkNotAvailable"),
    ];
    for (given, deadline, then, commands) in rows {
        let before = name(&given.call());
        check(&[(given, CallEvent::Woken, deadline - 1, before, ""), (given, CallEvent::Woken, deadline, then, commands)]);
        assert_eq!(given.call().deadline(), Some(at(deadline)), "{given:?}");
    }
}

#[test]
fn a_lost_link_shortens_the_wait_and_changes_the_reason() {
    let rows = [
        (G::Placed, 30_000, "tone Ended, ask hangup 1 LocalNetworkLoss"),
        (G::CalleeRings, 30_000, "drop 2, tone Ended, ask hangup 1 LocalNetworkLoss"),
        (G::Rings, 40_000, "drop 2"),
        (G::Interrupted, 30_000, "stop voice, drop 2, tone Ended, ask hangup 1 LocalNetworkLoss"),
    ];
    for (given, deadline, commands) in rows {
        let mut call = given.call();
        assert_eq!(call.handle(at(0), CallEvent::LinkLost), vec![]);
        assert_eq!(call.handle(at(10_000), CallEvent::LinkLost), vec![], "the first loss counts");
        assert_eq!(call.handle(at(deadline - 1), CallEvent::Woken), vec![], "{given:?}");
        assert_eq!(actions(&call.handle(at(deadline), CallEvent::Woken)), commands, "{given:?}");
    }
}

#[test]
fn a_link_that_comes_back_gives_the_caller_the_whole_wait_again() {
    let mut call = G::Placed.call();
    let _ = call.handle(at(0), CallEvent::LinkLost);
    let _ = call.handle(at(29_999), CallEvent::LinkUp);
    assert_eq!(call.deadline(), Some(at(120_000)));
}

#[test]
fn talk_goes_on_without_a_link_and_ends_with_the_media() {
    let mut call = G::Talking.call();
    let _ = call.handle(at(0), CallEvent::LinkLost);
    assert_eq!(call.deadline(), None, "what is heard needs no service");
    let ends = actions(&call.handle(at(50_000), CallEvent::MediaInterrupted(PEER)));
    assert_eq!(ends, "stop voice, drop 2, tone Ended, ask hangup 1 LocalNetworkLoss", "the link has had its grace");
}

#[test]
fn an_invite_rings_for_as_long_as_it_says_but_not_for_ever() {
    for (ring_for_ms, deadline) in [(0, 5_000), (35_000, 40_000), (u64::MAX, 125_000)] {
        let invite = signedcall_wire::Invite { ring_for_ms, ..invite(1, "bobby", PEER) };
        let (call, _) = Call::invited(at(0), cuid("alice"), ME, invite, Channel::Socket);
        assert_eq!(call.deadline(), Some(at(deadline)));
    }
}

#[test]
fn muting_lasts_and_is_said_once() {
    let mut call = G::Rings.call();
    assert_eq!(actions(&call.handle(at(0), CallEvent::UserMuted(true))), "muted true");
    assert_eq!(actions(&call.handle(at(0), CallEvent::UserMuted(true))), "");
    assert_eq!(actions(&call.handle(at(0), CallEvent::UserMuted(false))), "muted false");
    let mut call = G::Ending.call();
    assert_eq!(actions(&call.handle(at(0), CallEvent::UserMuted(true))), "");
}

#[test]
fn a_crossing_call_is_answered_without_ringing() {
    let (mut call, followed) = Call::crossing(at(0), cuid("alice"), ME, invite(1, "bobby", PEER), Channel::Socket);
    assert_eq!(actions(&followed), "ask ringing 1, prepare 2 Answerer, report 1 Placed, report 1 Ringing, ask accept 1");
    assert_eq!(actions(&call.handle(at(10), CallEvent::Answered(BY_ME))), "report 1 Answered");
}

#[test]
fn the_view_follows_the_call() {
    let rows = [
        (G::Placing, Some(Phase::Calling)),
        (G::Crossed, Some(Phase::Calling)),
        (G::Placed, Some(Phase::Calling)),
        (G::CalleeRings, Some(Phase::Ringing)),
        (G::Rings, Some(Phase::Ringing)),
        (G::Answering, Some(Phase::Connecting)),
        (G::Connecting, Some(Phase::Connecting)),
        (G::Talking, Some(Phase::Talking { since: at(0), interrupted: false })),
        (G::Interrupted, Some(Phase::Talking { since: at(0), interrupted: true })),
        (G::Ending, Some(Phase::Ended { reason: EndReason::HungUp })),
        (G::Over, None),
    ];
    for (given, phase) in rows {
        let view = given.call().view();
        assert_eq!(view.as_ref().map(|view| view.phase), phase, "{given:?}");
        assert!(view.is_none_or(|view| view.peer == cuid("bobby") && view.call == call(1)));
    }
}
