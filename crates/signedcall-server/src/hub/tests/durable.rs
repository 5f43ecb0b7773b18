//! Answers where somebody else may go on with the calls at any time: nobody is told before they are durable, however long that takes.

use super::stage::{CALL, Do, Stage, accept, call, hold};
use crate::hub::{Hub, HubSettings};

const NOTHING: [&str; 0] = [];

/// Rings on `x` and `y`, of which `x` has answered, and the store has not said so yet.
fn answered() -> Stage {
    let mut stage = Stage::empty();
    stage.hub = Hub::new(HubSettings { answer_within: None, ..HubSettings::default() });
    for who in ['a', 'x', 'y'] {
        stage.run(0, Do::SignIn(who));
    }
    stage.run(0, Do::Ask('a', call()));
    stage.run(0, Do::RecordedOf(CALL));
    stage.store_waits = true;
    assert_eq!(stage.run(0, Do::Ask('x', accept())), ["write answer"]);
    stage
}

#[test]
fn an_answer_is_told_when_the_store_has_it_and_at_no_other_time() {
    let mut stage = answered();
    assert_eq!(stage.wake_at(0), None);
    assert_eq!(stage.run(20_000, Do::Wake), NOTHING);
    let won = ["a #1 answered x", "x #2 answered x", "y #2 ended AnsweredElsewhere", "x ok"];
    assert_eq!(stage.run(20_000, Do::AnswerWritten), won);
}

#[test]
fn devices_that_begin_another_session_meanwhile_are_told_in_that() {
    let mut stage = answered();
    let asked = stage.asked[&'x'].clone();
    for who in ['a', 'x', 'y'] {
        stage.run(100, Do::Lose(who));
    }
    assert_eq!(stage.run(200, Do::SignIn('a')), ["a2 welcome caller placed"]);
    assert_eq!(stage.run(200, Do::SignIn('x')), ["x2 welcome callee placed"]);
    assert_eq!(stage.run(200, Do::SignIn('y')), ["y2 welcome callee placed"], "else it would take the call for missed");
    assert_eq!(stage.run(200, Do::SignIn('z')), ["z welcome"], "it has not rung, and does not");
    stage.asked.insert('x', asked);
    assert_eq!(stage.run(300, Do::AskAgain('x')), NOTHING);
    assert_eq!(stage.run(300, Do::Ask('x', hold(true))), ["write answer", "x2 ok"]);
    let won = ["a2 #1 answered x", "x2 #1 answered x", "a2 #2 held", "y2 #1 ended AnsweredElsewhere", "x2 ok"];
    assert_eq!(stage.run(2_000, Do::AnswerWritten), won);
}
