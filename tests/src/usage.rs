use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, Process};

/// What a program and everything that it has started use of the computer.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The names of its processes, as the kernel cuts them: 15 bytes at most.
    pub programs: Vec<String>,
    /// Memory in MiB, where each page that several processes share counts for each of them in part (PSS).
    pub memory_mib: f64,
    /// How often each of its threads has gone to sleep of its own accord: each time, something has woken it up before.
    threads: BTreeMap<String, u64>,
    /// The time that the processes have had a processor for, by id, each with its name.
    busy: BTreeMap<PathBuf, (String, Duration)>,
    /// The same of each thread that is there still: of which program it is, and its own name, cut likewise.
    busy_threads: BTreeMap<PathBuf, (String, String, Duration)>,
    at: Instant,
}

impl Usage {
    /// Looks at a program.
    pub fn of(process: &Process) -> Result<Self> {
        let (threads, busy, busy_threads) = Default::default();
        let mut usage = Self { programs: Vec::new(), memory_mib: 0.0, threads, busy, busy_threads, at: Instant::now() };
        for (name, folder) in processes(process)? {
            let busy = fs::read_to_string(folder.join("stat")).ok().as_deref().and_then(busy_for);
            usage.busy.extend(busy.map(|busy| (folder.clone(), (name.clone(), busy))));
            usage.programs.push(name.clone());
            usage.memory_mib += field(&folder.join("smaps_rollup"), "Pss:").unwrap_or(0) as f64 / 1024.0;
            for thread in fs::read_dir(folder.join("task")).into_iter().flatten().flatten() {
                let sleeps = field(&thread.path().join("status"), "voluntary_ctxt_switches:");
                usage.threads.extend(sleeps.map(|sleeps| (thread.file_name().to_string_lossy().into_owned(), sleeps)));
                let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                if let (Some((own_name, _)), Some(busy)) = (name_and_group(&stat), busy_for(&stat)) {
                    usage.busy_threads.insert(thread.path(), (name.clone(), own_name, busy));
                }
            }
        }
        usage.programs.sort();
        Ok(usage)
    }

    /// How often a second the program has woken up since an earlier look. What threads did that have ended since is not known.
    pub fn wake_ups_since(&self, earlier: &Self) -> f64 {
        let since = |(thread, sleeps): (&String, &u64)| sleeps.saturating_sub(earlier.threads.get(thread).copied().unwrap_or(0));
        self.threads.iter().map(since).sum::<u64>() as f64 / self.at.duration_since(earlier.at).as_secs_f64()
    }

    /// Of how much of one processor's time the processes with such names have made use since an earlier look, in percent.
    pub fn cpu_percent_since(&self, earlier: &Self, count: impl Fn(&str) -> bool) -> f64 {
        let since = |(folder, (_, busy)): (&PathBuf, &(String, Duration))| {
            busy.saturating_sub(earlier.busy.get(folder).map_or(Duration::ZERO, |(_, before)| *before))
        };
        let counted = self.busy.iter().filter(|(_, (name, _))| count(name));
        100.0 * counted.map(since).sum::<Duration>().as_secs_f64() / self.at.duration_since(earlier.at).as_secs_f64()
    }

    /// As [`cpu_percent_since`](Self::cpu_percent_since) for the threads of the programs of one name, by the threads' names.
    pub fn cpu_percent_of_threads_since(&self, earlier: &Self, program: &str) -> BTreeMap<String, f64> {
        let seconds = self.at.duration_since(earlier.at).as_secs_f64();
        let mut shares = BTreeMap::new();
        for (folder, (of, thread, busy)) in &self.busy_threads {
            if of == program {
                let before = earlier.busy_threads.get(folder).map_or(Duration::ZERO, |(.., before)| *before);
                *shares.entry(thread.clone()).or_default() += 100.0 * busy.saturating_sub(before).as_secs_f64() / seconds;
            }
        }
        shares
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

/// Ends one of the processes of a program without asking it, as a crash would; its name is cut as the kernel cuts it.
pub(crate) fn kill(process: &Process, name: &str) -> Result<()> {
    let found = processes(process)?.into_iter().find(|(found, _)| found == name);
    let (_, folder) = found.with_context(|| format!("the program has no process {name}"))?;
    let id = folder.file_name().and_then(|id| id.to_str()?.parse().ok()).and_then(Pid::from_raw).context("a process has a number")?;
    kill_process(id, Signal::KILL).with_context(|| format!("ending {name}"))
}

/// Every process of a program, by name and folder.
fn processes(process: &Process) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for folder in fs::read_dir("/proc").context("reading /proc")? {
        let folder = folder?.path();
        // A process may end while it is looked at.
        let Some((name, group)) = fs::read_to_string(folder.join("stat")).ok().as_deref().and_then(name_and_group) else { continue };
        if group == process.id() {
            found.push((name, folder));
        }
    }
    Ok(found)
}

/// The name of a process and the group that it belongs to. The name may hold anything, brackets and spaces included.
fn name_and_group(stat: &str) -> Option<(String, u32)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    Some((name.to_owned(), tail.split_whitespace().nth(2)?.parse().ok()?))
}

/// For how long a process has had a processor, in user mode and in the kernel (`proc(5)`, fields 14 and 15 of `stat`).
fn busy_for(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).ok()?)
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

    #[test]
    fn the_time_on_a_processor_is_that_in_both_modes() {
        let ticks = rustix::param::clock_ticks_per_second();
        let stat = format!("4711 (a) b) S 1 4700 4700 0 -1 4194304 1 2 3 4 {ticks} {} 7 8 20 0", 2 * ticks);
        assert_eq!(busy_for(&stat), Some(Duration::from_secs(3)));
        assert_eq!(busy_for("4711 (a) S 1"), None);
    }
}
