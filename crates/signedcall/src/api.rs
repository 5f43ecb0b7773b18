use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use signedcall_core::{AnswerHow, CallState, CallView, Dial, PushOutcome};
use signedcall_wire::{Branding, CallId, Direction, ErrorCode, PushPayload, PushTarget};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::analytics;
use crate::driver::{Driver, UserRequest};
use crate::events::{Events, Listeners};
use crate::line_check::{LineCheck, LineGate};
use crate::options::{CheckedCall, check_cuid, load_tones};
use crate::quality::{LineScore, VoiceStats};
use crate::sound::{Sound, SoundError, VoiceCondition};
use crate::{Error, InvalidTone, Metadata, Options, Tones, VoiceOptions};

/// How long a disk may take to keep what is to be told of the last calls.
const KEPT_WITHIN: Duration = Duration::from_secs(1);
/// How long signing in may take: a service that is slower is not one to call through, and the user waits.
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(10);
/// How long the sound system may take to say whether there is a microphone.
const MICROPHONE_PATIENCE: Duration = Duration::from_secs(3);
/// How long the service may take over a receipt, which waits for a socket if need be.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(10);
/// How many requests of the embedder may wait for the driver, which answers within microseconds.
const REQUESTS: usize = 64;
/// The loudest that a call may be made: twice as loud as it comes.
const LOUDEST: f32 = 2.0;

/// One signed-in user on this device. Cheap to clone; all clones are the same line.
///
/// When the last clone is dropped, the line signs out by itself.
#[derive(Clone, Debug)]
pub struct SignedCall {
    requests: mpsc::Sender<UserRequest>,
    listeners: Listeners,
    view: watch::Receiver<LineView>,
    stats: watch::Receiver<Option<VoiceStats>>,
    sound: Arc<Mutex<Arc<dyn Sound>>>,
    own_sound: bool,
    line_gate: Option<LineGate>,
    /// Closed once all that has happened is kept for analytics.
    analytics: watch::Receiver<()>,
}

/// Everything a screen shows of the line; watch it with [`SignedCall::view`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineView {
    /// Whether the service can be reached.
    pub link: LinkState,
    /// What goes on (R21).
    pub state: CallState,
    /// The call in front: the one that the user is in, or else one that rings, or else one that is held; or the one that has just ended.
    pub call: Option<CallView>,
    /// When its talk began, on the wall clock, for the elapsed time.
    pub talking_since: Option<SystemTime>,
    /// When the service will end it, on the wall clock, if its time is limited (R29).
    pub ends_at: Option<SystemTime>,
    /// The call behind it, which waits or is held (R27, R28). Boxed, since it is rare.
    pub other: Option<Box<OtherCall>>,
    /// How calls look.
    pub branding: Option<Branding>,
    /// What the embedding app is called (R10).
    pub app_name: Option<String>,
    /// Whether the account keeps this device's address from those it talks with: then nothing should be fetched from where they say, either.
    pub hides_addresses: bool,
    /// What there is to say of the voice while both talk: how well it is heard, and what is odd about the microphone.
    pub voice: VoiceCondition,
    /// How fit this device's line was found to be for calls when it was measured last: some seconds after signing in or a change of networks, and when
    /// somebody calls.
    pub line_score: LineScore,
    /// Why the user cannot be heard, as of the last look (R4): when signing in, and before each call.
    pub microphone_problem: Option<Error>,
    /// The public key by which the service signs the pushes that it gives to Web Push services (RFC 8292), for whoever subscribes there; `None` until this
    /// device is signed in for the first time, and where the service sends none.
    pub push_key: Option<String>,
}

/// The call behind the one in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCall {
    /// The call.
    pub call: CallView,
    /// When its talk began, on the wall clock.
    pub talking_since: Option<SystemTime>,
    /// When the service will end it, on the wall clock, if its time is limited (R29).
    pub ends_at: Option<SystemTime>,
}

/// Whether the service can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Signed in; calls go both ways.
    Ready,
    /// The socket is gone; a new one is being opened.
    Reconnecting,
    /// Signed out, or refused for good.
    Closed,
}

impl SignedCall {
    /// Signs in.
    ///
    /// A computer without a microphone signs in all the same, since one may be plugged in before the first call: the problem is in
    /// [`LineView::microphone_problem`], and each call is refused while it lasts.
    ///
    /// # Errors
    /// One code of R37: of an option, `ERR_NETWORK_NOT_AVAILABLE` when the service cannot be reached, or why the service refuses.
    pub async fn init(options: Options) -> Result<Self, Error> {
        let checked = options.check()?;
        let tones = load_tones(options.tones.clone()).await.map_err(|invalid| {
            // R37 has no code for it; `Tones::check` tells it apart.
            Error::new(ErrorCode::VoipServiceFailedToRegister, invalid.to_string())
        })?;
        let microphone_problem = check_microphone(&checked.sound).await.err();
        if let Some(problem) = &microphone_problem {
            tracing::warn!(%problem, "nobody would hear this user");
        }
        let (sound, own_sound, line_gate) = (Arc::clone(&checked.sound), checked.own_sound, checked.line_gate.clone());
        let (requests, received) = mpsc::channel(REQUESTS);
        let listeners = Listeners::new();
        let (show, view) = watch::channel(LineView {
            link: LinkState::Reconnecting,
            state: CallState::NoCall,
            call: None,
            talking_since: None,
            ends_at: None,
            other: None,
            branding: None,
            app_name: options.app_name.clone().filter(|name| !name.is_empty()),
            hides_addresses: false,
            voice: VoiceCondition::default(),
            line_score: LineScore::UNKNOWN,
            microphone_problem,
            push_key: None,
        });
        let (show_stats, stats) = watch::channel(None);
        let (signed_in, outcome) = oneshot::channel();
        let (folder, service_url) = (options.analytics_folder.clone(), options.service_url.as_str());
        let analytics = analytics::start(&checked.analytics, folder, service_url, &checked.hello, listeners.listen(), &requests)?;
        let driver = Driver::new(checked, tones, received, listeners.clone(), show, show_stats, signed_in)
            .map_err(|error| Error::new(ErrorCode::VoipServiceFailedToRegister, format!("no audio thread: {error}")))?;
        tokio::spawn(driver.run());
        let line = Self { requests, listeners, view, stats, sound: Arc::new(Mutex::new(sound)), own_sound, line_gate, analytics };
        match tokio::time::timeout(SIGN_IN_PATIENCE, outcome).await {
            Ok(Ok(outcome)) => outcome.map(|()| line),
            Ok(Err(_)) => Err(Error::new(ErrorCode::VoipServiceFailedToRegister, "the line stopped")),
            Err(_) => Err(Error::new(ErrorCode::NetworkNotAvailable, "the service did not sign this user in within 10 s")),
        }
    }

    /// Places a call (R16) and answers once the service has written it down. A user who is in a call has to hold it first.
    ///
    /// The line is measured meanwhile, unless it was just now. Only where the embedder has set a [`line_gate`](Options::line_gate) is that waited for, 0.6
    /// seconds at most.
    ///
    /// # Errors
    /// One code of R37; `ERR_NETWORK_LATENCY` where the gate does not let the call pass.
    pub async fn call(&self, receiver_cuid: &str, context: &str, metadata: Metadata) -> Result<CallId, Error> {
        let checked = CheckedCall::check(receiver_cuid, context, &metadata)?;
        let (microphone, line) = tokio::join!(self.look_for_microphone(), self.look_at_line());
        microphone?;
        line?;
        let call = CallId(Uuid::new_v4());
        let dial = Dial {
            call,
            to: checked.to,
            context: checked.context,
            remote_context: checked.remote_context,
            initiator_image: metadata.initiator_image,
            receiver_image: metadata.receiver_image,
            max_duration: metadata.max_duration,
        };
        self.ask(|reply| UserRequest::Dial { dial, reply }).await?.map(|()| call)
    }

    /// Answers an incoming call, and holds the one that the user is in, if any. Does nothing when there is none to answer.
    ///
    /// # Errors
    /// `ERR_MICROPHONE_PERMISSION_NOT_GRANTED`, and then the caller is told too; `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn answer(&self, call: CallId) -> Result<(), Error> {
        self.answer_with(call, AnswerHow::HoldCurrent).await
    }

    /// Answers an incoming call, and holds or ends the one that the user is in (R27).
    ///
    /// # Errors
    /// Those of [`answer`](Self::answer).
    pub async fn answer_with(&self, call: CallId, how: AnswerHow) -> Result<(), Error> {
        let asked_at = Instant::now();
        if let Err(error) = self.look_for_microphone().await {
            self.ask(|reply| UserRequest::AnswerWithoutMicrophone { call, reply }).await?;
            return Err(error);
        }
        self.ask(|reply| UserRequest::Answer { call, how, asked_at, reply }).await
    }

    /// Declines an incoming call. Does nothing when there is none to decline.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn decline(&self, call: CallId) -> Result<(), Error> {
        self.ask(|reply| UserRequest::Decline { call, reply }).await
    }

    /// Ends a call, or cancels it before the answer. Does nothing when it is over.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn hangup(&self, call: CallId) -> Result<(), Error> {
        self.ask(|reply| UserRequest::HangUp { call, reply }).await
    }

    /// Silences the microphone, or not.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn mute(&self, call: CallId, muted: bool) -> Result<(), Error> {
        self.ask(|reply| UserRequest::Mute { call, muted, reply }).await
    }

    /// Makes the other side of a call louder or softer for this user: 0.0 is silent, 1.0 as it comes, 2.0 the most. It lasts as long as the call.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn set_volume(&self, call: CallId, volume: f32) -> Result<(), Error> {
        let volume = if volume.is_nan() { 1.0 } else { volume.clamp(0.0, LOUDEST) };
        self.ask(|reply| UserRequest::SetVolume { call, volume, reply }).await
    }

    /// Holds an answered call, or goes on with it (R28). As long as either side holds it, neither is heard; who is held hears music. To go on with one call
    /// is to hold the other. Does nothing when the call is not answered or over, and goes on with none while another that this user has placed is
    /// not answered.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn hold(&self, call: CallId, on: bool) -> Result<(), Error> {
        self.ask(|reply| UserRequest::Hold { call, on, reply }).await
    }

    /// Goes on with the call that is held, and holds the other. Does nothing unless there are two such calls.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn swap(&self) -> Result<(), Error> {
        self.ask(|reply| UserRequest::Swap { reply }).await
    }

    /// Hands the other side of an answered call over to somebody else, who is called by that side for the same reason. Answers once that call is
    /// placed: this side is out of it, with [`EndReason::Transferred`](crate::EndReason::Transferred). After an error the call is as it was, but for
    /// `ERR_NETWORK_LATENCY`: the service has not answered in time, and it may be done all the same.
    ///
    /// # Errors
    /// One code of R37: `ERR_CONTACT_NOT_REACHABLE`, `ERR_CAN_NOT_CALL_SELF` for either side of the call, `ERR_ONGOING_CALL` when the third user is busy or
    /// is calling the other side, and `ERR_FAILURE_IN_MAKE_CALL` when there is no such call.
    pub async fn transfer(&self, call: CallId, to_cuid: &str) -> Result<(), Error> {
        let to = check_cuid(to_cuid)?;
        let new = CallId(Uuid::new_v4());
        self.ask(|reply| UserRequest::Transfer { call, to, new, reply }).await?
    }

    /// What the service says of a call that is over: who has called whom, about what, when and for how long, why it ended and how it sounded, signed by the
    /// service (a JWS in its compact form). How somebody who trusts neither side verifies it is in the service's `docs/receipts.md`.
    ///
    /// How a call sounded, its devices say in the moment after its end; until both have, the receipt says nothing of it.
    ///
    /// # Errors
    /// `ERR_FEATURE_NOT_AVAILABLE` when this user had no part in such a call, and when the service makes no receipts; `ERR_ONGOING_CALL` while it goes on;
    /// `ERR_STOP_RETRY` for more than one in a second for long; `ERR_NETWORK_NOT_AVAILABLE` without a connection to the service, and
    /// `ERR_NETWORK_LATENCY` when it has not answered in ten seconds.
    pub async fn receipt(&self, call: CallId) -> Result<String, Error> {
        match tokio::time::timeout(RECEIPT_PATIENCE, self.ask(|reply| UserRequest::Receipt { call, reply })).await {
            Ok(answered) => answered?,
            Err(_) => Err(ErrorCode::NetworkLatency.into()),
        }
    }

    /// Changes devices and treatment of the voice, also during a call. An embedder that brought its own [`Sound`] keeps it.
    ///
    /// # Errors
    /// `ERR_VOIP_SERVICE_FAILED_TO_REGISTER` for a limit that cannot be kept, and then nothing is changed; `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when
    /// signed out.
    pub async fn set_voice(&self, voice: VoiceOptions) -> Result<(), Error> {
        let treatment = voice.check()?;
        let sound = {
            let mut kept = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.own_sound {
                *kept = voice.devices();
            }
            Arc::clone(&kept)
        };
        self.ask(|reply| UserRequest::UseSound { sound, treatment, reply }).await
    }

    /// Changes the tones that play from now on.
    ///
    /// # Errors
    /// [`SetTonesError::Invalid`] names the file that cannot be played, and then nothing is changed.
    pub async fn set_tones(&self, tones: Tones) -> Result<(), SetTonesError> {
        let tones = load_tones(tones).await?;
        Ok(self.ask(|reply| UserRequest::UseTones { tones, reply }).await?)
    }

    /// Call events from now on.
    pub fn events(&self) -> Events {
        self.listeners.listen()
    }

    /// What a screen shows, and every change of it.
    pub fn view(&self) -> watch::Receiver<LineView> {
        self.view.clone()
    }

    /// How the voice of a call goes, in figures: another one each second while both talk, and nothing while no voice is open.
    ///
    /// What it comes to for a user is in [`LineView::voice`]: how well the other side is heard, and what is odd about the line. The service is told how a
    /// whole call sounded, and keeps it with the call's record.
    pub fn voice_stats(&self) -> watch::Receiver<Option<VoiceStats>> {
        self.stats.clone()
    }

    /// Measures the line as a call would find it, to the relays and the service and back, and says how fit it is for one. Takes 0.6 seconds at most.
    ///
    /// ```no_run
    /// # async fn example(line: signedcall::SignedCall) -> Result<(), signedcall::Error> {
    /// let check = line.check_line().await?;
    /// println!("{} of 100: {:?} there and back, {:?} of it lost", check.score, check.measures.round_trip, check.measures.loss);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn check_line(&self) -> Result<LineCheck, Error> {
        self.ask(|reply| UserRequest::CheckLine { anew: true, reply }).await
    }

    /// What goes on (R21).
    pub fn call_state(&self) -> CallState {
        self.view.borrow().state
    }

    /// Signs out: ends every call and connection (R33). Returns once the service has confirmed it, or after five seconds.
    pub async fn logout(&self) {
        // A line that is closed already is signed out.
        let _ = self.ask(|reply| UserRequest::LogOut { reply }).await;
        // The program may end now, and how the last call ended is to be told then by the next one.
        let mut analytics = self.analytics.clone();
        let _ = tokio::time::timeout(KEPT_WITHIN, async move { while analytics.changed().await.is_ok() {} }).await;
    }

    /// Says whether the system lets this app show that somebody calls, which it does until this says otherwise. While it does not, calls are declined for
    /// this device, and the caller learns why.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn allow_notifications(&self, allowed: bool) -> Result<(), Error> {
        self.ask(|reply| UserRequest::AllowNotifications { allowed, reply }).await
    }

    /// Changes whether a call may wait while the user is in another (R26, R27), which at first is as [`Options::second_calls`] has it. It counts from now
    /// on, in this session and those that follow; the service hears of it as soon as it can be reached. A call that waits already goes on to do so.
    ///
    /// # Errors
    /// `ERR_SIGNEDCALLSDK_NOT_INITIALIZED` when signed out.
    pub async fn set_second_calls(&self, on: bool) -> Result<(), Error> {
        self.ask(|reply| UserRequest::TakeSecondCalls { on, reply }).await
    }

    /// Has the service send pushes there from now on when this device cannot be reached otherwise (R25), or nowhere. It is kept until it is changed, or the
    /// user signs out here.
    ///
    /// # Errors
    /// `ERR_PRODUCTION_FIELD_REQUIRED` where the target belongs to the other environment; `ERR_VOIP_SERVICE_FAILED_TO_REGISTER` for one that nothing can be
    /// sent to; `ERR_FEATURE_NOT_AVAILABLE` when the service sends no pushes; `ERR_NETWORK_NOT_AVAILABLE` without a connection to it.
    pub async fn set_push(&self, target: Option<PushTarget>) -> Result<(), Error> {
        self.ask(|reply| UserRequest::SetPush { target, reply }).await?
    }

    /// Closes the connection for calls on purpose, *goes idle* (R23): nobody can be called from here until [`init`](Self::init) opens another, and this
    /// device is called by push alone, where it has [said where](Self::set_push). A call comes first: whoever is in one ends it before.
    ///
    /// # Errors
    /// `ERR_ONGOING_CALL` while there is a call, and then nothing has changed. From then on every request fails with `ERR_SIGNALLING_SOCKET_CONNECTION`.
    pub async fn disconnect_signalling_socket(&self) -> Result<(), Error> {
        self.ask(|reply| UserRequest::GoIdle { reply }).await?
    }

    /// Takes what a push has brought (R25), and says what has become of it (R36): the call rings, or why it does not. Handing in the same twice is safe.
    ///
    /// The push itself says nothing of who calls: the call comes by the socket, which is looked after at once. So an app that is woken by a push signs
    /// in, and hands it in then.
    pub async fn handle_push(&self, payload: &[u8]) -> PushOutcome {
        let outcome = match serde_json::from_slice::<PushPayload>(payload) {
            Err(_) => PushOutcome::Unreadable,
            Ok(payload) => match self.ask(|reply| UserRequest::Push { payload, reply }).await {
                // The line logs it.
                Ok(outcome) => return outcome,
                Err(_) => PushOutcome::SignedOut,
            },
        };
        tracing::info!(?outcome, "a push has come");
        outcome
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> UserRequest) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| self.listeners.why_closed())?;
        answer.await.map_err(|_| self.listeners.why_closed())
    }

    /// Measures the line, and waits for that only where it decides something.
    async fn look_at_line(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(UserRequest::CheckLine { anew: false, reply }).await.map_err(|_| self.listeners.why_closed())?;
        let Some(gate) = &self.line_gate else { return Ok(()) };
        let check = answer.await.map_err(|_| self.listeners.why_closed())?;
        if gate.admits(Direction::Outgoing, &check) {
            return Ok(());
        }
        let detail = format!("the line scores {}, and this app places no call over such a line", check.score);
        Err(Error::new(ErrorCode::NetworkLatency, detail))
    }

    async fn look_for_microphone(&self) -> Result<(), Error> {
        let sound = Arc::clone(&self.sound.lock().unwrap_or_else(PoisonError::into_inner));
        let looked = check_microphone(&sound).await;
        // Who only listens to the view learns of it too; a closed line has nobody to tell.
        let problem = looked.as_ref().err().cloned();
        let _ = self.requests.send(UserRequest::ShowMicrophone { problem }).await;
        looked
    }
}

/// Why tones were not changed.
#[derive(Debug, thiserror::Error)]
pub enum SetTonesError {
    /// A file cannot be played.
    #[error(transparent)]
    Invalid(#[from] InvalidTone),
    /// The line is closed.
    #[error(transparent)]
    Line(#[from] Error),
}

async fn check_microphone(sound: &Arc<dyn Sound>) -> Result<(), Error> {
    let sound = Arc::clone(sound);
    let looked = tokio::task::spawn_blocking(move || sound.check_microphone());
    match tokio::time::timeout(MICROPHONE_PATIENCE, looked).await {
        Ok(Ok(found)) => found.map_err(Error::from),
        Ok(Err(_)) | Err(_) => Err(SoundError::NoSoundSystem("it does not answer".to_owned()).into()),
    }
}
