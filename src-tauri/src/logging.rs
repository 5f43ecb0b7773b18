//! Where log lines go (R9): to standard error, and to a file when asked.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// Our own lines, and what is odd elsewhere; the media library's errors print whole packets and addresses.
const DEFAULT: &str = "warn,signedcall=info,signedcall_desktop=info,webrtc=off,rtc=off";

/// Begins to log. `SIGNEDCALL_LOG` chooses what; `folder` gets a file, and the one of the run before is kept beside it.
pub(crate) fn start(folder: Option<&Path>) -> anyhow::Result<()> {
    let chosen = std::env::var("SIGNEDCALL_LOG").unwrap_or_default();
    let filter = if chosen.is_empty() { EnvFilter::new(DEFAULT) } else { EnvFilter::try_new(&chosen).context("SIGNEDCALL_LOG")? };
    let file = match folder {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
            let path = folder.join("signedcall.log");
            // There is none before the first run.
            let _ = fs::rename(&path, folder.join("signedcall.log.old"));
            let file = fs::File::create(&path).with_context(|| format!("{}", path.display()))?;
            Some(fmt::layer().with_ansi(false).with_writer(Mutex::new(file)))
        }
        None => None,
    };
    tracing_subscriber::registry().with(filter).with(fmt::layer().with_writer(std::io::stderr)).with(file).init();
    Ok(())
}
