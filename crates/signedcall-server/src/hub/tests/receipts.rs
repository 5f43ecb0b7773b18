use signedcall_wire::{
    AnalyticsEvent, AnalyticsKind, ClientMessage, Context, EndReason, ErrorCode, MAX_EVENTS_PER_REQUEST, Redacted, Request,
};

use super::stage::{CALL, Do, Stage, call, hang_up};
use crate::hub::HubEvent;
use crate::hub::budget::AT_ONCE;

fn over() -> Stage {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Recorded);
    stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
    stage
}

fn events(number: usize) -> Request {
    let context = Context::new("Your order").expect("a context");
    Request::KeepEvents { events: vec![AnalyticsEvent { call: CALL, happened: AnalyticsKind::Outgoing, epoch: 1, context }; number] }
}

#[test]
fn events_are_answered_once_they_are_durable_and_may_be_told_again() {
    let mut stage = over();
    for durable in [false, true] {
        assert_eq!(stage.run(0, Do::Ask('a', events(2))), ["keep 2 events of caller"]);
        let ClientMessage::Request { id: request, .. } = stage.asked[&'a'] else { panic!("no request") };
        let kept = HubEvent::EventsKept { session: stage.sessions[&'a'].0, request, durable };
        assert_eq!(stage.handle(0, kept), [if durable { "a ok" } else { "a ERR_SERVER_FAILURE" }]);
    }
    assert_eq!(stage.run(0, Do::Ask('a', events(MAX_EVENTS_PER_REQUEST + 1))), ["a ERR_STOP_RETRY"]);
    for _ in 2..AT_ONCE {
        assert_eq!(stage.run(0, Do::Ask('a', events(MAX_EVENTS_PER_REQUEST))).len(), 1);
    }
    assert_eq!(stage.run(999, Do::Ask('a', events(1))), ["a ERR_STOP_RETRY"]);
    assert_eq!(stage.run(1_000, Do::Ask('a', events(1))).len(), 1);
}

const RECEIPT: Request = Request::Receipt { call: CALL };

/// What comes of the last request for a receipt.
fn made(stage: &Stage, who: char, receipt: Result<&str, ErrorCode>) -> HubEvent {
    let ClientMessage::Request { id, .. } = stage.asked[&who] else { panic!("no request") };
    HubEvent::ReceiptMade { session: stage.sessions[&who].0, request: id, receipt: receipt.map(|text| Redacted::new(text.to_owned())) }
}

#[test]
fn a_receipt_is_made_once_a_call_is_over_and_comes_with_the_answer() {
    let mut stage = over();
    assert_eq!(stage.run(0, Do::Ask('x', RECEIPT)), ["make receipt for callee"]);
    assert_eq!(stage.run(0, Do::AskAgain('x')), [""; 0], "it is being made");
    let event = made(&stage, 'x', Ok("e30.e30.c2ln"));
    assert_eq!(stage.handle(0, event.clone()), ["x receipt"]);
    assert_eq!(stage.run(0, Do::AskAgain('x')), ["make receipt for callee"], "another is made, since none is remembered");
    let event = made(&stage, 'x', Err(ErrorCode::FeatureNotAvailable));
    assert_eq!(stage.handle(0, event), ["x ERR_FEATURE_NOT_AVAILABLE"]);
}

#[test]
fn a_device_that_was_away_when_its_receipt_was_made_asks_again() {
    let mut stage = over();
    stage.run(0, Do::Ask('x', RECEIPT));
    stage.run(0, Do::Lose('x'));
    let event = made(&stage, 'x', Ok("e30.e30.c2ln"));
    assert_eq!(stage.handle(0, event), [""; 0]);
    assert_eq!(stage.run(0, Do::Resume('x', 2)), ["x2 resumed"]);
    assert_eq!(stage.run(0, Do::AskAgain('x')), ["make receipt for callee"]);
}

#[test]
fn a_call_that_goes_on_has_no_receipt_and_others_do_not_learn_that_it_does() {
    let mut stage = Stage::with("axo");
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Recorded);
    for side in ['a', 'x'] {
        assert_eq!(stage.run(0, Do::Ask(side, RECEIPT)), [format!("{side} ERR_ONGOING_CALL")]);
    }
    assert_eq!(stage.run(0, Do::Ask('o', RECEIPT)), ["make receipt for other"], "its record says that there is none for them");
}

#[test]
fn a_device_may_ask_for_so_many_receipts_at_once_and_then_one_a_second() {
    let mut stage = over();
    for _ in 0..AT_ONCE {
        assert_eq!(stage.run(0, Do::Ask('x', RECEIPT)).len(), 1);
    }
    assert_eq!(stage.run(999, Do::Ask('x', RECEIPT)), ["x ERR_STOP_RETRY"]);
    assert_eq!(stage.run(1_000, Do::Ask('x', RECEIPT)), ["make receipt for callee"]);
}
