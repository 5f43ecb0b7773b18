//! An SDK without service, sound and keyring, whose answers a test chooses.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use signedcall::secrets::{SecretError, SecretOwner};
use signedcall::{
    AnswerHow, CallEvent, CallId, CallState, Error, ErrorCode, InvalidTone, LineScore, LineView, LinkState, Options, PushOutcome,
    PushService, PushTarget, Redacted, SetTonesError, SoundDevice, SoundDevices, SoundTrialStep, SoundTrialView, Tones, VoiceCondition,
    VoiceOptions,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::sdk::{Line, LineChange, Sdk, Tell};

/// What the keyring of a test is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyringState {
    #[default]
    Open,
    Absent,
    Locked,
    /// Its prompt is never answered.
    Silent,
}

/// An SDK that signs everybody in unless told otherwise.
#[derive(Debug, Default)]
pub(crate) struct FakeSdk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    keyring: KeyringState,
    keys: BTreeMap<String, String>,
    refusals: VecDeque<Error>,
    sign_ins: Vec<Options>,
    lines: Vec<Arc<FakeLine>>,
    attempts: watch::Sender<usize>,
    trials: Vec<watch::Sender<SoundTrialView>>,
    /// While true, an attempt to sign in does not come to an end.
    slow: watch::Sender<bool>,
}

impl FakeSdk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_keyring(&self, keyring: KeyringState) {
        self.state().keyring = keyring;
    }

    /// Puts a key in the keyring as an earlier run of the profile `default` would have.
    pub(crate) fn keep_key(&self, account_id: &str, cuid: &str, key: &str) {
        self.state().keys.insert(format!("org.signedcall.desktop/default {account_id} {cuid}"), key.to_owned());
    }

    /// The same of the keys by which pushes are read.
    pub(crate) fn keep_push_keys(&self, account_id: &str, cuid: &str, keys: &str) {
        self.state().keys.insert(format!("org.signedcall.desktop/default/push {account_id} {cuid}"), keys.to_owned());
    }

    /// What the keyring holds.
    pub(crate) fn kept_keys(&self) -> Vec<String> {
        self.state().keys.values().cloned().collect()
    }

    /// The next attempt to sign in that has no refusal yet gets this one.
    pub(crate) fn refuse(&self, code: ErrorCode) {
        self.state().refusals.push_back(Error::from(code));
    }

    /// Makes signing in wait, or no longer.
    pub(crate) fn set_slow(&self, slow: bool) {
        self.state().slow.send_replace(slow);
    }

    pub(crate) fn sign_ins(&self) -> Vec<Options> {
        self.state().sign_ins.clone()
    }

    /// Takes the latest trial of microphone and speaker: what is sent is what they are like, and whoever drops it ends it.
    pub(crate) fn take_trial(&self) -> watch::Sender<SoundTrialView> {
        self.state().trials.pop().expect("somebody tries them")
    }

    /// Waits until somebody has tried to sign in for this often.
    pub(crate) async fn until_attempts(&self, count: usize) {
        let mut attempts = self.state().attempts.subscribe();
        attempts.wait_for(|attempts| *attempts >= count).await.expect("the SDK outlives its users");
    }

    /// The line of the latest user who was signed in.
    pub(crate) fn line(&self) -> Arc<FakeLine> {
        Arc::clone(self.state().lines.last().expect("somebody has signed in"))
    }

    fn ask_keyring<T>(&self, question: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> Option<Result<T, SecretError>> {
        let mut state = self.state();
        match state.keyring {
            KeyringState::Open => Some(Ok(question(&mut state.keys))),
            KeyringState::Absent => Some(Err(SecretError::KeyringAbsent("nobody owns its name".to_owned()))),
            KeyringState::Locked => Some(Err(SecretError::KeyringLocked)),
            KeyringState::Silent => None,
        }
    }
}

fn entry(owner: &SecretOwner) -> String {
    format!("{} {} {}", owner.service, owner.account_id, owner.cuid)
}

async fn or_never<T>(answer: Option<T>) -> T {
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// A file that cannot be played is one whose name says so.
fn check(tones: &Tones) -> Result<(), InvalidTone> {
    let invalid = |file: &&std::path::PathBuf| file.starts_with(Path::new("/broken"));
    match [&tones.outgoing_tone, &tones.ringtone].into_iter().flatten().find(invalid) {
        Some(file) => Err(InvalidTone { file: file.clone(), why: "it is no sound file".to_owned() }),
        None => Ok(()),
    }
}

#[async_trait]
impl Sdk for FakeSdk {
    async fn sign_in(&self, options: Options) -> Result<Arc<dyn Line>, Error> {
        let mut slow = {
            let mut state = self.state();
            state.sign_ins.push(options);
            state.attempts.send_modify(|attempts| *attempts += 1);
            state.slow.subscribe()
        };
        slow.wait_for(|slow| !slow).await.expect("the SDK outlives its users");
        let mut state = self.state();
        if let Some(refusal) = state.refusals.pop_front() {
            return Err(refusal);
        }
        let line = Arc::new(FakeLine::default());
        state.lines.push(Arc::clone(&line));
        Ok(line)
    }

    async fn devices(&self) -> SoundDevices {
        let microphone = SoundDevice { id: "usb".to_owned(), name: "Headset".to_owned(), is_default: true };
        SoundDevices { microphones: vec![microphone], speakers: Vec::new() }
    }

    fn try_sound(&self, _: &VoiceOptions) -> watch::Receiver<SoundTrialView> {
        let (trial, view) = watch::channel(SoundTrialView { step: SoundTrialStep::Opening, level: 0.0, left: Duration::ZERO });
        self.state().trials.push(trial);
        view
    }

    async fn check_tones(&self, tones: &Tones) -> Result<(), InvalidTone> {
        check(tones)
    }

    async fn save_key(&self, owner: &SecretOwner, key: &Redacted<String>) -> Result<(), SecretError> {
        or_never(self.ask_keyring(|keys| drop(keys.insert(entry(owner), key.expose().clone())))).await
    }

    async fn load_key(&self, owner: &SecretOwner) -> Result<Option<Redacted<String>>, SecretError> {
        or_never(self.ask_keyring(|keys| keys.get(&entry(owner)).cloned().map(Redacted::new))).await
    }

    async fn forget_key(&self, owner: &SecretOwner) -> Result<(), SecretError> {
        or_never(self.ask_keyring(|keys| drop(keys.remove(&entry(owner))))).await
    }
}

/// A line that does as it is asked and writes it down; what happens on it is told by the test.
#[derive(Default)]
pub(crate) struct FakeLine(Mutex<LineState>);

#[derive(Default)]
struct LineState {
    tell: Option<Tell>,
    asked: Vec<String>,
    dials: VecDeque<Result<CallId, Error>>,
    answer: Option<ErrorCode>,
    transfer: Option<ErrorCode>,
    deaf: bool,
    score: LineScore,
    /// What is told when a call is hung up.
    at_hang_up: Vec<CallEvent>,
    /// What is told before the line closes.
    last_words: Vec<CallEvent>,
}

/// A line on which nothing has happened yet.
pub(crate) fn nothing_heard() -> LineView {
    LineView {
        link: LinkState::Ready,
        state: CallState::NoCall,
        call: None,
        talking_since: None,
        ends_at: None,
        other: None,
        branding: None,
        app_name: None,
        hides_addresses: false,
        voice: VoiceCondition::default(),
        line_score: LineScore::UNKNOWN,
        microphone_problem: None,
        push_key: None,
    }
}

impl FakeLine {
    fn state(&self) -> MutexGuard<'_, LineState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever follows the line.
    pub(crate) fn tell(&self, change: LineChange) {
        let tell = self.state().tell.clone().expect("the line is followed");
        tell(change);
    }

    /// Everything that was asked of the line, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// The next call that is dialled comes to this.
    pub(crate) fn next_dial(&self, outcome: Result<CallId, ErrorCode>) {
        self.state().dials.push_back(outcome.map_err(Error::from));
    }

    /// Answering fails from now on.
    pub(crate) fn refuse_answer(&self, code: ErrorCode) {
        self.state().answer = Some(code);
    }

    /// Transferring fails from now on, or no longer.
    pub(crate) fn refuse_transfer(&self, code: Option<ErrorCode>) {
        self.state().transfer = code;
    }

    /// The line scores this when it is measured.
    pub(crate) fn set_score(&self, score: LineScore) {
        self.state().score = score;
    }

    /// The service never confirms that the user has signed out.
    pub(crate) fn go_deaf(&self) {
        self.state().deaf = true;
    }

    /// Hanging up ends a call like this.
    pub(crate) fn end_at_hang_up(&self, event: CallEvent) {
        self.state().at_hang_up.push(event);
    }

    /// Signing out ends a call like this.
    pub(crate) fn end_at_log_out(&self, event: CallEvent) {
        self.state().last_words.push(event);
    }

    fn write_down(&self, asked: String) {
        self.state().asked.push(asked);
    }
}

impl std::fmt::Debug for FakeLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeLine")
    }
}

#[async_trait]
impl Line for FakeLine {
    async fn call(&self, cuid: &str, context: &str) -> Result<CallId, Error> {
        self.write_down(format!("call {cuid} {context}"));
        self.state().dials.pop_front().unwrap_or_else(|| Ok(CallId(Uuid::new_v4())))
    }

    async fn answer(&self, call: CallId, how: AnswerHow) -> Result<(), Error> {
        self.write_down(match how {
            AnswerHow::HoldCurrent => format!("answer {call}"),
            AnswerHow::EndCurrent => format!("end the other and answer {call}"),
        });
        self.state().answer.map_or(Ok(()), |code| Err(code.into()))
    }

    async fn decline(&self, call: CallId) -> Result<(), Error> {
        self.write_down(format!("decline {call}"));
        Ok(())
    }

    async fn hang_up(&self, call: CallId) -> Result<(), Error> {
        self.write_down(format!("hang up {call}"));
        let events = std::mem::take(&mut self.state().at_hang_up);
        for event in events {
            self.tell(LineChange::Call(event));
        }
        Ok(())
    }

    async fn mute(&self, call: CallId, muted: bool) -> Result<(), Error> {
        self.write_down(format!("mute {call} {muted}"));
        Ok(())
    }

    async fn set_volume(&self, call: CallId, volume: f32) -> Result<(), Error> {
        self.write_down(format!("volume {call} {volume}"));
        Ok(())
    }

    async fn hold(&self, call: CallId, on: bool) -> Result<(), Error> {
        self.write_down(format!("hold {call} {on}"));
        Ok(())
    }

    async fn swap(&self) -> Result<(), Error> {
        self.write_down("swap".to_owned());
        Ok(())
    }

    async fn transfer(&self, call: CallId, to: &str) -> Result<(), Error> {
        self.write_down(format!("transfer {call} {to}"));
        self.state().transfer.map_or(Ok(()), |code| Err(code.into()))
    }

    async fn set_voice(&self, voice: VoiceOptions) -> Result<(), Error> {
        let VoiceOptions { input, output, ring_output, echo_cancellation: echo, noise_suppression: noise, gain_control: gain, .. } = voice;
        self.write_down(format!("voice {input:?} {output:?} {ring_output:?} echo {echo} noise {noise} gain {gain}"));
        Ok(())
    }

    async fn set_tones(&self, tones: Tones) -> Result<(), SetTonesError> {
        check(&tones)?;
        self.write_down(format!("ringtone {:?}", tones.ringtone));
        Ok(())
    }

    async fn set_second_calls(&self, on: bool) -> Result<(), Error> {
        self.write_down(format!("second calls {on}"));
        Ok(())
    }

    async fn check_line(&self) -> LineScore {
        self.write_down("check line".to_owned());
        self.state().score
    }

    async fn set_push(&self, target: Option<PushTarget>) -> Result<(), Error> {
        let endpoint = target.map(|target| match target.by {
            PushService::WebPush { endpoint } => endpoint.into_inner(),
            PushService::Apns { .. } | PushService::Unknown => panic!("the desktop has no such push service"),
        });
        self.write_down(format!("pushes to {}", endpoint.as_deref().unwrap_or("nobody")));
        Ok(())
    }

    async fn handle_push(&self, payload: &[u8]) -> PushOutcome {
        self.write_down(format!("push {}", String::from_utf8_lossy(payload)));
        PushOutcome::Rings
    }

    async fn go_idle(&self) -> Result<(), Error> {
        self.write_down("go idle".to_owned());
        self.close();
        Ok(())
    }

    async fn log_out(&self) {
        self.write_down("log out".to_owned());
        if self.state().deaf {
            std::future::pending::<()>().await;
        }
        self.close();
    }

    fn follow(&self, tell: Tell) {
        tell(LineChange::View(nothing_heard()));
        self.state().tell = Some(tell);
    }
}

impl FakeLine {
    fn close(&self) {
        let (tell, last_words) = {
            let mut state = self.state();
            (state.tell.take(), std::mem::take(&mut state.last_words))
        };
        let Some(tell) = tell else { return };
        for event in last_words {
            tell(LineChange::Call(event));
        }
        tell(LineChange::View(LineView { link: LinkState::Closed, ..nothing_heard() }));
    }
}
