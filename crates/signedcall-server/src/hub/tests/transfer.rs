//! A side of a call that hands the other over to a third user.

use signedcall_wire::{Context, EndReason, NewCall, Request};

use super::stage::{BACK, CALL, Do, FOURTH, Stage, THIRD, Who, accept, call_to, cuid, hang_up, hold, transfer};

/// name, who is signed in, given, when, then
type Row<Then> = (&'static str, &'static str, Vec<Do>, Do, Then);

/// `a` and `x` talk; the caller's app has given each a picture, and each sees another reason for the call.
fn talking(devices: &str) -> Stage {
    let mut stage = Stage::with_second_calls(devices);
    let context = |text: &str| Context::new(text).expect("a context");
    let new = NewCall {
        call: CALL,
        to: cuid('x'),
        context: context("Your order"),
        remote_context: Some(context("Your customer")),
        initiator_image: Some("a.png".to_owned()),
        receiver_image: Some("x.png".to_owned()),
        max_duration_ms: None,
    };
    for event in [Do::Ask('a', Request::Call(new)), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
    stage
}

fn run_all(stage: &mut Stage, events: impl IntoIterator<Item = Do>) {
    for event in events {
        stage.run(0, event);
    }
}

#[test]
fn who_was_called_hands_the_caller_over() {
    let mut stage = talking("axo");
    assert_eq!(stage.run(0, Do::Ask('x', transfer(BACK, 'o'))), ["open record"]);
    assert_eq!(
        stage.run(0, Do::RecordedOf(BACK)),
        [
            "x ok",
            "close record Transferred x never connected",
            "x #3 ended Transferred",
            "a #2 transferred to other for Your order",
            "o #1 invite 35000 of caller by callee for Your customer with a.png",
        ]
    );
    assert_eq!(stage.run(0, Do::Ask('o', Request::Ringing { call: BACK })), ["a #3 ringing o", "o ok"]);
    assert_eq!(stage.run(0, Do::Ask('o', Request::Accept { call: BACK })), ["a #4 answered o", "o #2 answered o", "o ok"]);
    let hung_up = stage.run(0, Do::Ask('a', Request::Hangup { call: BACK, reason: EndReason::HungUp }));
    assert_eq!(hung_up, ["close record HungUp o never connected", "a #5 ended HungUp", "o #3 ended HungUp", "a ok"]);
}

#[test]
fn who_has_called_hands_the_callee_over_without_a_picture_that_the_callee_has_not_chosen() {
    let mut stage = talking("axo");
    assert_eq!(stage.run(0, Do::Ask('a', transfer(BACK, 'o'))), ["open record"]);
    assert_eq!(
        stage.run(0, Do::RecordedOf(BACK)),
        [
            "a ok",
            "close record Transferred x never connected",
            "a #2 ended Transferred",
            "x #3 transferred to other for Your customer",
            "o #1 invite 35000 of callee by caller for Your order",
        ]
    );
    let declined = stage.run(0, Do::Ask('o', Request::Decline { call: BACK, reason: EndReason::Declined }));
    assert_eq!(declined, ["close record Declined", "x #4 ended Declined", "o #2 ended Declined", "o ok"]);
}

#[test]
fn a_transfer_that_cannot_be_done_leaves_the_call_as_it_was() {
    let asks = |who: Who, to: Who| Do::Ask(who, transfer(BACK, to));
    let rows: Vec<Row<&str>> = vec![
        ("to somebody who is not there", "ax", vec![], asks('x', 'o'), "x ERR_CONTACT_NOT_REACHABLE"),
        ("to oneself", "axyo", vec![], asks('x', 'y'), "x ERR_CAN_NOT_CALL_SELF"),
        ("to the other side", "axo", vec![], asks('x', 'a'), "x ERR_CAN_NOT_CALL_SELF"),
        ("by somebody else", "axoq", vec![], asks('q', 'o'), "q ERR_FAILURE_IN_MAKE_CALL"),
        ("of a call that is over", "axo", vec![Do::Ask('a', hang_up(EndReason::HungUp))], asks('x', 'o'), "x ERR_FAILURE_IN_MAKE_CALL"),
        ("twice at a time", "axoq", vec![Do::Ask('x', transfer(THIRD, 'q'))], asks('x', 'o'), "x ERR_ONGOING_CALL"),
        (
            "to somebody who calls the other side",
            "axo",
            vec![Do::Ask('o', call_to(THIRD, 'a')), Do::RecordedOf(THIRD)],
            asks('x', 'o'),
            "x ERR_ONGOING_CALL",
        ),
        (
            "while the other side talks to somebody else",
            "axoq",
            vec![
                Do::Ask('a', hold(true)),
                Do::Ask('a', call_to(THIRD, 'q')),
                Do::RecordedOf(THIRD),
                Do::Ask('q', Request::Accept { call: THIRD }),
            ],
            asks('x', 'o'),
            "x ERR_ONGOING_CALL",
        ),
        (
            "to somebody who is in as many calls as fit",
            "axoqb",
            vec![
                Do::Ask('o', call_to(THIRD, 'b')),
                Do::RecordedOf(THIRD),
                Do::Ask('b', Request::Accept { call: THIRD }),
                Do::Ask('o', Request::Hold { call: THIRD, on: true }),
                Do::Ask('o', call_to(FOURTH, 'q')),
                Do::RecordedOf(FOURTH),
            ],
            asks('x', 'o'),
            "x ERR_ONGOING_CALL",
        ),
    ];
    for (name, devices, given, when, then) in rows {
        let mut stage = talking(devices);
        run_all(&mut stage, given);
        assert_eq!(stage.run(0, when), [then], "{name}");
    }
}

#[test]
fn what_happens_while_a_transfer_is_written_down_may_undo_it() {
    let transfers = || Do::Ask('x', transfer(BACK, 'o'));
    let rows: Vec<Row<Vec<&str>>> = vec![
        ("the store fails", "axo", vec![], Do::StoreFailedOf(BACK), vec!["x ERR_SERVER_FAILURE"]),
        (
            "the call ends",
            "axo",
            vec![Do::Ask('a', hang_up(EndReason::HungUp))],
            Do::RecordedOf(BACK),
            vec!["close record Cancelled", "x ERR_FAILURE_IN_MAKE_CALL"],
        ),
        (
            "the third user leaves",
            "axo",
            vec![Do::Ask('o', Request::Logout)],
            Do::RecordedOf(BACK),
            vec!["close record RemoteNetworkLoss", "x ERR_CONTACT_NOT_REACHABLE"],
        ),
        (
            "the third user calls the other side",
            "axo",
            vec![Do::Ask('o', call_to(THIRD, 'a')), Do::RecordedOf(THIRD)],
            Do::RecordedOf(BACK),
            vec!["close record Cancelled", "x ERR_ONGOING_CALL"],
        ),
        (
            "the other side hands over too, and is first",
            "axoq",
            vec![Do::Ask('a', transfer(THIRD, 'q')), Do::RecordedOf(THIRD)],
            Do::RecordedOf(BACK),
            vec!["close record Cancelled", "x ERR_FAILURE_IN_MAKE_CALL"],
        ),
        ("its device signs out", "axo", vec![Do::Ask('x', Request::Logout)], Do::RecordedOf(BACK), vec!["close record Cancelled"]),
        (
            "its device begins a new session and does not ask again",
            "axo",
            vec![Do::SignIn('x')],
            Do::RecordedOf(BACK),
            vec!["close record LocalNetworkLoss"],
        ),
    ];
    for (name, devices, given, when, then) in rows {
        let mut stage = talking(devices);
        stage.run(0, transfers());
        run_all(&mut stage, given);
        assert_eq!(stage.run(0, when), then, "{name}");
    }
}

#[test]
fn a_store_that_takes_too_long_leaves_the_call_as_it_was() {
    let mut stage = talking("axo");
    stage.run(100, Do::Ask('x', transfer(BACK, 'o')));
    assert_eq!(stage.run(5_099, Do::Wake), [""; 0]);
    assert_eq!(stage.run(5_100, Do::Wake), ["x ERR_SERVER_FAILURE"]);
    assert_eq!(stage.run(6_000, Do::RecordedOf(BACK)), ["close record InternalError"]);
    assert_eq!(
        stage.run(6_000, Do::Ask('a', hang_up(EndReason::HungUp))),
        ["close record HungUp x never connected", "a #2 ended HungUp", "x #3 ended HungUp", "a ok"]
    );
}

#[test]
fn devices_that_begin_new_sessions_meanwhile_go_on_where_they_were() {
    let mut stage = talking("axo");
    stage.run(0, Do::Ask('x', transfer(BACK, 'o')));
    run_all(&mut stage, [Do::SignIn('x'), Do::SignIn('a')]);
    assert_eq!(stage.run(0, Do::Ask('x', transfer(BACK, 'o'))), [""; 0], "it is asked again");
    assert_eq!(
        stage.run(0, Do::RecordedOf(BACK)),
        [
            "x2 ok",
            "close record Transferred x never connected",
            "x2 #1 ended Transferred",
            "a2 #1 transferred to other for Your order",
            "o #1 invite 35000 of caller by callee for Your customer with a.png",
        ]
    );
    assert_eq!(stage.run(0, Do::SignIn('a')), ["a2 close", "a3 welcome transferred placed"]);
}

#[test]
fn a_transferred_call_lasts_no_longer_than_the_one_before_it_might_have() {
    let mut stage = Stage::with("");
    stage.max_call = Some(std::time::Duration::from_secs(60));
    run_all(&mut stage, [Do::SignIn('a'), Do::SignIn('x'), Do::SignIn('o')]);
    run_all(&mut stage, [Do::Ask('a', call_to(CALL, 'x')), Do::Recorded, Do::Ask('x', accept())]);
    stage.run(10_000, Do::Ask('x', transfer(BACK, 'o')));
    stage.run(12_000, Do::RecordedOf(BACK));
    let answered = stage.run(25_000, Do::Ask('o', Request::Accept { call: BACK }));
    assert_eq!(answered, ["a #3 answered o for 48000", "o #2 answered o for 48000", "o ok"]);
}
