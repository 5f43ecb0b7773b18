//! Several services that are one.

mod calls;
mod failures;
mod rig;
