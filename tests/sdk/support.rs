//! What these tests share: a service on a free port, phones on it, and sound without devices.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signedcall::{
    Analytics, CallEvent, CallId, CallStatus, Capture, Events, FRAME_SAMPLES, Frame, LineView, Metadata, Options, Pace, Playback,
    SAMPLE_RATE, SignedCall, Sound, SoundError, VoiceOptions,
};
use signedcall_server::store::{Account, Accounts, CallRecord, read_records};
use signedcall_server::{STORE_FILE, Settings, account, serve};
use signedcall_wire::{AccountId, Environment, Redacted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than anything takes on a busy machine, so that a wait which runs out means a fault.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A real service on a free port of this machine, with a store of its own.
pub(crate) struct Service {
    /// Nothing only while it restarts.
    running: Option<signedcall_server::Service>,
    settings: Settings,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let data = std::env::temp_dir().join(format!("signedcall-sdk-{}", uuid::Uuid::new_v4()));
        let mut settings = Settings::on_loopback(data);
        settings.drain_for = Duration::from_millis(500);
        change(&mut settings);
        let running = serve(settings.clone(), None).await.expect("a free port and a new folder");
        settings.listen = running.address();
        Self { running: Some(running), settings }
    }

    /// Starts a service with one more account, whose development key it gives.
    pub(crate) async fn start_with_account(id: &str, change: impl FnOnce(&mut Account)) -> (Self, Redacted<String>) {
        Self::start_with_account_and(id, change, |_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn start_with_account_and(
        id: &str,
        change: impl FnOnce(&mut Account),
        set: impl FnOnce(&mut Settings),
    ) -> (Self, Redacted<String>) {
        let mut key = None;
        let service = Self::start_with(|settings| {
            set(settings);
            std::fs::create_dir_all(&settings.data).expect("a new folder");
            let accounts = Accounts::open(&settings.data.join(STORE_FILE)).expect("a new store");
            let branding = r##"{"name":"Private","bg_color":"#000000","font_color":"#FFFFFF"}"##;
            let branding = serde_json::from_str(branding).expect("a branding");
            let id = AccountId(id.to_owned());
            let mut account =
                Account { id, branding, relay_only: false, max_call: None, single_device: false, call_rates: Default::default() };
            change(&mut account);
            let keys = account::add(&accounts, &account).expect("a new account");
            key = keys.into_iter().find(|(environment, _)| *environment == Environment::Development).map(|(_, key)| key);
        });
        (service.await, key.expect("a development key"))
    }

    /// Stops the service and starts it again, on the same port and store.
    pub(crate) async fn restart(&mut self) {
        self.running.take().expect("it runs").shutdown().await;
        self.running = Some(serve(self.settings.clone(), None).await.expect("the port has just become free"));
    }

    /// What an operator's command would change.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::open(&self.settings.data.join(STORE_FILE)).expect("a good store")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.settings.listen
    }

    /// Stops the service, and reads what it has written down.
    pub(crate) async fn records(mut self) -> Vec<CallRecord> {
        self.running.take().expect("it runs").shutdown().await;
        read_records(&self.settings.data.join(STORE_FILE)).expect("a good store")
    }

    pub(crate) fn key(&self) -> String {
        self.running.as_ref().and_then(signedcall_server::Service::demo_key).expect("there is a demo account").expose().clone()
    }

    pub(crate) fn options(&self, cuid: &str) -> Options {
        let url = format!("ws://{}", self.address());
        let mut options = Options::new(url, "demo", self.key(), cuid).production(false).analytics(Analytics::Local);
        options.voice = VoiceOptions::unprocessed();
        options
    }

    pub(crate) async fn phone(&self, cuid: &str) -> Phone {
        Phone::sign_in(self.options(cuid), ToneSound::of(tone_of(cuid))).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.settings.data);
    }
}

/// Each user says a tone of their own, none of which is in a ringing tone.
fn tone_of(cuid: &str) -> u32 {
    match cuid {
        "alice" => 1_000,
        "bobby" => 1_500,
        _ => 2_000,
    }
}

/// One signed-in user.
pub(crate) struct Phone {
    pub(crate) line: SignedCall,
    pub(crate) events: Events,
    pub(crate) sound: Arc<ToneSound>,
}

impl Phone {
    pub(crate) async fn sign_in(mut options: Options, sound: Arc<ToneSound>) -> Self {
        options.sound = Some(Arc::clone(&sound) as Arc<dyn Sound>);
        let line = SignedCall::init(options).await.expect("the service takes this user");
        let events = line.events();
        Self { line, events, sound }
    }

    pub(crate) async fn call(&self, cuid: &str) -> CallId {
        self.line.call(cuid, "Order 4711 is on its way", Metadata::default()).await.expect("the call is placed")
    }

    pub(crate) async fn next(&mut self) -> CallEvent {
        timeout(PATIENCE, self.events.next()).await.expect("an event comes in time").expect("the line is open")
    }

    /// Waits for the end of a call.
    pub(crate) async fn until_over(&mut self) -> CallEvent {
        loop {
            let event = self.next().await;
            if event.status.is_final() {
                return event;
            }
        }
    }

    /// Waits for the next event, which must have this status; gives the call.
    pub(crate) async fn expect(&mut self, status: CallStatus) -> CallId {
        let event = self.next().await;
        assert_eq!(event.status, status, "{} of {:?}", event.call_id, self.line.call_state());
        event.call_id
    }

    pub(crate) async fn expect_all(&mut self, statuses: &[CallStatus]) {
        for status in statuses {
            self.expect(*status).await;
        }
    }

    /// Signs out and checks that not one event is left.
    pub(crate) async fn leave_in_silence(mut self) {
        self.line.logout().await;
        assert_eq!(timeout(PATIENCE, self.events.next()).await.expect("the line closes"), None, "an event too many");
    }

    pub(crate) async fn until(&self, what: &str, fits: impl FnMut(&LineView) -> bool) {
        let mut view = self.line.view();
        let seen = timeout(PATIENCE, view.wait_for(fits)).await;
        seen.unwrap_or_else(|_| panic!("not in time: {what}; it is {:?}", self.line.view().borrow())).expect("the line is open");
    }
}

/// Asks the service's API by a method and a path, and gives the whole answer. `headers` are lines with their ends.
pub(crate) async fn ask_api(address: SocketAddr, what: &str, key: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{what} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    stream.write_all(request.as_bytes()).await.expect("an open socket");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// What a microphone is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Microphone {
    Works,
    Absent,
    /// It is there, and cannot be opened.
    Broken,
}

/// A microphone that says one tone, and a speaker that listens for tones.
#[derive(Debug)]
pub(crate) struct ToneSound {
    /// Hertz.
    says: Arc<AtomicU32>,
    /// Whether it is so loud that it is cut off.
    shouts: Arc<AtomicBool>,
    /// Frames that were read from the microphone.
    said: watch::Sender<usize>,
    /// What the speaker has played.
    played: Arc<Mutex<Vec<f32>>>,
    microphone: Mutex<Microphone>,
    hears: watch::Sender<Heard>,
}

/// What the speaker has played in the last tenth of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// The loudest of the tones that users say, if it is most of what is heard.
    pub(crate) tone: Option<u32>,
    /// How loud everything was: root of the mean square.
    pub(crate) level: f32,
}

impl ToneSound {
    pub(crate) fn of(hertz: u32) -> Arc<Self> {
        Arc::new(Self {
            says: Arc::new(AtomicU32::new(hertz)),
            shouts: Arc::default(),
            said: watch::Sender::new(0),
            played: Arc::default(),
            microphone: Mutex::new(Microphone::Works),
            hears: watch::Sender::new(Heard::default()),
        })
    }

    pub(crate) fn without_microphone() -> Arc<Self> {
        let sound = Self::of(1_000);
        sound.become_(Microphone::Absent);
        sound
    }

    pub(crate) fn break_microphone(&self) {
        self.become_(Microphone::Broken);
    }

    fn become_(&self, microphone: Microphone) {
        *self.microphone.lock().unwrap_or_else(PoisonError::into_inner) = microphone;
    }

    /// Says another tone from the next frame on.
    pub(crate) fn say(&self, hertz: u32) {
        self.says.store(hertz, Ordering::Relaxed);
    }

    /// Says it so loud that the microphone cuts it off, or no longer, from the next frame on.
    pub(crate) fn shout(&self, shouts: bool) {
        self.shouts.store(shouts, Ordering::Relaxed);
    }

    /// Waits until so many more frames were read from the microphone.
    pub(crate) async fn says_frames(&self, count: usize) {
        let mut said = self.said.subscribe();
        let until = *said.borrow() + count;
        timeout(PATIENCE, said.wait_for(|said| *said >= until)).await.expect("the microphone is read").expect("the sound is there");
    }

    /// How many frames were read from the microphone.
    pub(crate) fn said_so_far(&self) -> usize {
        *self.said.borrow()
    }

    /// Forgets what the speaker has played.
    pub(crate) fn forget(&self) {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The amplitude of this tone in the 10 ms that had most of it, of all that the speaker has played since [`Self::forget`].
    pub(crate) fn loudest(&self, hertz: u32) -> f32 {
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        played.chunks_exact(FRAME_SAMPLES).map(|frame| (2.0 * power_of(frame, hertz)).sqrt()).fold(0.0, f32::max)
    }

    /// Waits until the speaker plays this.
    pub(crate) async fn hears(&self, what: &str, fits: impl FnMut(&Heard) -> bool) {
        let mut heard = self.hears.subscribe();
        let waited = timeout(PATIENCE, heard.wait_for(fits)).await;
        waited.unwrap_or_else(|_| panic!("not in time: {what}; it hears {:?}", self.hears.borrow())).expect("the sound is there");
    }

    pub(crate) async fn hears_tone(&self, hertz: u32) {
        self.hears(&format!("{hertz} Hz"), |heard| heard.tone == Some(hertz)).await;
    }

    pub(crate) async fn hears_nothing(&self) {
        self.hears("silence", |heard| heard.level < 0.001).await;
    }

    fn microphone(&self) -> Microphone {
        *self.microphone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sound for ToneSound {
    fn check_microphone(&self) -> Result<(), SoundError> {
        match self.microphone() {
            Microphone::Works | Microphone::Broken => Ok(()),
            Microphone::Absent => Err(SoundError::NoMicrophone),
        }
    }

    fn open_capture(&self) -> Result<Box<dyn Capture>, SoundError> {
        match self.microphone() {
            Microphone::Works => Ok(Box::new(Says {
                hertz: Arc::clone(&self.says),
                shouts: Arc::clone(&self.shouts),
                said: self.said.clone(),
                at: 0,
                pace: Pace::start(),
            })),
            Microphone::Broken => Err(SoundError::Broken("it hums".to_owned())),
            Microphone::Absent => Err(SoundError::NoMicrophone),
        }
    }

    fn open_playback(&self) -> Result<Box<dyn Playback>, SoundError> {
        Ok(Box::new(Listens { window: Vec::new(), pace: Pace::start(), tell: self.hears.clone(), played: Arc::clone(&self.played) }))
    }
}

struct Says {
    hertz: Arc<AtomicU32>,
    shouts: Arc<AtomicBool>,
    said: watch::Sender<usize>,
    at: u32,
    pace: Pace,
}

impl Capture for Says {
    fn read(&mut self, frame: &mut Frame) -> bool {
        if !self.pace.is_due() {
            return false;
        }
        let hertz = self.hertz.load(Ordering::Relaxed);
        let amplitude = if self.shouts.load(Ordering::Relaxed) { 3.0 } else { 0.3 };
        for sample in frame {
            let turns = f64::from(hertz) * f64::from(self.at) / f64::from(SAMPLE_RATE);
            *sample = (amplitude * (turns * std::f64::consts::TAU).sin() as f32).clamp(-1.0, 1.0);
            self.at = (self.at + 1) % SAMPLE_RATE;
        }
        self.said.send_modify(|said| *said += 1);
        true
    }
}

struct Listens {
    window: Vec<f32>,
    pace: Pace,
    tell: watch::Sender<Heard>,
    played: Arc<Mutex<Vec<f32>>>,
}

impl Playback for Listens {
    fn wants(&mut self) -> bool {
        self.pace.is_due()
    }

    fn write(&mut self, frame: &Frame) {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(frame);
        self.window.extend_from_slice(frame);
        if self.window.len() == 10 * FRAME_SAMPLES {
            self.tell.send_replace(listen(&self.window));
            self.window.clear();
        }
    }
}

fn listen(samples: &[f32]) -> Heard {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    let tone = [1_000, 1_500, 2_000].into_iter().find(|hertz| power > 1e-4 && power_of(samples, *hertz) > 0.7 * power);
    Heard { tone, level: power.sqrt() }
}

/// The power of one tone in a sound.
fn power_of(samples: &[f32], hertz: u32) -> f32 {
    let step = std::f32::consts::TAU * hertz as f32 / SAMPLE_RATE as f32;
    let (sine, cosine) = samples.iter().enumerate().fold((0.0, 0.0), |(sine, cosine), (at, sample)| {
        let (s, c) = (step * (at as u32 % SAMPLE_RATE) as f32).sin_cos();
        (sine + sample * s, cosine + sample * c)
    });
    2.0 * (sine * sine + cosine * cosine) / (samples.len() as f32).powi(2)
}
