use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use signedcall_wire::{
    CallId, DeviceName, EndedCall, Endpoint, ErrorCode, MAX_CALLS_PER_DEVICE, MAX_UNANSWERED_REQUESTS, Redacted, RequestId, ServiceEvent,
    Timestamp,
};

use super::budget::Budget;
use super::{Right, SocketId, User};

/// Events kept for a replay: a call to one device is under twenty, and this is several calls with all their candidates.
const EVENTS_KEPT: usize = 128;
/// How long an event is kept for a replay: as long as a session can be resumed by default.
const EVENT_KEPT_FOR: Duration = Duration::from_secs(60);

/// One sign-in of a device.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: User,
    /// What has let it in; `None`: its device is expected back from before the service was started.
    pub(super) right: Option<Right>,
    pub(super) name: Option<String>,
    pub(super) endpoint: Endpoint,
    /// What the user's other devices call it.
    pub(super) device_name: Option<DeviceName>,
    /// How many calls it may be in at a time.
    pub(super) room: usize,
    /// `None`: its device is expected back from before the service was started, or its right has expired, and nobody can resume it.
    pub(super) token: Option<Redacted<String>>,
    pub(super) relay_only: bool,
    pub(super) max_call: Option<Duration>,
    pub(super) link: Link,
    pub(super) events: EventRing,
    pub(super) answers: Answers,
    /// The calls that it has a part in.
    pub(super) calls: BTreeSet<CallId>,
    /// How often it may report on calls.
    pub(super) reports: Budget,
    /// How often it may tell events for analytics.
    pub(super) events_told: Budget,
    /// How often it may ask for receipts.
    pub(super) receipts: Budget,
    /// How often it may say where its pushes go.
    pub(super) push_changes: Budget,
}

/// How many calls a device takes at a time.
pub(super) const fn room_for(second_calls: bool) -> usize {
    if second_calls { MAX_CALLS_PER_DEVICE } else { 1 }
}

/// Whether a session can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// A socket is open.
    Up { socket: SocketId },
    /// The socket was lost a moment ago: calls go on, and new ones ring once it resumes.
    Missing { since: Timestamp },
    /// The socket was lost too long ago for calls; the session can still be resumed, to learn what became of them.
    Gone { since: Timestamp },
}

impl Session {
    pub(super) fn socket(&self) -> Option<SocketId> {
        match self.link {
            Link::Up { socket } => Some(socket),
            Link::Missing { .. } | Link::Gone { .. } => None,
        }
    }

    pub(super) fn is_reachable(&self) -> bool {
        match self.link {
            Link::Up { .. } | Link::Missing { .. } => true,
            Link::Gone { .. } => false,
        }
    }

    /// Compares without stopping at the first difference, so that the time taken says nothing about the token.
    pub(super) fn may_be_resumed_by(&self, token: &Redacted<String>) -> bool {
        let Some(ours) = &self.token else {
            return false;
        };
        let (ours, theirs) = (ours.expose().as_bytes(), token.expose().as_bytes());
        ours.len() == theirs.len() && ours.iter().zip(theirs).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

/// The events of a session that its device has not acknowledged.
#[derive(Debug, Default)]
pub(super) struct EventRing {
    last_seq: u64,
    kept: VecDeque<KeptEvent>,
}

#[derive(Debug)]
struct KeptEvent {
    seq: u64,
    at: Timestamp,
    event: ServiceEvent,
}

impl EventRing {
    /// Keeps an event and gives it its number.
    pub(super) fn push(&mut self, now: Timestamp, event: ServiceEvent) -> u64 {
        self.forget_old(now);
        if self.kept.len() == EVENTS_KEPT {
            self.kept.pop_front();
        }
        self.last_seq += 1;
        self.kept.push_back(KeptEvent { seq: self.last_seq, at: now, event });
        self.last_seq
    }

    pub(super) fn acknowledge(&mut self, seq: u64) {
        while self.kept.front().is_some_and(|kept| kept.seq <= seq) {
            self.kept.pop_front();
        }
    }

    /// Everything after `last_seq`, or `None` when some of it is no longer kept or was never sent.
    pub(super) fn replay(&mut self, now: Timestamp, last_seq: u64) -> Option<Vec<(u64, ServiceEvent)>> {
        self.forget_old(now);
        let first_kept = self.kept.front().map_or(self.last_seq + 1, |kept| kept.seq);
        if last_seq > self.last_seq || last_seq.saturating_add(1) < first_kept {
            return None;
        }
        self.acknowledge(last_seq);
        Some(self.kept.iter().map(|kept| (kept.seq, kept.event.clone())).collect())
    }

    /// The calls whose end was told and may not have been heard.
    pub(super) fn ends(&self) -> impl Iterator<Item = EndedCall> {
        self.kept.iter().filter_map(|kept| match &kept.event {
            ServiceEvent::Ended { call, reason, other_device } => {
                Some(EndedCall { call: *call, reason: *reason, other_device: other_device.clone() })
            }
            ServiceEvent::Invite(_)
            | ServiceEvent::Ringing { .. }
            | ServiceEvent::Answered { .. }
            | ServiceEvent::Held { .. }
            | ServiceEvent::TimeLeft { .. }
            | ServiceEvent::Transferred(_)
            | ServiceEvent::Signal { .. }
            | ServiceEvent::Branding(_)
            | ServiceEvent::Unknown => None,
        })
    }

    fn forget_old(&mut self, now: Timestamp) {
        while self.kept.front().is_some_and(|kept| now.since(kept.at) > EVENT_KEPT_FOR) {
            self.kept.pop_front();
        }
    }
}

/// What requests of a session were answered, so that repeating one is safe.
///
/// Answers reach a device in the order in which they are given, and it asks nothing more once [`MAX_UNANSWERED_REQUESTS`] of them are missing: so the
/// last ones that were given, as many as that, are all that it may ask for again.
#[derive(Debug, Default)]
pub(super) struct Answers {
    all: BTreeMap<RequestId, Answer>,
    /// Those that were given, in the order in which they were given last.
    given: VecDeque<RequestId>,
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It follows once the store has done its part.
    Pending,
    /// It was this.
    Given(Option<ErrorCode>),
}

impl Answers {
    pub(super) fn get(&self, id: RequestId) -> Option<Answer> {
        self.all.get(&id).copied()
    }

    /// Lets a request be carried out again that waits for its answer.
    pub(super) fn forget_pending(&mut self, id: RequestId) {
        if self.get(id) == Some(Answer::Pending) {
            self.all.remove(&id);
        }
    }

    /// Those that were given. Nobody waits for the others any more: a call that is being written down is waited for anew by whoever asks again.
    pub(super) fn without_pending(mut self) -> Self {
        self.all.retain(|_, answer| matches!(answer, Answer::Given(_)));
        self
    }

    pub(super) fn set(&mut self, id: RequestId, answer: Answer) {
        let before = self.all.insert(id, answer);
        match answer {
            Answer::Pending => {}
            Answer::Given(_) => {
                if matches!(before, Some(Answer::Given(_))) {
                    self.given.retain(|given| *given != id);
                }
                self.given.push_back(id);
            }
        }
        if self.given.len() > MAX_UNANSWERED_REQUESTS
            && let Some(oldest) = self.given.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::EndReason;
    use uuid::Uuid;

    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_millis(milliseconds)
    }

    fn event() -> ServiceEvent {
        ServiceEvent::Ended { call: CallId(Uuid::nil()), reason: EndReason::HungUp, other_device: None }
    }

    fn numbers(replay: Option<Vec<(u64, ServiceEvent)>>) -> Option<Vec<u64>> {
        replay.map(|events| events.into_iter().map(|(seq, _)| seq).collect())
    }

    #[test]
    fn a_replay_is_what_followed_the_last_event_received() {
        let mut ring = EventRing::default();
        assert_eq!(numbers(ring.replay(at(0), 0)), Some(vec![]));
        assert_eq!(numbers(ring.replay(at(0), 1)), None, "that number was never given");
        for _ in 0..4 {
            ring.push(at(0), event());
        }
        ring.acknowledge(1);
        assert_eq!(numbers(ring.replay(at(0), 0)), None, "1 was acknowledged and is no longer kept");
        assert_eq!(numbers(ring.replay(at(0), 2)), Some(vec![3, 4]));
        assert_eq!(numbers(ring.replay(at(0), 4)), Some(vec![]));
        assert_eq!(numbers(ring.replay(at(0), u64::MAX)), None);
    }

    #[test]
    fn an_event_is_kept_for_sixty_seconds() {
        let mut ring = EventRing::default();
        ring.push(at(0), event());
        assert_eq!(numbers(ring.replay(at(60_000), 0)), Some(vec![1]));
        assert_eq!(numbers(ring.replay(at(60_001), 0)), None);
        assert_eq!(numbers(ring.replay(at(60_001), 1)), Some(vec![]), "who had it needs no replay");
    }

    #[test]
    fn the_last_hundred_and_twenty_eight_events_are_kept() {
        let mut ring = EventRing::default();
        for _ in 0..129 {
            ring.push(at(0), event());
        }
        assert_eq!(numbers(ring.replay(at(0), 0)), None);
        assert_eq!(numbers(ring.replay(at(0), 1)).map(|numbers| numbers.len()), Some(128));
    }

    #[test]
    fn the_answer_given_longest_ago_is_forgotten_first_and_a_pending_one_never() {
        let mut answers = Answers::default();
        let id = |number: usize| RequestId(Uuid::from_u128(number as u128));
        let pending = id(MAX_UNANSWERED_REQUESTS + 1);
        answers.set(pending, Answer::Pending);
        for number in 0..MAX_UNANSWERED_REQUESTS {
            answers.set(id(number), Answer::Given(None));
        }
        answers.set(id(0), Answer::Given(None));
        answers.set(id(MAX_UNANSWERED_REQUESTS), Answer::Given(None));
        assert_eq!(answers.get(id(0)), Some(Answer::Given(None)), "it was given again");
        assert_eq!(answers.get(id(1)), None);
        assert_eq!(answers.get(id(2)), Some(Answer::Given(None)));
        assert_eq!(answers.get(pending), Some(Answer::Pending));
    }
}
