//! User tokens that the service signs for companies without a key of their own.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use signedcall_server::account;
use signedcall_wire::{ClientMessage, Credential, Environment, ErrorCode, Hello, Redacted, Renew, Request, ServiceMessage};

use super::backend::Backend;
use crate::sign_in::refused;
use crate::support::Device;

async fn token(backend: &Backend, cuid: &str) -> Redacted<String> {
    let answer = backend.ask_by(&backend.production, "POST", "/v1/tokens", Some(&json!({"cuid": cuid}).to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Redacted::new(answer.json()["token"].as_str().expect("a token").to_owned())
}

fn by_token(backend: &Backend, token: &Redacted<String>, cuid: &str) -> Hello {
    Hello { credential: Credential::UserToken(token.clone()), ..backend.hello(cuid) }
}

fn renew(backend: &Backend, user_token: &Redacted<String>, cuid: &str) -> ClientMessage {
    let (account_id, user_token) = (backend.account.clone(), user_token.clone());
    ClientMessage::Renew(Renew { account_id, cuid: cuid.to_owned(), user_token })
}

#[tokio::test]
async fn a_token_signs_its_user_in_once_and_nobody_else_anywhere_else() {
    let backend = Backend::start().await;
    let first = token(&backend, "courier_1").await;
    assert_eq!(refused(&backend.service, by_token(&backend, &first, "courier_2")).await.code, ErrorCode::ApiKeyRequired);
    let in_other = Hello { environment: Environment::Development, ..by_token(&backend, &token(&backend, "courier_1").await, "courier_1") };
    assert_eq!(refused(&backend.service, in_other).await.code, ErrorCode::ProductionFieldRequired);
    let device = Device::sign_in(&backend.service.service.url(), by_token(&backend, &first, "courier_1")).await;
    assert!(device.welcome.token_lasts_ms.is_some_and(|lasts| (600_000..=631_000).contains(&lasts)), "{:?}", device.welcome.token_lasts_ms);
    assert_eq!(refused(&backend.service, by_token(&backend, &first, "courier_1")).await.code, ErrorCode::ApiKeyRequired, "it was used");
}

#[tokio::test]
async fn one_key_signs_all_tokens_and_stays_beside_the_keys_that_the_company_registers() {
    let backend = Backend::start().await;
    let url = backend.service.service.url();
    token(&backend, "courier_1").await;
    let kids = || {
        let mut kids = BTreeSet::new();
        let store = backend.store();
        let mut keys = store.prepare("SELECT kid FROM token_keys WHERE removed_at_ms IS NULL").expect("keys");
        kids.extend(keys.query_map([], |row| row.get::<_, String>(0)).expect("keys").map(|kid| kid.expect("a key")));
        kids
    };
    let before = kids();
    assert_eq!(before.len(), 1);
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    for set in [json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "own", "x": x}]}), json!({"keys": []})] {
        account::set_token_keys(&backend.accounts, &backend.account, Environment::Production, &set.to_string()).expect("the account");
        let listed = account::token_keys(&backend.accounts, &backend.account).expect("the account");
        assert!(listed.iter().all(|(_, key)| key.kid == "own"), "{listed:?}");
        Device::sign_in(&url, by_token(&backend, &token(&backend, "courier_1").await, "courier_1")).await;
    }
    assert_eq!(kids(), before, "no other was made");
    let elsewhere = backend.ask_by(&backend.development, "POST", "/v1/tokens", Some("{\"cuid\":\"courier_1\"}")).await;
    assert_eq!((elsewhere.status, kids().len()), (200, 2), "the other environment has its own");
}

#[tokio::test]
async fn a_key_that_is_withdrawn_has_signed_nothing_any_more_and_the_next_token_is_by_another() {
    let backend = Backend::start().await;
    let url = backend.service.service.url();
    assert_eq!(backend.delete("/v1/tokens/key").await.status, 204, "there is none yet");
    let (used, unused) = (token(&backend, "courier_1").await, token(&backend, "courier_2").await);
    let mut device = Device::sign_in(&url, by_token(&backend, &used, "courier_1")).await;
    assert_eq!(backend.delete("/v1/tokens/key").await.status, 204);
    assert_eq!(refused(&backend.service, by_token(&backend, &unused, "courier_2")).await.code, ErrorCode::ApiKeyRequired);
    assert_eq!(device.socket.hear().await, Some(ServiceMessage::SessionExpired), "whoever is in by it has to bring another");
    let secrets = backend.store().query_row("SELECT count(*) FROM token_keys WHERE seed IS NOT NULL", [], |row| row.get::<_, u32>(0));
    assert_eq!(secrets.expect("a number"), 0);

    let mut device = Device::sign_in(&url, by_token(&backend, &token(&backend, "courier_1").await, "courier_1")).await;
    device.socket.say(&renew(&backend, &token(&backend, "courier_1").await, "courier_1")).await;
    let told = device.socket.hear().await;
    assert!(matches!(told, Some(ServiceMessage::Renewed { .. })), "{told:?}");
    assert_eq!(device.ask(Request::Unknown).await, Err(ErrorCode::FeatureNotAvailable), "it is signed in");
}

#[tokio::test]
async fn what_is_wrong_with_what_a_token_is_to_be_is_named() {
    let backend = Backend::start().await;
    for (body, field) in [
        (json!({}), "cuid"),
        (json!({"cuid": "x"}), "cuid"),
        (json!({"cuid": 7}), "cuid"),
        (json!({"cuid": "courier_1", "lasts_seconds": 59}), "lasts_seconds"),
        (json!({"cuid": "courier_1", "lasts_seconds": 601}), "lasts_seconds"),
        (json!({"cuid": "courier_1", "lasts_seconds": "60"}), "lasts_seconds"),
        (json!({"cuid": "courier_1", "name": "Ann"}), "name"),
    ] {
        let answer = backend.ask_by(&backend.production, "POST", "/v1/tokens", Some(&body.to_string())).await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned(), Some(field.to_owned())), "{body}");
    }
    for lasts_seconds in [60, 600] {
        let body: Value = json!({"cuid": "courier_1", "lasts_seconds": lasts_seconds});
        assert_eq!(backend.ask_by(&backend.production, "POST", "/v1/tokens", Some(&body.to_string())).await.status, 200);
    }
}
