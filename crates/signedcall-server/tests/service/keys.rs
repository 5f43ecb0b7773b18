//! Api keys that come and go while the service runs, as another process sees to it.

use signedcall_server::store::{Account, Accounts};
use signedcall_server::{KeyId, STORE_FILE, account};
use signedcall_wire::{
    AccountId, Branding, Color, EndReason, Environment, ErrorCode, Hello, Redacted, Request, ServiceEvent, ServiceMessage,
};

use crate::sign_in::refused;
use crate::support::{Device, Socket, TestService, hello, new_call};

/// A service with an account of its own, and that account's keys.
pub(crate) struct Grocer {
    pub(crate) service: TestService,
    pub(crate) accounts: Accounts,
    pub(crate) account: Account,
    production: Redacted<String>,
}

impl Grocer {
    pub(crate) async fn start() -> Self {
        let service = TestService::start().await;
        let accounts = Accounts::open(&service.data.path().join(STORE_FILE)).expect("the store");
        let color = |text: &str| Color::try_from(text.to_owned()).expect("a colour");
        let branding = Branding {
            name: "Grocer".to_owned(),
            bg_color: color("#102030"),
            font_color: color("#FFFFFF"),
            logo: None,
            button_theme: signedcall_wire::ButtonTheme::Dark,
        };
        let account = Account {
            id: AccountId("grocer".to_owned()),
            branding,
            relay_only: true,
            max_call: None,
            single_device: false,
            call_rates: Default::default(),
        };
        let [(_, production), _] = account::add(&accounts, &account).expect("a new account");
        Self { service, accounts, account, production }
    }

    fn hello(&self, key: &Redacted<String>, cuid: &str) -> Hello {
        Hello { account_id: self.account.id.clone(), environment: Environment::Production, ..hello(key.clone(), cuid) }
    }

    async fn sign_in(&self, key: &Redacted<String>, cuid: &str) -> Device {
        Device::sign_in(&self.service.service.url(), self.hello(key, cuid)).await
    }

    fn add_key(&self) -> (KeyId, Redacted<String>) {
        account::add_key(&self.accounts, &self.account.id, Environment::Production).expect("room for another")
    }

    /// The id of the key that the account began with.
    fn first_key(&self) -> KeyId {
        let keys = account::keys(&self.accounts, &self.account.id).expect("the account");
        keys.into_iter().find(|key| key.environment == Environment::Production).expect("a key").id
    }

    fn revoke(&self, key: &KeyId) {
        account::revoke_key(&self.accounts, &self.account.id, key).expect("it was good");
    }
}

#[tokio::test]
async fn an_account_that_is_added_while_the_service_runs_may_sign_in() {
    let grocer = Grocer::start().await;
    for _ in 0..2 {
        let welcome = grocer.sign_in(&grocer.production, "courier_1").await.welcome;
        assert!(welcome.ice.relay_only && welcome.branding.as_ref() == Some(&grocer.account.branding));
    }
}

#[tokio::test]
async fn two_keys_are_good_at_once_until_one_is_revoked_whose_devices_are_signed_out() {
    let grocer = Grocer::start().await;
    let old = grocer.first_key();
    let (_, new) = grocer.add_key();
    let mut by_old = grocer.sign_in(&grocer.production, "courier_1").await;
    let mut by_new = grocer.sign_in(&new, "customer_1").await;
    let (call, request) = new_call("courier_1");
    by_new.ask(request).await.expect("both can be reached");
    by_old.event().await;

    grocer.revoke(&old);
    let told = by_old.socket.hear().await;
    assert!(matches!(&told, Some(ServiceMessage::Refused(refusal)) if refusal.code == ErrorCode::ApiKeyRequired), "{told:?}");
    assert_eq!(by_new.event().await, ServiceEvent::Ended { call, reason: EndReason::LoggedOut, other_device: None });
    while by_old.socket.hear().await.is_some() {}
    let mut again = Socket::open(&grocer.service.service.url()).await;
    again.say(&by_old.resume_message()).await;
    assert_eq!(again.hear().await, Some(ServiceMessage::SessionExpired), "its session is over");
    assert_eq!(refused(&grocer.service, grocer.hello(&grocer.production, "courier_1")).await.code, ErrorCode::ApiKeyRequired);
    grocer.sign_in(&new, "courier_1").await;
    assert_eq!(by_new.ask(Request::Unknown).await, Err(ErrorCode::FeatureNotAvailable), "the other key's device is still signed in");
}

#[tokio::test]
async fn a_key_that_was_revoked_before_the_service_was_started_lets_nobody_in() {
    let grocer = Grocer::start().await;
    grocer.revoke(&grocer.first_key());
    let Grocer { service, accounts, account, production } = grocer;
    let TestService { service, data } = service;
    service.shutdown().await;
    let service = TestService::start_on(data).await;
    let grocer = Grocer { service, accounts, account, production };
    assert_eq!(refused(&grocer.service, grocer.hello(&grocer.production, "courier_1")).await.code, ErrorCode::ApiKeyRequired);
}
