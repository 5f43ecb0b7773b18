//! The service as devices see it: raw WebSockets against a service in this process, or against its binary.

mod abuse;
mod api;
mod backup;
mod binary;
mod calls;
mod check;
mod cluster;
mod dashboard;
mod enumeration;
mod flood;
mod foreign_token;
mod frames;
mod full_disk;
mod keys;
mod limits;
mod logging;
#[path = "../rig/nats.rs"]
mod nats_server;
mod operator;
mod postgres;
mod push;
mod quiet;
mod receipts;
mod renewals;
#[path = "../rig/postgres.rs"]
mod rig;
mod sessions;
mod sign_in;
mod support;
mod tls;
mod webhooks;
