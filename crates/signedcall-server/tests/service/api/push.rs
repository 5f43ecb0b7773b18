//! What a company's apps are called by push with.

use rcgen::KeyPair;
use serde_json::{Value, json};

use super::backend::Backend;
use crate::binary::run;

fn key() -> Value {
    json!({"environment": "production", "bundle_id": "com.grocer.app", "team_id": "TEAM567890", "key_id": "KEY4567890",
           "key": KeyPair::generate().expect("a key").serialize_pem()})
}

async fn printed(backend: &Backend, arguments: &[&str]) -> String {
    let output = run(backend.service.data.path(), arguments).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn what_is_shown_to_apple_is_entered_once_and_its_secret_is_not_told_again() {
    let backend = Backend::start().await;
    assert_eq!(backend.get("/v1/push/apns").await.problem().1, "not_found");
    let shown = json!({"environment": "production", "bundle_id": "com.grocer.app", "team_id": "TEAM567890", "key_id": "KEY4567890"});
    let set = backend.put("/v1/push/apns", Some(&key())).await;
    assert_eq!((set.status, set.json()), (200, shown.clone()));
    assert_eq!(backend.get("/v1/push/apns").await.json(), shown);
    assert_eq!(printed(&backend, &["push", "list", "grocer"]).await, "production\tcom.grocer.app\tKEY4567890\n");
    assert_eq!(backend.delete("/v1/push/apns").await.status, 204);
    assert_eq!(backend.get("/v1/push/apns").await.problem().1, "not_found");
    let web = backend.get("/v1/push/web").await.json();
    assert_eq!(web["key"].as_str().map(|key| format!("{key}\n")), Some(printed(&backend, &["push", "key"]).await));
    assert_eq!(backend.sign_in("courier_1").await.welcome.push_key.as_deref(), web["key"].as_str());
}

#[tokio::test]
async fn what_apple_would_not_take_is_refused_by_name_and_the_wrong_environment_in_words() {
    let backend = Backend::start().await;
    for (name, value) in [
        ("environment", json!("staging")),
        ("environment", Value::Null),
        ("bundle_id", json!("com.grocer.app.voip")),
        ("bundle_id", json!(7)),
        ("team_id", json!("short")),
        ("team_id", Value::Null),
        ("key_id", json!("KEY-567890")),
        ("key_id", Value::Null),
        ("key", json!("-----BEGIN PRIVATE KEY-----")),
        ("key", Value::Null),
        ("password", json!("secret")),
    ] {
        let mut wrong = key();
        wrong[name] = value;
        let answer = backend.put("/v1/push/apns", Some(&wrong)).await;
        let named = if name == "key" && wrong[name].is_null() { "key" } else { name };
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned(), Some(named.to_owned())), "{wrong}");
    }
    let answer = backend.ask_by(&backend.development, "PUT", "/v1/push/apns", Some(&key().to_string())).await;
    assert_eq!(answer.problem(), (400, "invalid_request".to_owned(), Some("environment".to_owned())));
    assert!(answer.body.contains("it is production, and the api key is for development"), "{}", answer.body);
    assert_eq!(backend.get("/v1/push/apns").await.problem().1, "not_found");
}
