//! What Signed Call says: the messages, ids, reasons, errors and validators that the SDK and the service share.
//!
//! Plain data only. Nothing here decides ([`signedcall-core`] does), reads a clock or opens a socket. Every enum that a newer peer may extend
//! has an `Unknown` variant (or a documented catch-all), so that an old peer skips what it does not know instead of failing.
//!
//! [`signedcall-core`]: https://docs.rs/signedcall-core

mod analytics;
mod branding;
mod context;
mod cuid;
mod device_name;
mod error;
mod ids;
mod message;
mod network;
mod redacted;
mod status;
mod time;
mod turn_url;
mod voice_report;

pub use analytics::{AnalyticsEvent, AnalyticsKind, MAX_EVENTS_PER_REQUEST};
pub use branding::{Branding, BrandingOverride, ButtonTheme, Color, Contrast, InvalidBranding};
pub use context::{Context, InvalidContext};
pub use cuid::{Cuid, InvalidCuid};
pub use device_name::{DeviceName, InvalidDeviceName, disturbs_its_surroundings};
pub use error::ErrorCode;
pub use ids::{AccountId, CallId, DeviceId, Endpoint, RequestId, RunId, SessionId};
pub use message::{
    CallPhase, CallSnapshot, ClientMessage, Credential, EndedCall, Environment, Hello, IceConfig, IceServer, Invite, MAX_CALLS_PER_DEVICE,
    MAX_CANDIDATES_PER_CALL, MAX_MESSAGE_BYTES, MAX_PUSH_MEMBER_BYTES, MAX_SDP_BYTES, MAX_SOCKETS_PER_CUID, MAX_UNANSWERED_REQUESTS,
    NewCall, PROTOCOL_VERSION, PushPayload, PushService, PushTarget, Refusal, Renew, Request, Resume, ServiceEvent, ServiceMessage, Signal,
    Transferred, WARNING_BEFORE_END, Welcome,
};
pub use network::is_public_address;
pub use redacted::Redacted;
pub use status::{CallStatus, Channel, Direction, EndReason};
pub use time::Timestamp;
pub use turn_url::{InvalidTurnUrl, TurnTransport, TurnUrl};
pub use voice_report::VoiceReport;
