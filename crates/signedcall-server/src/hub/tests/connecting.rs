//! A company's backend connects two users.

use std::time::Duration;

use signedcall_wire::{EndReason, Request, ServiceEvent, ServiceMessage, Timestamp};

use super::stage::{CALL, Do, Stage, THIRD, accept, call_to, connect, decline, device, hang_up};
use crate::hub::{AskId, Connect, HubCommand, HubEvent, Quiet, QuietHours};

/// `x` has answered the call that leads to `o`, and the store has written down that `o` is called.
fn connected(stage: &mut Stage) -> Vec<String> {
    for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
    stage.run(0, Do::RecordedOf(THIRD))
}

#[test]
fn the_first_user_rings_and_once_they_have_answered_the_second_is_called() {
    let mut stage = Stage::with("xyo");
    assert_eq!(stage.run(0, Do::CompanyConnects('x', 'o')), ["open record by company"]);
    assert_eq!(
        stage.run(0, Do::Recorded),
        [
            "company Placed",
            "x #1 invite 35000 to be connected with other for Your courier",
            "y #1 invite 35000 to be connected with other for Your courier",
        ]
    );
    assert_eq!(stage.run(0, Do::Ask('x', Request::Ringing { call: CALL })), ["x ok"], "nobody waits for it");
    assert_eq!(stage.run(0, Do::Ask('x', accept())), ["x #2 answered x", "y #2 ended AnsweredElsewhere", "x ok", "open record by company"]);
    assert_eq!(
        stage.run(0, Do::RecordedOf(THIRD)),
        ["close record Transferred x never connected", "x #3 transferred to other for Your courier", "o #1 invite 35000"]
    );
    assert_eq!(stage.run(0, Do::Ask('o', Request::Accept { call: THIRD })), ["x #4 answered o", "o #2 answered o", "o ok"]);
    let hung_up = stage.run(0, Do::Ask('x', Request::Hangup { call: THIRD, reason: EndReason::HungUp }));
    assert_eq!(hung_up, ["close record HungUp o never connected", "x #5 ended HungUp", "o #3 ended HungUp", "x ok"]);
    assert_eq!(stage.hub.calls().count(), 0);
}

#[test]
fn each_sees_the_reason_and_the_picture_that_the_company_has_chosen_for_them() {
    let mut stage = Stage::with("xo");
    stage.run(0, Do::CompanyConnects('x', 'o'));
    let invite = |stage: &mut Stage, call| {
        let commands = stage.hub.handle(Timestamp::from_millis(0), HubEvent::Recorded { call }).commands;
        let found = commands.into_iter().find_map(|command| {
            let HubCommand::Send { message: ServiceMessage::Event { event: ServiceEvent::Invite(invite), .. }, .. } = command else {
                return None;
            };
            Some(invite)
        });
        found.expect("somebody is called")
    };
    let first = invite(&mut stage, CALL);
    assert_eq!((first.context.as_str(), first.initiator_image.as_deref(), first.leads_to), ("Your courier", Some("to.png"), Some(THIRD)));
    assert_ne!(first.endpoint.device, device('o'), "no media leads to who is not called yet");
    stage.make_durable(CALL);
    stage.run(0, Do::Ask('x', accept()));
    let second = invite(&mut stage, THIRD);
    assert_eq!((second.context.as_str(), second.initiator_image.as_deref(), second.leads_to), ("Your customer", Some("from.png"), None));
    assert_eq!((second.from.as_str(), second.endpoint.device), ("callee", device('x')));
}

#[test]
fn who_declines_is_connected_with_nobody() {
    let mut stage = Stage::with("xyo");
    stage.run(0, Do::CompanyConnects('x', 'o'));
    stage.run(0, Do::Recorded);
    let declined = stage.run(0, Do::Ask('x', decline(EndReason::Declined)));
    assert_eq!(declined, ["close record Declined", "x #2 ended Declined", "y #2 ended DeclinedElsewhere", "x ok"]);
    assert_eq!(stage.hub.calls().count(), 0);
}

#[test]
fn nobody_is_rung_where_one_of_the_two_cannot_be_called() {
    let asks = || Do::CompanyConnects('x', 'o');
    let rows: Vec<(&str, &str, Vec<Do>, &str)> = vec![
        ("the second is not there", "x", vec![], "company NotReachable(To)"),
        ("the first is not there", "o", vec![], "company NotReachable(From)"),
        ("the second is blocked", "xo", vec![Do::BlockUser('o')], "company NotReachable(To)"),
        ("the first is blocked", "xo", vec![Do::BlockUser('x')], "company NotReachable(From)"),
        ("the second has signed out", "xo", vec![Do::Ask('o', Request::Logout)], "company NotReachable(To)"),
        ("the service is about to stop", "xo", vec![Do::Drain], "company Unavailable"),
        ("a user has called by this id", "axo", vec![Do::Ask('a', call_to(CALL, 'x'))], "company Another"),
    ];
    for (name, devices, given, then) in rows {
        let mut stage = Stage::with(devices);
        for event in given {
            stage.run(0, event);
        }
        assert_eq!(stage.run(0, asks()), [then], "{name}");
    }
}

#[test]
fn nobody_is_connected_in_their_quiet_hours_or_in_those_of_the_other() {
    let now = QuietHours { from: 0, to: 1, ahead: 0 };
    for (who, then) in [('x', "company Quiet(From)"), ('o', "company Quiet(To)")] {
        let mut stage = Stage::with("xo");
        let Connect { account, environment, from, to, .. } = connect('x', 'o');
        let user = (account, environment, if who == 'x' { from } else { to });
        stage.handle(0, HubEvent::QuietHours(Quiet { users: [(user, now)].into(), accounts: Default::default() }));
        assert_eq!(stage.run(0, Do::CompanyConnects('x', 'o')), [then]);
    }
}

#[test]
fn asked_again_it_is_the_same_call_and_asked_for_somebody_else_it_is_refused() {
    let mut stage = Stage::with("xoq");
    stage.run(0, Do::CompanyConnects('x', 'o'));
    assert!(stage.run(0, Do::CompanyConnects('x', 'o')).is_empty(), "its record is being written");
    assert_eq!(stage.run(0, Do::CompanyConnects('x', 'q')), ["company Another"]);
    let placed = stage.run(0, Do::Recorded);
    assert_eq!(placed[..2], ["company Placed", "company Placed"], "both are answered");
    assert_eq!(placed.len(), 3, "{placed:?}");
    assert_eq!(stage.run(0, Do::CompanyConnects('x', 'o')), ["company Placed"]);
    stage.run(0, Do::Ask('x', decline(EndReason::Declined)));
    assert_eq!(stage.run(0, Do::CompanyConnects('x', 'o')), ["company Placed"], "it is over");
    assert_eq!(stage.run(0, Do::CompanyConnects('x', 'q')), ["company Another"]);
    assert_eq!(stage.hub.calls().count(), 0);
}

#[test]
fn a_call_that_could_not_be_written_down_may_be_asked_for_again() {
    let mut stage = Stage::with("xo");
    stage.run(0, Do::CompanyConnects('x', 'o'));
    assert_eq!(stage.run(0, Do::StoreFailed), ["company Unavailable"]);
    assert_eq!(stage.run(0, Do::CompanyConnects('x', 'o')), ["open record by company"]);
    assert_eq!(stage.run(0, Do::RecordFailed), ["company Before"], "the store has it");
    stage.run(0, Do::CompanyConnects('x', 'o'));
    assert_eq!(stage.run(5_000, Do::Wake), ["company Unavailable"], "the store takes too long");
    assert_eq!(stage.run(5_000, Do::Recorded), ["close record InternalError"]);
}

#[test]
fn whoever_has_answered_is_told_why_the_other_is_not_called() {
    let quits = Do::Ask('o', Request::Logout);
    let mut stage = Stage::with("xo");
    for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, quits] {
        stage.run(0, event);
    }
    let answered = stage.run(0, Do::Ask('x', accept()));
    assert_eq!(answered[..2], ["x #2 answered x", "x ok"]);
    assert_eq!(answered[2..], ["close record RemoteNetworkLoss x never connected", "x #3 ended RemoteNetworkLoss"]);
    for (event, told) in [
        (Do::StoreFailedOf(THIRD), &["close record InternalError x never connected", "x #3 ended InternalError"] as &[&str]),
        (Do::Ask('x', hang_up(EndReason::HungUp)), &["close record HungUp x never connected", "x #3 ended HungUp", "x ok"]),
    ] {
        let mut stage = Stage::with("xo");
        for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
            stage.run(0, event);
        }
        assert_eq!(stage.run(0, event), told);
        // The second call's record may be durable by then.
        stage.run(0, Do::RecordedOf(THIRD));
        stage.run(5_000, Do::Wake);
        assert_eq!(stage.hub.calls().count(), 0);
    }
}

#[test]
fn the_time_of_a_limited_call_begins_when_the_second_user_answers() {
    let mut stage = Stage::empty();
    stage.max_call = Some(Duration::from_secs(60));
    for who in ['x', 'o'] {
        stage.run(0, Do::SignIn(who));
    }
    let limited = |stage: &mut Stage, limit| {
        let connect = Box::new(Connect { limit: Some(Duration::from_secs(limit)), ..connect('x', 'o') });
        stage.handle(0, HubEvent::ConnectAsked { ask: AskId(1), connect });
        for event in [Do::Recorded, Do::Ask('x', accept())] {
            stage.run(0, event);
        }
        stage.run(4_000, Do::RecordedOf(THIRD));
        stage.run(4_000, Do::Ask('o', Request::Accept { call: THIRD }))
    };
    assert_eq!(limited(&mut stage, 40)[..2], ["x #4 answered o for 40000", "o #2 answered o for 40000"]);
    let over = stage.run(44_000, Do::Wake);
    assert!(over.contains(&"close record MaxDuration o never connected".to_owned()), "{over:?}");
    let mut stage = Stage::empty();
    stage.max_call = Some(Duration::from_secs(60));
    for who in ['x', 'o'] {
        stage.run(0, Do::SignIn(who));
    }
    assert_eq!(limited(&mut stage, 90)[0], "x #4 answered o for 60000", "the account's own limit is shorter");
}

#[test]
fn it_counts_as_one_call_of_the_first_user() {
    use crate::hub::{CallRates, Hub, HubSettings};
    let call_rates = CallRates { per_user: std::num::NonZeroU32::new(1), per_account: None };
    let mut stage = Stage::empty();
    stage.hub = Hub::new(HubSettings { call_rates, ..HubSettings::default() });
    for who in ['x', 'o'] {
        stage.run(0, Do::SignIn(who));
    }
    assert_eq!(connected(&mut stage)[0], "close record Transferred x never connected");
    stage.run(0, Do::Ask('x', Request::Hangup { call: THIRD, reason: EndReason::Cancelled }));
    let again = Box::new(Connect { call: super::stage::BACK, leads_to: super::stage::FOURTH, ..connect('x', 'o') });
    assert_eq!(stage.handle(0, HubEvent::ConnectAsked { ask: AskId(2), connect: again }), ["company TooMany"]);
}

#[test]
fn the_first_call_rings_on_after_the_service_was_started_again_and_leads_to_the_second() {
    let mut stage = Stage::with("xo");
    stage.run(0, Do::CompanyConnects('x', 'o'));
    stage.run(0, Do::Recorded);
    assert!(stage.restart_service(1_000).is_empty());
    stage.run(1_000, Do::SignIn('o'));
    let back = stage.run(1_000, Do::SignIn('x'));
    assert!(back[0].contains("welcome") && back[0].contains("callee"), "{back:?}");
    // Nobody is expected back whose absence would end it.
    stage.run(34_000, Do::Wake);
    let answered = stage.run(34_000, Do::Ask('x', accept()));
    assert!(answered.contains(&"open record by company".to_owned()), "{answered:?}");
    let placed = stage.run(34_000, Do::RecordedOf(THIRD));
    assert!(placed.iter().any(|told| told.ends_with("transferred to other for Your courier")), "{placed:?}");
}

#[test]
fn a_service_that_dies_once_the_first_call_is_answered_calls_the_second_user_when_it_is_back() {
    let mut stage = Stage::with("xo");
    for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
    stage.restart_service(1_000);
    stage.run(1_000, Do::SignIn('o'));
    stage.run(1_000, Do::SignIn('x'));
    assert_eq!(stage.run(4_000, Do::Wake), ["open record by company"]);
}

#[test]
fn a_service_that_dies_once_the_second_call_is_written_down_goes_on_with_that_one() {
    let mut stage = Stage::with("xo");
    for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
    stage.make_durable(THIRD);
    let restored = stage.restart_service(1_000);
    assert_eq!(restored, ["close record Transferred x never connected"]);
    let back = stage.run(1_000, Do::SignIn('x'));
    assert_eq!(back[0], "x2 welcome transferred placed");
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [THIRD]);
}

#[test]
fn the_company_ends_it_while_the_second_call_is_being_written_down() {
    let mut stage = Stage::with("xo");
    for event in [Do::CompanyConnects('x', 'o'), Do::Recorded, Do::Ask('x', accept())] {
        stage.run(0, event);
    }
    let Connect { account, environment, .. } = connect('x', 'o');
    assert!(stage.handle(0, HubEvent::HangUpAsked { ask: AskId(0), account, environment, call: THIRD }).is_empty());
    assert_eq!(
        stage.run(0, Do::RecordedOf(THIRD)),
        ["close record Cancelled", "close record Cancelled x never connected", "x #3 ended Cancelled", "company has hung up"]
    );
}
