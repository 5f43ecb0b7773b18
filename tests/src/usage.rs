use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{PATIENCE, Process};

/// What a program and everything that it has started use of the computer.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The names of its processes, as the kernel cuts them: 15 bytes at most.
    pub programs: Vec<String>,
    /// Memory in MiB, where each page that several processes share counts for each of them in part (PSS).
    pub memory_mib: f64,
    /// How often its threads have gone to sleep of their own accord: each time, something has woken them up before.
    pub wake_ups: u64,
    at: Instant,
}

impl Usage {
    /// Looks at a program.
    pub fn of(process: &Process) -> Result<Self> {
        let mut usage = Self { programs: Vec::new(), memory_mib: 0.0, wake_ups: 0, at: Instant::now() };
        for folder in fs::read_dir("/proc").context("reading /proc")? {
            let folder = folder?.path();
            // A process may end while it is looked at.
            let Some((name, group)) = fs::read_to_string(folder.join("stat")).ok().as_deref().and_then(name_and_group) else { continue };
            if group != process.id() {
                continue;
            }
            usage.programs.push(name);
            usage.memory_mib += field(&folder.join("smaps_rollup"), "Pss:").unwrap_or(0) as f64 / 1024.0;
            let threads = fs::read_dir(folder.join("task")).into_iter().flatten().flatten();
            usage.wake_ups += threads.filter_map(|thread| field(&thread.path().join("status"), "voluntary_ctxt_switches:")).sum::<u64>();
        }
        usage.programs.sort();
        Ok(usage)
    }

    /// How often a second the program has woken up since an earlier look.
    pub fn wake_ups_since(&self, earlier: &Self) -> f64 {
        self.wake_ups.saturating_sub(earlier.wake_ups) as f64 / self.at.duration_since(earlier.at).as_secs_f64()
    }

    /// Waits until a program's processes are such.
    pub async fn until(process: &Process, what: &str, accept: impl Fn(&[String]) -> bool) -> Result<Self> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let usage = Self::of(process)?;
            if accept(&usage.programs) {
                return Ok(usage);
            }
            anyhow::ensure!(Instant::now() < limit, "waited for {what}; there are {:?}", usage.programs);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}

/// The name of a process and the group that it belongs to. The name may hold anything, brackets and spaces included.
fn name_and_group(stat: &str) -> Option<(String, u32)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    Some((name.to_owned(), tail.split_whitespace().nth(2)?.parse().ok()?))
}

/// The number behind a name in one of the kernel's tables.
fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_behind_any_name() {
        assert_eq!(name_and_group("4711 (Web (x) Content) S 1 4700 4700 0"), Some(("Web (x) Content".to_owned(), 4700)));
        assert_eq!(name_and_group("4711"), None);
    }
}
