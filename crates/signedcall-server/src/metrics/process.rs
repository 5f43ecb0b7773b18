//! What the process itself takes of the machine, by the names that every exporter gives it.

use std::fs;
use std::time::Duration;

use super::page::Page;

/// Writes what the system says of this process. What it does not say, as where there is no `/proc`, is left out.
pub(crate) fn write(page: &mut Page) {
    if let Some(bytes) = resident_bytes() {
        page.value("process_resident_memory_bytes", "Memory of the process that is in RAM.", bytes);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        page.value("process_open_fds", "Files and sockets that the process has open.", files.count());
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        page.value("process_max_fds", "The most files and sockets that it may have open.", most);
    }
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    if let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(used.tv_sec), u32::try_from(used.tv_nsec)) {
        let used = Duration::new(seconds, nanoseconds).as_secs_f64();
        page.total("process_cpu_seconds_total", "Time of processors that it has used.", used);
    }
}

fn resident_bytes() -> Option<usize> {
    let pages: usize = fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size())
}
