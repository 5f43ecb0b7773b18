//! The real programs on real desktops: two app processes, the service, notification daemons, keyrings and sound cards.
//!
//! Cases run one after the other and share desktops where they can: starting one costs more than most cases take. Words on the command line
//! choose the cases whose names contain one of them; words that begin with `!` leave cases out.

#![expect(clippy::print_stdout, reason = "what a test harness says goes there")]

mod beside;
mod calls;
mod devices;
mod network;
mod rig;
mod runner;
mod sign_in;
mod tray;
mod voice;
mod wake;

use std::process::ExitCode;

use runner::Runner;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut runner = Runner::new(std::env::args().skip(1));
        rig::cases(&mut runner).await;
        sign_in::cases(&mut runner).await;
        tray::cases(&mut runner).await;
        calls::cases(&mut runner).await;
        beside::cases(&mut runner).await;
        network::cases(&mut runner).await;
        voice::cases(&mut runner).await;
        devices::cases(&mut runner).await;
        wake::cases(&mut runner).await;
        runner.finish()
    })
}
