//! What the Signed Call service does: sign-in, presence, ringing, relay and call records in one binary.

pub mod hub;
