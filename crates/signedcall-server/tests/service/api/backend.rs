//! A company with an account, users and a backend.

use std::num::NonZeroU32;

use rusqlite::{Connection, params};
use serde_json::Value;
use signedcall_server::store::{Account, Accounts};
use signedcall_server::{STORE_FILE, Settings, account};
use signedcall_wire::{AccountId, Branding, ButtonTheme, CallId, Color, EndReason, Environment, Hello, Redacted, Request, ServiceEvent};

use super::document::Document;
use super::http::{Answer, ask, ask_with};
use crate::support::{Device, TestService, hello, new_call};

/// A service with a grocer's account.
pub(crate) struct Backend {
    pub(crate) service: TestService,
    pub(crate) accounts: Accounts,
    pub(crate) account: AccountId,
    pub(crate) production: Redacted<String>,
    pub(crate) development: Redacted<String>,
    /// What the service says of itself, by which everything that it answers is checked.
    pub(crate) document: Document,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        Self::start_as(|_| {}).await
    }

    pub(crate) async fn start_as(change: impl FnOnce(&mut Settings)) -> Self {
        let change = |settings: &mut Settings| {
            ask_freely(settings);
            change(settings);
        };
        let service = TestService::start_as(tempfile::tempdir().expect("a directory"), change).await;
        let accounts = Accounts::open(&service.data.path().join(STORE_FILE)).expect("the store");
        let [(_, production), (_, development)] = add(&accounts, "grocer");
        let document = Document::new(ask(service.service.address(), "GET", "/v1/openapi.json", None, None).await.json());
        Self { service, accounts, account: AccountId("grocer".to_owned()), production, development, document }
    }

    /// The service is stopped, and another goes on with its store.
    pub(crate) async fn restart(self) -> Self {
        let TestService { service, data } = self.service;
        service.shutdown().await;
        Self { service: TestService::start_as(data, ask_freely).await, ..self }
    }

    /// Another company of the same service, by its production key.
    pub(crate) fn other_company(&self) -> Redacted<String> {
        let [(_, production), _] = add(&self.accounts, "baker");
        production
    }

    pub(crate) async fn ask_by(&self, key: &Redacted<String>, method: &str, path: &str, body: Option<&str>) -> Answer {
        let answer = ask(self.service.service.address(), method, path, Some(key.expose()), body).await;
        self.document.check(method, path, body, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask_by(&self.production, "GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.ask_by(&self.production, "POST", path, None).await
    }

    /// Connects two users, by an idempotency key.
    pub(crate) async fn connect(&self, idempotency_key: &str, new: &Value) -> Answer {
        let (address, body) = (self.service.service.address(), new.to_string());
        let headers = [("Idempotency-Key", idempotency_key)];
        let answer = ask_with(address, "POST", "/v1/calls", Some(self.production.expose()), &headers, Some(&body)).await;
        self.document.check("POST", "/v1/calls", Some(&body), &answer);
        answer
    }

    pub(crate) async fn put(&self, path: &str, body: Option<&Value>) -> Answer {
        self.ask_by(&self.production, "PUT", path, body.map(Value::to_string).as_deref()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask_by(&self.production, "DELETE", path, None).await
    }

    pub(crate) fn hello(&self, cuid: &str) -> Hello {
        let account_id = self.account.clone();
        Hello { account_id, environment: Environment::Production, ..hello(self.production.clone(), cuid) }
    }

    pub(crate) async fn sign_in(&self, cuid: &str) -> Device {
        Device::sign_in(&self.service.service.url(), self.hello(cuid)).await
    }

    /// A user calls another, whose device has heard of it.
    pub(crate) async fn call(&self, caller: &mut Device, callee: &mut Device, to: &str) -> CallId {
        let (call, request) = new_call(to);
        caller.ask(request).await.expect("a call");
        assert!(matches!(callee.event().await, ServiceEvent::Invite(invite) if invite.call == call));
        call
    }

    /// A call that was answered.
    pub(crate) async fn answered_call(&self, caller: &mut Device, callee: &mut Device, to: &str) -> CallId {
        let call = self.call(caller, callee, to).await;
        callee.ask(Request::Accept { call }).await.expect("an answer");
        for device in [caller, callee] {
            assert!(matches!(device.event().await, ServiceEvent::Answered { .. }));
        }
        call
    }

    pub(crate) fn store(&self) -> Connection {
        let store = Connection::open(self.service.data.path().join(STORE_FILE)).expect("the store");
        // As the service opens it.
        store.pragma_update(None, "secure_delete", true).expect("the store");
        store
    }

    /// Writes down calls that are over, as the service does, one a second, and gives the ids, the oldest first.
    pub(crate) fn have_called(&self, caller: &str, callee: &str, reason: EndReason, from_second: i64, number: i64) -> Vec<CallId> {
        let mut store = self.store();
        let transaction = store.transaction().expect("the store");
        let ids = (0..number).map(|nth| {
            let (id, placed_at_ms) = (CallId(uuid::Uuid::new_v4()), (from_second + nth) * 1_000);
            let add = "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, ended_at_ms, end_reason)
                       VALUES (?, ?, 'production', ?, '', ?, 'Your order', ?, ?, ?)";
            let values = params![id.to_string(), self.account.0, caller, callee, placed_at_ms, placed_at_ms + 500, reason.number()];
            transaction.execute(add, values).expect("a record");
            id
        });
        let ids = ids.collect();
        transaction.commit().expect("the store");
        ids
    }
}

/// Tests ask again and again until something is so.
fn ask_freely(settings: &mut Settings) {
    settings.api.requests_per_minute = NonZeroU32::MAX;
}

fn add(accounts: &Accounts, id: &str) -> account::Keys {
    let color = |text: &str| Color::try_from(text.to_owned()).expect("a colour");
    let (bg_color, font_color) = (color("#102030"), color("#FFFFFF"));
    let branding = Branding { name: "Company".to_owned(), bg_color, font_color, logo: None, button_theme: ButtonTheme::Dark };
    let id = AccountId(id.to_owned());
    account::add(
        accounts,
        &Account { id, branding, relay_only: false, max_call: None, single_device: false, call_rates: Default::default() },
    )
    .expect("a new account")
}
