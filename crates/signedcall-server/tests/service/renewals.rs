//! User tokens that are renewed while the store is slow.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use signedcall_server::{STORE_FILE, Settings, account, open_accounts};
use signedcall_wire::{AccountId, ClientMessage, Credential, Environment, ErrorCode, Hello, Redacted, Renew, Request, ServiceMessage};

use crate::support::{Device, TestService};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Makes a key, and registers it for an account.
pub(crate) fn register_key(service: &TestService, account: &str) -> Ed25519KeyPair {
    let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
    let key = Ed25519KeyPair::from_pkcs8(secret.as_ref()).expect("a key");
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(key.public_key())}]}).to_string();
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    account::set_token_keys(&accounts, &AccountId(account.to_owned()), Environment::Development, &set).expect("the account");
    key
}

/// Makes a token of an account for one of its users.
pub(crate) fn token(key: &Ed25519KeyPair, account: &str, cuid: &str, jti: &str) -> Redacted<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({"iss": account, "sub": cuid, "aud": "signedcall", "iat": now, "exp": now + 600, "jti": jti});
    let signed = format!("{}.{}", encode(json!({"alg": "EdDSA", "kid": "ed"}).to_string()), encode(claims.to_string()));
    let signature = encode(key.sign(signed.as_bytes()));
    Redacted::new(format!("{signed}.{signature}"))
}

#[tokio::test]
async fn what_is_said_on_a_socket_does_not_wait_for_a_renewal_and_no_two_are_verified_at_once() {
    let service = TestService::start().await;
    let key = register_key(&service, "demo");
    let by_token = Hello { credential: Credential::UserToken(token(&key, "demo", "courier_1", "first")), ..service.hello("courier_1") };
    let mut device = Device::sign_in(&service.service.url(), by_token).await;
    let renew = |jti| {
        let user_token = token(&key, "demo", "courier_1", jti);
        ClientMessage::Renew(Renew { account_id: AccountId("demo".to_owned()), cuid: "courier_1".to_owned(), user_token })
    };
    let store = rusqlite::Connection::open(service.data.path().join(STORE_FILE)).expect("the store");
    store.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    device.socket.say(&renew("second")).await;
    assert_eq!(device.ask(Request::Unknown).await, Err(ErrorCode::FeatureNotAvailable), "answered before the token is");
    device.socket.say(&renew("third")).await;
    let told = device.socket.hear().await;
    assert!(matches!(&told, Some(ServiceMessage::NotRenewed(refusal)) if refusal.retry_after_ms.is_some()), "{told:?}");
    store.execute_batch("COMMIT").expect("it was begun");
    let told = device.socket.hear().await;
    assert!(matches!(told, Some(ServiceMessage::Renewed { .. })), "{told:?}");
}
