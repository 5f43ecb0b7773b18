//! The Signed Call SDK: branded, signed, one-to-one voice calls inside your own application.
//!
//! ```no_run
//! # async fn example() -> Result<(), signedcall::Error> {
//! use signedcall::{Metadata, Options, SignedCall};
//!
//! let options = Options::new("ws://127.0.0.1:7443", "demo", "api key", "courier_8842").production(false);
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

mod api;
mod error;
mod options;

pub use api::{CallEvent, Events, LineView, LinkState, SignedCall};
pub use error::Error;
pub use options::{Metadata, Options, Tones, VoiceOptions};
pub use signedcall_core::{CallState, CallView, Phase, Tone};
pub use signedcall_wire::{
    AccountId, Branding, ButtonTheme, CallId, CallStatus, Channel, Color, Context, Cuid, DeviceId, Direction, EndReason, Environment,
    ErrorCode, InvalidContext, InvalidCuid, Redacted,
};
