//! What web views leave behind: WebKit keeps the process that fetches pages for as long as the program runs, whether there is a page or not, and
//! starts another one when there is none.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// The name of that process, as the kernel cuts it.
const NETWORK_PROCESS: &str = "WebKitNetworkPr";

/// Ends it. Only for when no web view is left.
pub(super) fn end_network_process() {
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
