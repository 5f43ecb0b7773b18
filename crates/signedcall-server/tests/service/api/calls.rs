//! The calls of a company: listed, filtered, page by page, and ended.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use signedcall_wire::{CallId, EndReason, ErrorCode, Request, ServiceEvent};
use uuid::Uuid;

use super::backend::Backend;
use crate::support::{in_time, new_call};

fn ids(page: &Value) -> Vec<String> {
    let calls = page["calls"].as_array().expect("calls").iter();
    calls.map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_call_is_listed_while_it_goes_on_and_once_it_is_over() {
    let backend = Backend::start().await;
    let mut courier = backend.sign_in("courier_1").await;
    let mut customer = backend.sign_in("customer_1").await;
    let call = backend.answered_call(&mut courier, &mut customer, "customer_1").await;
    for device in [&mut courier, &mut customer] {
        device.ask(Request::MediaConnected { call }).await.expect("media");
    }
    let open = backend.get(&format!("/v1/calls/{call}")).await.json();
    assert_eq!((&open["state"], &open["ended_at"], &open["end_reason"]), (&json!("open"), &Value::Null, &Value::Null));
    assert_eq!((&open["caller"], &open["callee"], &open["context"]), (&json!("courier_1"), &json!("customer_1"), &json!("Your order")));
    assert!(open["answered_at"].as_str().is_some_and(|at| at >= open["placed_at"].as_str().expect("a moment")), "{open}");
    for (of, found) in [("", true), ("&cuid=courier_1", true), ("&cuid=customer_1", true), ("&cuid=courier_2", false)] {
        let expected = found.then(|| call.to_string());
        assert_eq!(ids(&backend.get(&format!("/v1/calls?state=open{of}")).await.json()), Vec::from_iter(expected), "{of}");
    }
    assert_eq!(ids(&backend.get("/v1/calls?state=closed").await.json()), [""; 0]);

    courier.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("an end");
    let closed = async {
        loop {
            // The record is closed by a thread of its own.
            let found = backend.get(&format!("/v1/calls/{call}")).await.json();
            if found["state"] == "closed" {
                break found;
            }
        }
    };
    let closed = in_time(closed).await;
    assert_eq!(closed["end_reason"], "hung_up");
    assert!(closed["talked_ms"].as_i64().is_some_and(|talked| talked >= 0), "{closed}");
    assert_eq!(ids(&backend.get("/v1/calls?end_reason=hung_up&cuid=customer_1").await.json()), [call.to_string()]);
}

#[tokio::test]
async fn a_company_sees_its_own_calls_in_the_environment_of_the_key_and_no_others() {
    let backend = Backend::start().await;
    let [call] = backend.have_called("courier_1", "customer_1", EndReason::Missed, 100, 1)[..] else { panic!("one call") };
    let other = backend.other_company();
    for key in [&backend.development, &other] {
        assert_eq!(ids(&backend.ask_by(key, "GET", "/v1/calls", None).await.json()), [""; 0]);
        for (method, path) in [("GET", format!("/v1/calls/{call}")), ("POST", format!("/v1/calls/{call}/hangup"))] {
            assert_eq!(backend.ask_by(key, method, &path, None).await.problem().1, "not_found");
        }
    }
    assert_eq!(ids(&backend.get("/v1/calls").await.json()), [call.to_string()]);
}

#[tokio::test]
async fn pages_hold_every_call_once_the_newest_first_also_while_others_are_placed() {
    let backend = Backend::start().await;
    // Ten in each second, so that pages end among calls of the same moment.
    let mut all: BTreeSet<String> = BTreeSet::new();
    for _ in 0..10 {
        all.extend(backend.have_called("courier_1", "customer_1", EndReason::HungUp, 1_000, 23).iter().map(CallId::to_string));
    }
    let (mut seen, mut moments, mut cursor) = (Vec::new(), Vec::new(), String::new());
    let all_pages = async {
        loop {
            let page = backend.get(&format!("/v1/calls?limit=37{cursor}")).await.json();
            seen.extend(ids(&page));
            moments.extend(page["calls"].as_array().expect("calls").iter().map(|call| call["placed_at"].to_string()));
            backend.have_called("courier_1", "customer_1", EndReason::HungUp, 9_000, 1);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    };
    in_time(all_pages).await;
    assert_eq!((seen.len(), seen.iter().cloned().collect::<BTreeSet<_>>()), (230, all));
    assert!(moments.is_sorted_by(|newer, older| newer >= older));
}

#[tokio::test]
async fn calls_are_found_by_user_time_and_end() {
    let backend = Backend::start().await;
    let missed = backend.have_called("courier_1", "customer_1", EndReason::Missed, 100, 1);
    let busy = backend.have_called("customer_1", "courier_2", EndReason::Busy, 200, 1);
    let timeout = backend.have_called("courier_2", "customer_2", EndReason::RingTimeout, 300, 1);
    for (query, found) in [
        ("", vec![&timeout, &busy, &missed]),
        ("cuid=customer_1", vec![&busy, &missed]),
        ("cuid=courier_2&end_reason=busy", vec![&busy]),
        ("end_reason=missed", vec![&missed]),
        ("since=1970-01-01T00:03:20Z", vec![&timeout, &busy]),
        ("until=1970-01-01T00:03:20Z", vec![&missed]),
        ("since=1970-01-01T05:33:20%2B05:30&until=1970-01-01T00:05:00Z", vec![&busy]),
        ("cuid=customer_1&since=1970-01-01T00:03:20.001Z", vec![]),
        ("state=open", vec![]),
        ("state=closed&limit=1", vec![&timeout]),
        ("cuid=nobody_here", vec![]),
    ] {
        let expected: Vec<String> = found.into_iter().flatten().map(CallId::to_string).collect();
        assert_eq!(ids(&backend.get(&format!("/v1/calls?{query}")).await.json()), expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_named() {
    let backend = Backend::start().await;
    for (query, field) in [
        ("cuid=x", "cuid"),
        ("since=yesterday", "since"),
        ("until=2026-02-30T00:00:00Z", "until"),
        ("end_reason=abducted", "end_reason"),
        ("state=ajar", "state"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("cursor=nowhere", "cursor"),
        ("user=courier_1", "user"),
        ("cuid=courier_1&cuid=courier_2", "cuid"),
    ] {
        let answer = backend.get(&format!("/v1/calls?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned(), Some(field.to_owned())), "{query}");
    }
    assert_eq!(backend.get("/v1/calls/1").await.problem().2.as_deref(), Some("id"));
    assert_eq!(backend.get("/v1/calls/%FF").await.problem().2.as_deref(), Some("id"));
    assert_eq!(backend.get("/v1/calls.csv?limit=1").await.problem().2.as_deref(), Some("limit"));
}

#[tokio::test]
async fn a_call_is_ended_for_both_sides_whether_it_rings_or_is_answered() {
    let backend = Backend::start().await;
    let mut courier = backend.sign_in("courier_1").await;
    let mut customer = backend.sign_in("customer_1").await;
    for answered in [false, true] {
        let (call, reason) = if answered {
            (backend.answered_call(&mut courier, &mut customer, "customer_1").await, EndReason::HungUp)
        } else {
            (backend.call(&mut courier, &mut customer, "customer_1").await, EndReason::Cancelled)
        };
        // Asking again is as good as asking once.
        for _ in 0..2 {
            let answer = backend.post(&format!("/v1/calls/{call}/hangup")).await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        }
        for device in [&mut courier, &mut customer] {
            assert_eq!(device.event().await, ServiceEvent::Ended { call, reason, other_device: None });
        }
        assert_eq!(courier.ask(new_call("courier_1").1).await, Err(ErrorCode::CanNotCallSelf), "its device goes on");
    }
    let nobodys = Uuid::new_v4();
    assert_eq!(backend.post(&format!("/v1/calls/{nobodys}/hangup")).await.problem().1, "not_found");
}
