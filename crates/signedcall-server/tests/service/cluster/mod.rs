//! Several services that are one.

mod calls;
mod cut;
mod failures;
mod lines;
mod rig;
mod wake;
