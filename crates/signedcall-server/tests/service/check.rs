//! `check-config`: everything that is wrong is said at once, and nothing is started or changed.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use signedcall_server::STORE_FILE;

use crate::binary::{run, start};

/// What the command says, and whether it is content.
async fn check(data: &Path, arguments: &[&str]) -> (bool, String) {
    let output = run(data, &[arguments, &["check-config"]].concat()).await;
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn good_settings_are_content_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    let (good, words) = check(&data, &["--listen", "127.0.0.1:0"]).await;
    assert!(good && words.contains("can be started") && !words.contains("fault:"), "{words}");
    assert!(!data.exists(), "nothing is made");
}

#[tokio::test]
async fn every_fault_is_said_and_not_only_the_first() {
    let folder = tempfile::tempdir().expect("a directory");
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").expect("a port"), UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let (taken, taken_udp) = (tcp.local_addr().expect("an address"), udp.local_addr().expect("an address"));
    let settings = folder.path().join("settings.toml");
    let text = format!(
        "listen = '{taken}'\noperator_listen = '192.0.2.1:1'\nturn_listen = '{taken_udp}'\nring_seconds = 1\ndrain_seconds = 601\n\
         token_audience = ''\nlog = 'signedcall=loud'\ntls_certificate = '/no/such.pem'\ntls_key = '/no/such.key'\n"
    );
    std::fs::write(&settings, text).expect("a file");
    let file = folder.path().join("a file");
    std::fs::write(&file, "").expect("a file");
    let (good, words) = check(&file.join("data"), &["--config", settings.to_str().expect("a name")]).await;
    assert!(!good);
    for fault in [
        format!("listen = {taken}"),
        "operator_listen = 192.0.2.1:1".to_owned(),
        format!("turn_listen = {taken_udp}"),
        "ring_seconds = 1".to_owned(),
        "drain_seconds = 601".to_owned(),
        "token_audience".to_owned(),
        "log = \"signedcall=loud\"".to_owned(),
        "no TLS: /no/such.pem".to_owned(),
        "a file is no directory".to_owned(),
    ] {
        assert!(words.lines().any(|line| line.starts_with("fault: ") && line.contains(&fault)), "{fault}:\n{words}");
    }
    assert_eq!(words.lines().filter(|line| line.starts_with("fault: ")).count(), 9, "{words}");
}

#[tokio::test]
async fn what_works_and_is_perhaps_not_meant_is_a_warning() {
    let data = tempfile::tempdir().expect("a directory");
    let (good, words) = check(data.path(), &["--listen", "0.0.0.0:0", "--operator-listen", "0.0.0.0:0", "--drain-seconds", "100"]).await;
    assert!(good, "{words}");
    for warning in ["there is no TLS", "the relay is not", "operator_listen is beyond", "TimeoutStopSec"] {
        assert!(words.lines().any(|line| line.starts_with("warning: ") && line.contains(warning)), "{warning}:\n{words}");
    }
}

#[tokio::test]
async fn a_store_of_another_layout_is_told_of_and_left_as_it_is() {
    let data = tempfile::tempdir().expect("a directory");
    let add = ["account", "add", "grocer", "--name", "Grocer", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(data.path(), &add).await.status.success());
    let store = rusqlite::Connection::open(data.path().join(STORE_FILE)).expect("a store");
    let version = || store.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).expect("a version");
    let now = version();
    for (layout, good, words) in [(now - 1, true, "note: "), (now + 1, false, "fault: "), (now, true, "can be started")] {
        store.pragma_update(None, "user_version", layout).expect("a version");
        let said = check(data.path(), &["--listen", "127.0.0.1:0"]).await;
        assert_eq!(said.0, good, "{}", said.1);
        assert!(said.1.contains(words), "{layout}: {}", said.1);
        assert_eq!(version(), layout);
    }
    drop(store);
    std::fs::write(data.path().join(STORE_FILE), "not a store, but long enough to be mistaken for one".repeat(4)).expect("a file");
    let (good, words) = check(data.path(), &["--listen", "127.0.0.1:0"]).await;
    assert!(!good && words.contains("not a store of the Signed Call service"), "{words}");
}

#[tokio::test]
async fn beside_a_running_service_its_own_ports_are_no_fault() {
    let data = tempfile::tempdir().expect("a directory");
    let running = start(data.path(), &[]).await;
    let listen = running.url.trim_start_matches("ws://").trim_end_matches("/v1/signalling").to_owned();
    let (good, words) = check(data.path(), &["--listen", &listen]).await;
    assert!(good && words.contains("note: a service is running"), "{words}");
}
