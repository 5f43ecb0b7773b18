//! The dashboard as a browser uses it, and as somebody does who is not let in.

mod accounts;
pub(crate) mod browser;
mod calls;
mod company;
mod hostile;
mod record;
mod sign_in;
