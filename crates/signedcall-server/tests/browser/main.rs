//! The dashboard in a real browser, against the real program: a service is started with a past to look at, and `ui/scripts/dashboard.mjs` goes through its pages as an
//! operator does. With `DASHBOARD_PICTURES` set to a folder, what it sees is kept there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use signedcall_server::store::Account;
use signedcall_server::{STORE_FILE, Settings, account, open_accounts};
use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, EndReason};

/// A company whose name is as long as one may be.
const LONG_NAME: &str = "Maximiliane-Alexandra von Hohenstein-Wittgenburg und Partner KGaA";

/// A service that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program, and gives where its dashboard is and the link that it prints.
fn start(data: &Path) -> (Running, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_signedcall-server"))
        .env_clear()
        .args(["--listen", "127.0.0.1:0", "--dashboard-listen", "127.0.0.1:0", "--webhooks-to-private-addresses", "--log", "off", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let (output, errors) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let running = Running(child);
    let mut ready = String::new();
    BufReader::new(output).read_line(&mut ready).expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("a line of JSON");
    let dashboard = format!("http://{}", ready["dashboard"].as_str().expect("an address"));
    let link = BufReader::new(errors).lines().map_while(Result::ok).find(|line| line.contains("/#/link/")).expect("a link");
    assert!(link.starts_with(&dashboard), "{link}");
    (running, dashboard, link)
}

fn color(text: &str) -> Color {
    Color::try_from(text.to_owned()).expect("a colour")
}

fn add_account(data: &Path, id: &str, name: &str, bg_color: &str) {
    let branding = Branding {
        name: name.to_owned(),
        bg_color: color(bg_color),
        font_color: color("#FFFFFF"),
        logo: None,
        button_theme: ButtonTheme::Light,
    };
    let account = Account {
        id: AccountId(id.to_owned()),
        branding,
        relay_only: false,
        max_call: None,
        single_device: false,
        call_rates: Default::default(),
    };
    account::add(&open_accounts(&Settings::on_loopback(data.to_owned())).expect("the store"), &account).expect("a new account");
}

/// Writes down a month of calls, more of them by day than by night, most of which went well, and one that goes on.
fn have_called(data: &Path) {
    let mut store = Connection::open(data.join(STORE_FILE)).expect("the store");
    let transaction = store.transaction().expect("the store");
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis()).expect("before long");
    let reasons = [
        EndReason::HungUp,
        EndReason::HungUp,
        EndReason::HungUp,
        EndReason::RingTimeout,
        EndReason::HungUp,
        EndReason::Declined,
        EndReason::HungUp,
        EndReason::RemoteNetworkLoss,
        EndReason::HungUp,
        EndReason::Busy,
    ];
    let add = "INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, answered_at_ms, connected_at_ms,
                                  ended_at_ms, end_reason, caller_report, callee_report)
               VALUES (?, 'parcelo', 'production', ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut number: i64 = 0;
    for hours_ago in 0..30_i64 * 24 {
        let hour = (now / 3_600_000 - hours_ago).rem_euclid(24);
        let busy = if (8..20).contains(&hour) { 4 + (hour * 7 + hours_ago) % 5 } else { hours_ago % 2 };
        for nth in 0..busy {
            number += 1;
            let reason = reasons[usize::try_from(number * 7 + nth).expect("positive") % reasons.len()];
            let placed = now - hours_ago * 3_600_000 - nth * 400_000 - 60_000;
            let talked = reason == EndReason::HungUp;
            let (answered, connected) =
                if talked { (Some(placed + 4_000), Some(placed + 4_060 + (number * 13) % 90)) } else { (None, None) };
            let report = talked.then(|| report((number * 11) % 24, 430 - (number * 5) % 60));
            let (caller, callee) = (format!("courier_{}", 8_840 + number % 7), format!("customer_{}", 20 + number % 9));
            let context =
                ["Delivery partner is calling", "Order 4711 question", "Driver is outside"][usize::try_from(number % 3).expect("small")];
            let values = params![
                uuid::Uuid::new_v4().to_string(),
                caller,
                callee,
                context,
                placed,
                answered,
                connected,
                placed + 30_000 + (number * 977) % 200_000,
                reason.number(),
                report,
                report,
            ];
            transaction.execute(add, values).expect("a record");
        }
    }
    let open = params![
        uuid::Uuid::new_v4().to_string(),
        "courier_8842",
        "customer_25",
        "Delivery partner is calling",
        now - 95_000,
        now - 90_000,
        now - 89_900,
        None::<i64>,
        None::<u8>,
        None::<String>,
        None::<String>,
    ];
    transaction.execute(add, open).expect("a record");
    transaction.commit().expect("the store");
}

/// Two devices of a user have said where their pushes go, to a push service that the service may not reach, and one has signed out.
fn are_reached_by_push(data: &Path) {
    let store = Connection::open(data.join(STORE_FILE)).expect("the store");
    let target = serde_json::json!({
        "by": "web_push",
        "endpoint": "https://127.0.0.1:9/push/1",
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    });
    let apple = serde_json::json!({
        "by": "apns",
        "token": "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0",
        "topic": "com.parcelo.app.voip",
        "environment": "production",
        "p256dh": target["p256dh"],
        "auth": target["auth"],
    });
    for (device, target, at) in
        [(1, Some(target), 1_763_459_000_000_i64), (2, Some(apple), 1_763_458_000_000), (3, None, 1_763_457_000_000)]
    {
        let device = format!("00000000-0000-4000-8000-{device:012}");
        let values = params![device, target.map(|target| target.to_string()), at];
        let add = "INSERT INTO push_targets (account, environment, cuid, device, target, kept_at_ms)
                   VALUES ('parcelo', 'production', 'courier_8842', ?, ?, ?)";
        store.execute(add, values).expect("a device");
    }
}

fn report(lost_per_mille: i64, mos: i64) -> String {
    serde_json::json!({
        "seconds": 60, "mos": mos, "worst_mos": mos - 40, "lost_per_mille": lost_per_mille, "burst_tenths": 12, "made_up_per_mille": 3,
        "jitter_ms": 4, "wait_ms": 40, "round_trip_ms": 38, "said_lost_per_mille": lost_per_mille, "said_kbps": 32,
    })
    .to_string()
}

#[test]
fn an_operator_finds_their_way_through_the_dashboard_in_a_browser_by_mouse_and_by_keyboard() {
    let data = tempfile::tempdir().expect("a directory");
    let (_service, dashboard, link) = start(data.path());
    add_account(data.path(), "parcelo", "Parcelo", "#0F3D2E");
    add_account(data.path(), "a-company-with-a-long-name", &LONG_NAME.chars().take(64).collect::<String>(), "#4B2E83");
    have_called(data.path());
    are_reached_by_push(data.path());
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    let script = ui.join("scripts/dashboard.mjs");
    assert!(ui.join("node_modules/playwright-core").is_dir(), "the packages of the web UI are not installed: `npm ci` in ui");
    let driven =
        Command::new("node").arg(&script).env("DASHBOARD_URL", &dashboard).env("DASHBOARD_LINK", &link).stdin(Stdio::null()).output();
    let driven = driven.expect("Node.js");
    let said = format!("{}{}", String::from_utf8_lossy(&driven.stdout), String::from_utf8_lossy(&driven.stderr));
    println!("{said}");
    assert!(driven.status.success(), "{said}");
}
