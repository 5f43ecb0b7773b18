//! Who may ask, and how often.

use std::num::NonZeroU32;
use std::time::Duration;

use signedcall_server::{ApiSettings, account};
use signedcall_wire::{EndReason, Environment};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::backend::Backend;
use super::http::{ask, say};

#[tokio::test]
async fn a_wrong_key_is_answered_alike_whatever_is_wrong_with_it() {
    let backend = Backend::start().await;
    let address = backend.service.service.address();
    let good = backend.production.expose();
    let forged = format!("{}A", &good[..good.len() - 1]);
    let unknown = format!("sc_production_0123456789ab_{}", "A".repeat(43));
    let without_id = format!("sc_production_{}", "A".repeat(43));
    let mut answers = Vec::new();
    for key in [&forged, &unknown, &without_id, "chosen"] {
        let answer = ask(address, "GET", "/v1/calls", Some(key), None).await;
        assert_eq!(answer.problem(), (401, "unauthorized".to_owned(), None), "{key}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answers.push(answer.body);
    }
    assert!(answers.iter().all(|body| *body == answers[0]), "{answers:#?}");
    assert_eq!(ask(address, "GET", "/v1/calls", None, None).await.status, 401);
    for header in ["Basic c2M6", "Bearer", &format!("Bearer {good}\r\nAuthorization: Bearer {good}"), &"x".repeat(300)] {
        let request = format!("GET /v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\nConnection: close\r\n\r\n");
        assert_eq!(say(address, request.as_bytes()).await.status, 401, "{header}");
    }
    assert_eq!(backend.get("/v1/calls").await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_revoked_is_good_for_nothing_more_although_it_was_known() {
    let backend = Backend::start().await;
    let (id, key) = account::add_key(&backend.accounts, &backend.account, Environment::Production).expect("room for another");
    for _ in 0..3 {
        assert_eq!(backend.ask_by(&key, "GET", "/v1/calls", None).await.status, 200);
    }
    account::revoke_key(&backend.accounts, &backend.account, &id).expect("it was good");
    assert_eq!(backend.ask_by(&key, "GET", "/v1/calls", None).await.status, 401);
    assert_eq!(backend.get("/v1/calls").await.status, 200, "the other key is good");
}

#[tokio::test]
async fn an_account_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_kept_waiting() {
    let requests_per_minute = NonZeroU32::new(3).expect("it is not zero");
    let backend = Backend::start_as(|settings| settings.api = ApiSettings { requests_per_minute, ..ApiSettings::default() }).await;
    for _ in 0..3 {
        assert_eq!(backend.get("/v1/calls").await.status, 200);
    }
    let refused = backend.get("/v1/calls").await;
    assert_eq!(refused.problem().1, "too_many_requests");
    let after: u64 = refused.header("retry-after").expect("when").parse().expect("seconds");
    assert!((1..=20).contains(&after), "{after}");
    assert_eq!(backend.ask_by(&backend.development, "GET", "/v1/calls", None).await.status, 200, "the other environment");
    assert_eq!(backend.ask_by(&backend.other_company(), "GET", "/v1/calls", None).await.status, 200, "another company");
}

#[tokio::test]
async fn what_is_not_there_and_how_it_cannot_be_asked_is_said_as_a_problem() {
    let backend = Backend::start().await;
    assert_eq!(backend.get("/v1/nothing").await.problem(), (404, "not_found".to_owned(), None));
    assert_eq!(backend.post("/v1/calls.csv").await.problem(), (405, "method_not_allowed".to_owned(), None));
    let answer = backend.get("/v1/calls").await;
    assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), (Some("no-store"), Some("nosniff")));
}

#[tokio::test]
async fn who_connects_and_says_half_a_request_holds_nothing_for_long() {
    let backend = Backend::start_as(|settings| settings.sockets.sign_in_within = Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(backend.service.service.address()).await.expect("the service listens");
    stream.write_all(b"GET /v1/calls HTTP/1.1\r\nHost: ").await.expect("an open socket");
    let mut heard = Vec::new();
    let closed = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard);
    tokio::time::timeout(crate::support::PATIENCE, closed).await.expect("the service closes it").expect("in order");
}

#[tokio::test]
async fn what_only_reads_does_not_wait_for_a_store_that_cannot_be_written_to() {
    let answer_within = Duration::from_millis(500);
    let backend = Backend::start_as(|settings| settings.api.answer_within = answer_within).await;
    backend.have_called("courier_1", "customer_1", EndReason::Missed, 100, 1);
    let new_token = Some("{\"cuid\":\"courier_1\"}");
    // Its use is noted, and the key that signs tokens is made.
    assert_eq!(backend.ask_by(&backend.production, "POST", "/v1/tokens", new_token).await.status, 200);
    let store = backend.store();
    while store.execute_batch("BEGIN IMMEDIATE").is_err() {}
    for _ in 0..2 {
        assert_eq!(backend.put("/v1/blocked/courier_1", None).await.problem().1, "too_slow");
        for (path, status) in [
            ("/v1/calls", 200),
            ("/v1/calls.csv", 200),
            ("/v1/users/courier_1", 200),
            ("/v1/blocked/courier_1", 404),
            ("/v1/branding", 200),
        ] {
            assert_eq!(backend.get(path).await.status, status, "{path}");
        }
        assert_eq!(backend.ask_by(&backend.production, "POST", "/v1/tokens", new_token).await.status, 200);
    }
    store.execute_batch("COMMIT").expect("it was begun");
    while backend.put("/v1/blocked/courier_1", None).await.status != 200 {}
    assert_eq!(backend.get("/v1/blocked/courier_1").await.status, 200);
}

#[tokio::test]
async fn what_comes_in_too_slowly_is_given_up_with_words() {
    let answer_within = Duration::from_millis(200);
    let backend = Backend::start_as(|settings| settings.api.answer_within = answer_within).await;
    let key = backend.production.expose();
    let head =
        format!("PUT /v1/branding HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 100\r\nConnection: close\r\n\r\n");
    let answer = say(backend.service.service.address(), format!("{head}{{").as_bytes()).await;
    assert_eq!(answer.problem(), (504, "too_slow".to_owned(), None));
}
