//! The part of the SDK that the controller uses, behind two traits, so that its tests need neither service nor sound nor keyring.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use signedcall::secrets::{self, SecretError, SecretOwner};
use signedcall::{
    AnswerHow, CallEvent, CallId, Error, Events, InvalidTone, LineScore, LineView, LinkState, Metadata, Options, PushOutcome, PushTarget,
    Redacted, SetTonesError, SignedCall, SoundDevices, SoundTrial, SoundTrialView, Tones, VoiceOptions,
};
use tokio::sync::watch;

/// What needs nobody to be signed in.
#[async_trait]
pub(crate) trait Sdk: Send + Sync + 'static {
    async fn sign_in(&self, options: Options) -> Result<Arc<dyn Line>, Error>;
    /// Lists microphones and speakers; none where there is no sound system.
    async fn devices(&self) -> SoundDevices;
    /// Begins to try microphone and speaker. It ends when nobody follows it any more.
    fn try_sound(&self, voice: &VoiceOptions) -> watch::Receiver<SoundTrialView>;
    /// Says which file cannot be played, if one cannot.
    async fn check_tones(&self, tones: &Tones) -> Result<(), InvalidTone>;
    async fn save_key(&self, owner: &SecretOwner, key: &Redacted<String>) -> Result<(), SecretError>;
    async fn load_key(&self, owner: &SecretOwner) -> Result<Option<Redacted<String>>, SecretError>;
    async fn forget_key(&self, owner: &SecretOwner) -> Result<(), SecretError>;
}

/// What a signed-in user can do.
#[async_trait]
pub(crate) trait Line: fmt::Debug + Send + Sync + 'static {
    async fn call(&self, cuid: &str, context: &str) -> Result<CallId, Error>;
    async fn answer(&self, call: CallId, how: AnswerHow) -> Result<(), Error>;
    async fn decline(&self, call: CallId) -> Result<(), Error>;
    async fn hang_up(&self, call: CallId) -> Result<(), Error>;
    async fn mute(&self, call: CallId, muted: bool) -> Result<(), Error>;
    async fn set_volume(&self, call: CallId, volume: f32) -> Result<(), Error>;
    async fn hold(&self, call: CallId, on: bool) -> Result<(), Error>;
    async fn swap(&self) -> Result<(), Error>;
    async fn transfer(&self, call: CallId, to: &str) -> Result<(), Error>;
    async fn set_voice(&self, voice: VoiceOptions) -> Result<(), Error>;
    async fn set_tones(&self, tones: Tones) -> Result<(), SetTonesError>;
    async fn set_second_calls(&self, on: bool) -> Result<(), Error>;
    /// How fit the line is for calls, measured anew.
    async fn check_line(&self) -> LineScore;
    /// Has the service send pushes there when this device is not connected, or nowhere.
    async fn set_push(&self, target: Option<PushTarget>) -> Result<(), Error>;
    /// Takes what a push has brought.
    async fn handle_push(&self, payload: &[u8]) -> PushOutcome;
    /// Closes the connection; from then on this device is called by push alone.
    async fn go_idle(&self) -> Result<(), Error>;
    async fn log_out(&self);
    /// Tells of the line as it is and of everything that changes from now on, until `tell` answers that nobody listens any more. That the line has
    /// closed is the last that is told, after how its calls have ended.
    fn follow(&self, tell: Tell);
}

/// Something new about a line.
#[derive(Debug)]
pub(crate) enum LineChange {
    View(LineView),
    Call(CallEvent),
}

/// Takes what is new; `false` when nobody listens any more.
pub(crate) type Tell = Arc<dyn Fn(LineChange) -> bool + Send + Sync>;

/// The SDK itself.
#[derive(Debug)]
pub(crate) struct RealSdk;

#[async_trait]
impl Sdk for RealSdk {
    async fn sign_in(&self, options: Options) -> Result<Arc<dyn Line>, Error> {
        Ok(Arc::new(SignedCall::init(options).await?))
    }

    async fn devices(&self) -> SoundDevices {
        signedcall::devices().await.unwrap_or_else(|problem| {
            tracing::warn!(%problem, "there are no sound devices to choose from");
            SoundDevices::default()
        })
    }

    fn try_sound(&self, voice: &VoiceOptions) -> watch::Receiver<SoundTrialView> {
        SoundTrial::begin(voice).view()
    }

    async fn check_tones(&self, tones: &Tones) -> Result<(), InvalidTone> {
        tones.check().await
    }

    async fn save_key(&self, owner: &SecretOwner, key: &Redacted<String>) -> Result<(), SecretError> {
        secrets::save(owner, key).await
    }

    async fn load_key(&self, owner: &SecretOwner) -> Result<Option<Redacted<String>>, SecretError> {
        secrets::load(owner).await
    }

    async fn forget_key(&self, owner: &SecretOwner) -> Result<(), SecretError> {
        secrets::forget(owner).await
    }
}

#[async_trait]
impl Line for SignedCall {
    async fn call(&self, cuid: &str, context: &str) -> Result<CallId, Error> {
        self.call(cuid, context, Metadata::default()).await
    }

    async fn answer(&self, call: CallId, how: AnswerHow) -> Result<(), Error> {
        self.answer_with(call, how).await
    }

    async fn decline(&self, call: CallId) -> Result<(), Error> {
        self.decline(call).await
    }

    async fn hang_up(&self, call: CallId) -> Result<(), Error> {
        self.hangup(call).await
    }

    async fn mute(&self, call: CallId, muted: bool) -> Result<(), Error> {
        self.mute(call, muted).await
    }

    async fn set_volume(&self, call: CallId, volume: f32) -> Result<(), Error> {
        self.set_volume(call, volume).await
    }

    async fn hold(&self, call: CallId, on: bool) -> Result<(), Error> {
        self.hold(call, on).await
    }

    async fn swap(&self) -> Result<(), Error> {
        self.swap().await
    }

    async fn transfer(&self, call: CallId, to: &str) -> Result<(), Error> {
        self.transfer(call, to).await
    }

    async fn set_voice(&self, voice: VoiceOptions) -> Result<(), Error> {
        self.set_voice(voice).await
    }

    async fn set_tones(&self, tones: Tones) -> Result<(), SetTonesError> {
        self.set_tones(tones).await
    }

    async fn set_second_calls(&self, on: bool) -> Result<(), Error> {
        self.set_second_calls(on).await
    }

    async fn check_line(&self) -> LineScore {
        self.check_line().await.map(|check| check.score).unwrap_or_default()
    }

    async fn set_push(&self, target: Option<PushTarget>) -> Result<(), Error> {
        self.set_push(target).await
    }

    async fn handle_push(&self, payload: &[u8]) -> PushOutcome {
        self.handle_push(payload).await
    }

    async fn go_idle(&self) -> Result<(), Error> {
        self.disconnect_signalling_socket().await
    }

    async fn log_out(&self) {
        self.logout().await;
    }

    fn follow(&self, tell: Tell) {
        tokio::spawn(forward(self.view(), self.events(), tell));
    }
}

/// Where call events come from.
#[async_trait]
trait CallEvents: Send {
    async fn next(&mut self) -> Option<CallEvent>;
}

#[async_trait]
impl CallEvents for Events {
    async fn next(&mut self) -> Option<CallEvent> {
        self.next().await
    }
}

/// Brings what has happened to calls and what is to be shown of the line into one order.
async fn forward(mut views: watch::Receiver<LineView>, mut events: impl CallEvents, tell: Tell) {
    let mut shown = None;
    loop {
        let view = views.borrow_and_update().clone();
        let closed = view.link == LinkState::Closed;
        if closed {
            while let Some(event) = events.next().await {
                tell(LineChange::Call(event));
            }
        }
        if shown.as_ref() != Some(&view) && !tell(LineChange::View(view.clone())) || closed {
            return;
        }
        shown = Some(view);
        tokio::select! {
            biased;
            Some(event) = events.next() => {
                if !tell(LineChange::Call(event)) {
                    return;
                }
            }
            changed = views.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
