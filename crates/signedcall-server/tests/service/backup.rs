//! Copies of the store, made while calls are placed, and put back.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use signedcall_server::hub::CallRates;
use signedcall_server::store::{Account, read_records};
use signedcall_server::webhooks::{self, CallEvent, WebhookSettings};
use signedcall_server::{STORE_FILE, Settings, StartError, account, backup, open_accounts, serve};
use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, EndReason, Hello, Request, ServiceEvent};
use tokio::task::JoinSet;

use crate::binary::{run, start};
use crate::support::{Device, TestService, hello, new_call, proves_nothing};

/// A call from its beginning to its end.
async fn call(caller: &mut Device, callee: &mut Device) -> String {
    let (call, request) = new_call("customer_1");
    caller.ask(request).await.expect("a call");
    callee.ask(Request::Accept { call }).await.expect("it rings");
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("it goes on");
    while !matches!(callee.event().await, ServiceEvent::Ended { .. }) {}
    call.to_string()
}

/// Calls of before, so that a copy takes its time.
fn write_many_records(store: &Path) {
    let store = rusqlite::Connection::open(store).expect("a store");
    let write = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 30000)
        INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, ended_at_ms, end_reason)
        SELECT 'earlier ' || n, 'demo', 'development', 'courier_1', hex(randomblob(16)), 'customer_1', 'Your order', n, n + 1, 1 FROM numbers";
    assert_eq!(store.execute(write, []).expect("a good store"), 30_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_made_while_calls_are_placed_has_all_that_was_acknowledged_before() {
    let service = TestService::start().await;
    write_many_records(&service.data.path().join(STORE_FILE));
    let (mut caller, mut callee) = (service.sign_in("courier_1").await, service.sign_in("customer_1").await);
    let folder = tempfile::tempdir().expect("a directory");
    let (mut placed, mut meanwhile) = (Vec::new(), 0);
    for round in 0..3 {
        for _ in 0..5 {
            placed.push(call(&mut caller, &mut callee).await);
        }
        let acknowledged: BTreeSet<_> = placed.iter().cloned().collect();
        let copy = folder.path().join(format!("{round}.sqlite"));
        let (data, to) = (service.data.path().to_owned(), copy.clone());
        let making = tokio::task::spawn_blocking(move || backup::back_up(&data, &to));
        while !making.is_finished() {
            placed.push(call(&mut caller, &mut callee).await);
            meanwhile += 1;
        }
        let made = making.await.expect("no bug");
        assert!(made.expect("a copy") > 0);
        assert_eq!(std::fs::metadata(&copy).expect("a file").permissions().mode() & 0o777, 0o600, "nobody else may read it");

        let restored = tempfile::tempdir().expect("a directory");
        assert_eq!(backup::restore(&copy, restored.path()).expect("nobody else is there"), None);
        let records = read_records(&restored.path().join(STORE_FILE)).expect("a good store");
        let ids: BTreeSet<_> = records.iter().map(|record| record.call.clone()).collect();
        assert!(ids.is_superset(&acknowledged), "some are missing: {} of {}", ids.len(), acknowledged.len());
        assert_eq!(ids.len(), records.len(), "each is there once");
        for record in &records {
            let is_whole = record.end_reason.is_some() == record.ended_at_ms.is_some();
            assert!(is_whole && record.caller == "courier_1" && record.callee == "customer_1", "{record:?}");
        }
        let again = serve(Settings::on_loopback(restored.path().to_owned()), None).await.expect("a service");
        again.shutdown().await;
    }
    assert!(meanwhile > 0, "nothing was written while a copy was made");
    service.service.shutdown().await;
}

/// What devices have been told of calls, by their ids.
#[derive(Clone, Debug, Default)]
struct Told {
    placed: BTreeSet<String>,
    answered: BTreeSet<String>,
}

/// Has two devices call each other as fast as they can until they are told to stop, and notes what they are told; says how often they have called.
async fn call_on((mut caller, mut callee): (Device, Device), to: String, told: Arc<Mutex<Told>>, stop: Arc<AtomicBool>) -> usize {
    let told = || told.lock().expect("nobody has panicked");
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) {
        let (call, request) = new_call(&to);
        caller.ask(request).await.expect("a call");
        told().placed.insert(call.to_string());
        callee.ask(Request::Accept { call }).await.expect("it rings");
        while !matches!(caller.event().await, ServiceEvent::Answered { call: answered, .. } if answered == call) {}
        told().answered.insert(call.to_string());
        caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await.expect("it goes on");
        while !matches!(callee.event().await, ServiceEvent::Ended { call: ended, .. } if ended == call) {}
        calls += 1;
    }
    calls
}

/// Makes sure that a store has all that was told, and nothing by halves.
fn assert_whole(store: &Path, told: &Told) {
    let store = rusqlite::Connection::open(store).expect("a store");
    let ids = |which: &str| {
        let mut ids = store.prepare(&format!("SELECT id FROM calls WHERE {which}")).expect("a store");
        let ids = ids.query_map([], |row| row.get::<_, String>(0)).expect("records").map(|id| id.expect("an id"));
        ids.collect::<BTreeSet<_>>()
    };
    for (what, told, kept) in [("placed", &told.placed, ids("TRUE")), ("answered", &told.answered, ids("answered_at_ms IS NOT NULL"))] {
        let missing: Vec<_> = told.difference(&kept).collect();
        assert!(missing.is_empty(), "of {} that were {what} there are missing {missing:?}", told.len());
    }
    let is_told = |event| format!("EXISTS (SELECT 1 FROM deliveries WHERE call = calls.id AND event = 'call.{event}')");
    for half in [
        "(ended_at_ms IS NULL) <> (end_reason IS NULL)".to_owned(),
        "(answered_at_ms IS NULL) <> (answered_by IS NULL)".to_owned(),
        // What the devices of a call that goes on need of it, and none of that afterwards.
        "account <> 'demo' AND (ended_at_ms IS NULL) <> (invite IS NOT NULL)".to_owned(),
        // What webhooks are told is written with the record.
        format!("account <> 'demo' AND NOT {}", is_told("placed")),
        format!("account <> 'demo' AND {} <> (answered_at_ms IS NOT NULL)", is_told("answered")),
        format!("account <> 'demo' AND {} <> (ended_at_ms IS NOT NULL)", is_told("ended")),
    ] {
        assert_eq!(ids(&half), BTreeSet::new(), "{half}");
    }
    let verdict: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    let lost = store.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([])).expect("a verdict");
    assert!(!lost, "a row is of nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_are_made_again_and_again_while_companies_call_as_fast_as_they_can_are_whole() {
    let service = TestService::start().await;
    write_many_records(&service.data.path().join(STORE_FILE));
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    let (told, stop) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
    let mut calling = JoinSet::new();
    for company in ["grocer", "florist", "clinic", "taxi"] {
        let id = AccountId(company.to_owned());
        let color = |text: &str| Color::try_from(text.to_owned()).expect("a colour");
        let branding = Branding {
            name: company.to_owned(),
            bg_color: color("#102030"),
            font_color: color("#FFFFFF"),
            logo: None,
            button_theme: ButtonTheme::Dark,
        };
        let account =
            Account { id: id.clone(), branding, relay_only: false, max_call: None, single_device: false, call_rates: CallRates::default() };
        let [(environment, key), _] = account::add(&accounts, &account).expect("a new account");
        // Nobody is there, so that what is to be told stays in the store.
        let reachable = WebhookSettings { to_private_addresses: true, ..WebhookSettings::default() };
        webhooks::add(&accounts, reachable, &id, environment, "http://127.0.0.1:1/calls", &CallEvent::ALL).expect("a webhook");
        for pair in 0..2 {
            let sign_in = async |cuid: String| {
                let hello = Hello { account_id: id.clone(), environment, ..hello(key.clone(), &cuid) };
                Device::sign_in(&service.service.url(), hello).await
            };
            let callee = format!("customer_{pair}x");
            let devices = (sign_in(format!("courier_{pair}x")).await, sign_in(callee.clone()).await);
            calling.spawn(call_on(devices, callee, Arc::clone(&told), Arc::clone(&stop)));
        }
    }
    let folder = tempfile::tempdir().expect("a directory");
    let (begun, mut copies, mut sizes) = (Instant::now(), 0, Vec::new());
    while copies < 3 || begun.elapsed() < Duration::from_secs(3) {
        let (data, before) = (service.data.path().to_owned(), told.lock().expect("nobody has panicked").clone());
        sizes.push(before.placed.len());
        let place = folder.path().join(copies.to_string());
        let checked = tokio::task::spawn_blocking(move || {
            let (copy, restored) = (place.with_extension("copy"), place);
            backup::back_up(&data, &copy).expect("a copy");
            assert_eq!(backup::restore(&copy, &restored).expect("nobody else is there"), None);
            assert_whole(&restored.join(STORE_FILE), &before);
        });
        checked.await.expect("it is whole");
        copies += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let calls: usize = calling.join_all().await.into_iter().sum();
    println!("{copies} copies while {calls} calls were placed: before each there had been {sizes:?}");
    assert!(sizes.is_sorted_by(|before, after| before < after), "calls were placed during each copy: {sizes:?}");
    let last = folder.path().join((copies - 1).to_string());
    serve(Settings::on_loopback(last), None).await.expect("a service goes on with a copy").shutdown().await;
    service.service.shutdown().await;
}

#[tokio::test]
async fn what_is_put_back_takes_the_place_of_what_is_kept_beside() {
    let folder = tempfile::tempdir().expect("a directory");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let add = |id| ["account", "add", id, "--name", "A", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(&data, &add("grocer")).await.status.success());
    let to = copy.to_str().expect("a name");
    assert!(run(&data, &["backup", "--to", to]).await.status.success());
    assert!(run(&data, &add("florist")).await.status.success());

    let running = start(&data, &[]).await;
    let refused = backup::restore(&copy, &data).expect_err("a service is running");
    assert!(matches!(refused, StartError::InUse(_)), "{refused}");
    drop(running);
    let listed = async |data| String::from_utf8(run(data, &["account", "list"]).await.stdout).expect("text");
    let restored = async {
        loop {
            // The service is about to be gone.
            let output = run(&data, &["restore", "--from", to]).await;
            if output.status.success() {
                break String::from_utf8(output.stdout).expect("text");
            }
        }
    };
    let said = tokio::time::timeout(crate::support::PATIENCE, restored).await.expect("nobody is there any more");
    assert_eq!(listed(&data).await, "grocer\tA\n");
    let kept = said.trim().rsplit(' ').next().expect("a name").to_owned();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a directory");
    std::fs::copy(&kept, elsewhere.join(STORE_FILE)).expect("it is kept");
    let journal = format!("{kept}-wal");
    if Path::new(&journal).exists() {
        std::fs::copy(&journal, elsewhere.join(format!("{STORE_FILE}-wal"))).expect("it is kept");
    }
    assert!(listed(&elsewhere).await.contains("florist\tA\n"), "what was written since the copy is not lost");
}

#[tokio::test]
async fn a_copy_that_is_newer_or_none_is_refused_and_all_is_as_before() {
    let folder = tempfile::tempdir().expect("a directory");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    assert!(backup::back_up(&data, &copy).is_err(), "there is nothing to copy");
    let add = ["account", "add", "grocer", "--name", "A", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(&data, &add).await.status.success());
    backup::back_up(&data, &copy).expect("a copy");
    let newer = rusqlite::Connection::open(&copy).expect("a store");
    newer.pragma_update(None, "user_version", 1_000).expect("a version");
    drop(newer);
    let (none, empty) = (folder.path().join("none"), folder.path().join("empty"));
    std::fs::write(&none, "no store at all").expect("a file");
    std::fs::write(&empty, "").expect("a file");
    for (from, why) in [(&copy, "newer version"), (&none, "not a store"), (&empty, "not a store"), (&folder.path().join("gone"), "gone")] {
        let output = run(&data, &["restore", "--from", from.to_str().expect("a name")]).await;
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && words.contains(why), "{words}");
    }
    assert_eq!(String::from_utf8(run(&data, &["account", "list"]).await.stdout).expect("text"), "grocer\tA\n");
    let mut left: Vec<_> = std::fs::read_dir(&data).expect("a directory").map(|file| file.expect("a file").file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", STORE_FILE], "nothing is left behind");
}

#[tokio::test]
async fn what_root_makes_in_a_service_s_directory_belongs_to_the_service() {
    let folder = tempfile::tempdir().expect("a directory");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    std::fs::create_dir(&data).expect("a directory");
    let service = Some(12_345);
    if chown(&data, service, service).is_err() {
        return proves_nothing("only root can do what is tested here");
    }
    let add = ["account", "add", "grocer", "--name", "A", "--bg-color", "#000000", "--font-color", "#FFFFFF"];
    assert!(run(&data, &add).await.status.success());
    backup::back_up(&data, &copy).expect("a copy");
    backup::restore(&copy, &data).expect("nobody else is there");
    for file in std::fs::read_dir(&data).expect("a directory") {
        let file = file.expect("a file");
        assert_eq!(file.metadata().expect("a file").uid(), 12_345, "{:?}", file.file_name());
    }
}
