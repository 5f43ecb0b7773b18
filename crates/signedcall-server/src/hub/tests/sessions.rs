//! Sessions that go on on another socket, begin anew or in another run of the program, and what is asked twice.

use signedcall_wire::{EndReason, Request};

use super::arrows::{Row, after, answered, check, placed};
use super::stage::{CALL, Do, Stage, accept, call, endpoint, hang_up, ringing, signal, signal_to};

#[test]
fn a_repeated_request_is_answered_as_before_and_done_once() {
    let given = vec![Do::Ask('a', call()), Do::Recorded, Do::Lose('a'), Do::Resume('a', 0)];
    check(vec![
        Row { name: "while its answer is pending", devices: "ax", given: vec![Do::Ask('a', call())], when: Do::AskAgain('a'), then: &[] },
        Row { name: "after a resume", devices: "ax", given, when: Do::AskAgain('a'), then: &["a2 ok"] },
        Row {
            name: "a refusal",
            devices: "a",
            given: vec![Do::Ask('a', call()), Do::SignIn('x')],
            when: Do::AskAgain('a'),
            then: &["a ERR_CONTACT_NOT_REACHABLE"],
        },
        Row {
            name: "in a new session",
            devices: "ax",
            given: after(placed(), [Do::Ask('a', signal('x')), Do::SignIn('a')]),
            when: Do::AskAgain('a'),
            then: &["a2 ok"],
        },
        Row {
            name: "in a new session, while its answer is pending",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::SignIn('a'), Do::AskAgain('a')],
            when: Do::Recorded,
            then: &["a2 ok", "x #1 invite 35000"],
        },
        Row {
            name: "under another id, by a device in a new session",
            devices: "ax",
            given: after(placed(), [Do::SignIn('a')]),
            when: Do::Ask('a', call()),
            then: &["a2 ok"],
        },
    ]);
}

#[test]
fn a_session_goes_on_on_another_socket_and_misses_nothing() {
    let lost = after(placed(), [Do::Lose('x'), Do::Ask('a', signal('x')), Do::Ask('a', hang_up(EndReason::Cancelled))]);
    check(vec![
        Row {
            name: "what was missed is replayed",
            devices: "ax",
            given: lost.clone(),
            when: Do::Resume('x', 1),
            then: &["x2 resumed", "x2 #2 signal a", "x2 #3 ended Cancelled"],
        },
        Row {
            name: "what was acknowledged is not kept",
            devices: "ax",
            given: after(placed(), [Do::Ack('x', 1), Do::Lose('x')]),
            when: Do::Resume('x', 0),
            then: &["x2 session expired"],
        },
        Row { name: "a future that never was", devices: "ax", given: lost, when: Do::Resume('x', 4), then: &["x2 session expired"] },
        Row {
            name: "the old socket is closed when it lives still",
            devices: "ax",
            given: placed(),
            when: Do::Resume('x', 1),
            then: &["x close", "x2 resumed"],
        },
        Row {
            name: "an invite while away rings later",
            devices: "ax",
            given: vec![Do::Lose('x'), Do::Ask('a', call())],
            when: Do::Recorded,
            then: &["a ok"],
        },
        Row {
            name: "a session that was signed out",
            devices: "ax",
            given: vec![Do::Ask('x', Request::Logout)],
            when: Do::Resume('x', 0),
            then: &["x2 session expired"],
        },
        Row {
            name: "fresh credentials go to who is connected",
            devices: "ax",
            given: vec![Do::Lose('x')],
            when: Do::Renewed,
            then: &["a ice"],
        },
        Row {
            name: "and to who comes back",
            devices: "ax",
            given: vec![Do::Lose('x'), Do::Renewed],
            when: Do::Resume('x', 0),
            then: &["x2 resumed", "x2 ice"],
        },
    ]);
}

#[test]
fn a_new_session_of_a_device_takes_over_its_calls() {
    check(vec![
        Row {
            name: "a caller's",
            devices: "ax",
            given: after(placed(), [Do::Ask('x', ringing())]),
            when: Do::SignIn('a'),
            then: &["a close", "a2 welcome caller ringing x"],
        },
        Row {
            name: "a callee's, whose socket was lost",
            devices: "ax",
            given: after(answered(), [Do::Lose('x')]),
            when: Do::SignIn('x'),
            then: &["x2 welcome callee answered x"],
        },
        Row {
            name: "one that rings",
            devices: "ax",
            given: after(placed(), [Do::Lose('x')]),
            when: Do::SignIn('x'),
            then: &["x2 welcome callee placed"],
        },
        Row {
            name: "none that is being recorded",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::Lose('a')],
            when: Do::SignIn('a'),
            then: &["a2 welcome"],
        },
        Row {
            name: "which ends unless it is asked for again",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::SignIn('a')],
            when: Do::Recorded,
            then: &["close record LocalNetworkLoss"],
        },
        Row {
            name: "and goes on when it is",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::SignIn('a'), Do::Ask('a', call())],
            when: Do::Recorded,
            then: &["a2 ok", "x #1 invite 35000"],
        },
        Row {
            name: "the new session answers the old one's call",
            devices: "ax",
            given: after(placed(), [Do::SignIn('x')]),
            when: Do::Ask('x', Request::Accept { call: CALL }),
            then: &["a #1 answered x", "x2 #1 answered x", "x2 ok"],
        },
    ]);
}

#[test]
fn a_device_whose_program_starts_again_while_it_rings_is_another_endpoint() {
    let rings = || after(placed(), [Do::Ask('x', ringing())]);
    let restarted = || after(rings(), [Do::Restart('x')]);
    let rings_again = || after(restarted(), [Do::Ask('x', ringing())]);
    check(vec![
        Row {
            name: "it learns of the call",
            devices: "ax",
            given: rings(),
            when: Do::Restart('x'),
            then: &["x refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE", "x close", "x2 welcome callee placed"],
        },
        Row {
            name: "the caller learns that it rings anew",
            devices: "ax",
            given: restarted(),
            when: Do::Ask('x', ringing()),
            then: &["a #2 ringing x/2", "x2 ok"],
        },
        Row {
            name: "a new session of the same run rings already",
            devices: "ax",
            given: after(rings(), [Do::SignIn('x')]),
            when: Do::Ask('x', ringing()),
            then: &["x2 ok"],
        },
        Row {
            name: "what was meant for its last run is not passed on",
            devices: "ax",
            given: restarted(),
            when: Do::Ask('a', signal('x')),
            then: &["a ok"],
        },
        Row {
            name: "what is meant for this one is",
            devices: "ax",
            given: rings_again(),
            when: Do::Ask('a', signal_to(endpoint('x', 2))),
            then: &["x2 #1 signal a", "a ok"],
        },
        Row {
            name: "nothing is passed to a caller's last run",
            devices: "ax",
            given: after(rings(), [Do::Restart('a')]),
            when: Do::Ask('x', signal('a')),
            then: &["x ok"],
        },
        Row {
            name: "a caller that begins anew learns which run rings",
            devices: "ax",
            given: rings_again(),
            when: Do::SignIn('a'),
            then: &["a close", "a2 welcome caller ringing x/2"],
        },
        Row {
            name: "it answers",
            devices: "ax",
            given: rings_again(),
            when: Do::Ask('x', accept()),
            then: &["a #3 answered x/2", "x2 #1 answered x/2", "x2 ok"],
        },
    ]);
}

#[test]
fn a_device_goes_idle_unless_it_is_in_a_call() {
    let mut stage = Stage::with("axo");
    for event in placed() {
        stage.run(0, event);
    }
    for who in ['a', 'x'] {
        assert_eq!(stage.run(0, Do::Ask(who, Request::GoIdle)), [format!("{who} ERR_ONGOING_CALL")]);
    }
    assert_eq!(stage.run(0, Do::Ask('o', Request::GoIdle)), ["o ok", "o close"]);
    assert_eq!(stage.run(0, Do::Resume('o', 0)), ["o2 session expired"]);
    stage.run(0, Do::Ask('a', hang_up(EndReason::Cancelled)));
    assert_eq!(stage.run(0, Do::Ask('x', Request::GoIdle)), ["x ok", "x close"]);
    assert_eq!(stage.run(0, Do::Ask('a', super::stage::call_to(super::stage::BACK, 'x'))), ["a ERR_CONTACT_NOT_REACHABLE"]);
}

#[test]
fn an_account_may_have_its_users_on_one_device_at_a_time() {
    let mut stage = Stage::empty();
    stage.single_device = true;
    assert_eq!(stage.run(0, Do::SignIn('x')), ["x welcome"]);
    assert_eq!(stage.run(0, Do::SignIn('y')), ["y refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE", "y close"]);
    assert_eq!(stage.run(0, Do::SignIn('a')), ["a welcome"], "another user");
    assert_eq!(stage.run(0, Do::SignIn('p')), ["p welcome"], "another environment");
    assert_eq!(stage.run(0, Do::SignIn('x')), ["x close", "x2 welcome"], "the same device may begin anew");
    stage.run(1_000, Do::Lose('x'));
    assert_eq!(stage.run(30_999, Do::SignIn('y'))[0], "y2 refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE", "it may come back");
    assert_eq!(stage.run(31_000, Do::SignIn('y')), ["y3 welcome"]);
    assert_eq!(stage.run(31_000, Do::Resume('x', 0)), ["x3 session expired"], "two at a time it never is");
    stage.run(31_000, Do::Ask('y', Request::Logout));
    assert_eq!(stage.run(31_000, Do::SignIn('x')), ["x4 welcome"]);
}

/// Of two sockets on two nodes that are opened in the same moment the older one may be taken for the newer. Whose program it is comes again on another socket, and is not sent away.
#[test]
fn only_another_run_of_a_device_s_program_is_told_that_it_has_signed_in_elsewhere() {
    let mut stage = Stage::with("a");
    assert_eq!(stage.run(0, Do::SignIn('a')), ["a close", "a2 welcome"]);
    let refused = "a2 refused ERR_CUID_ALREADY_CONNECTED_ELSEWHERE";
    assert_eq!(stage.run(0, Do::Restart('a')), [refused, "a2 close", "a3 welcome"], "a copy that runs still must not take the place back");
}

/// A device that gives a socket up before it is answered says the same on the next; what it said on the first may arrive last.
#[test]
fn a_first_frame_that_is_overtaken_on_a_newer_socket_takes_no_session_from_it() {
    let mut stage = Stage::with("");
    let late = stage.event(Do::SignIn('a'));
    assert_eq!(stage.run(0, Do::SignIn('a')), ["a2 welcome"]);
    assert_eq!(stage.handle(0, late), ["a close"]);

    let late = stage.event(Do::Resume('a', 0));
    assert_eq!(stage.run(0, Do::Resume('a', 0)), ["a2 close", "a4 resumed"]);
    assert_eq!(stage.handle(0, late), ["a3 close"]);
}
