//! Calls with libwebrtc, and with a page of Chromium: a device whose signalling is written by hand and whose media is theirs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use signedcall_tests::{Between, ImpairedLine, Impairment};
use signedcall_wire::{
    AccountId, CallId, ClientMessage, Context, Credential, Cuid, DeviceId, Endpoint, Environment, Hello, NewCall, PROTOCOL_VERSION,
    Redacted, Request, RequestId, RunId, ServiceEvent, ServiceMessage, Signal,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

use crate::support::{PATIENCE, Phone, Service, ToneSound};

use signedcall::CallStatus::{InProgress, Ringing};

/// What each side says.
const OURS: u32 = 1_000;
const THEIRS: u32 = 1_500;

/// Whose media the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Libwebrtc,
    Chromium,
}

impl Peer {
    /// The program that plays it.
    fn program(self) -> PathBuf {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, packages) = match self {
            Self::Libwebrtc => ("peers/libwebrtc/peer.js", tests.join("peers/libwebrtc/node_modules/@roamhq/wrtc")),
            Self::Chromium => ("peers/chromium/peer.js", tests.join("../ui/node_modules/playwright-core")),
        };
        assert!(packages.exists(), "{} is missing: `cargo xtask test tests` brings it", packages.display());
        tests.join(program)
    }
}

/// Which side calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Us,
    Them,
}

/// Which side's voice the line loses in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Nobody,
    Ours,
    Theirs,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libwebrtc_is_called_and_both_are_heard() {
    call(Peer::Libwebrtc, Caller::Us, false, Lost::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libwebrtc_calls_and_both_are_heard() {
    call(Peer::Libwebrtc, Caller::Them, false, Lost::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_is_called_and_both_are_heard() {
    call(Peer::Chromium, Caller::Us, false, Lost::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_calls_and_both_are_heard_also_what_comes_with_copies() {
    let with_copies = call(Peer::Chromium, Caller::Them, true, Lost::Ours).await;
    assert!(with_copies >= 50, "{with_copies}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_calls_and_both_are_heard_without_copies_too() {
    call(Peer::Chromium, Caller::Them, false, Lost::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_is_called_and_hears_what_comes_with_copies() {
    let with_copies = call(Peer::Chromium, Caller::Us, true, Lost::Ours).await;
    assert!(with_copies >= 50, "{with_copies}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libwebrtc_is_called_and_hears_what_comes_with_copies() {
    let with_copies = call(Peer::Libwebrtc, Caller::Us, true, Lost::Ours).await;
    assert!(with_copies >= 50, "{with_copies}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libwebrtc_calls_and_what_it_sends_with_copies_is_heard() {
    let with_copies = call(Peer::Libwebrtc, Caller::Them, true, Lost::Theirs).await;
    assert!(with_copies >= 50, "{with_copies}");
}

/// Makes a call until each side has heard the other for a second. Says how many packets came with copies from the side whose voice was lost in part.
async fn call(peer: Peer, caller: Caller, red: bool, lost: Lost) -> u64 {
    let program = peer.program();
    let service = Service::start().await;
    let loss = if lost == Lost::Nobody { 0.0 } else { 0.2 };
    let impairment = Impairment { loss, burst: 1.0 / (1.0 - loss), jitter: Duration::ZERO, black_out: None, seed: 5 };
    let line = ImpairedLine::open([127, 0, 0, 1].into(), impairment).await.expect("a free port");
    let (ours, theirs) = match lost {
        Lost::Nobody | Lost::Ours => (line.for_second(), line.for_first()),
        Lost::Theirs => (line.for_first(), line.for_second()),
    };
    let between = Between::open(&format!("ws://{}", service.address()), ours, theirs).await.expect("a free port");
    let mut options = service.options("alice");
    options.service_url = between.url().to_owned();
    let mut phone = Phone::sign_in(options, ToneSound::of(OURS)).await;
    let browser = Browser::start(&service, &program, red, caller).await;
    let call = match caller {
        Caller::Us => phone.call("bobby").await,
        Caller::Them => {
            while phone.next().await.status != Ringing {}
            let call = phone.line.view().borrow().call.as_ref().expect("it rings").call;
            phone.line.answer(call).await.expect("it rings");
            call
        }
    };
    while phone.next().await.status != InProgress {}
    phone.sound.hears_tone(THEIRS).await;
    browser.hears(10).await;
    if lost != Lost::Nobody {
        // The losses have to be told of first.
        while line.counted().with_copies < 50 {
            phone.sound.says_frames(10).await;
            assert!(line.counted().packets < 1_000, "{:?}", line.counted());
        }
        let heard = *browser.heard.borrow();
        browser.hears(heard + 10).await;
        phone.sound.hears_tone(THEIRS).await;
    }
    phone.line.hangup(call).await.expect("the call goes on");
    line.counted().with_copies
}

/// A device whose media is not ours. It takes every call, or makes one.
struct Browser {
    /// How many tenths of a second it has heard the other side's tone.
    heard: watch::Sender<u32>,
    running: AbortHandle,
}

impl Browser {
    async fn start(service: &Service, program: &Path, red: bool, caller: Caller) -> Self {
        let order = json!({ "says": THEIRS, "hears": OURS, "red": red }).to_string();
        let mut command = Command::new("node");
        command.arg(program).arg(order).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut media = command.spawn().expect("Node.js");
        let (to_media, from_media) = (media.stdin.take().expect("it is piped"), media.stdout.take().expect("it is piped"));
        let url = format!("ws://{}{}", service.address(), signedcall_server::SIGNALLING_PATH);
        let (socket, _) = connect_async(url).await.expect("the service listens");
        let heard = watch::Sender::new(0);
        let mut device =
            Device { socket, _media: media, to_media, from_media: BufReader::new(from_media).lines(), other: None, heard: heard.clone() };
        device.sign_in(service.key()).await;
        if caller == Caller::Them {
            device.dial().await;
        }
        Self { heard, running: tokio::spawn(device.run()).abort_handle() }
    }

    /// Waits until it has heard the other side for so many tenths of a second in all.
    async fn hears(&self, tenths: u32) {
        let mut heard = self.heard.subscribe();
        timeout(PATIENCE, heard.wait_for(|heard| *heard >= tenths)).await.expect("it hears this side").expect("it runs");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.running.abort();
    }
}

struct Device {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Killed with it.
    _media: Child,
    to_media: ChildStdin,
    from_media: Lines<BufReader<ChildStdout>>,
    other: Option<(CallId, Endpoint)>,
    heard: watch::Sender<u32>,
}

impl Device {
    async fn sign_in(&mut self, api_key: String) {
        self.say(ClientMessage::Hello(Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId("demo".to_owned()),
            credential: Credential::ApiKey(Redacted::new(api_key)),
            cuid: "bobby".to_owned(),
            name: None,
            environment: Environment::Development,
            device: DeviceId(Uuid::new_v4()),
            run: RunId(Uuid::new_v4()),
            device_name: "browser".to_owned(),
            second_calls: false,
        }))
        .await;
        // Whoever is not signed in yet cannot be called.
        while !matches!(self.socket.next().await, Some(Ok(Message::Text(text))) if text.contains("welcome")) {}
    }

    async fn dial(&mut self) {
        self.ask(Request::Call(NewCall {
            call: CallId(Uuid::new_v4()),
            to: Cuid::new("alice").expect("a cuid"),
            context: Context::new("Do you hear me").expect("a context"),
            remote_context: None,
            initiator_image: None,
            receiver_image: None,
            max_duration_ms: None,
        }))
        .await;
    }

    async fn run(mut self) {
        loop {
            tokio::select! {
                frame = self.socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => self.hear(serde_json::from_str(text.as_str()).expect("a message")).await,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
                line = self.from_media.next_line() => match line.expect("text") {
                    Some(line) => self.take(serde_json::from_str(&line).expect("JSON")).await,
                    None => return,
                },
            }
        }
    }

    async fn hear(&mut self, message: ServiceMessage) {
        let ServiceMessage::Event { seq, event } = message else { return };
        self.say(ClientMessage::Ack { seq }).await;
        match event {
            ServiceEvent::Invite(invite) => {
                self.other = Some((invite.call, invite.endpoint));
                self.ask(Request::Ringing { call: invite.call }).await;
            }
            ServiceEvent::Ringing { call, by } => {
                self.other = Some((call, by));
                self.tell(json!({ "offer": null })).await;
            }
            ServiceEvent::Signal { signal, .. } => match signal {
                Signal::Offer { sdp, .. } => self.tell(json!({ "offer": sdp.expose() })).await,
                Signal::Answer { sdp, .. } => self.tell(json!({ "answer": sdp.expose() })).await,
                Signal::Candidate { candidate } => {
                    let candidate: Value = serde_json::from_str(candidate.expose()).expect("a candidate");
                    self.tell(json!({ "candidate": candidate })).await;
                }
                Signal::Restart | Signal::Unknown => {}
            },
            ServiceEvent::Answered { .. }
            | ServiceEvent::Held { .. }
            | ServiceEvent::TimeLeft { .. }
            | ServiceEvent::Transferred(_)
            | ServiceEvent::Ended { .. }
            | ServiceEvent::Branding(_)
            | ServiceEvent::Unknown => {}
        }
    }

    /// Does what libwebrtc says.
    async fn take(&mut self, said: Value) {
        if said.get("heard").is_some() {
            self.heard.send_modify(|heard| *heard += 1);
            return;
        }
        let (call, to) = self.other.expect("there is a call");
        let text = |what: &str| said.get(what).and_then(Value::as_str).map(|text| Redacted::new(text.to_owned()));
        if let Some(sdp) = text("offer") {
            self.ask(Request::Signal { call, to, signal: Signal::Offer { sdp, generation: 0 } }).await;
        } else if let Some(sdp) = text("answer") {
            self.ask(Request::Signal { call, to, signal: Signal::Answer { sdp, generation: 0 } }).await;
            self.ask(Request::Accept { call }).await;
        } else if let Some(candidate) = said.get("candidate") {
            let candidate = Redacted::new(candidate.to_string());
            self.ask(Request::Signal { call, to, signal: Signal::Candidate { candidate } }).await;
        } else {
            self.ask(Request::MediaConnected { call }).await;
        }
    }

    async fn tell(&mut self, what: Value) {
        self.to_media.write_all(format!("{what}\n").as_bytes()).await.expect("it runs");
    }

    async fn ask(&mut self, request: Request) {
        self.say(ClientMessage::Request { id: RequestId(Uuid::new_v4()), request }).await;
    }

    async fn say(&mut self, message: ClientMessage) {
        self.socket.send(Message::text(serde_json::to_string(&message).expect("JSON"))).await.expect("an open socket");
    }
}
