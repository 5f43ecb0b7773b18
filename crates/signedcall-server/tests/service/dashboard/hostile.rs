//! Whoever is not let in, asks from elsewhere, or asks for too much.

use std::net::SocketAddr;

use serde_json::json;
use signedcall_server::TlsFiles;

use super::browser::{Browser, Dashboard, PASSWORD, refusal};
use crate::operator::get;
use crate::support::TestService;

/// Something of every subject, and of what companies' backends can do.
const PROTECTED: &[(&str, &str)] = &[
    ("GET", "/api/me"),
    ("POST", "/api/sign-out"),
    ("POST", "/api/password"),
    ("GET", "/api/accounts"),
    ("POST", "/api/accounts"),
    ("GET", "/api/accounts/demo"),
    ("PUT", "/api/accounts/demo/policy"),
    ("GET", "/api/accounts/demo/keys"),
    ("DELETE", "/api/accounts/demo/keys/0123456789ab"),
    ("POST", "/api/accounts/demo/environments/production/keys"),
    ("GET", "/api/accounts/demo/token-keys"),
    ("PUT", "/api/accounts/demo/environments/production/token-keys"),
    ("GET", "/api/accounts/demo/quiet-hours"),
    ("PUT", "/api/accounts/demo/environments/production/quiet-hours"),
    ("GET", "/api/accounts/demo/webhooks"),
    ("POST", "/api/accounts/demo/environments/production/webhooks"),
    ("DELETE", "/api/accounts/demo/webhooks/0123456789ab"),
    ("POST", "/api/accounts/demo/webhooks/0123456789ab/secret"),
    ("GET", "/api/accounts/demo/webhooks/0123456789ab/deliveries"),
    ("POST", "/api/accounts/demo/webhooks/0123456789ab/redeliver"),
    ("GET", "/api/accounts/demo/environments/production/figures"),
    ("GET", "/api/audit"),
    ("GET", "/api/health"),
    ("GET", "/api/logo?url=https%3A%2F%2Fgrocer.example%2Flogo.png"),
    ("GET", "/api/accounts/demo/environments/production/v1/calls"),
    ("GET", "/api/accounts/demo/environments/production/v1/calls.csv"),
    ("PUT", "/api/accounts/demo/environments/production/v1/branding"),
    ("PUT", "/api/accounts/demo/environments/production/v1/blocked/courier_1"),
    ("PUT", "/api/accounts/demo/environments/production/v1/push/apns"),
    ("GET", "/api/accounts/demo/environments/production/v1/push/devices/courier_1"),
    ("POST", "/api/accounts/demo/environments/production/v1/push/devices/courier_1/00000000-0000-0000-0000-000000000001/test"),
];

#[tokio::test]
async fn without_a_session_nothing_is_told_or_done() {
    let dashboard = Dashboard::start().await;
    drop(dashboard.signed_in().await);
    let origin = format!("Origin: http://{}", dashboard.address);
    let nobody = dashboard.browser();
    for cookie in [None, Some("signedcall_dashboard="), Some("signedcall_dashboard=guessed"), Some("session=guessed")] {
        let browser = Browser { cookie: cookie.map(str::to_owned), ..nobody.clone() };
        for (method, path) in PROTECTED {
            let answer = browser.say(method, path, &[&origin], Some("{}")).await;
            assert_eq!(refusal(&answer), (401, "signed_out".to_owned(), None), "{method} {path}");
        }
    }
    let key = dashboard.service.service.demo_key().expect("a demo account").expose().clone();
    let bearer = format!("Authorization: Bearer {key}");
    let answer = nobody.say("GET", "/api/accounts/demo/environments/development/v1/calls", &[&bearer], None).await;
    assert_eq!(answer.status, 401, "an api key opens nothing here");
}

#[tokio::test]
async fn another_site_s_page_changes_nothing_though_somebody_is_signed_in() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    let port = dashboard.address.port();
    let own = format!("Origin: http://{}", dashboard.address);
    let elsewhere = [
        "Origin: https://evil.example".to_owned(),
        "Origin: null".to_owned(),
        format!("Origin: http://localhost:{port}"),
        format!("Origin: http://127.0.0.1:{}", port - 1),
        format!("{own}\r\nSec-Fetch-Site: cross-site"),
        format!("{own}\r\n{own}"),
        "X-Nothing: said".to_owned(),
    ];
    for line in &elsewhere {
        for (method, path) in PROTECTED.iter().filter(|(method, _)| *method != "GET") {
            let answer = browser.say(method, path, &[line], Some("{}")).await;
            assert_eq!(refusal(&answer), (403, "other_site".to_owned(), None), "{line}: {method} {path}");
        }
        let body = json!({"name": "admin", "password": PASSWORD}).to_string();
        let answer = dashboard.browser().say("POST", "/api/sign-in", &[line], Some(&body)).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{line}");
    }
    let read = browser.say("GET", "/api/accounts", &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"], None).await;
    assert_eq!(read.status, 403);
    assert!(browser.is_signed_in().await, "and nobody was signed out by it");
}

#[tokio::test]
async fn every_answer_says_that_no_other_page_may_show_it_or_bring_anything_along() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    for path in ["/", "/api/me", "/api/nothing", "/nothing", "/api/accounts/demo/environments/development/v1/calls.csv"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}: {answer:?}"));
        for part in ["default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
        if path.starts_with("/api") {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_too_long_or_no_request_is_refused_and_the_next_one_is_answered() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let long = "x".repeat(70 * 1024);
    assert_eq!(browser.post("/api/sign-in", &json!({"name": long, "password": long})).await.status, 413);
    let answer = browser.post("/api/sign-in", &json!({"name": "admin", "password": "x".repeat(2_000)})).await;
    assert_eq!(refusal(&answer), (401, "wrong_password".to_owned(), None), "nobody has such a password, and it is not hashed");
    let origin = format!("Origin: http://{}", dashboard.address);
    for body in ["", "{", "[]", "{\"name\": 7}", "{\"name\": \"admin\", \"password\": \"x\", \"more\": 1}"] {
        assert_eq!(browser.say("POST", "/api/sign-in", &[&origin], Some(body)).await.status, 400, "{body}");
    }
    for path in ["/../etc/passwd", "/%2e%2e/store.sqlite", "/assets/../../Cargo.toml", "/store.sqlite"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    for path in
        ["/api/accounts/nobody", "/api/accounts/demo/environments/elsewhere/keys", "/api/accounts/nobody/environments/production/v1/calls"]
    {
        assert_eq!(browser.get(path).await.status, if path.ends_with("keys") { 405 } else { 404 }, "{path}");
    }
    // Whatever is refused before anybody looks at it is refused in words as well.
    let keys = "/api/accounts/demo/environments/production/token-keys";
    for (method, path, body, refused) in [
        ("PUT", keys, "x".repeat(70 * 1024), (413, "too_large")),
        ("PUT", keys, "{}".to_owned(), (400, "invalid_request")),
        ("DELETE", keys, String::new(), (405, "not_found")),
        ("DELETE", "/api/accounts/%FF/keys/x", String::new(), (400, "invalid_request")),
        ("POST", "/api/nothing", String::new(), (404, "not_found")),
    ] {
        let answer = browser.say(method, path, &[&origin], Some(&body)).await;
        assert_eq!((answer.status, refusal(&answer).1.as_str()), refused, "{method} {path}");
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn there_is_no_dashboard_unless_it_is_asked_for_and_none_where_devices_are() {
    let without = TestService::start().await;
    assert_eq!((without.service.dashboard_address(), without.service.first_link()), (None, None));
    let dashboard = Dashboard::start().await;
    for path in ["/api/me", "/api/accounts", "/api/sign-in"] {
        assert_eq!(get(dashboard.service.service.address(), path).await.0, 404, "{path}");
    }
    assert_eq!(get(dashboard.address, "/v1/signalling").await.0, 404);
    assert_eq!(get(dashboard.address, "/v1/calls").await.0, 404);
    assert!(dashboard.address.ip().is_loopback());
}

#[tokio::test]
async fn a_session_that_began_by_tls_goes_by_nothing_else() {
    let dashboard = Dashboard::start().await;
    let body = json!({"link": dashboard.first_link(), "password": PASSWORD}).to_string();
    // As a proxy in front passes it on.
    let request = format!(
        "POST /api/link/password HTTP/1.1\r\nHost: calls.example.com\r\nOrigin: https://calls.example.com\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = crate::api::http::say(dashboard.address, request.as_bytes()).await;
    let cookies: Vec<&str> = answer.headers("set-cookie").collect();
    assert_eq!(cookies.len(), 2, "{answer:?}");
    for cookie in &cookies {
        assert!(cookie.starts_with("__Host-signedcall_") && cookie.ends_with("; Secure") && !cookie.contains("Domain"), "{cookie}");
    }
    let pair = cookies[0].split(';').next().expect("a pair");
    let mut browser = Browser { cookie: Some(pair.to_owned()), ..dashboard.browser() };
    assert!(browser.is_signed_in().await);
    let by_plain_page = browser.post("/api/accounts/demo/environments/development/keys", &json!({})).await;
    assert_eq!(refusal(&by_plain_page), (403, "other_site".to_owned(), None), "a page that came without TLS is none of its own");
    browser.cookie = pair.strip_prefix("__Host-").map(str::to_owned);
    assert!(!browser.is_signed_in().await, "what another host of the domain can set");

    let directory = tempfile::tempdir().expect("a directory");
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { certificate: directory.path().join("service.pem"), key: directory.path().join("service.key") };
    std::fs::write(&files.certificate, certificate.cert.pem()).expect("a file");
    std::fs::write(&files.key, certificate.signing_key.serialize_pem()).expect("a file");
    let by_tls = Dashboard::start_as(|settings| settings.tls = Some(files)).await;
    assert!(by_tls.service.service.first_link().expect("nobody can sign in").expose().starts_with("https://"));
    let plain = tokio::net::TcpStream::connect(by_tls.address).await.expect("it listens");
    let refused = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut plain = plain;
        let _ = plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let mut heard = Vec::new();
        let _ = plain.read_to_end(&mut heard).await;
        heard
    };
    assert!(!refused.await.starts_with(b"HTTP"), "nothing is answered without TLS");
}

#[tokio::test]
async fn one_operator_s_session_is_not_another_s() {
    let dashboard = Dashboard::start().await;
    let mut admin = dashboard.signed_in().await;
    let mut second = dashboard.browser();
    second.post("/api/link/password", &json!({"link": dashboard.link("second"), "password": "second horse battery"})).await;
    assert_eq!(second.get("/api/me").await.json()["operator"], "second");
    let answer = second.post("/api/password", &json!({"before": PASSWORD, "password": "stolen horse battery"})).await;
    assert_eq!(answer.status, 401, "the password that is changed is one's own");
    second.post("/api/sign-out", &json!({})).await;
    assert!(admin.is_signed_in().await);
    let entry = admin.post("/api/accounts/demo/environments/development/keys", &json!({})).await;
    assert_eq!(entry.status, 200);
    let log = admin.get("/api/audit").await.json();
    assert_eq!((&log["entries"][0]["operator"], &log["entries"][0]["action"]), (&json!("admin"), &json!("add_key")));
    let _: SocketAddr = admin.address;
}
