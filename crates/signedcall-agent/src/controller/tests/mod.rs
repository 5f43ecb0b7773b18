//! The controller between a desktop that only writes down and an SDK whose answers each test chooses.

mod account;
mod bench;
mod beside;
mod calls;
mod keeping;
mod links;
mod outgoing;
mod pictures;
mod setup;
mod shown;
mod sound;
mod transfer;
mod trial;
mod wake;
