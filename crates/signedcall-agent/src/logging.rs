//! Where log lines go (R9): to standard error, and to a file when asked.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::private;

/// Our own lines, and what is odd elsewhere.
const DEFAULT: &str = "warn,signedcall=info,signedcall_agent=info,signedcall_desktop=info";
/// The D-Bus library prints whole messages, and some carry who calls, or the key on its way to the keyring.
const DISCREET: &str = "zbus=warn";

/// Says what is logged. Libraries that print what must stay private are silent, unless `chosen` (`SIGNEDCALL_LOG`) names them.
pub fn filter(chosen: &str) -> anyhow::Result<EnvFilter> {
    let chosen = if chosen.is_empty() { DEFAULT } else { chosen };
    // Of two directives for the same target the later one counts.
    EnvFilter::try_new(format!("{},{DISCREET},{chosen}", signedcall::LOG_FILTER)).context("SIGNEDCALL_LOG")
}

/// Begins to log; `folder` gets a file, and the one of the run before is kept beside it.
pub fn start(filter: EnvFilter, folder: Option<&Path>) -> anyhow::Result<()> {
    let file = folder.map(open).transpose()?.map(|file| fmt::layer().with_ansi(false).with_writer(Mutex::new(file)));
    // An agent may outlive the terminal that it was started from: that nobody reads its lines any more is no reason to fail.
    let terminal = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    tracing_subscriber::registry().with(filter).with(terminal).with(file).init();
    Ok(())
}

/// Opens the file for the log in this folder, and puts the one that is there aside.
fn open(folder: &Path) -> anyhow::Result<fs::File> {
    let path = folder.join("signedcall.log");
    private::folder(folder).with_context(|| format!("{}", folder.display()))?;
    // There is none before the first run.
    let _ = fs::rename(&path, folder.join("signedcall.log.old"));
    private::file(&path).with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(chosen: &str) -> Vec<String> {
        filter(chosen).expect("it is a filter").to_string().split(',').map(str::to_owned).collect()
    }

    #[test]
    fn more_lines_of_ours_are_not_more_of_libraries_that_print_packets() {
        for chosen in ["", "debug", "trace", "info,signedcall=trace"] {
            let directives = directives(chosen);
            for silent in ["webrtc=off", "rtc=off", "zbus=warn"] {
                assert!(directives.iter().any(|directive| directive == silent), "{chosen}: {directives:?}");
            }
        }
        assert!(directives("debug").contains(&"debug".to_owned()));
        assert!(!directives("debug").contains(&"info".to_owned()));
    }

    #[test]
    fn a_library_is_heard_when_it_is_named() {
        assert!(directives("rtc=trace").contains(&"rtc=trace".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn the_log_is_for_this_user_alone() {
        use crate::testing::{Folder, mode_of};

        let outside = Folder::new();
        let folder = outside.path().join("state");
        open(&folder).expect("a new log");
        open(&folder).expect("the next one");
        let modes = ["", "signedcall.log", "signedcall.log.old"].map(|name| mode_of(&folder.join(name)));
        assert_eq!(modes, [0o700, 0o600, 0o600]);
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        let refusal = filter("signedcall=loud").expect_err("there is no such level");
        assert!(format!("{refusal:#}").contains("SIGNEDCALL_LOG"), "{refusal:#}");
    }
}
