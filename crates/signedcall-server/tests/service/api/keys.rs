//! Who may ask, and how often.

use std::num::NonZeroU32;
use std::time::Duration;

use signedcall_server::{ApiSettings, account};
use signedcall_wire::{EndReason, Environment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::backend::Backend;
use super::http::{ask, say};
use crate::support::in_time;

#[tokio::test]
async fn a_wrong_key_is_answered_alike_whatever_is_wrong_with_it() {
    let backend = Backend::start().await;
    let address = backend.service.service.address();
    let good = backend.production.expose();
    let forged = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'E' } else { 'A' });
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
    let forged = format!("GET /v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {forged}\r\n\r\n");
    assert_eq!(say(address, forged.as_bytes()).await.header("connection"), Some("close"), "another try costs another connection");
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
    let backend = Backend::start_as(|settings| settings.sockets.sign_in_within = Duration::from_secs(1)).await;
    let mut stream = TcpStream::connect(backend.service.service.address()).await.expect("the service listens");
    stream.write_all(b"GET /v1/calls HTTP/1.1\r\nHost: ").await.expect("an open socket");
    let mut heard = Vec::new();
    let closed = stream.read_to_end(&mut heard);
    in_time(closed).await.expect("the service closes it");
}

#[tokio::test]
async fn what_only_reads_does_not_wait_for_a_store_that_cannot_be_written_to() {
    let answer_within = Duration::from_secs(5);
    let backend = Backend::start_as(|settings| settings.api.answer_within = answer_within).await;
    backend.have_called("courier_1", "customer_1", EndReason::Missed, 100, 1);
    let new_token = Some("{\"cuid\":\"courier_1\"}");
    // The key that signs tokens is made.
    assert_eq!(backend.ask_by(&backend.production, "POST", "/v1/tokens", new_token).await.status, 200);
    let is_noted = || {
        let keys = account::keys(&backend.accounts, &backend.account).expect("the account");
        keys.iter().any(|key| key.last_used_at.is_some())
    };
    let noted = async {
        while !is_noted() {
            tokio::task::yield_now().await;
        }
    };
    in_time(noted).await;
    let store = backend.store();
    store.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    let reads = async {
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
    };
    let (written, ()) = tokio::join!(backend.put("/v1/blocked/courier_1", None), reads);
    // Whichever gives up first, the request or the store.
    let code = written.problem().1;
    assert!(["too_slow", "unavailable"].contains(&code.as_str()), "{code}");
    store.execute_batch("COMMIT").expect("it was begun");
    in_time(async { while backend.put("/v1/blocked/courier_1", None).await.status != 200 {} }).await;
    assert_eq!(backend.get("/v1/blocked/courier_1").await.status, 200);
}

#[tokio::test]
async fn a_key_is_as_good_while_its_use_cannot_be_noted_and_nobody_waits_for_that() {
    // Less than a note waits for the store.
    let answer_within = Duration::from_secs(4);
    let backend = Backend::start_as(|settings| settings.api.answer_within = answer_within).await;
    let store = backend.store();
    store.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    for _ in 0..3 {
        assert_eq!(backend.get("/v1/calls").await.status, 200);
    }
    let signed_in = tokio::time::timeout(answer_within, backend.sign_in("courier_1")).await;
    assert!(signed_in.is_ok(), "a device waits neither");
}

/// Asks on a connection that stays open, and says whether there was an answer.
async fn is_answered(stream: &mut TcpStream, request: &str) -> bool {
    if stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let mut heard = [0; 4096];
    in_time(stream.read(&mut heard)).await.is_ok_and(|length| length > 0)
}

#[tokio::test]
async fn whoever_has_shown_a_key_stays_connected_and_whoever_only_asks_how_it_is_goes_in_the_end() {
    let sign_in_within = Duration::from_secs(1);
    let backend = Backend::start_as(|settings| settings.sockets.sign_in_within = sign_in_within).await;
    let connect = async || TcpStream::connect(backend.service.service.address()).await.expect("the service listens");
    let (mut known, mut unknown) = (connect().await, connect().await);
    let key = backend.production.expose();
    let of_company = format!("GET /v1/branding HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
    // As those ask who watch a service: long before each request would come too late.
    let mut moments = tokio::time::interval(sign_in_within / 4);
    let goes = async {
        loop {
            moments.tick().await;
            assert!(is_answered(&mut known, &of_company).await, "it is known");
            if !is_answered(&mut unknown, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await {
                break;
            }
        }
    };
    in_time(goes).await;
    assert!(is_answered(&mut known, &of_company).await, "it stays");
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
