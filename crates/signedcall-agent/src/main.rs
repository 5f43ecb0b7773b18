//! Signed Call without its windows.

use std::process::ExitCode;

use clap::Parser as _;
use signedcall_agent::arguments::Arguments;

fn main() -> anyhow::Result<ExitCode> {
    signedcall_agent::run(Arguments::parse())
}
