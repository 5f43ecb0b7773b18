//! Users who are not called at this hour.

use signedcall_wire::{AccountId, Environment, Timestamp};

use super::arrows::{answered, placed};
use super::stage::{CALL, Do, Stage, THIRD, call, call_to, cuid, transfer};
use crate::hub::{HubCommand, HubEvent, HubStep, Moment, Quiet, QuietHours};

/// The first hour of each day.
const FIRST_HOUR: QuietHours = QuietHours { from: 0, to: 60, ahead: 0 };
const HOUR_MS: u64 = 3_600_000;

/// Nobody calls the user of a device in the first hour of the day.
fn quieten(stage: &mut Stage, who: char) {
    let user = (AccountId("parcelo".to_owned()), Environment::Development, cuid(who));
    let quiet = Quiet { users: [(user, FIRST_HOUR)].into(), ..Quiet::default() };
    assert!(stage.handle(0, HubEvent::QuietHours(quiet)).is_empty());
}

#[test]
fn a_call_in_quiet_hours_is_over_before_it_rings_and_nothing_of_it_is_seen_at_the_callee() {
    let mut stage = Stage::with("axy");
    quieten(&mut stage, 'x');
    assert_eq!(stage.run(HOUR_MS - 1, Do::Ask('a', call())), ["open record"]);
    assert_eq!(stage.run(HOUR_MS - 1, Do::Recorded), ["a ok", "close record QuietHours", "a #1 ended QuietHours"]);
    stage.run(HOUR_MS, Do::Ask('a', call_to(THIRD, 'x')));
    let told = stage.run(HOUR_MS, Do::RecordedOf(THIRD));
    assert!(told.iter().any(|told| told.starts_with("x #1 invite")), "{told:?}");
}

#[test]
fn quiet_hours_are_those_of_the_wall_s_clock_whatever_the_hub_s_own_shows() {
    let hour = |number| Timestamp::from_millis(number * HOUR_MS);
    for (wall, is_quiet) in [(24, true), (25, false)] {
        let mut stage = Stage::with("ax");
        quieten(&mut stage, 'x');
        stage.run(10 * HOUR_MS, Do::Ask('a', call()));
        stage.make_durable(CALL);
        let HubStep { commands, .. } = stage.hub.handle(Moment { now: hour(10), wall: hour(wall) }, HubEvent::Recorded { call: CALL });
        let closed = commands.iter().any(|command| matches!(command, HubCommand::CloseRecord(_)));
        assert_eq!(closed, is_quiet, "{wall}");
    }
}

#[test]
fn whoever_is_not_called_may_call() {
    let mut stage = Stage::with("ax");
    quieten(&mut stage, 'a');
    for event in placed() {
        stage.run(0, event);
    }
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn a_call_goes_on_when_quiet_hours_begin() {
    let mut stage = Stage::with("ax");
    for event in answered() {
        stage.run(0, event);
    }
    quieten(&mut stage, 'x');
    assert!(stage.run(0, Do::Wake).is_empty());
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn nobody_is_transferred_to_whoever_is_not_called() {
    let mut stage = Stage::with("axo");
    for event in answered() {
        stage.run(0, event);
    }
    quieten(&mut stage, 'o');
    assert_eq!(stage.run(0, Do::Ask('x', transfer(THIRD, 'o'))), ["x ERR_CONTACT_NOT_REACHABLE"]);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}
