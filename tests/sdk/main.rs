//! SDKs and the real service, in one process on loopback: sound comes from code, everything else is what ships.

mod beside;
mod branding;
mod calls;
mod child;
mod condition;
mod devices;
mod errors;
mod examples;
mod keyring;
mod killed;
mod libwebrtc;
mod line_check;
mod losses;
mod network;
mod privacy;
mod proxy;
mod push;
mod quality;
mod quiet;
mod receipts;
mod statuses;
mod support;
mod tls;
mod tokens;
mod turn;
mod voice;
