//! Receipts of calls that are over, and events for analytics.

use super::*;

impl Rig {
    fn asks_for_receipt(&mut self, number: u128) -> String {
        self.handle(Event::UserAskedReceipt { call: call(number) })
    }
}

#[test]
fn a_receipt_is_what_the_service_answers() {
    let mut rig = Rig::signed_in();
    assert_eq!(rig.asks_for_receipt(1), "ask receipt of 1");
    assert_eq!(rig.respond_with_receipt(), "receipt of 1");
    let _ = rig.asks_for_receipt(1);
    assert_eq!(rig.respond(Some(ErrorCode::OngoingCall)), "no receipt of 1 OngoingCall");
    let _ = rig.asks_for_receipt(1);
    assert_eq!(rig.respond(None), "no receipt of 1 FeatureNotAvailable", "the service knows nothing of receipts");
}

#[test]
fn a_receipt_is_asked_for_again_after_a_cut_and_not_at_all_without_a_socket() {
    let mut rig = Rig::signed_in();
    let _ = rig.asks_for_receipt(1);
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.asks_for_receipt(2), "no receipt of 2 NetworkNotAvailable");
    let _ = rig.handle(Event::LinkOpened);
    assert!(rig.receive(ServiceMessage::Resumed).contains("ask receipt of 1"));
}

#[test]
fn events_are_kept_once_the_service_says_so() {
    let event = signedcall_wire::AnalyticsEvent {
        call: call(1),
        happened: signedcall_wire::AnalyticsKind::Outgoing,
        epoch: 1,
        context: crate::brief::context(),
    };
    let mut rig = Rig::signed_in();
    assert_eq!(rig.handle(Event::EventsNoted(vec![event.clone()])), "ask keep 1 events");
    assert_eq!(rig.respond(None), "kept 1 events");
    let _ = rig.handle(Event::EventsNoted(vec![event.clone()]));
    assert_eq!(rig.respond(Some(ErrorCode::StopRetry)), "not kept 1 events StopRetry");
    let _ = rig.handle(Event::LinkLost);
    assert_eq!(rig.handle(Event::EventsNoted(vec![event])), "not kept 1 events NetworkNotAvailable");
}
