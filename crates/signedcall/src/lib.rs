//! The Signed Call SDK: branded, signed, one-to-one voice calls inside your own application.
//!
//! ```no_run
//! # async fn example() -> Result<(), signedcall::Error> {
//! use signedcall::{Analytics, Metadata, Options, SignedCall};
//!
//! let options = Options::new("ws://127.0.0.1:7443", "demo", "api key", "courier_8842").production(false).analytics(Analytics::Local);
//! let line = SignedCall::init(options).await?;
//! let mut events = line.events();
//! let call = line.call("org_25", "Delivery partner is calling", Metadata::default()).await?;
//! while let Some(event) = events.next().await {
//!     println!("{} {}", event.call_id, event.status);
//!     if event.call_id == call && event.status.is_final() { break }
//! }
//! line.logout().await;
//! # Ok(()) }
//! ```
//!
//! # Logging
//!
//! The SDK logs by `tracing`. No cuid, name, address, token or key is in a line above `debug`. The libraries below it are less careful: the
//! WebRTC library logs whole packets at `error`. [`LOG_FILTER`] is a filter for `tracing_subscriber::EnvFilter` that silences them.
//!
//! Lines of target `signedcall::timing` at `debug` say how long the steps of a call took: fields `call`, `device`, `milestone` and `elapsed_us`,
//! microseconds since the peer connection to that device was prepared. The milestones are `offer_made`, `offer_received`, `ice_connected`,
//! `dtls_connected`, `answered`, `capture_opened`, `first_rtp_sent`, `first_rtp_received`, `first_sound_played`, and at the end
//! `voice_stopped`, with the counters of the jitter buffer and the devices. `answered` is the moment at which the callee calls
//! [`SignedCall::answer`] and at which the caller learns of it, so that from `answered` to `first_sound_played` is what a user waits.

mod analytics;
mod api;
mod clock;
mod credentials;
mod driver;
mod error;
mod events;
mod line_check;
mod link;
mod media;
mod options;
mod push_keys;
mod quality;
pub mod secrets;
mod sound;
mod timing;
mod tls;

pub use analytics::{Analytics, CleverTap};
pub use api::{LineView, LinkState, OtherCall, SetTonesError, SignedCall};
pub use credentials::{Credentials, NoUserToken, UserTokens};
pub use error::Error;
pub use events::{CallEvent, Events};
pub use line_check::{LineCheck, LineGate};
pub use link::{WakeAnswer, WakeLine, WakePush};
pub use options::{Metadata, Options, Tones, VoiceOptions};
pub use push_keys::PushKeys;
pub use quality::{HeardStats, LineMeasures, LineNotice, LineScore, SaidStats, VoiceStats};
pub use signedcall_core::{AnswerHow, CallState, CallView, Holding, Phase, PushOutcome, Tone};
pub use signedcall_voice::{FRAME_DURATION, FRAME_SAMPLES, Frame, MicrophoneNote, Quality, SAMPLE_RATE, SILENCE};
pub use signedcall_wire::{
    AccountId, Branding, BrandingOverride, ButtonTheme, CallId, CallStatus, Channel, Color, Context, Contrast, Cuid, DeviceId, Direction,
    EndReason, Environment, ErrorCode, InvalidContext, InvalidCuid, PushPayload, PushService, PushTarget, Redacted, is_public_address,
};
pub use sound::{
    Capture, InvalidTone, MicrophoneCheck, NoSoundFile, Pace, Playback, Sound, SoundCheck, SoundDevice, SoundDevices, SoundError,
    SoundTrial, SoundTrialStep, SoundTrialView, UsedDevices, VoiceCondition, check_sound, decode_sound, devices,
};

/// What to log unless told otherwise: the SDK's own lines from `info` on, and nothing of libraries that log what must stay private.
pub const LOG_FILTER: &str = "info,webrtc=off,rtc=off,rtc_ice=off,rtc_dtls=off,rtc_turn=off,rtc_sctp=off,rtc_srtp=off,rtc_interceptor=off";
