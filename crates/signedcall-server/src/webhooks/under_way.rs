//! What is being told to webhooks at the moment, and how much more may be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::{Next, WebhookId};
use crate::store::{Due, Tried, WebhookState};

/// Deliveries to one webhook at the same time: one that is slow gets a few calls behind, and no other one does.
const MOST_FOR_ONE: usize = 4;
/// To one that fails: whether it works again is found out by one as well as by four.
const MOST_FOR_FAILING: usize = 1;
/// How often it has to have failed in a row for that.
const IS_FAILING_FROM: u32 = 3;
/// Deliveries at the same time: each holds one of the files that the process may have open, which devices need as well.
const MOST_AT_ONCE: usize = 256;

/// What is being sent, or was sent and is not written down.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay {
    numbers: BTreeSet<i64>,
    of: BTreeMap<WebhookId, usize>,
    /// Those that want to be left alone.
    resting: BTreeMap<WebhookId, Instant>,
}

impl UnderWay {
    /// The deliveries that are not to be sent once more now.
    pub(super) const fn numbers(&self) -> &BTreeSet<i64> {
        &self.numbers
    }

    /// How many more deliveries there is room for.
    pub(super) fn room_for(&self, webhook: &WebhookState, now: Instant) -> usize {
        if self.resting.get(&webhook.id).is_some_and(|until| now < *until) {
            return 0;
        }
        let most = if webhook.failures < IS_FAILING_FROM { MOST_FOR_ONE } else { MOST_FOR_FAILING };
        let all = MOST_AT_ONCE.saturating_sub(self.numbers.len());
        most.saturating_sub(self.places_of(&webhook.id)).min(all)
    }

    /// Puts webhooks in the order in which they are served: those with the fewest deliveries under way come first, so that none waits for ever where many
    /// share the room. `chance` decides between those that have as many.
    pub(super) fn in_turn(&self, mut webhooks: Vec<WebhookState>, mut chance: impl FnMut() -> u32) -> Vec<WebhookState> {
        webhooks.sort_by_cached_key(|webhook| (self.places_of(&webhook.id), chance()));
        webhooks
    }

    /// A delivery is sent.
    pub(super) fn send(&mut self, due: &Due) {
        self.numbers.insert(due.number);
        *self.of.entry(due.webhook.clone()).or_default() += 1;
    }

    /// It has come to something. One that has arrived makes room for the next at once; one that has failed only when that is written down, for how much room
    /// there is hangs on it.
    pub(super) fn come_to(&mut self, tried: &Tried, now: Instant) {
        match tried.next {
            Next::Done => self.make_room(&tried.webhook),
            Next::Again { after, rest: true } => {
                self.resting.insert(tried.webhook.clone(), now + after);
            }
            Next::Again { rest: false, .. } | Next::GiveUp | Next::SwitchOff => {}
        }
    }

    /// What it has come to is written down.
    pub(super) fn written(&mut self, tried: &Tried) {
        self.numbers.remove(&tried.number);
        match tried.next {
            Next::Done => {}
            Next::Again { .. } | Next::GiveUp | Next::SwitchOff => self.make_room(&tried.webhook),
        }
    }

    /// Nobody is left alone for longer than they wanted.
    pub(super) fn wake(&mut self, now: Instant) {
        self.resting.retain(|_, until| now < *until);
    }

    fn places_of(&self, webhook: &WebhookId) -> usize {
        self.of.get(webhook).copied().unwrap_or_default()
    }

    fn make_room(&mut self, webhook: &WebhookId) {
        if let Some(of) = self.of.get_mut(webhook) {
            *of -= 1;
            if *of == 0 {
                self.of.remove(webhook);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn webhook(id: &str, failures: u32) -> WebhookState {
        WebhookState { id: WebhookId(id.to_owned()), failures, url: String::new(), secrets: Vec::new() }
    }

    fn due(id: &str, number: i64) -> Due {
        let (webhook, url, body) = (WebhookId(id.to_owned()), String::new(), String::new());
        Due { number, webhook, url, secrets: Vec::new(), body, tries: 0, until_ms: 0 }
    }

    fn tried(id: &str, number: i64, next: Next) -> Tried {
        let (webhook, at, took) = (WebhookId(id.to_owned()), SystemTime::UNIX_EPOCH, Duration::ZERO);
        Tried { number, webhook, at, took, status: None, error: None, next }
    }

    #[test]
    fn one_webhook_has_four_deliveries_under_way_and_one_when_it_fails() {
        let (mut under_way, now) = (UnderWay::default(), Instant::now());
        under_way.send(&due("a", 1));
        let rows = [("a", 2, 3), ("a", 3, 0), ("b", 2, 4), ("b", 3, 1)];
        for (id, failures, room) in rows {
            assert_eq!(under_way.room_for(&webhook(id, failures), now), room, "{id} {failures}");
        }
    }

    #[test]
    fn what_has_arrived_makes_room_at_once_and_what_has_failed_when_it_is_written_down() {
        let (mut under_way, now) = (UnderWay::default(), Instant::now());
        let room = |under_way: &UnderWay| under_way.room_for(&webhook("a", 0), now);
        let (arrived, failed) = (tried("a", 1, Next::Done), tried("a", 2, Next::GiveUp));
        under_way.send(&due("a", 1));
        under_way.send(&due("a", 2));
        under_way.come_to(&arrived, now);
        under_way.come_to(&failed, now);
        assert_eq!((room(&under_way), under_way.numbers().len()), (3, 2), "neither is sent again until it is written down");
        under_way.written(&arrived);
        under_way.written(&failed);
        assert_eq!((room(&under_way), under_way.numbers().len()), (4, 0));
    }

    #[test]
    fn whoever_wants_to_be_left_alone_is_until_then() {
        let (mut under_way, now) = (UnderWay::default(), Instant::now());
        let (second, moment) = (Duration::from_secs(1), Duration::from_millis(1));
        let rests = tried("a", 1, Next::Again { after: second, rest: true });
        under_way.send(&due("a", 1));
        under_way.come_to(&rests, now);
        under_way.written(&rests);
        let a = webhook("a", 0);
        assert_eq!((under_way.room_for(&a, now + second - moment), under_way.room_for(&a, now + second)), (0, 4));
        under_way.wake(now + second);
        assert_eq!(under_way.room_for(&a, now), 4);
    }

    #[test]
    fn those_with_the_fewest_deliveries_under_way_come_first() {
        let mut under_way = UnderWay::default();
        for (number, id) in ["a", "a", "b"].into_iter().enumerate() {
            under_way.send(&due(id, number as i64));
        }
        let all = || ["a", "b", "c", "d"].map(|id| webhook(id, 0)).to_vec();
        let names = |webhooks: Vec<WebhookState>| webhooks.into_iter().map(|webhook| webhook.id.0).collect::<String>();
        assert_eq!(names(under_way.in_turn(all(), || 0)), "cdba");
        let mut falling = (0..4).rev();
        assert_eq!(names(under_way.in_turn(all(), || falling.next().expect("one for each"))), "dcba");
    }
}
