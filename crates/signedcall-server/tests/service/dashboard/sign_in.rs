//! Links, passwords and sessions.

use std::time::{Duration, Instant};

use serde_json::json;

use super::browser::{Dashboard, PASSWORD, refusal};
use crate::support::TestService;

#[tokio::test]
async fn the_first_operator_chooses_a_password_by_the_link_that_the_service_prints_and_signs_in_by_it() {
    let dashboard = Dashboard::start().await;
    let link = dashboard.first_link();
    let mut browser = dashboard.browser();
    assert_eq!(browser.post("/api/link", &json!({"link": link})).await.json()["operator"], "admin");
    assert!(!browser.is_signed_in().await, "to look at a link lets nobody in");
    let chosen = browser.post("/api/link/password", &json!({"link": link, "password": PASSWORD})).await;
    assert_eq!((chosen.status, &chosen.json()["operator"]), (200, &json!("admin")));
    let cookie = chosen.header("set-cookie").expect("a cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "there is no TLS here: {cookie}");
    assert!(browser.is_signed_in().await);

    assert_eq!(browser.post("/api/sign-out", &json!({})).await.status, 204);
    assert_eq!(browser.cookie, None);
    let mut other = dashboard.browser();
    let signed_in = other.post("/api/sign-in", &json!({"name": "admin", "password": PASSWORD})).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert!(other.is_signed_in().await);
}

#[tokio::test]
async fn a_session_that_was_signed_out_is_good_for_nothing_also_for_whoever_has_kept_its_cookie() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let kept = browser.clone();
    browser.post("/api/sign-out", &json!({})).await;
    assert!(!kept.is_signed_in().await);
}

#[tokio::test]
async fn a_link_is_good_once_and_the_first_one_until_another_is_made() {
    let dashboard = Dashboard::start().await;
    let (first, second) = (dashboard.first_link(), dashboard.link("admin"));
    let mut browser = dashboard.browser();
    let gone = (410, "link_gone".to_owned(), None);
    assert_eq!(refusal(&browser.post("/api/link/password", &json!({"link": first, "password": PASSWORD})).await), gone);
    assert_eq!(browser.post("/api/link/password", &json!({"link": second, "password": "short"})).await.status, 400);
    assert_eq!(browser.post("/api/link/password", &json!({"link": second, "password": PASSWORD})).await.status, 200);
    for link in [&second, "", "x", &"x".repeat(10_000)] {
        assert_eq!(refusal(&browser.post("/api/link/password", &json!({"link": link, "password": PASSWORD})).await), gone, "{link}");
        assert_eq!(refusal(&browser.post("/api/link", &json!({"link": link})).await), gone, "{link}");
    }
}

#[tokio::test]
async fn of_two_who_come_with_a_link_at_once_one_is_let_in() {
    let dashboard = Dashboard::start().await;
    let link = dashboard.first_link();
    let (mut one, mut two) = (dashboard.browser(), dashboard.browser());
    let body = json!({"link": link, "password": PASSWORD});
    let (first, second) = tokio::join!(one.post("/api/link/password", &body), two.post("/api/link/password", &body));
    let mut answers = [first.status, second.status];
    answers.sort_unstable();
    assert_eq!(answers, [200, 410]);
}

#[tokio::test]
async fn every_session_of_an_operator_is_over_once_the_password_is_another() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let mut other = dashboard.browser();
    other.post("/api/sign-in", &json!({"name": "admin", "password": PASSWORD})).await;
    let new = "another horse battery";
    let wrong = browser.post("/api/password", &json!({"before": "wrong horse battery", "password": new})).await;
    assert_eq!(refusal(&wrong), (401, "wrong_password".to_owned(), Some("before".to_owned())));
    let short = browser.post("/api/password", &json!({"before": PASSWORD, "password": "eleven char"})).await;
    assert_eq!(refusal(&short), (400, "invalid_request".to_owned(), Some("password".to_owned())));
    let before = browser.clone();
    assert_eq!(browser.post("/api/password", &json!({"before": PASSWORD, "password": new})).await.status, 204);
    assert!(browser.is_signed_in().await, "whoever changes it goes on");
    assert!(!before.is_signed_in().await && !other.is_signed_in().await);
    assert_eq!(other.post("/api/sign-in", &json!({"name": "admin", "password": PASSWORD})).await.status, 401);

    // And so they are by a link, for whoever has lost the password or the computer.
    let mut third = dashboard.browser();
    third.post("/api/link/password", &json!({"link": dashboard.link("admin"), "password": PASSWORD})).await;
    assert!(third.is_signed_in().await && !browser.is_signed_in().await);
}

#[tokio::test]
async fn a_session_outlives_the_service_and_no_first_link_is_made_once_somebody_can_sign_in() {
    let dashboard = Dashboard::start().await;
    let mut browser = dashboard.signed_in().await;
    let TestService { service, data } = dashboard.service;
    service.shutdown().await;
    let listen = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let again = TestService::start_as(data, |settings| settings.dashboard_listen = listen).await;
    browser.address = again.service.dashboard_address().expect("it was asked for");
    assert!(browser.is_signed_in().await);
    assert!(again.service.first_link().is_none());
}

#[tokio::test]
async fn a_session_rests_for_so_long_and_lasts_for_so_long() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    let hours = |hours: i64| hours * 3_600_000;
    let age =
        |by: i64| dashboard.store().execute("UPDATE operator_sessions SET seen_at_ms = seen_at_ms - ?1, until_ms = until_ms - ?1", [by]);
    age(hours(1)).expect("a session");
    assert!(browser.is_signed_in().await, "and it is seen now");
    age(hours(1) + 60_000).expect("a session");
    assert_eq!(
        browser.say("GET", "/api/me", &["X-By-Itself: yes"], None).await.status,
        200,
        "a page that looks again and again does nothing"
    );
    age(hours(1)).expect("a session");
    assert!(!browser.is_signed_in().await, "it has rested for two hours");
    let browser = dashboard.signed_in().await;
    dashboard.store().execute("UPDATE operator_sessions SET until_ms = 1", []).expect("a session");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn an_unknown_name_is_refused_in_the_same_words_and_costs_a_hash_as_well() {
    let dashboard = Dashboard::start().await;
    drop(dashboard.signed_in().await);
    dashboard.link("invited");
    let mut took = [("admin", Vec::new()), ("nobody", Vec::new()), ("invited", Vec::new())];
    let mut bodies = std::collections::BTreeSet::new();
    for round in 0..8 {
        for (name, took) in &mut took {
            let asked = Instant::now();
            let mut browser = dashboard.browser();
            let answer = browser.post("/api/sign-in", &json!({"name": name, "password": format!("wrong password {round}")})).await;
            took.push(asked.elapsed());
            assert_eq!((answer.status, answer.header("set-cookie")), (401, None));
            bodies.insert(answer.body);
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let fastest = took.map(|(name, took)| (name, took.into_iter().min().expect("some")));
    println!("refused after {fastest:?} at the fastest");
    // A hash takes some 20 ms, and a refusal without one a millisecond. How far the three are apart depends on what else the machine does.
    assert!(fastest.iter().all(|(_, took)| *took > Duration::from_millis(5)), "{fastest:?}");
}

#[tokio::test]
async fn whoever_tries_too_often_has_to_wait_whether_or_not_there_is_such_an_operator() {
    let dashboard = Dashboard::start().await;
    drop(dashboard.signed_in().await);
    for name in ["admin", "nobody"] {
        let mut browser = dashboard.browser();
        for _ in 0..10 {
            assert_eq!(browser.post("/api/sign-in", &json!({"name": name, "password": "wrong horse battery"})).await.status, 401);
        }
        let limited = browser.post("/api/sign-in", &json!({"name": name, "password": PASSWORD})).await;
        assert_eq!(refusal(&limited), (429, "too_often".to_owned(), None), "also with the right one");
        let after: u32 = limited.header("retry-after").and_then(|after| after.parse().ok()).expect("seconds");
        assert!((1..=30).contains(&after), "{after}");
    }
    assert!(dashboard.signed_in().await.is_signed_in().await, "a link lets in all the same");
}

#[tokio::test]
async fn an_operator_is_let_in_by_a_browser_of_before_whoever_tries_passwords_elsewhere() {
    let dashboard = Dashboard::start().await;
    let mut before = dashboard.signed_in().await;
    before.post("/api/sign-out", &json!({})).await;
    assert!(before.cookie.is_none() && before.familiar.is_some());
    let mut attacker = dashboard.browser();
    let wrong = json!({"name": "admin", "password": "wrong horse battery"});
    while attacker.post("/api/sign-in", &wrong).await.status != 429 {}
    let right = json!({"name": "admin", "password": PASSWORD});
    assert_eq!(attacker.post("/api/sign-in", &right).await.status, 429);
    assert_eq!(before.post("/api/sign-in", &right).await.status, 200);
    let changed = json!({"before": PASSWORD, "password": "another horse battery"});
    let stolen = before.familiar.clone();
    assert_eq!(before.post("/api/password", &changed).await.status, 204, "nor is whoever is signed in kept from it");
    attacker.familiar = stolen;
    assert_eq!(attacker.post("/api/sign-in", &right).await.status, 429, "what a browser was given is good until the password is another");
    let made_up = Some("signedcall_familiar=AAAA.AAAA".to_owned());
    assert_eq!(super::browser::Browser { familiar: made_up, ..attacker.clone() }.post("/api/sign-in", &right).await.status, 429);
}

#[tokio::test]
async fn whoever_is_removed_is_out_at_once() {
    let dashboard = Dashboard::start().await;
    let browser = dashboard.signed_in().await;
    signedcall_server::dashboard::remove_operator(&dashboard.accounts(), "admin").expect("there is one");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn nothing_in_the_store_lets_anybody_in() {
    let dashboard = Dashboard::start().await;
    let link = dashboard.link("second");
    let browser = dashboard.signed_in().await;
    let token = browser.cookie.expect("a cookie").split_once('=').expect("a pair").1.to_owned();
    let mut kept = Vec::new();
    for file in std::fs::read_dir(dashboard.service.data.path()).expect("the directory") {
        kept.extend(std::fs::read(file.expect("a file").path()).expect("a file"));
    }
    for secret in [link.as_str(), &token, PASSWORD] {
        assert!(!kept.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in the store");
    }
}
