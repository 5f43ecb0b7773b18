//! Sound goes before other work: what comes 10 ms late is heard.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Lets the calling thread go before all ordinary work, where the system grants this user that right; where not, all stays as it is. Says whether it does.
///
/// The lowest of the real-time priorities: above everything that is not sound, below the sound server, which everybody waits for. Threads
/// that are started by this one inherit it.
///
/// It does not log: sound libraries' threads ask for it too.
pub(super) fn go_first() -> bool {
    let round_robin = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, round_robin).is_ok()
}
