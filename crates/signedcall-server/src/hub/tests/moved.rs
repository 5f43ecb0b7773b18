//! What a service that has died, or given its calls to another, was in the middle of.

use signedcall_wire::{EndReason, Request};

use super::arrows::{after, answered, placed};
use super::stage::{BACK, CALL, Do, Stage, THIRD, accept, call, decline, hang_up, transfer};

const NOTHING: [&str; 0] = [];

#[test]
fn a_device_that_has_rung_late_is_told_of_an_answer_that_is_written_down_while_it_comes_back() {
    let mut stage = Stage::with("ax");
    for event in placed() {
        stage.run(0, event);
    }
    // Its record was written before this device rang too.
    assert_eq!(stage.run(500, Do::SignIn('z')), ["z welcome callee placed"]);
    stage.restart_service(1_000);
    stage.run(2_000, Do::SignIn('a'));
    stage.run(2_000, Do::SignIn('x'));
    stage.store_waits = true;
    assert_eq!(stage.run(2_000, Do::Ask('x', accept())), ["write answer"]);
    assert_eq!(stage.run(2_100, Do::SignIn('z')), ["z2 welcome callee placed"], "else it would take the call for missed");
    let won = ["a2 #1 answered x", "x2 #1 answered x", "z2 #1 ended AnsweredElsewhere", "x2 ok"];
    assert_eq!(stage.run(2_200, Do::AnswerWritten), won);

    let mut stage = Stage::with("ax");
    for event in placed() {
        stage.run(0, event);
    }
    stage.run(500, Do::SignIn('z'));
    stage.restart_service(1_000);
    for who in ['a', 'x', 'z'] {
        stage.run(2_000, Do::SignIn(who));
    }
    stage.run(2_000, Do::Ask('z', decline(EndReason::MicrophoneRefused)));
    stage.store_waits = true;
    assert_eq!(stage.run(2_000, Do::Ask('x', accept())), ["write answer"]);
    let again = stage.run(2_100, Do::SignIn('z'));
    assert_eq!(again.last().map(String::as_str), Some("z3 welcome ended MicrophoneRefused"), "it has left");
    assert_eq!(stage.run(2_200, Do::AnswerWritten), ["a2 #1 answered x", "x2 #1 answered x", "x2 ok"]);
}

#[test]
fn a_hang_up_is_acknowledged_when_no_other_service_can_find_the_call_ringing() {
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled))), NOTHING);
    stage.make_durable(CALL);
    assert_eq!(stage.restart_service(1_000), NOTHING);
    assert_eq!(stage.run(1_000, Do::SignIn('x')), ["x2 welcome callee placed"]);
    stage.run(1_000, Do::SignIn('a'));
    // Nobody has told it that this is done, so that it says so again.
    let over = ["close record Cancelled", "a2 #1 ended Cancelled", "x2 #1 ended Cancelled", "a2 ok"];
    assert_eq!(stage.run(1_000, Do::AskAgain('a')), over);

    for (outcome, told) in [
        (Do::Recorded, &["close record Cancelled", "a ok", "a ok", "a #1 ended Cancelled"] as &[&str]),
        (Do::RecordFailed, &["a ERR_FAILURE_IN_MAKE_CALL", "a ERR_FAILURE_IN_MAKE_CALL"]),
        (Do::StoreFailed, &["a ERR_SERVER_FAILURE", "a ERR_SERVER_FAILURE"]),
    ] {
        let mut stage = Stage::with("ax");
        stage.run(0, Do::Ask('a', call()));
        stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
        assert_eq!(stage.run(0, outcome), told);
    }

    // In another session it is said again.
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
    stage.run(0, Do::SignIn('a'));
    assert_eq!(stage.run(0, Do::AskAgain('a')), NOTHING);
    assert_eq!(stage.run(0, Do::Recorded), ["close record Cancelled", "a2 ok", "a2 #1 ended Cancelled"]);

    // The caller was told that the call has failed, and nobody knows when the store says more.
    let mut stage = Stage::with("ax");
    stage.run(0, Do::Ask('a', call()));
    assert_eq!(stage.run(5_000, Do::Wake), ["a ERR_SERVER_FAILURE"]);
    assert_eq!(stage.run(5_000, Do::Ask('a', hang_up(EndReason::Cancelled))), ["a ok"]);
    assert_eq!(stage.run(6_000, Do::Recorded), ["close record InternalError"]);
}

#[test]
fn a_transfer_of_a_call_that_has_ended_meanwhile_is_not_done_by_the_next_service_either() {
    let asked = || after(answered(), [Do::Ask('x', transfer(BACK, 'o'))]);
    let mut stage = Stage::with("axo");
    for event in asked() {
        stage.run(0, event);
    }
    stage.make_durable(BACK);
    stage.run(0, Do::Ask('a', hang_up(EndReason::HungUp)));
    assert_eq!(stage.restart_service(1_000), ["close record Cancelled"]);
    assert_eq!(stage.hub.calls().count(), 0);
    assert!(!stage.run(1_000, Do::SignIn('o')).concat().contains("callee"), "nobody is called");

    let mut stage = Stage::with("xo");
    for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
    stage.make_durable(THIRD);
    stage.run(0, Do::Ask('x', hang_up(EndReason::HungUp)));
    assert_eq!(stage.restart_service(1_000), ["close record Cancelled"], "the second call of two whom their company connects");

    // It was done, and is answered, whatever its first call was.
    let mut stage = Stage::with("axo");
    for event in after(asked(), [Do::RecordedOf(BACK), Do::Ask('o', Request::Accept { call: BACK })]) {
        stage.run(0, event);
    }
    assert_eq!(stage.restart_service(1_000), NOTHING);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [BACK]);
}

#[test]
fn a_company_is_not_told_that_somebody_is_not_there_who_may_be_about_to_come_back() {
    let mut stage = Stage::empty();
    stage.run(0, Do::ReturnExpected(5_000));
    stage.run(100, Do::SignIn('x'));
    assert_eq!(stage.run(4_999, Do::CompanyConnects('x', 'o')), ["company Unavailable"]);
    assert_eq!(stage.run(5_000, Do::CompanyConnects('x', 'o')), ["company NotReachable(To)"]);
    let mut stage = Stage::empty();
    stage.run(0, Do::ReturnExpected(5_000));
    stage.run(100, Do::SignIn('o'));
    assert_eq!(stage.run(100, Do::CompanyConnects('x', 'o')), ["company Unavailable"]);
}

#[test]
fn a_company_s_second_user_who_may_be_about_to_come_back_is_waited_for() {
    let moved = || {
        let mut stage = Stage::with("xo");
        for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
            stage.run(0, event);
        }
        stage.restart_service(1_000);
        stage.run(1_000, Do::ReturnExpected(5_000));
        stage.run(1_000, Do::SignIn('x'));
        assert_eq!(stage.run(4_000, Do::Wake), NOTHING, "the second user may come yet");
        stage
    };
    let mut stage = moved();
    assert_eq!(stage.run(5_500, Do::SignIn('o')), ["o2 welcome"]);
    assert_eq!(stage.wake_at(5_500), Some(6_000));
    assert_eq!(stage.run(6_000, Do::Wake), ["open record by company"]);

    let over = ["close record RemoteNetworkLoss x never connected", "x2 #1 ended RemoteNetworkLoss"];
    assert_eq!(moved().run(6_000, Do::Wake), over, "and no longer");
}
