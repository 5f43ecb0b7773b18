use serde_json::Value;
use signedcall_wire::{EndReason, Redacted, Request, ServiceEvent, Signal};

use crate::binary::{demo_key, last_words, start};
use crate::support::{Device, hello, new_call};

/// The levels at which nothing may say who calls whom, from where, or by what right.
const PUBLIC: [&str; 3] = ["ERROR", "WARN", "INFO"];

#[tokio::test]
async fn nothing_above_debug_tells_a_key_a_token_a_cuid_a_name_or_an_address() {
    let data = tempfile::tempdir().expect("a directory");
    let running = start(data.path(), &["--log", "trace"]).await;
    let key = demo_key(data.path());
    let mut caller = Device::sign_in(&running.url, hello(key.clone(), "courier_1")).await;
    let mut callee = Device::sign_in(&running.url, hello(key.clone(), "customer_1")).await;
    let mut secrets = vec![key.expose().clone(), "wrong-key".to_owned(), "an-sdp".to_owned(), "127.0.0.1".to_owned(), "Name of".to_owned()];
    secrets.extend(["courier_1", "customer_1", "Your order", "Delivery partner"].map(str::to_owned));
    for device in [&caller, &callee] {
        secrets.push(device.welcome.resume_token.expose().clone());
        secrets
            .extend(device.welcome.ice.servers.iter().map(|server| server.credential.expose().clone()).filter(|secret| !secret.is_empty()));
    }
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Ringing { call }).await.expect("it rings");
    let signal = Signal::Offer { sdp: Redacted::new("an-sdp".to_owned()), generation: 0 };
    caller.ask(Request::Signal { call, to: callee.endpoint, signal }).await.expect("an offer");
    callee.ask(Request::Accept { call }).await.expect("an answer");
    caller.cut_and_resume(&running.url).await;
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the end");
    while !matches!(callee.event().await, ServiceEvent::Ended { .. }) {}
    let mut refused = crate::support::Socket::open(&running.url).await;
    refused.say(&signedcall_wire::ClientMessage::Hello(hello(Redacted::new("wrong-key".to_owned()), "courier_1"))).await;
    assert!(refused.hear().await.is_some());

    let words = last_words(running).await;
    let public: Vec<_> = words.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|level| PUBLIC.contains(&level))).collect();
    for expected in ["call placed", "call ended", "sign-in refused"] {
        assert!(public.iter().any(|line| line.contains(expected)), "{expected:?} is worth a line:\n{words}");
    }
    for line in public {
        for secret in &secrets {
            assert!(!line.contains(secret), "{secret:?} is in {line}");
        }
    }
}

#[tokio::test]
async fn a_log_for_programs_has_an_object_on_each_line() {
    let data = tempfile::tempdir().expect("a directory");
    let running = start(data.path(), &["--log-format", "json"]).await;
    let key = demo_key(data.path());
    let mut caller = Device::sign_in(&running.url, hello(key.clone(), "courier_1")).await;
    let _callee = Device::sign_in(&running.url, hello(key, "customer_1")).await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    let words = last_words(running).await;
    let lines: Vec<Value> = words.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.iter().all(|line| ["timestamp", "level", "target", "message"].iter().all(|field| line[field].is_string())), "{words}");
    let placed = lines.iter().find(|line| line["message"] == "call placed").expect("it is worth a line");
    assert_eq!((placed["level"].as_str(), placed["call"].as_str()), (Some("INFO"), Some(call.to_string().as_str())));
}
