//! What a service that has died, or given its calls to another, was in the middle of.

use signedcall_wire::EndReason;

use super::arrows::placed;
use super::stage::{Do, Stage, accept, decline};

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
