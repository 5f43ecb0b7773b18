//! The users of a company.

use serde_json::{Value, json};
use signedcall_server::account;
use signedcall_wire::{Cuid, EndReason, Environment};

use super::backend::Backend;

#[tokio::test]
async fn a_user_is_signed_in_on_so_many_devices() {
    let backend = Backend::start().await;
    let nobody = json!({"cuid": "courier_1", "signed_in": false, "devices": 0, "last_seen_at": null, "blocked": false});
    assert_eq!(backend.get("/v1/users/courier_1").await.json(), nobody);
    let _desk = backend.sign_in("courier_1").await;
    let _phone = backend.sign_in("courier_1").await;
    let found = backend.get("/v1/users/courier_1").await.json();
    assert_eq!((&found["signed_in"], &found["devices"]), (&json!(true), &json!(2)));
    assert!(found["last_seen_at"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{found}");
    let elsewhere = backend.ask_by(&backend.development, "GET", "/v1/users/courier_1", None).await.json();
    assert_eq!(elsewhere, nobody);
    assert_eq!(backend.get("/v1/users/x").await.problem().2.as_deref(), Some("cuid"));
}

#[tokio::test]
async fn a_user_who_is_away_was_last_seen_calling_and_may_be_blocked() {
    let backend = Backend::start().await;
    backend.have_called("courier_1", "customer_1", EndReason::Missed, 100, 3);
    let cuid = Cuid::new("courier_1").expect("a cuid");
    account::block_user(&backend.accounts, &backend.account, Environment::Production, &cuid, true).expect("the account");
    let found = backend.get("/v1/users/courier_1").await.json();
    assert_eq!((&found["last_seen_at"], &found["blocked"]), (&json!("1970-01-01T00:01:42.000Z"), &json!(true)));
    let called = backend.get("/v1/users/customer_1").await.json();
    assert_eq!((&called["last_seen_at"], &called["blocked"]), (&Value::Null, &json!(false)), "who does not answer is not seen");
}
