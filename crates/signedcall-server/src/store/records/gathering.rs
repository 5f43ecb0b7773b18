//! What is written in one commit.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::{Job, MOST_AT_ONCE};

/// Takes what has gathered behind `first`. While nobody waits for any of it, it waits itself for more to come, for so long at most.
pub(super) fn gather(first: Job, inbox: &Receiver<Job>, may_wait_for: Duration) -> Vec<Job> {
    let until = Instant::now() + may_wait_for;
    let mut is_waited_for = first.is_waited_for();
    let mut jobs = vec![first];
    while jobs.len() < MOST_AT_ONCE {
        let next =
            if is_waited_for { inbox.try_recv().ok() } else { inbox.recv_timeout(until.saturating_duration_since(Instant::now())).ok() };
        let Some(next) = next else { break };
        is_waited_for |= next.is_waited_for();
        jobs.push(next);
    }
    jobs
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::SystemTime;

    use signedcall_wire::{CallId, EndReason, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::hub::CloseRecord;
    use crate::store::records::Closing;

    fn closing(number: u128) -> Job {
        let record = CloseRecord {
            call: CallId(Uuid::from_u128(number)),
            answered: None,
            declined_by: None,
            ended_at: Timestamp::from_millis(0),
            reason: EndReason::HungUp,
        };
        Job::Close(Closing { record, ended_at: SystemTime::UNIX_EPOCH })
    }

    #[test]
    fn what_nobody_waits_for_goes_with_what_somebody_does() {
        let (send, inbox) = mpsc::channel();
        let gathering = std::thread::spawn(move || gather(closing(1), &inbox, Duration::from_secs(3_600)));
        send.send(closing(2)).expect("it is taken");
        send.send(Job::Finish).expect("it is taken");
        let gathered = gathering.join().expect("it ends as soon as somebody waits");
        assert!(matches!(gathered[..], [Job::Close(_), Job::Close(_), Job::Finish]), "{gathered:?}");
    }

    #[test]
    fn it_waits_no_longer_than_it_may() {
        let (_send, inbox) = mpsc::channel();
        assert_eq!(gather(closing(1), &inbox, Duration::ZERO).len(), 1);
    }

    #[test]
    fn what_somebody_waits_for_waits_for_nothing() {
        let (send, inbox) = mpsc::channel();
        send.send(closing(2)).expect("it is taken");
        assert_eq!(gather(Job::Finish, &inbox, Duration::from_secs(3_600)).len(), 2);
        (0..2 * MOST_AT_ONCE as u128).for_each(|number| send.send(closing(number)).expect("it is taken"));
        assert_eq!(gather(closing(1), &inbox, Duration::from_secs(3_600)).len(), MOST_AT_ONCE);
    }
}
