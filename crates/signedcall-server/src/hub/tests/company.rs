//! What a company's backend asks for.

use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Environment, ServiceMessage, Timestamp};

use super::arrows::{Row, answered, check, placed};
use super::stage::{CALL, Do, Stage, THIRD, call, cuid, transfer};
use crate::hub::{AskId, HubCommand, HubEvent, HubStep, Presence};

fn account() -> AccountId {
    AccountId("parcelo".to_owned())
}

#[test]
fn a_company_ends_a_call_in_whatever_state_it_is() {
    check(vec![
        Row {
            name: "Recording → ends once it is durable",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::CompanyHangsUp],
            when: Do::Recorded,
            then: &["close record Cancelled", "a ok", "a #1 ended Cancelled", "company has hung up"],
        },
        Row {
            name: "Recording → nothing yet, also for the company: a service that takes the place of this one may find that it rings",
            devices: "ax",
            given: vec![Do::Ask('a', call())],
            when: Do::CompanyHangsUp,
            then: &[],
        },
        Row {
            name: "Recording → each who has ended it is told once it is durable",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::CompanyHangsUp, Do::CompanyHangsUp],
            when: Do::Recorded,
            then: &["close record Cancelled", "a ok", "a #1 ended Cancelled", "company has hung up", "company has hung up"],
        },
        Row {
            name: "Recording → there was no call",
            devices: "ax",
            given: vec![Do::Ask('a', call()), Do::CompanyHangsUp],
            when: Do::StoreFailed,
            then: &["company finds no call", "a ERR_SERVER_FAILURE"],
        },
        Row {
            name: "Ringing → over for all",
            devices: "axy",
            given: placed(),
            when: Do::CompanyHangsUp,
            then: &[
                "close record Cancelled",
                "a #1 ended Cancelled",
                "x #2 ended Cancelled",
                "y #2 ended Cancelled",
                "company has hung up",
            ],
        },
        Row {
            name: "Answered → over for both",
            devices: "ax",
            given: answered(),
            when: Do::CompanyHangsUp,
            then: &["close record HungUp x never connected", "a #3 ended HungUp", "x #3 ended HungUp", "company has hung up"],
        },
        Row { name: "there is no call", devices: "ax", given: vec![], when: Do::CompanyHangsUp, then: &["company finds no call"] },
    ]);
}

#[test]
fn a_transfer_that_is_being_written_down_is_not_done_when_the_company_ends_the_new_call() {
    let mut stage = Stage::with("axo");
    for event in answered() {
        stage.run(0, event);
    }
    stage.run(0, Do::Ask('x', transfer(THIRD, 'o')));
    let hang_up = HubEvent::HangUpAsked { ask: AskId(0), account: account(), environment: Environment::Development, call: THIRD };
    assert!(stage.handle(0, hang_up).is_empty());
    assert_eq!(stage.run(0, Do::RecordedOf(THIRD)), ["close record Cancelled", "x ERR_FAILURE_IN_MAKE_CALL", "company has hung up"]);
    assert_eq!(stage.hub.calls().collect::<Vec<_>>(), [CALL]);
}

#[test]
fn every_device_of_an_account_is_told_how_its_calls_look_from_now_on_and_so_is_whoever_comes_later() {
    let mut stage = Stage::with("axp");
    let branding = |name: &str| {
        let black = Color { red: 0, green: 0, blue: 0 };
        Branding { name: name.to_owned(), bg_color: black, font_color: black, logo: None, button_theme: ButtonTheme::Light }
    };
    let changed = |account, name| HubEvent::BrandingChanged { account, branding: branding(name) };
    assert!(stage.handle(0, changed(AccountId("other".to_owned()), "Other")).is_empty());
    stage.run(0, Do::Lose('x'));
    let told = stage.handle(0, changed(account(), "New"));
    assert_eq!(told, ["a #1 branding New", "p #1 branding New"], "in both environments");
    let told = stage.run(0, Do::Resume('x', 0));
    assert!(told.iter().any(|told| told == "x2 #1 branding New"), "{told:?}");
    // The shell looked this one up before.
    let sign_in = stage.event(Do::SignIn('y'));
    let HubStep { commands, .. } = stage.hub.handle(Timestamp::from_millis(0), sign_in);
    let Some(HubCommand::Send { message: ServiceMessage::Welcome(welcome), .. }) = commands.first() else { panic!("not welcome") };
    assert_eq!(welcome.branding, Some(branding("New")));
}

#[test]
fn another_company_and_the_other_environment_end_nothing() {
    let mut stage = Stage::with("ax");
    for event in placed() {
        stage.run(0, event);
    }
    for (account, environment) in [(AccountId("other".to_owned()), Environment::Development), (account(), Environment::Production)] {
        assert!(!stage.hub.has_call(&account, environment, CALL));
        let asked = HubEvent::HangUpAsked { ask: AskId(0), account, environment, call: CALL };
        assert_eq!(stage.handle(0, asked), ["company finds no call"]);
    }
    assert!(stage.hub.has_call(&account(), Environment::Development, CALL));
}

#[test]
fn a_user_is_seen_for_as_long_as_a_device_is_connected_and_can_be_called_for_the_grace_after_that() {
    let mut stage = Stage::with("ax");
    let x = (account(), Environment::Development, cuid('x'));
    let at = |stage: &Stage, now| stage.hub.presence_of(Timestamp::from_millis(now), &x);
    let seen = |devices, last_seen| Presence { devices, last_seen: Some(Timestamp::from_millis(last_seen)) };
    assert_eq!(at(&stage, 5), seen(1, 5));
    stage.run(6, Do::SignIn('y'));
    assert_eq!(at(&stage, 7), seen(2, 7));
    stage.run(10, Do::Lose('x'));
    assert_eq!(at(&stage, 11), seen(2, 11), "the other is there");
    stage.run(20, Do::Lose('y'));
    assert_eq!(at(&stage, 21), seen(2, 20));
    stage.run(30_019, Do::Wake);
    assert_eq!(at(&stage, 30_019), seen(1, 20));
    stage.run(30_020, Do::Wake);
    assert_eq!(at(&stage, 30_020), seen(0, 20));
    stage.run(60_020, Do::Wake);
    assert_eq!(at(&stage, 60_020), Presence::default(), "its sessions are forgotten");
}
