//! What the Signed Call service does: sign-in, presence, ringing, relay and call records in one binary.
//!
//! The [`hub`] decides and does nothing else. Around it, each with one task or thread: a `socket` for each device, the `switchboard` that owns the hub,
//! the `store` and the `relay`. Companies' own backends use the `api`. Several services may be the nodes of one `cluster`. [`serve`] puts them together; the binary adds a command line.

pub mod account;
mod admission;
mod api;
pub mod backup;
mod bus;
pub mod check;
mod clock;
mod cluster;
mod codec;
pub mod dashboard;
mod demo;
mod erasure;
mod gate;
pub mod hub;
mod key_use;
mod keys;
mod metrics;
mod moment;
mod operator;
mod outward;
pub mod push;
pub mod receipts;
mod relay;
mod service;
pub mod settings;
mod socket;
pub mod store;
pub mod supervisor;
mod switchboard;
mod tenancy;
mod tls;
mod tokens;
mod turns;
mod wake;
mod web;
pub mod webhooks;
mod withdrawals;

pub use api::ApiSettings;
pub use bus::{BusServer, ConnectBusError, InvalidBusServer};
pub use cluster::ClusterSettings;
pub use gate::GateSettings;
pub use hub::{KeyId, QuietHours};
pub use keys::NoRandomness;
pub use relay::{EmbeddedRelay, ExternalRelay, RelaySettings, StartRelayError};
pub use service::{STORE_FILE, Service, StartError, open_accounts, serve};
pub use settings::Settings;
pub use socket::SocketSettings;
pub use tls::{TlsError, TlsFiles};
pub use tokens::{InvalidKeySet, TokenKey, TokenSettings};
pub use web::SIGNALLING_PATH;
