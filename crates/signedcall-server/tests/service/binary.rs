//! The binary itself: what it prints, refuses, and keeps.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use signedcall_server::STORE_FILE;
use signedcall_server::store::read_records;
use signedcall_wire::{
    CallPhase, CallSnapshot, ClientMessage, EndReason, ErrorCode, Hello, Redacted, Request, ServiceEvent, ServiceMessage,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::{Device, PATIENCE, Socket, hello, new_call};

pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signedcall-server"));
    command.env_clear().arg("--data").arg(data).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A service for tests.
const DEMO: &[&str] = &["--demo", "--listen", "127.0.0.1:0", "--drain-seconds", "0"];

/// A running service, as another program starts it.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) operator: Option<SocketAddr>,
}

pub(crate) async fn start(data: &Path, arguments: &[&str]) -> Running {
    start_as(command(data, &[DEMO, arguments].concat())).await
}

/// The same, of a process that may have so many files open.
pub(crate) async fn start_with_files(data: &Path, files: u32) -> Running {
    let binary = command(data, DEMO);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--nofile={files}:{files}")).arg(binary.as_std().get_program()).args(binary.as_std().get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    start_as(limited).await
}

async fn start_as(mut command: Command) -> Running {
    let mut child = command.spawn().expect("the binary");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).await.expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    assert!(ready["turn"].as_str().is_some_and(|turn| turn.starts_with("127.0.0.1:")), "{line}");
    let operator = ready["operator"].as_str().map(|address| address.parse().expect("an address"));
    Running { child, operator, url: format!("ws://{}/v1/signalling", ready["listening"].as_str().expect("an address")) }
}

pub(crate) fn demo_key(data: &Path) -> Redacted<String> {
    let path = data.join("demo.key");
    assert_eq!(std::fs::metadata(&path).expect("a key").permissions().mode() & 0o777, 0o600, "nobody else may read it");
    Redacted::new(std::fs::read_to_string(path).expect("a key").trim().to_owned())
}

pub(crate) async fn run(data: &Path, arguments: &[&str]) -> Output {
    command(data, arguments).output().await.expect("the binary")
}

#[tokio::test]
async fn a_placed_call_outlives_a_killed_service_and_is_answered_at_the_next() {
    let data = tempfile::tempdir().expect("a directory");
    let mut running = start(data.path(), &[]).await;
    let key = demo_key(data.path());
    let caller_hello = hello(key.clone(), "courier_1");
    let mut caller = Device::sign_in(&running.url, caller_hello.clone()).await;
    let callee_hello = hello(key.clone(), "customer_1");
    let _callee = Device::sign_in(&running.url, callee_hello.clone()).await;
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    running.child.kill().await.expect("it runs");

    let store = data.path().join(STORE_FILE);
    let left = read_records(&store).expect("a good store");
    assert_eq!(left.iter().map(|record| (record.call.clone(), record.end_reason)).collect::<Vec<_>>(), [(call.to_string(), None)]);
    let mut again = start(data.path(), &[]).await;
    assert_eq!(demo_key(data.path()), key, "the demo key is made once");
    let mut callee = Device::sign_in(&again.url, callee_hello).await;
    let [CallSnapshot::Callee { invite, phase: CallPhase::Placed }] = callee.welcome.calls.as_slice() else {
        panic!("{:?}", callee.welcome.calls)
    };
    assert_eq!((invite.call, invite.from.as_str(), invite.endpoint), (call, "courier_1", caller.endpoint));
    let mut caller = Device::sign_in(&again.url, caller_hello).await;
    callee.ask(Request::Accept { call }).await.expect("it rings");
    assert_eq!(caller.event().await, ServiceEvent::Answered { call, by: callee.endpoint, left_ms: None });
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("the call goes on");
    terminate(&mut again.child).await;
    let closed: Vec<_> = read_records(&store).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(closed, [Some(EndReason::HungUp.number())]);
}

#[tokio::test]
async fn a_demo_key_can_be_chosen_and_sigterm_ends_the_service_cleanly() {
    let data = tempfile::tempdir().expect("a directory");
    let mut command = command(data.path(), &["--demo", "--listen=127.0.0.1:0", "--drain-seconds=0"]);
    let mut child = command.env("SIGNEDCALL_DEMO_KEY", "chosen").spawn().expect("the binary");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).await.expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    let url = format!("ws://{}/v1/signalling", ready["listening"].as_str().expect("an address"));
    Device::sign_in(&url, hello(Redacted::new("chosen".to_owned()), "courier_1")).await;
    terminate(&mut child).await;
}

/// Asks a service to stop, and waits until it has.
pub(crate) async fn terminate(child: &mut Child) {
    let pid = child.id().expect("it runs").to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill");
    assert!(told.success());
    assert!(child.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn a_supervisor_is_told_that_the_service_is_ready_lives_and_stops() {
    let data = tempfile::tempdir().expect("a directory");
    let path = data.path().join("notify");
    let supervisor = tokio::net::UnixDatagram::bind(&path).expect("a socket");
    let mut command = command(data.path(), &["--listen=127.0.0.1:0", "--drain-seconds=0"]);
    let mut child = command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000").spawn().expect("the binary");
    let mut heard = [0; 32];
    for expected in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        let length = timeout(PATIENCE, supervisor.recv(&mut heard)).await.expect("it is told in time").expect("a message");
        assert_eq!(&heard[..length], expected.as_bytes());
    }
    terminate(&mut child).await;
    let mut last = Vec::new();
    while let Ok(length) = supervisor.try_recv(&mut heard) {
        last = heard[..length].to_vec();
    }
    assert_eq!(last, b"STOPPING=1");
}

#[tokio::test]
async fn wrong_settings_and_files_are_refused_by_name() {
    let data = tempfile::tempdir().expect("a directory");
    let file = data.path().join("settings.toml");
    std::fs::write(&file, "lisen = '127.0.0.1:0'").expect("a file");
    let config = format!("--config={}", file.display());
    let mut rows = vec![
        (vec!["--listen", "nowhere"], "--listen"),
        (vec!["--ring-seconds", "1"], "ring_seconds"),
        (vec!["--demo", "--listen", "0.0.0.0:0"], "listen = 0.0.0.0:0"),
        (vec!["--turn-listen", "0.0.0.0:0"], "turn_public_address"),
        (vec!["--log", "signedcall=loud"], "log"),
        (vec![config.as_str()], "lisen"),
        (vec!["--listen", "192.0.2.1:1"], "192.0.2.1:1"),
        (vec!["--listen", "127.0.0.1:0", "--turn-listen", "192.0.2.1:1"], "192.0.2.1:1"),
    ];
    rows.push((vec!["account", "add", "a b", "--name", "A", "--bg-color", "#000000", "--font-color", "#FFFFFF"], "id \"a b\""));
    let rate = ["account", "add", "grocer", "--name", "A", "--bg-color", "#000000", "--font-color", "#FFFFFF", "--user-calls-per-minute"];
    rows.push(([&rate[..], &["0"]].concat(), "--user-calls-per-minute"));
    rows.push(([&rate[..], &["60001"]].concat(), "user-calls-per-minute"));
    rows.push((vec!["account", "add", "grocer", "--name", "A", "--bg-color", "black", "--font-color", "#FFFFFF"], "--bg-color"));
    rows.push((vec!["key", "add", "nobody", "--environment", "production"], "\"nobody\""));
    rows.push((vec!["key", "list", "nobody"], "\"nobody\""));
    rows.push((vec!["jwks", "list", "nobody"], "\"nobody\""));
    rows.push((vec!["jwks", "set", "nobody", "--environment", "production", "/no/such/keys.json"], "/no/such/keys.json"));
    rows.push((vec!["user", "list", "nobody"], "\"nobody\""));
    rows.push((vec!["user", "block", "nobody", "courier_1", "--environment", "production"], "\"nobody\""));
    rows.push((vec!["user", "block", "nobody", "91_8899555", "--environment", "production"], "telephone"));
    rows.push((vec!["key", "revoke", "nobody", "0123456789ab"], "\"0123456789ab\""));
    let quiet = |from, to, offset| {
        vec!["quiet", "set", "nobody", "--environment", "production", "--from", from, "--to", to, "--utc-offset", offset]
    };
    rows.push((quiet("22:00", "07:00", "+05:30"), "\"nobody\""));
    rows.push((quiet("22:00", "24:00", "+05:30"), "HH:MM"));
    rows.push((quiet("22:00", "07:00", "-15:00"), "14 hours"));
    rows.push((quiet("22:00", "22:00", "-05:00"), "the same time"));
    for (arguments, name) in rows {
        let output = run(data.path(), &arguments).await;
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && words.contains(name), "{arguments:?}: {words}");
        assert!(!words.contains("backtrace"), "a refusal is for people: {words}");
    }
    std::fs::write(data.path().join(STORE_FILE), "not a store, but long enough to be mistaken for one".repeat(4)).expect("a file");
    let output = run(data.path(), &["--listen", "127.0.0.1:0"]).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains(STORE_FILE), "{words}");
}

#[tokio::test]
async fn two_services_do_not_share_a_data_directory() {
    let data = tempfile::tempdir().expect("a directory");
    let mut first = start(data.path(), &[]).await;
    let second = run(data.path(), &["--listen", "127.0.0.1:0"]).await;
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && words.contains("another service is running"), "{words}");
    first.child.kill().await.expect("it runs");
}

#[tokio::test]
async fn a_command_leaves_the_store_of_an_older_service_that_is_running_as_it_is() {
    let data = tempfile::tempdir().expect("a directory");
    let add = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(data.path(), &add).await.status.success());
    let version = || {
        let store = rusqlite::Connection::open(data.path().join(STORE_FILE)).expect("a store");
        store.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).expect("a version")
    };
    let now = version();
    let running = std::fs::File::options().append(true).open(data.path().join("lock")).expect("a lock");
    running.try_lock().expect("no service runs");
    assert!(run(data.path(), &["key", "list", "grocer"]).await.status.success(), "a service of this version does not mind");
    let older = rusqlite::Connection::open(data.path().join(STORE_FILE)).expect("a store");
    older.pragma_update(None, "user_version", 1).expect("an older version");
    for command in [vec!["key", "list", "grocer"], vec!["user", "list", "grocer"], vec!["jwks", "list", "grocer"], vec!["account", "list"]]
    {
        let refused = run(data.path(), &command).await;
        let words = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && words.contains("stop the service first"), "{command:?}: {words}");
    }
    assert_eq!(version(), 1);
    older.pragma_update(None, "user_version", now).expect("this version");
    drop(running);
    assert!(run(data.path(), &["key", "list", "grocer"]).await.status.success());
}

#[tokio::test]
async fn an_account_s_keys_are_printed_when_it_is_added_and_kept_as_hashes() {
    let data = tempfile::tempdir().expect("a directory");
    let looks = ["--name", "Grocer", "--bg-color", "#777777", "--font-color", "#FFFFFF"];
    let add = [&["account", "add", "grocer"][..], &looks, &["--relay-only", "--user-calls-per-minute", "1"]].concat();
    let added = run(data.path(), &add).await;
    assert!(String::from_utf8_lossy(&added.stderr).contains("contrast of 4.48"));
    let keys = String::from_utf8(added.stdout).expect("text");
    let keys: Vec<_> = keys.lines().filter_map(|line| line.split_once(' ')).collect();
    let [("production", production), ("development", development)] = keys.as_slice() else { panic!("two keys: {keys:?}") };
    let store = std::fs::read(data.path().join(STORE_FILE)).expect("a store");
    for key in [production, development] {
        assert!(!store.windows(key.len()).any(|window| window == key.as_bytes()), "the store has a key in the clear");
    }
    assert!(!run(data.path(), &add).await.status.success(), "an id is taken once");
    let listed = run(data.path(), &["account", "list"]).await;
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "grocer\tGrocer\n");

    let mut running = start(data.path(), &[]).await;
    let grocer = |cuid: &str| Hello {
        account_id: signedcall_wire::AccountId("grocer".to_owned()),
        environment: signedcall_wire::Environment::Production,
        ..hello(Redacted::new((*production).to_owned()), cuid)
    };
    let mut caller = Device::sign_in(&running.url, grocer("courier_1")).await;
    assert!(caller.welcome.ice.relay_only);
    let _callee = Device::sign_in(&running.url, grocer("courier_2")).await;
    caller.ask(new_call("courier_2").1).await.expect("it is placed");
    assert_eq!(caller.ask(new_call("courier_2").1).await, Err(ErrorCode::StopRetry));
    running.child.kill().await.expect("it runs");
}

#[tokio::test]
async fn keys_are_added_listed_and_revoked_by_command() {
    let data = tempfile::tempdir().expect("a directory");
    let add = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(data.path(), &add).await.status.success());
    let add = ["key", "add", "grocer", "--environment", "development"];
    let added = String::from_utf8(run(data.path(), &add).await.stdout).expect("text");
    let (id, key) = added.trim_end().split_once(' ').expect("an id and a key");
    assert!(key.starts_with("sc_development_"), "{key}");

    let mut running = start(data.path(), &[]).await;
    let mut grocer = hello(Redacted::new(key.to_owned()), "courier_1");
    grocer.account_id = signedcall_wire::AccountId("grocer".to_owned());
    let mut device = Device::sign_in(&running.url, grocer).await;
    assert!(run(data.path(), &["key", "revoke", "grocer", id]).await.status.success());
    while device.socket.hear().await.is_some() {}
    assert!(!run(data.path(), &["key", "revoke", "grocer", id]).await.status.success(), "it is revoked once");

    let listed = String::from_utf8(run(data.path(), &["key", "list", "grocer"]).await.stdout).expect("text");
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 3, "{listed}");
    let row = lines.iter().find(|line| line[0] == id).expect("the key that was added");
    assert_eq!(row[1], "development");
    assert!(row[2..].iter().all(|moment| moment.len() == 20 && moment.ends_with('Z')), "made, used and revoked: {row:?}");
    assert_eq!(lines.iter().filter(|line| line[3..] == ["-", "-"]).count(), 2, "the first two were not used: {listed}");
    for _ in 0..3 {
        assert!(run(data.path(), &add).await.status.success());
    }
    let most = run(data.path(), &add).await;
    assert!(!most.status.success() && String::from_utf8_lossy(&most.stderr).contains("the most"), "two are good from the start, less one");
    running.child.kill().await.expect("it runs");
}

#[tokio::test]
async fn the_keys_of_user_tokens_are_registered_and_listed_by_command() {
    let data = tempfile::tempdir().expect("a directory");
    let add = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(data.path(), &add).await.status.success());
    let file = data.path().join("keys.json");
    let path = file.to_str().expect("a name");
    // The base point of the curve.
    let x = format!("WG{}", "Zm".repeat(20)) + "Y";
    let set = |kid: &str| format!(r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "{kid}", "x": "{x}"}}]}}"#);
    for (environment, kid, is_taken) in [("production", "one", false), ("development", "one", true), ("development", "two", false)] {
        std::fs::write(&file, set(kid)).expect("a file");
        let output = run(data.path(), &["jwks", "set", "grocer", "--environment", environment, path]).await;
        assert_eq!(!output.status.success(), is_taken, "{}", String::from_utf8_lossy(&output.stderr));
    }
    let list = async || String::from_utf8(run(data.path(), &["jwks", "list", "grocer"]).await.stdout).expect("text");
    assert_eq!(list().await, "two\tdevelopment\tEdDSA\none\tproduction\tEdDSA\n");
    let same = run(data.path(), &["jwks", "set", "grocer", "--environment", "development", path]).await;
    assert!(same.status.success() && String::from_utf8_lossy(&same.stderr).contains("nothing has changed"));
    std::fs::write(&file, r#"{"keys": []}"#).expect("a file");
    assert!(run(data.path(), &["jwks", "set", "grocer", "--environment", "production", path]).await.status.success());
    assert_eq!(list().await, "two\tdevelopment\tEdDSA\n");
    std::fs::write(&file, r#"{"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]}"#).expect("a file");
    let refused = run(data.path(), &["jwks", "set", "grocer", "--environment", "production", path]).await;
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("keys.json") && words.contains("secret part"), "{words}");
}

#[tokio::test]
async fn whoever_replaces_a_key_as_before_is_told_how_it_is_done_now() {
    let data = tempfile::tempdir().expect("a directory");
    let refused = run(data.path(), &["account", "key", "grocer", "--environment", "production"]).await;
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("use `key add`"), "{words}");
    let help = run(data.path(), &["account", "--help"]).await;
    assert!(help.status.success() && !String::from_utf8_lossy(&help.stdout).contains("\n  key"), "it is not offered");
}

#[tokio::test]
async fn quiet_hours_are_set_listed_and_removed_by_command() {
    let data = tempfile::tempdir().expect("a directory");
    let add = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(data.path(), &add).await.status.success());
    let set = [
        "quiet",
        "set",
        "grocer",
        "courier_1",
        "--environment",
        "production",
        "--from",
        "22:00",
        "--to",
        "07:30",
        "--utc-offset",
        "-03:30",
    ];
    let for_all = ["quiet", "set", "grocer", "--environment", "production", "--from", "12:00", "--to", "13:00", "--utc-offset", "+00:00"];
    let says_same = async |arguments: &[&str]| {
        let output = run(data.path(), arguments).await;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}");
        words.contains("nothing has changed")
    };
    assert!(!says_same(&set).await && says_same(&set).await && !says_same(&for_all).await);
    let list = async || String::from_utf8(run(data.path(), &["quiet", "list", "grocer"]).await.stdout).expect("text");
    assert_eq!(list().await, "*\tproduction\t12:00\t13:00\t+00:00\ncourier_1\tproduction\t22:00\t07:30\t-03:30\n");
    let remove = ["quiet", "remove", "grocer", "courier_1", "--environment", "production"];
    assert!(!says_same(&remove).await && says_same(&remove).await);
    assert_eq!(list().await.lines().count(), 1);
}

#[tokio::test]
async fn a_user_is_blocked_and_let_in_again_by_command() {
    let data = tempfile::tempdir().expect("a directory");
    let mut running = start(data.path(), &[]).await;
    let courier = || hello(demo_key(data.path()), "courier_1");
    let mut device = Device::sign_in(&running.url, courier()).await;
    let user = |what| ["user", what, "demo", "courier_1", "--environment", "development"];
    let nothing = async |what| {
        let output = run(data.path(), &user(what)).await;
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).contains("nothing has changed")
    };
    assert!(nothing("unblock").await && !nothing("block").await && nothing("block").await);
    let told = device.socket.hear().await;
    let refused = ErrorCode::ContactRegistrationFailed;
    assert!(matches!(&told, Some(ServiceMessage::Refused(refusal)) if refusal.code == refused), "{told:?}");
    let mut again = Socket::open(&running.url).await;
    again.say(&ClientMessage::Hello(courier())).await;
    let told = again.hear().await;
    assert!(matches!(&told, Some(ServiceMessage::Refused(refusal)) if refusal.detail.contains("blocked")), "{told:?}");
    let mut caller = Device::sign_in(&running.url, hello(demo_key(data.path()), "customer_1")).await;
    assert_eq!(caller.ask(new_call("courier_1").1).await, Err(ErrorCode::ContactNotReachable));
    let listed = String::from_utf8(run(data.path(), &["user", "list", "demo"]).await.stdout).expect("text");
    assert!(listed.starts_with("courier_1\tdevelopment\t2") && listed.lines().count() == 1, "{listed}");

    assert!(run(data.path(), &user("unblock")).await.status.success());
    assert!(run(data.path(), &["user", "list", "demo"]).await.stdout.is_empty());
    // The service may look only after this.
    let is_let_in = async {
        loop {
            let mut again = Socket::open(&running.url).await;
            again.say(&ClientMessage::Hello(courier())).await;
            if let Some(ServiceMessage::Welcome(_)) = again.hear().await {
                break;
            }
        }
    };
    timeout(PATIENCE, is_let_in).await.expect("the user is let in again");
    running.child.kill().await.expect("it runs");
}

/// Everything that a service has said on standard error, once it has ended.
pub(crate) async fn last_words(mut running: Running) -> String {
    let pid = running.child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill").success());
    let mut words = String::new();
    running.child.stderr.take().expect("piped").read_to_string(&mut words).await.expect("text");
    running.child.wait().await.expect("it ends");
    words
}
