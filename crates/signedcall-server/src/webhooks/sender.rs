//! The task that sends what is due, and writes down what has become of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use super::schedule::next;
use super::signature::signature;
use super::{Client, Next, WebhookId, WebhookSettings};
use crate::store::{Alarm, Due, Outbox, StoreError, Tried, WebhookState};

/// How often is looked for what has become due by itself, or by a command.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Deliveries to one webhook at the same time: one that is slow gets a few calls behind, and no other one does.
const MOST_FOR_ONE: usize = 4;
/// To one that fails: whether it works again is found out by one as well as by four.
const MOST_FOR_FAILING: usize = 1;
/// How often it has to have failed in a row for that.
const IS_FAILING_FROM: u32 = 3;
/// Deliveries at the same time: each holds one of the files that the process may have open, which devices need as well.
const MOST_AT_ONCE: usize = 256;

/// Sends what is in the outbox, for as long as it is polled.
pub(crate) async fn deliver(outbox: Outbox, settings: WebhookSettings, filled: Arc<Notify>) {
    // It reads the roots that this computer trusts.
    let Ok(client) = spawn_blocking(move || Client::new(settings)).await else { return };
    deliver_by(client, outbox, filled).await;
}

pub(super) async fn deliver_by(client: Client, outbox: Outbox, filled: Arc<Notify>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sender = Sender { client, outbox: Arc::new(Mutex::new(outbox)), under_way: UnderWay::default(), failing: BTreeSet::new() };
    let (mut tries, mut tried) = (JoinSet::new(), Vec::new());
    loop {
        sender.write(&mut tried).await;
        for due in sender.look().await {
            sender.send(due, &mut tries);
        }
        tokio::select! {
            Some(done) = tries.join_next(), if !tries.is_empty() => {
                // All that is there is written down at once.
                tried.extend(std::iter::once(done).chain(std::iter::from_fn(|| tries.try_join_next())).filter_map(|done| {
                    done.inspect_err(|error| tracing::error!(%error, "a delivery to a webhook has failed by a bug")).ok()
                }));
            }
            () = filled.notified() => {}
            _ = ticks.tick() => {}
        }
    }
}

#[derive(Debug)]
struct Sender {
    client: Client,
    outbox: Arc<Mutex<Outbox>>,
    under_way: UnderWay,
    /// What the store has failed to do the last time, so that it is said once.
    failing: BTreeSet<&'static str>,
}

/// What is being sent, or was sent and is not written down.
#[derive(Clone, Debug, Default)]
struct UnderWay {
    numbers: BTreeSet<i64>,
    of: BTreeMap<WebhookId, usize>,
    /// Those that want to be left alone.
    resting: BTreeMap<WebhookId, Instant>,
}

impl UnderWay {
    /// How many more deliveries there is room for.
    fn room_for(&self, webhook: &WebhookState, now: Instant) -> usize {
        if self.resting.get(&webhook.id).is_some_and(|until| now < *until) {
            return 0;
        }
        let most = if webhook.failures < IS_FAILING_FROM { MOST_FOR_ONE } else { MOST_FOR_FAILING };
        let all = MOST_AT_ONCE.saturating_sub(self.numbers.len());
        most.saturating_sub(self.of.get(&webhook.id).copied().unwrap_or_default()).min(all)
    }
}

impl Sender {
    /// What is due and may be sent.
    async fn look(&mut self) -> Vec<Due> {
        let (outbox, mut under_way) = (Arc::clone(&self.outbox), self.under_way.clone());
        let looked = spawn_blocking(move || {
            let now = Instant::now();
            let outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            let mut found = Vec::new();
            for webhook in outbox.with_something_due(SystemTime::now())? {
                let room = under_way.room_for(&webhook, now);
                let due = if room == 0 { Vec::new() } else { outbox.due(&webhook, SystemTime::now(), room, &under_way.numbers)? };
                under_way.numbers.extend(due.iter().map(|due| due.number));
                found.extend(due);
            }
            Ok(found)
        });
        self.heed(looked.await.map_err(|panicked| panicked.to_string()), "what webhooks are to be told cannot be read").unwrap_or_default()
    }

    fn send(&mut self, due: Due, tries: &mut JoinSet<Tried>) {
        self.under_way.numbers.insert(due.number);
        *self.under_way.of.entry(due.webhook.clone()).or_default() += 1;
        let client = self.client.clone();
        tries.spawn(async move {
            let (began, at) = (Instant::now(), SystemTime::now());
            let unix_seconds = i64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
            let signature = signature(&due.secrets, unix_seconds, &due.body);
            let answer = client.send(&due.url, &signature, due.body.clone()).await;
            let next = next(&answer, due.tries.saturating_add(1), due.left(SystemTime::now()), rand::random());
            let (status, error) = match answer {
                Ok(answer) => (Some(answer.status), Some(answer.words).filter(|words| !words.is_empty())),
                Err(error) => (None, Some(error.to_string())),
            };
            tracing::debug!(webhook = due.webhook.0, event = due.number, ?status, error, ?next, "a webhook was told of a call");
            Tried { number: due.number, webhook: due.webhook, at, took: began.elapsed(), status, error, next }
        });
    }

    /// Writes down what has become of deliveries. Until that is done they are not sent again.
    async fn write(&mut self, tried: &mut Vec<Tried>) {
        if tried.is_empty() {
            return;
        }
        let (outbox, written) = (Arc::clone(&self.outbox), std::mem::take(tried));
        let write = spawn_blocking(move || {
            let alarms = outbox.lock().unwrap_or_else(PoisonError::into_inner).write(&written, SystemTime::now());
            (written, alarms)
        });
        let (written, alarms) = write.await.expect("what is written are numbers and texts of our own");
        let Some(alarms) = self.heed(Ok(alarms), "what has become of deliveries to webhooks cannot be written down") else {
            // Later, then.
            *tried = written;
            return;
        };
        for Tried { number, webhook, next, .. } in written {
            self.under_way.numbers.remove(&number);
            if let Some(of) = self.under_way.of.get_mut(&webhook) {
                *of -= 1;
                if *of == 0 {
                    self.under_way.of.remove(&webhook);
                }
            }
            if let Next::Again { after, rest: true } = next {
                self.under_way.resting.insert(webhook, Instant::now() + after);
            }
        }
        self.under_way.resting.retain(|_, until| Instant::now() < *until);
        alarms.iter().for_each(say);
    }

    /// What the store has given. That it fails is said when it begins.
    fn heed<T>(&mut self, given: Result<Result<T, StoreError>, String>, failed: &'static str) -> Option<T> {
        let error = match given {
            Ok(Ok(given)) => {
                self.failing.remove(failed);
                return Some(given);
            }
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked,
        };
        if self.failing.insert(failed) {
            tracing::error!(error, "{failed}");
        }
        None
    }
}

/// Says what whoever runs the service should know of a webhook. Its URL may hold a secret, so it is named by its id.
fn say(alarm: &Alarm) {
    match alarm {
        Alarm::Failing { webhook, failures, since, error } => {
            tracing::error!(webhook = webhook.0, failures, since, error, "a webhook keeps failing");
        }
        Alarm::Recovered { webhook, failures } => tracing::info!(webhook = webhook.0, failures, "a webhook works again"),
        Alarm::Off { webhook } => tracing::warn!(webhook = webhook.0, "a webhook is switched off, since its receiver says that it is gone"),
        Alarm::Lost { webhook, deliveries } => {
            tracing::error!(webhook = webhook.0, deliveries, "a webhook has failed for a day, and is not told of calls of before");
        }
    }
}
