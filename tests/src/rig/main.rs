//! The rig as a program: makes a call where there is no desktop, and measures calls.

mod bench;
mod beside;
mod cluster;
mod figures;
mod idle;
mod page;
mod peer;
mod phone;
mod resume;
mod service;
mod tour;
mod voice;

use anyhow::{Result, bail};
use bench::Extent;

const USAGE: &str = "rig tour           makes a call to the echo contact and reports it\n\
                     rig bench --list   the names of the benches\n\
                     rig bench <name>   measures and prints the figures as JSON\n\
                     rig bench voice --quick, rig bench cluster --quick\n\
                     \x20                  the same with less speech or fewer devices, and nothing written into docs/\n\
                     rig bench peer --only <part of a figure's name>, rig bench voice --only <part of a figure's name>\n\
                     \x20                  the lines alone that are called so, with all speech: `pesq.cap.loss20.`\n\
                     rig bench service --only peers | tls | plain | calls | sockets | kamailio\n\
                     \x20                  that part alone, and nothing written into docs/\n\
                     rig load <store> <address>...\n\
                     \x20                  calls without end on a cluster whose nodes listen there, of which some come to nothing\n\
                     rig phone <url> <account> <cuid> <hertz said> <hertz heard>\n\
                     \x20                  a phone without a screen, told by lines what to do";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let work = async {
        match words.as_slice() {
            ["tour"] => tour::tour().await,
            ["bench", "--list"] => bench::list(),
            ["bench", name] => bench::bench(name, Extent::Full, None).await,
            ["bench", name @ ("cluster" | "voice"), "--quick"] => bench::bench(name, Extent::Quick, None).await,
            ["bench", name @ ("peer" | "service" | "voice"), "--only", part] => bench::bench(name, Extent::Full, Some(part)).await,
            ["load", store, nodes @ ..] => cluster::load(store, nodes).await,
            ["phone", url, account, cuid, says, hears] => phone::phone(url, account, cuid, says.parse()?, hears.parse()?).await,
            _ => bail!("{USAGE}"),
        }
    };
    // A signal ends the work where it stands, and with it everything that was started.
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}
