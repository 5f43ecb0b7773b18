//! A relay that is reached by a connection: coturn, which takes no datagrams here, and what is heard through it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use signedcall::{CallStatus, Credentials, EndReason, Options};
use signedcall_server::{ExternalRelay, RelaySettings};
use signedcall_tests::Process;
use signedcall_wire::Redacted;

use crate::calls::connect;
use crate::child;
use crate::support::{PATIENCE, Phone, Service, ToneSound};
use crate::tls::make_certificates;

use CallStatus::{Answered, Ended, Placed, Ringing};

const NAME: &str = "turn::voice_goes_over_a_connection_to_a_relay_and_never_to_one_that_nobody_vouches_for";
/// Tells the child where the certificates are.
const FOLDER: &str = "SIGNEDCALL_TEST_CERTIFICATES";
const SECRET: &str = "a secret of coturn's and the service's";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voice_goes_over_a_connection_to_a_relay_and_never_to_one_that_nobody_vouches_for() {
    if child::is_child("tcp") {
        return hear_each_other(&|coturn| format!("turn:127.0.0.1:{}?transport=tcp", coturn.plain)).await;
    }
    if child::is_child("tls") {
        return hear_each_other(&|coturn| format!("turns:localhost:{}", coturn.encrypted)).await;
    }
    if child::is_child("doubting") {
        return fail_to_connect().await;
    }
    let folder = std::env::temp_dir().join(format!("signedcall-turn-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).expect("a new folder");
    make_certificates(&folder);
    for (role, root) in [("tcp", "other.pem"), ("tls", "root.pem"), ("doubting", "other.pem")] {
        let mut command = Command::new(child::program());
        command.env("SSL_CERT_FILE", folder.join(root)).env_remove("SSL_CERT_DIR").env(FOLDER, &folder);
        child::run(&mut command, NAME, role);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// A TURN server that is reached by connections only.
struct Coturn {
    plain: u16,
    encrypted: u16,
    _process: Process,
}

impl Coturn {
    async fn start(folder: &Path) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let (plain, encrypted) = (free(), free());
        let mut command = Command::new("turnserver");
        command.args(["-n", "--verbose", "--no-udp", "--no-dtls", "--no-cli", "--log-file=stdout", "--simple-log", "--realm=signedcall"]);
        command.args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--use-auth-secret"]);
        command.args([format!("--static-auth-secret={SECRET}"), format!("--pidfile={}", folder.join("turn.pid").display())]);
        command.args([format!("--listening-port={plain}"), format!("--tls-listening-port={encrypted}")]);
        let file = |name: &str| folder.join(name).display().to_string();
        command.args([format!("--cert={}", file("service.pem")), format!("--pkey={}", file("service.key"))]);
        let process = Process::start("coturn", &mut command, folder).expect("coturn is installed");
        let listens = |line: &str| line.contains("listener opened") && line.ends_with(&format!(":{encrypted}"));
        process.line("that it listens", PATIENCE, listens).await.expect("it starts");
        Self { plain, encrypted, _process: process }
    }
}

/// Two users of an account whose calls are always relayed, by this coturn only.
async fn phones(url: &dyn Fn(&Coturn) -> String) -> (Coturn, Service, [Phone; 2]) {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the parent says where"));
    let coturn = Coturn::start(&folder).await;
    let urls = vec![url(&coturn).parse().expect("a URL")];
    let relay = RelaySettings::External(ExternalRelay { urls, secret: Redacted::new(SECRET.to_owned()) });
    let (service, key) =
        Service::start_with_account_and("private", |account| account.relay_only = true, |settings| settings.relay = relay).await;
    let options =
        |cuid: &str| Options { account_id: "private".to_owned(), credentials: Credentials::ApiKey(key.clone()), ..service.options(cuid) };
    let alice = Phone::sign_in(options("alice"), ToneSound::of(1_000)).await;
    let bobby = Phone::sign_in(options("bobby"), ToneSound::of(1_500)).await;
    (coturn, service, [alice, bobby])
}

async fn hear_each_other(url: &dyn Fn(&Coturn) -> String) {
    let (_coturn, _service, [mut alice, mut bobby]) = phones(url).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    bobby.sound.hears_tone(1_000).await;
    alice.line.hangup(call).await.expect("the call goes on");
    bobby.expect(Ended(EndReason::HungUp)).await;
}

async fn fail_to_connect() {
    let (_coturn, _service, [mut alice, mut bobby]) = phones(&|coturn| format!("turns:localhost:{}", coturn.encrypted)).await;
    let call = alice.call("bobby").await;
    bobby.expect_all(&[Placed, Ringing]).await;
    bobby.line.answer(call).await.expect("the call rings");
    alice.expect_all(&[Placed, Ringing, Answered, Ended(EndReason::MediaSetupTooSlow)]).await;
    bobby.expect_all(&[Answered, Ended(EndReason::MediaSetupTooSlow)]).await;
}
