//! How the calls of a company look.

use serde_json::{Value, json};
use signedcall_wire::{Branding, ServiceEvent};

use super::backend::Backend;
use super::http::say;

fn navy() -> Value {
    json!({"name": "Grocer & Sons", "bg_color": "#102040", "font_color": "#ffffff", "logo": "https://grocer.example/logo.png",
           "button_theme": "dark"})
}

#[tokio::test]
async fn how_calls_look_is_changed_on_every_device_at_once_and_for_whoever_comes_later() {
    let backend = Backend::start().await;
    let mut courier = backend.sign_in("courier_1").await;
    let before = backend.get("/v1/branding").await.json();
    assert_eq!((&before["name"], &before["logo"]), (&json!("Company"), &Value::Null));

    let changed = backend.put("/v1/branding", Some(&navy())).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let mut expected = navy();
    expected["font_color"] = json!("#FFFFFF");
    expected["contrast"] = json!({"ratio": 16.12, "least": 4.5, "legible": true});
    assert_eq!(changed.json(), expected);
    assert_eq!(backend.get("/v1/branding").await.json(), expected);
    let branding: Branding = serde_json::from_value(navy()).expect("a branding");
    assert_eq!(courier.event().await, ServiceEvent::Branding(branding.clone()));
    assert_eq!(backend.sign_in("courier_2").await.welcome.branding, Some(branding.clone()));

    // Whoever asks again may not know whether the devices were told.
    assert_eq!(backend.put("/v1/branding", Some(&navy())).await.json(), expected, "as before");
    assert_eq!(courier.event().await, ServiceEvent::Branding(branding));

    let plain = backend.put("/v1/branding", Some(&json!({"name": "Grocer", "bg_color": "#777777", "font_color": "#888888"}))).await.json();
    assert_eq!((&plain["logo"], &plain["button_theme"]), (&Value::Null, &json!("light")));
    assert_eq!(plain["contrast"]["legible"], false, "hard to read, and said so");
}

#[tokio::test]
async fn what_somebody_else_has_changed_meanwhile_is_not_written_over() {
    let backend = Backend::start().await;
    let mut courier = backend.sign_in("courier_1").await;
    let put_over = async |version: &str, look: &Value| {
        let (address, body) = (backend.service.service.address(), look.to_string());
        let head = format!(
            "PUT /v1/branding HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nIf-Match: {version}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
            key = backend.production.expose(),
            length = body.len()
        );
        let answer = say(address, format!("{head}{body}").as_bytes()).await;
        backend.document.check("PUT", "/v1/branding", Some(body.as_str()), &answer);
        answer
    };
    let first = backend.get("/v1/branding").await.header("etag").expect("a version").to_owned();
    let navy_saved = put_over(&first, &navy()).await;
    let second = navy_saved.header("etag").expect("a version").to_owned();
    assert_eq!((navy_saved.status, backend.get("/v1/branding").await.header("etag")), (200, Some(second.as_str())));
    courier.event().await;

    let red = json!({"name": "Grocer", "bg_color": "#802020", "font_color": "#ffffff"});
    assert_eq!(put_over(&first, &red).await.problem(), (412, "changed".to_owned(), None));
    courier.assert_no_event().await;
    assert_eq!(backend.get("/v1/branding").await.header("etag"), Some(second.as_str()));
    for whichever in ["*", &format!("{first}, {second}")] {
        assert_eq!(put_over(whichever, &navy()).await.status, 200, "{whichever}");
    }
    assert_eq!(put_over(&second, &red).await.status, 200);
}

#[tokio::test]
async fn a_branding_that_is_wrong_is_refused_by_name_and_changes_nothing() {
    let backend = Backend::start().await;
    let before = backend.get("/v1/branding").await.body;
    for (name, value) in [
        ("name", json!("")),
        ("name", json!("Gro\ncer")),
        ("name", json!(7)),
        ("name", Value::Null),
        ("bg_color", json!("navy")),
        ("font_color", json!("#12345")),
        ("logo", json!("http://grocer.example/logo.png")),
        ("logo", json!("https://127.0.0.1/logo.png")),
        ("logo", json!("https://[::1]/logo.png")),
        ("logo", json!("https://10.0.0.1/logo.png")),
        ("logo", json!("https://192.168.1.1/logo.png")),
        ("logo", json!("https://169.254.169.254/latest")),
        ("logo", json!("https://[fe80::1]/logo.png")),
        ("logo", json!("https://[fd12::1]/logo.png")),
        ("logo", json!("https://2130706433/logo.png")),
        ("logo", json!("https://user:pw@grocer.example/logo.png")),
        ("logo", json!("https://user@grocer.example/logo.png")),
        ("button_theme", json!("striped")),
        ("colour", json!("#000000")),
    ] {
        let mut wrong = navy();
        wrong[name] = value;
        let answer = backend.put("/v1/branding", Some(&wrong)).await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned(), Some(name.to_owned())), "{wrong}");
    }
    for body in ["", "[]", "{", "{\"name\": \"\u{0}\"}"] {
        let answer = backend.ask_by(&backend.production, "PUT", "/v1/branding", Some(body)).await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned(), None), "{body}");
    }
    let long = json!({"name": "x".repeat(65 * 1024)}).to_string();
    let answer = backend.ask_by(&backend.production, "PUT", "/v1/branding", Some(&long)).await;
    assert_eq!(answer.problem(), (413, "too_large".to_owned(), None));
    let answer = backend.ask_by(&backend.development, "PUT", "/v1/branding", Some(&navy().to_string())).await;
    assert_eq!(answer.problem(), (403, "forbidden".to_owned(), None));
    assert_eq!(backend.get("/v1/branding").await.body, before);
}
