//! Receipts by the binary's commands.

use std::fs;

use signedcall_wire::{EndReason, ErrorCode, Request};
use tokio::time::timeout;

use crate::binary::{demo_key, run, start};
use crate::support::{Device, PATIENCE, hello, new_call};
use crate::webhooks::lines;

#[tokio::test]
async fn a_receipt_is_exported_and_verified_by_commands() {
    let data = tempfile::tempdir().expect("a directory");
    let running = start(data.path(), &[]).await;
    let key = demo_key(data.path());
    let mut caller = Device::sign_in(&running.url, hello(key.clone(), "courier_1")).await;
    let _callee = Device::sign_in(&running.url, hello(key, "customer_1")).await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    let id = call.to_string();
    let early = run(data.path(), &["receipt", "export", "demo", &id]).await;
    assert!(String::from_utf8_lossy(&early.stderr).contains("goes on"), "{early:?}");
    caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("a call");
    let written = async {
        loop {
            // The hub tells of an end before the disk has it, and the service itself waits only so long for that.
            match caller.ask(Request::Receipt { call }).await {
                Err(ErrorCode::OngoingCall) => {}
                asked => return asked,
            }
        }
    };
    timeout(PATIENCE, written).await.expect("it is written down").expect("it is over");
    let (keys, receipt) = (data.path().join("keys.json"), data.path().join("receipt.jws"));
    let exported = lines(data.path(), &["receipt", "export", "demo", &id]).await;
    fs::write(&receipt, &exported[0]).expect("a file");
    fs::write(&keys, &lines(data.path(), &["receipt", "keys", "demo"]).await[0]).expect("a file");
    let verify = ["receipt", "verify", "--keys", keys.to_str().expect("a name"), receipt.to_str().expect("a name")];
    // Whoever verifies has no store.
    let elsewhere = tempfile::tempdir().expect("a directory");
    let words = lines(elsewhere.path(), &verify).await;
    assert!(words.contains(&format!("call       {id}")) && words.iter().any(|line| line.contains("CALL_CANCELLED (2)")), "{words:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a directory").count(), 0);

    let (signed, _) = exported[0].rsplit_once('.').expect("a signature");
    fs::write(&receipt, format!("{signed}.AAAA")).expect("a file");
    let altered = run(elsewhere.path(), &verify).await;
    assert!(!altered.status.success() && String::from_utf8_lossy(&altered.stderr).contains("altered"), "{altered:?}");
    for (arguments, words) in [
        (["receipt", "export", "nobody", &id], "\"nobody\""),
        (["receipt", "export", "demo", "3b0c"], "no call \"3b0c\""),
        (["receipt", "keys", "nobody", ""], "\"nobody\""),
    ] {
        let arguments: Vec<_> = arguments.into_iter().filter(|argument| !argument.is_empty()).collect();
        let said = run(data.path(), &arguments).await;
        assert!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains(words), "{arguments:?}: {said:?}");
    }
}
