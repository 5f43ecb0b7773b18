//! Nothing is done that is not written down.

use serde_json::json;

use super::browser::{Browser, Dashboard, PASSWORD, refusal};

/// Has the store refuse every entry, as it does when it has no room for one.
fn take_no_entries(dashboard: &Dashboard) {
    let refuse = "CREATE TRIGGER no_entries BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no entries'); END";
    dashboard.store().execute_batch(refuse).expect("the store");
}

async fn keys(browser: &Browser) -> usize {
    browser.get("/api/accounts/demo/keys").await.json().as_array().expect("keys").len()
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let _courier = dashboard.service.sign_in("courier_1").await;
    let (link, keys_before) = (dashboard.link("second"), keys(&browser).await);
    take_no_entries(&dashboard);
    let development = "/api/accounts/demo/environments/development";

    let new = "another horse battery";
    assert_eq!(browser.post("/api/password", &json!({"before": PASSWORD, "password": new})).await.status, 503);
    assert!(browser.is_signed_in().await, "no session is over, since the password is the same");
    assert_eq!(browser.post(&format!("{development}/keys"), &json!({})).await.status, 503);
    assert_eq!(keys(&browser).await, keys_before);
    assert_eq!(browser.put(&format!("{development}/v1/blocked/courier_1"), &json!({})).await.status, 503);
    assert_eq!(browser.get(&format!("{development}/v1/blocked")).await.json()["users"], json!([]));
    let look = json!({"name": "Grocer & Sons", "bg_color": "#777777", "font_color": "#888888"});
    assert_eq!(browser.put("/api/accounts/demo/environments/production/v1/branding", &look).await.status, 503);
    let shown = browser.get("/api/accounts/demo").await.json();
    assert_ne!(shown["name"], "Grocer & Sons");
    assert_eq!(browser.get(&format!("{development}/v1/calls.csv")).await.status, 503, "nothing leaves");

    let mut second = dashboard.browser();
    assert_eq!(second.post("/api/link/password", &json!({"link": link, "password": new})).await.status, 503);
    assert_eq!((second.cookie.clone(), second.familiar.clone()), (None, None));
    assert_eq!(second.post("/api/sign-in", &json!({"name": "admin", "password": PASSWORD})).await.status, 503);
    dashboard.store().execute_batch("DROP TRIGGER no_entries").expect("the store");
    assert_eq!(second.post("/api/sign-in", &json!({"name": "admin", "password": new})).await.status, 401, "it was not changed");
    assert_eq!(second.post("/api/link/password", &json!({"link": link, "password": new})).await.status, 200, "it was not used");
}

#[tokio::test]
async fn what_is_refused_is_told_from_what_nobody_knows() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let _courier = dashboard.service.sign_in("courier_1").await;
    let development = "/api/accounts/demo/environments/development";
    let nothing = format!("{development}/v1/calls/00000000-0000-0000-0000-000000000000/hangup");
    assert_eq!(browser.post(&nothing, &json!({})).await.status, 404);
    // As when the store goes away in the middle.
    let fail = "CREATE TRIGGER no_blocks BEFORE INSERT ON blocked_users BEGIN SELECT RAISE(ABORT, 'no blocks'); END";
    dashboard.store().execute_batch(fail).expect("the store");
    assert_eq!(browser.put(&format!("{development}/v1/blocked/courier_1"), &json!({})).await.status, 503);
    assert_eq!(refusal(&browser.delete("/api/accounts/demo/keys/0123456789ab").await).1, "not_found");
    let log = browser.get("/api/audit").await.json();
    let entries: Vec<_> =
        log["entries"].as_array().expect("entries")[..4].iter().map(|it| (it["action"].clone(), it["outcome"].clone())).collect();
    let expected = [("revoke_key", "refused"), ("block_user", "not_known"), ("hang_up", "refused"), ("hang_up", "asked")];
    assert_eq!(entries, expected.map(|(action, outcome)| (json!(action), json!(outcome))));
}
