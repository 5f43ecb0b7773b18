//! The API as a company's backend uses it: HTTP over a socket, against a service in this process.

pub(crate) mod backend;
mod blocked;
mod branding;
mod calls;
mod connect;
mod csv;
mod document;
mod erasure;
pub(crate) mod http;
mod keys;
mod push;
mod tokens;
mod users;
