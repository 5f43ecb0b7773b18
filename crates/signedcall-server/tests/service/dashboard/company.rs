//! What a company's backend can do, done by an operator.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use signedcall_wire::{Branding, ErrorCode, Request, ServiceEvent, ServiceMessage};
use tokio::net::TcpListener;

use super::browser::{Dashboard, refusal};
use crate::support::{in_time, new_call};

#[tokio::test]
async fn a_new_look_reaches_every_device_at_once_and_is_written_down() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let mut courier = dashboard.service.sign_in("courier_1").await;
    let path = "/api/accounts/demo/environments/production/v1/branding";
    let look = json!({"name": "Parcelo", "bg_color": "#777777", "font_color": "#888888", "button_theme": "dark"});
    let changed = browser.put(path, &look).await.json();
    assert_eq!(changed["contrast"]["legible"], false, "{changed}");
    let branding: Branding = serde_json::from_value(look).expect("a branding");
    assert_eq!(courier.event().await, ServiceEvent::Branding(branding));
    assert_eq!(browser.get(path).await.json(), changed);
    let preview = browser.get("/api/contrast?bg_color=%23777777&font_color=%23888888").await.json();
    assert_eq!(
        (&preview["legible"], preview["ratio"].as_f64().map(|ratio| (ratio * 100.0).round() / 100.0)),
        (&json!(false), changed["contrast"]["ratio"].as_f64())
    );
    assert_eq!(browser.get("/api/contrast?bg_color=grey&font_color=%23888888").await.status, 400);
    let wrong = browser.put(path, &json!({"name": "Parcelo", "bg_color": "grey", "font_color": "#888888"})).await;
    assert_eq!(wrong.problem(), (400, "invalid_request".to_owned(), Some("bg_color".to_owned())));
    let log = browser.get("/api/audit?account=demo").await.json();
    let of = |nth: usize| (log["entries"][nth]["action"].clone(), log["entries"][nth]["outcome"].clone());
    assert_eq!([of(0), of(1)], [(json!("set_branding"), json!("refused")), (json!("set_branding"), json!("done"))]);
    for (logo, why) in [
        ("https://127.0.0.1/logo.png", "public network"),
        ("https://10.0.0.1/logo.png", "public network"),
        ("https://user:pw@parcelo.example/logo.png", "name or password"),
    ] {
        let refused = browser.put(path, &json!({"name": "Parcelo", "bg_color": "#777777", "font_color": "#888888", "logo": logo})).await;
        assert_eq!(refused.problem(), (400, "invalid_request".to_owned(), Some("logo".to_owned())), "{logo}");
        assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{logo}: {refused:?}");
    }
    assert_eq!(browser.get(path).await.json(), changed);
}

#[tokio::test]
async fn a_user_is_blocked_and_let_in_again_and_a_call_is_ended() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let base = "/api/accounts/demo/environments/development/v1";
    let mut courier = dashboard.service.sign_in("courier_1").await;
    let mut customer = dashboard.service.sign_in("customer_1").await;
    let (call, request) = new_call("customer_1");
    courier.ask(request).await.expect("a call");
    customer.ask(Request::Accept { call }).await.expect("it rings");
    let open = browser.get(&format!("{base}/calls?state=open")).await.json();
    assert_eq!(open["calls"][0]["id"], call.to_string());
    assert_eq!(browser.post(&format!("{base}/calls/{call}/hangup"), &json!({})).await.status, 204);
    in_time(async { while !matches!(customer.event().await, ServiceEvent::Ended { .. }) {} }).await;

    assert_eq!(browser.put(&format!("{base}/blocked/courier_1"), &json!({})).await.status, 200);
    let told = in_time(async {
        loop {
            match courier.socket.hear().await {
                Some(ServiceMessage::Refused(refusal)) => break refusal.code,
                Some(_) => {}
                None => panic!("the socket is closed without a word"),
            }
        }
    });
    assert_eq!(told.await, ErrorCode::ContactRegistrationFailed);
    assert_eq!(browser.get(&format!("{base}/blocked")).await.json()["users"][0]["cuid"], "courier_1");
    assert_eq!(browser.delete(&format!("{base}/blocked/courier_1")).await.status, 204);
    assert_eq!(browser.delete(&format!("{base}/users/courier_1")).await.status, 202);
    let log = async || {
        let log = browser.get("/api/audit").await.json();
        let said = |entry: &Value| ["operator", "action", "subject", "outcome"].map(|name| entry[name].clone());
        log["entries"].as_array().expect("entries")[..5].iter().map(said).collect::<Vec<_>>()
    };
    let entries = in_time(async {
        loop {
            let entries = log().await;
            if entries.iter().flatten().all(|said| said != "courier_1") {
                break entries;
            }
        }
    });
    let call = call.to_string();
    let expected = [
        ("erase_user", "(erased)", "done"),
        ("let_user_in", "(erased)", "done"),
        ("block_user", "(erased)", "done"),
        // What the store does not do itself is written down before it is done, and after.
        ("hang_up", &call, "done"),
        ("hang_up", &call, "asked"),
    ];
    assert_eq!(entries.await, expected.map(|(action, subject, outcome)| ["admin", action, subject, outcome].map(|said| json!(said))));
    for path in ["blocked/courier_1%2F", "%62locked/courier_1", "blocked", "nothing", "calls"] {
        assert_eq!(browser.put(&format!("{base}/{path}"), &json!({})).await.status, 404, "{path}: what cannot be written down is not done");
    }
}

#[tokio::test]
async fn one_environment_s_calls_are_not_the_other_s() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    let mut courier = dashboard.service.sign_in("courier_1").await;
    let _customer = dashboard.service.sign_in("customer_1").await;
    courier.ask(new_call("customer_1").1).await.expect("a call");
    let calls = async |environment: &str| {
        let page = browser.get(&format!("/api/accounts/demo/environments/{environment}/v1/calls")).await.json();
        page["calls"].as_array().expect("calls").len()
    };
    assert_eq!((calls("development").await, calls("production").await), (1, 0));
}

/// A server of pictures, and of other things.
async fn pictures() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let router = Router::new()
        .route("/logo.png", get(async || *PNG))
        .route("/page.png", get(async || "<script>alert(1)</script>"))
        .route("/long.png", get(async || [PNG.as_slice(), &vec![0; 3 * 1024 * 1024]].concat()))
        .route("/moved.png", get(async || Redirect::temporary("/logo.png")));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

const PNG: &[u8; 12] = b"\x89PNG\r\n\x1a\nIHDR";

#[tokio::test]
async fn a_logo_is_fetched_by_the_service_and_shown_only_if_it_is_a_picture() {
    let server = pictures().await;
    let dashboard = Dashboard::start_as(|settings| settings.webhooks.to_private_addresses = true).await;
    let browser = dashboard.signed_in().await;
    let ask = async |url: &str| browser.get(&format!("/api/logo?url={}", url.replace(':', "%3A").replace('/', "%2F"))).await;
    let shown = ask(&format!("http://{server}/logo.png")).await;
    assert_eq!((shown.status, shown.json()), (200, json!({"picture": format!("data:image/png;base64,{}", BASE64_STANDARD.encode(PNG))})));
    for path in ["page.png", "long.png", "moved.png", "gone.png"] {
        assert_eq!(
            refusal(&ask(&format!("http://{server}/{path}")).await),
            (404, "not_found".to_owned(), Some("url".to_owned())),
            "{path}"
        );
    }
    assert_eq!(refusal(&ask("http://127.0.0.1:1/logo.png").await).0, 404, "nobody is there");
    for wrong in ["", "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "https://user:pw@grocer.example/logo.png"] {
        assert_eq!(refusal(&ask(wrong).await), (400, "invalid_request".to_owned(), Some("url".to_owned())), "{wrong}");
    }
    let elsewhere = Dashboard::start().await;
    let browser = elsewhere.signed_in().await;
    for wrong in [format!("http%3A%2F%2F{server}%2Flogo.png"), format!("https%3A%2F%2F{server}%2Flogo.png")] {
        assert_eq!(refusal(&browser.get(&format!("/api/logo?url={wrong}")).await).0, 400, "nothing of its own network is asked for");
    }
}
