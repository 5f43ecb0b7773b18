//! What holds whatever happens.

use proptest::prelude::*;

use super::*;

fn any_reason() -> impl Strategy<Value = EndReason> {
    proptest::sample::select(&EndReason::ALL[..])
}

fn any_device() -> impl Strategy<Value = DeviceId> {
    proptest::sample::select(vec![ME, PEER, OTHER])
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    (any_device(), any::<bool>()).prop_map(|(device, anew)| if anew { restarted(device) } else { endpoint(device) })
}

fn any_event() -> impl Strategy<Value = CallEvent> {
    use CallEvent as E;
    prop_oneof![
        1 => proptest::sample::select(vec![
            E::UserAnswered,
            E::UserDeclined,
            E::UserHungUp,
            E::UserMuted(true),
            E::UserMuted(false),
            E::UserHeld(true),
            E::UserHeld(false),
            E::OtherHeld(true),
            E::OtherHeld(false),
            E::KnownToHold(true),
            E::KnownToHold(false),
            E::UserLoggedOut,
            E::LinkUp,
            E::LinkLost,
            E::SignedOut,
            E::Superseded,
            E::TooLate,
            E::LeavingRefused,
            E::Forgotten,
        ]),
        // These make calls go further; more of them make longer calls.
        4 => proptest::sample::select(vec![E::UserAnswered, E::Placed, E::Woken]),
        2 => proptest::sample::select(ErrorCode::ALL).prop_map(E::PlacingRefused),
        3 => any_endpoint().prop_map(E::CalleeRings),
        3 => any_endpoint().prop_map(E::Answered),
        4 => any_device().prop_map(E::MediaConnected),
        2 => any_device().prop_map(E::MediaInterrupted),
        1 => any_device().prop_map(E::MediaFailed),
        1 => any_device().prop_map(E::MediaMismatched),
        1 => Just(E::NetworkChanged),
        1 => any_reason().prop_map(|reason| E::Ended(reason, None)),
        1 => (0_u64..60_000).prop_map(|left| E::TimeLeft(Duration::from_millis(left))),
        2 => Just(E::UserTransferred { to: cuid("carol"), new: call(9) }),
        1 => proptest::sample::select(ErrorCode::ALL).prop_map(E::TransferRefused),
        1 => proptest::sample::select(vec![E::TransferDone, E::Replaced]),
        1 => any_reason().prop_map(E::VoiceFailed),
        1 => any_device().prop_map(|to| E::SignalMade { to, signal: candidate() }),
        1 => any_device().prop_map(|from| E::SignalCame { from, signal: candidate() }),
    ]
}

/// What has come of a call, as somebody sees it who only carries out its commands.
#[derive(Debug, Default)]
struct Seen {
    statuses: Vec<CallStatus>,
    not_placed: usize,
    /// How often the user has asked for a transfer, and how often that was answered.
    transfers: (usize, usize),
    voices: Vec<DeviceId>,
    prepared: Vec<DeviceId>,
}

impl Seen {
    fn carry_out(&mut self, actions: &[Action]) {
        for action in actions {
            let Action::Do(command) = action else { continue };
            match command {
                Command::Report(report) => self.statuses.push(report.status),
                Command::NotPlaced { .. } => self.not_placed += 1,
                Command::Transferred { .. } | Command::NotTransferred { .. } => self.transfers.1 += 1,
                Command::StartVoice { device, .. } => self.voices.push(*device),
                Command::StopVoice { .. } => assert!(self.voices.pop().is_some(), "a voice that is closed was open"),
                Command::PrepareMedia { device, .. } => {
                    assert!(!self.prepared.contains(device), "no peer connection is opened twice");
                    self.prepared.push(*device);
                }
                Command::RestartMedia { device, .. } => assert!(self.prepared.contains(device), "only what is open finds another path"),
                Command::DropMedia { device, .. } => self.prepared.retain(|prepared| prepared != device),
                Command::Greet(_)
                | Command::Send(_)
                | Command::CloseLink
                | Command::ReopenLink { .. }
                | Command::Refused { .. }
                | Command::SignedIn
                | Command::UseIce(_)
                | Command::UseBranding(_)
                | Command::Placed { .. }
                | Command::EventsKept { .. }
                | Command::ReceiptCame { .. }
                | Command::NotIdle { .. }
                | Command::SeekService
                | Command::UsePushKey(_)
                | Command::PushSet { .. }
                | Command::PushHandled { .. }
                | Command::PlayTone(_)
                | Command::ApplySignal { .. }
                | Command::SetMuted { .. } => {}
            }
        }
    }

    fn check(&self, call: &Call) {
        let open: Vec<DeviceId> = call.voice().into_iter().collect();
        assert_eq!(self.voices, open, "the voice is open if and only if the call is talking and nobody holds it");
        assert!(call.is_on() || self.prepared.is_empty(), "media is closed with the call");
        let waits = !matches!(name(call), "Talking" | "Over") || call.talk().and_then(Talk::deadline).is_some();
        assert_eq!(call.deadline().is_some(), waits, "a deadline if and only if it waits: {}", name(call));

        let asks = call.talk().is_some_and(|talk| talk.transfer_by.is_some());
        assert_eq!(self.transfers.0 - self.transfers.1, usize::from(asks), "each transfer is answered once");

        let order = [CallStatus::Placed, CallStatus::Ringing, CallStatus::Answered, CallStatus::InProgress];
        let before_the_end = self.statuses.iter().take_while(|status| !status.is_final());
        assert!(before_the_end.clone().eq(order.iter().take(before_the_end.clone().count())), "in order, each once: {:?}", self.statuses);
        let ends = self.statuses.len() - before_the_end.count() + self.not_placed;
        assert_eq!(ends, usize::from(call.is_over()), "one end, when it is over: {self:?}");
        assert!(self.not_placed == 0 || self.statuses.is_empty(), "not placed means that nothing was reported");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn whatever_happens_a_call_keeps_its_promises(
        incoming in any::<bool>(),
        events in proptest::collection::vec((any_event(), 0_u64..20_000), 0..40),
    ) {
        let mut now = 0;
        let (mut call, begun) = if incoming {
            Call::invited(at(0), cuid("alice"), ME, invite(1, "bobby", PEER), Channel::Socket)
        } else {
            Call::dial(at(0), cuid("alice"), ME, dial(1, "bobby"))
        };
        let mut seen = Seen::default();
        seen.carry_out(&begun);
        seen.check(&call);
        for (event, after) in events {
            now += after;
            let was_over = call.is_over();
            seen.transfers.0 += usize::from(call.is_told_answered() && matches!(event, CallEvent::UserTransferred { .. }));
            let followed = call.handle(at(now), event);
            prop_assert!(!was_over || (followed.is_empty() && call.is_over()), "over is final");
            seen.carry_out(&followed);
            seen.check(&call);
        }
    }

    #[test]
    fn a_call_that_nobody_attends_to_any_more_ends(
        incoming in any::<bool>(),
        events in proptest::collection::vec((any_event(), 0_u64..5_000), 0..20),
    ) {
        let mut call = if incoming { G::Rings.call() } else { G::Placing.call() };
        let mut now = 0;
        for (event, after) in events {
            now += after;
            let _ = call.handle(at(now), event);
        }
        let _ = call.handle(at(now), CallEvent::LinkLost);
        for device in [ME, PEER, OTHER] {
            let _ = call.handle(at(now), CallEvent::MediaInterrupted(device));
        }
        let mut wakes = 0;
        while let Some(deadline) = call.deadline() {
            prop_assert!(wakes < 4, "each deadline leads on");
            wakes += 1;
            let _ = call.handle(deadline.max(at(now)), CallEvent::Woken);
        }
        prop_assert!(call.is_over());
    }
}
