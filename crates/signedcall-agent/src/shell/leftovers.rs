//! What web views leave behind: WebKit keeps the process that fetches pages for as long as the program runs, whether there is a page or not, and
//! starts another one when there is none.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The name of that process, as the kernel cuts it.
const NETWORK_PROCESS: &str = "WebKitNetworkPr";

/// How long it is kept after the last web view. One that is ending may still be given a new web view, whose page then never comes: the next call
/// may ring in the moment when the pop-up of the last one goes.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// When it may be ended.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Since when there has been no web view, nor has one been needed.
    alone_since: Option<Instant>,
}

impl Leftovers {
    /// The last web view has gone.
    pub(super) fn left_alone(&mut self, now: Instant) {
        self.alone_since = Some(now);
    }

    /// There will be a web view.
    pub(super) fn needed(&mut self) {
        self.alone_since = None;
    }

    /// Ends it when there has been no web view for long enough.
    pub(super) fn end_if_due(&mut self, now: Instant) {
        if self.take_due(now) {
            end_network_process();
        }
    }

    fn take_due(&mut self, now: Instant) -> bool {
        self.alone_since.take_if(|since| now.duration_since(*since) >= PATIENCE).is_some()
    }
}

fn end_network_process() {
    for process in children_named(NETWORK_PROCESS) {
        if let Err(error) = kill_process(process, Signal::TERM) {
            tracing::debug!(%error, "the web views' network process stays");
        }
    }
}

/// The processes of this name that this one has started.
fn children_named(name: &str) -> Vec<Pid> {
    let own = std::process::id();
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders.filter_map(|folder| child_named(&folder.path(), name, own)).collect()
}

fn child_named(folder: &Path, name: &str, parent: u32) -> Option<Pid> {
    let process = folder.file_name()?.to_str()?.parse().ok().and_then(Pid::from_raw)?;
    // Processes end while they are looked at.
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    is_child_named(&stat, name, parent).then_some(process)
}

/// Whether a line of the kernel's says that this is the name and that the parent. A name may hold brackets and spaces.
fn is_child_named(stat: &str, name: &str, parent: u32) -> bool {
    let Some((head, tail)) = stat.rsplit_once(')') else { return false };
    head.split_once('(').is_some_and(|(_, found)| found == name)
        && tail.split_whitespace().nth(1).is_some_and(|found| found.parse() == Ok(parent))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn it_ends_when_no_web_view_has_been_needed_for_long_enough() {
        let (start, instant) = (Instant::now(), Duration::from_millis(1));
        let mut leftovers = Leftovers::default();
        assert!(!leftovers.take_due(start + PATIENCE), "there has been no web view");
        leftovers.left_alone(start);
        assert!(!leftovers.take_due(start + PATIENCE - instant));
        leftovers.needed();
        assert!(!leftovers.take_due(start + PATIENCE), "there is a web view");
        leftovers.left_alone(start + instant);
        assert!(!leftovers.take_due(start + PATIENCE), "it has gone later");
        assert!(leftovers.take_due(start + instant + PATIENCE));
        assert!(!leftovers.take_due(start + instant + PATIENCE * 2), "it has ended");
    }

    #[test]
    fn only_a_child_of_that_name_is_meant() {
        let stat = "4711 (WebKitNetworkPr) S 4700 4700 4700 0";
        assert!(is_child_named(stat, NETWORK_PROCESS, 4700));
        assert!(!is_child_named(stat, NETWORK_PROCESS, 4701));
        assert!(!is_child_named(stat, "WebKitWebProces", 4700));
        assert!(!is_child_named("4711 (WebKitNetworkPr", NETWORK_PROCESS, 4700));
    }

    #[test]
    fn a_child_is_found_by_its_name() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("there is such a program");
        let found = children_named("sleep");
        child.kill().expect("it runs");
        child.wait().expect("it has ended");
        assert!(found.iter().any(|process| u32::try_from(process.as_raw_nonzero().get()) == Ok(child.id())), "{found:?}");
    }
}
