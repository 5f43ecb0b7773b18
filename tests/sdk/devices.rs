//! Real devices of a real sound server that come and go during a call, and the server itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signedcall::{CallId, Options, SignedCall, SoundTrial, SoundTrialStep, VoiceOptions};
use signedcall_tests::{Recorder, SoundCard, SoundServer, first_tone, level, tone_in};
use tokio::time::timeout;

use crate::child;
use crate::support::{PATIENCE, Phone, Service, ToneSound};

const NAME: &str = "devices::a_call_follows_the_devices";
/// Tells the child where its sound server is to be.
const FOLDER: &str = "SIGNEDCALL_TEST_SOUND";
/// And whose it is.
const SERVER: &str = "SIGNEDCALL_TEST_SOUND_SERVER";
/// How often a microphone is unplugged and plugged in again.
const REPLUGGED: usize = 5;
/// What Bobby says. It stands out of everything else that is heard.
const BOBBY: u32 = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_follows_the_devices() {
    type Case = (&'static str, fn(PathBuf) -> std::pin::Pin<Box<dyn Future<Output = ()>>>);
    let cases: [Case; 6] = [
        ("default", |folder| Box::pin(follows_the_choice_of_the_system(folder))),
        ("headset", |folder| Box::pin(knows_a_headset(folder))),
        ("plugged", |folder| Box::pin(goes_back_to_the_chosen_device(folder))),
        ("server", |folder| Box::pin(outlives_the_sound_server(folder))),
        ("trial", |folder| Box::pin(tries_out_what_is_said(folder))),
        ("ringer", |folder| Box::pin(rings_elsewhere(folder))),
    ];
    for (role, case) in cases {
        if child::is_child(role) {
            return case(PathBuf::from(std::env::var_os(FOLDER).expect("the parent says where"))).await;
        }
    }
    for (role, server) in cases.iter().flat_map(|(role, _)| [(role, SoundServer::PulseAudio), (role, SoundServer::PipeWire)]) {
        let folder = std::env::temp_dir().join(format!("signedcall-devices-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).expect("a new folder");
        let mut command = Command::new(child::program());
        // A program learns at its start which sound server is its own.
        command.env("PULSE_SERVER", format!("unix:{}", folder.join("sound").display()));
        command.env("PULSE_COOKIE", folder.join("sound.cookie")).env(FOLDER, &folder);
        command.env(SERVER, format!("{server:?}"));
        child::run(&mut command, NAME, role);
        let _ = std::fs::remove_dir_all(&folder);
    }
}

/// A call between Alice, who has devices, and Bobby, who says a tone.
struct Talk {
    card: SoundCard,
    alice: Phone,
    bobby: Phone,
    _service: Service,
    folder: PathBuf,
}

impl Talk {
    async fn begin(folder: &Path, change: impl FnOnce(&mut VoiceOptions)) -> Self {
        let card = card(folder).await;
        let service = Service::start().await;
        let mut options = service.options("alice");
        change(&mut options.voice);
        let alice = phone_with_devices(options).await;
        let bobby = Phone::sign_in(service.options("bobby"), ToneSound::of(BOBBY)).await;
        Self { card, alice, bobby, _service: service, folder: folder.to_owned() }
    }

    async fn connect(&mut self) -> CallId {
        crate::calls::connect(&mut self.alice, &mut self.bobby, "bobby").await
    }

    async fn uses_speaker(&self, name: &str) {
        let is = |used: &Option<Arc<str>>| used.as_deref() == Some(name);
        self.alice.until(&format!("the speaker {name}"), |view| is(&view.voice.devices.speaker)).await;
    }

    async fn uses_microphone(&self, name: &str) {
        let is = |used: &Option<Arc<str>>| used.as_deref() == Some(name);
        self.alice.until(&format!("the microphone {name}"), |view| is(&view.voice.devices.microphone)).await;
    }
}

/// The sound server that this process was started for.
async fn card(folder: &Path) -> SoundCard {
    let is = |server: SoundServer| std::env::var(SERVER).is_ok_and(|name| name == format!("{server:?}"));
    let server = [SoundServer::PulseAudio, SoundServer::PipeWire].into_iter().find(|server| is(*server)).expect("the parent says which");
    SoundCard::start(server, folder, folder, true).await.expect("a sound server")
}

async fn phone_with_devices(options: Options) -> Phone {
    let line = SignedCall::init(options).await.expect("the service takes this user");
    let events = line.events();
    Phone { line, events, sound: ToneSound::of(1_000) }
}

/// Waits until Bobby is heard after a moment, and says how long that was.
async fn bobby_is_heard(recorder: &Recorder, since: Instant, after: &str) {
    let found = recorder.until("Bobby", |recording| {
        let from = recording.index_at(since)?.min(recording.samples.len());
        first_tone(&recording.samples[from..], BOBBY as f32).and_then(|at| recording.time_of(from + at))
    });
    let heard = found.await.unwrap_or_else(|error| panic!("{after}: {error}"));
    eprintln!("{after}: Bobby is heard {} ms later", heard.saturating_duration_since(since).as_millis());
}

async fn follows_the_choice_of_the_system(folder: PathBuf) {
    let mut talk = Talk::begin(&folder, |_| {}).await;
    talk.connect().await;
    talk.uses_speaker("Speaker").await;
    let headset = talk.card.plug_speaker("headset").expect("a speaker");
    let there = talk.card.hear_at("headset").expect("it can be heard");
    let chosen = Instant::now();
    talk.card.choose_speaker("headset").expect("it is there");
    bobby_is_heard(&there, chosen, "another speaker is the system's").await;
    talk.uses_speaker("headset").await;
    // It is gone in the midst of the call.
    let speaker = talk.card.hear().expect("it can be heard");
    let unplugged = Instant::now();
    talk.card.unplug(&headset).expect("it is there");
    bobby_is_heard(&speaker, unplugged, "it is unplugged").await;
    talk.uses_speaker("Speaker").await;

    talk.card.plug_speaker("line").expect("a speaker");
    talk.uses_microphone("Microphone").await;
    for _ in 0..REPLUGGED {
        let boom = talk.card.plug_microphone("boom", "line").expect("a microphone");
        talk.card.choose_microphone("boom").expect("it is there");
        talk.uses_microphone("boom").await;
        talk.card.unplug(&boom).expect("it is there");
        talk.uses_microphone("Microphone").await;
    }
    talk.card.plug_microphone("boom", "line").expect("a microphone");
    talk.card.choose_microphone("boom").expect("it is there");
    talk.uses_microphone("boom").await;
    let file = tone_in(&talk.folder, 2_000.0, Duration::from_secs(20)).expect("a tone");
    let _playing = talk.card.play_at("line", &file, &talk.folder).expect("it plays");
    talk.bobby.sound.hears_tone(2_000).await;
}

async fn knows_a_headset(folder: PathBuf) {
    let mut talk = Talk::begin(&folder, |voice| voice.echo_cancellation = true).await;
    talk.connect().await;
    talk.uses_speaker("Speaker").await;
    assert!(!talk.alice.line.view().borrow().voice.devices.headset);
    for _ in 0..2 {
        let headset = talk.card.plug_headset("phones").expect("a headset");
        talk.card.choose_speaker("phones").expect("it is there");
        talk.alice.until("a headset", |view| view.voice.devices.headset && view.voice.devices.speaker.as_deref() == Some("phones")).await;
        talk.card.unplug(&headset).expect("it is there");
        talk.alice
            .until("no headset", |view| !view.voice.devices.headset && view.voice.devices.speaker.as_deref() == Some("Speaker"))
            .await;
    }
}

async fn goes_back_to_the_chosen_device(folder: PathBuf) {
    let chosen = "pulseaudio:headset".to_owned();
    let mut talk = Talk::begin(&folder, |voice| voice.output = Some(chosen)).await;
    let headset = talk.card.plug_speaker("headset").expect("a speaker");
    talk.connect().await;
    talk.uses_speaker("headset").await;
    talk.card.unplug(&headset).expect("it is there");
    talk.uses_speaker("Speaker").await;
    let plugged = Instant::now();
    talk.card.plug_speaker("headset").expect("a speaker");
    let there = talk.card.hear_at("headset").expect("it can be heard");
    bobby_is_heard(&there, plugged, "the chosen speaker is plugged in again").await;
    talk.uses_speaker("headset").await;
}

async fn outlives_the_sound_server(folder: PathBuf) {
    let mut talk = Talk::begin(&folder, |_| {}).await;
    talk.connect().await;
    talk.uses_speaker("Speaker").await;
    talk.uses_microphone("Microphone").await;
    talk.card.kill().expect("it runs");
    talk.alice.until("no speaker", |view| view.voice.devices.speaker.is_none()).await;
    talk.card.start_again().await.expect("the server again");
    let restarted = Instant::now();
    let speaker = talk.card.hear().expect("it can be heard");
    bobby_is_heard(&speaker, restarted, "the sound server is started again").await;
    talk.uses_speaker("Speaker").await;
    talk.uses_microphone("Microphone").await;
}

async fn tries_out_what_is_said(folder: PathBuf) {
    let card = card(&folder).await;
    let file = tone_in(&folder, BOBBY as f32, Duration::from_secs(5)).expect("a tone");
    let speaker = card.hear().expect("it can be heard");
    let trial = SoundTrial::begin(&VoiceOptions::default());
    let mut view = trial.view();
    let mut reach = async |step: SoundTrialStep, level: f32| {
        let reached = timeout(PATIENCE, view.wait_for(|view| view.step == step && view.level >= level)).await;
        reached.unwrap_or_else(|_| panic!("{step:?} is not reached: {:?}", trial.view().borrow())).expect("it goes on").clone()
    };
    reach(SoundTrialStep::Listening, 0.0).await;
    let _saying = card.say(&file, &folder).expect("it plays");
    let listening = reach(SoundTrialStep::Listening, 0.2).await;
    assert!(
        level(&speaker.so_far().samples) < 0.001,
        "nothing is played while the microphone is listened to, with {:?} to go",
        listening.left
    );
    reach(SoundTrialStep::Playing, 0.2).await;
    bobby_is_heard(&speaker, Instant::now() - Duration::from_secs(1), "a trial").await;
    reach(SoundTrialStep::Over, 0.0).await;
}

async fn rings_elsewhere(folder: PathBuf) {
    let talk = Talk::begin(&folder, |voice| voice.ring_output = Some("pulseaudio:bell".to_owned())).await;
    talk.card.plug_speaker("bell").expect("a speaker");
    let (bell, speaker) = (talk.card.hear_at("bell").expect("it can be heard"), talk.card.hear().expect("it can be heard"));
    let call = talk.bobby.call("alice").await;
    bell.until("a ringtone", |recording| (level(&recording.samples) > 0.01).then_some(())).await.expect("it rings");
    assert!(level(&speaker.so_far().samples) < 0.001, "the other speaker is silent");
    let answered = Instant::now();
    talk.alice.line.answer(call).await.expect("it rings");
    bobby_is_heard(&speaker, answered, "the call is answered").await;
}
