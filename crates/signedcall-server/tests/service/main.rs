//! The service as devices see it: raw WebSockets against a service in this process, or against its binary.

mod api;
mod binary;
mod calls;
mod frames;
mod keys;
mod limits;
mod logging;
mod quiet;
mod renewals;
mod sessions;
mod sign_in;
mod support;
