//! The examples that an embedder starts from, as programs of their own.

use std::process::Command;

use signedcall::EndReason;
use signedcall_tests::{PATIENCE, Process, Rig, program};

use crate::support::Service;

fn example(rig: &Rig, service: &Service, name: &str, arguments: &[&str]) -> Process {
    let mut command = Command::new(program(&format!("examples/{name}")).expect("the examples are built with the tests"));
    command.args(arguments).env("SIGNEDCALL_SERVICE_URL", format!("ws://{}", service.address()));
    command.env("SIGNEDCALL_API_KEY", service.key()).env("SIGNEDCALL_NO_SOUND", "1");
    Process::start_with_commands(name, &mut command, rig.folder()).expect("it can be started")
}

async fn says(process: &Process, words: &str) {
    process.line(words, PATIENCE, |line| line.contains(words)).await.expect("it says so");
}

/// R16, R19, R20, R29: by the public API alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_examples_call_each_other_and_talk() {
    let rig = Rig::new("examples").expect("a new folder");
    let service = Service::start().await;
    let mut callee = example(&rig, &service, "callee", &["customer_25"]);
    says(&callee, "customer_25 can be called").await;
    let mut caller = example(&rig, &service, "caller", &["courier_8842", "customer_25", "Your", "parcel", "is", "here"]);
    says(&callee, "courier_8842: Your parcel is here").await;
    says(&caller, "it rings at customer_25's").await;
    callee.say("a").expect("it listens");
    says(&callee, "you are talking").await;
    says(&caller, "CALL_IN_PROGRESS").await;
    caller.say("h").expect("it listens");
    caller.say("r").expect("it listens");
    callee.say("e").expect("it listens");
    says(&caller, "CALL_OVER").await;
    assert!(caller.finished(PATIENCE).await.expect("it ends").success());
    says(&callee, "CALL_OVER").await;
    callee.say("q").expect("it listens");
    assert!(callee.finished(PATIENCE).await.expect("it ends").success());
    let reasons: Vec<_> = service.records().await.iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::HungUp.number())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_caller_says_why_nobody_is_called() {
    let rig = Rig::new("examples-refused").expect("a new folder");
    let service = Service::start().await;
    let mut caller = example(&rig, &service, "caller", &["courier_8842", "customer_25", "Your", "parcel"]);
    says(&caller, "ERR_CONTACT_NOT_REACHABLE").await;
    assert!(!caller.finished(PATIENCE).await.expect("it ends").success());
}
