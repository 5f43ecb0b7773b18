//! The task that sends what is due, and writes down what has become of it.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::client::SendError;
use super::schedule::next;
use super::signature::signature;
use super::under_way::UnderWay;
use super::{Client, WebhookSettings};
use crate::outward::Answer;
use crate::store::{Alarm, Due, Outbox, StoreError, Tried};

/// How often is looked for what has become due by itself, or by a command.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often is written down what has become of deliveries, at the most: calls wait for whoever writes.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// So much of it is written down at once even so, for there is room for few more deliveries before.
const MOST_GATHERED: usize = 64;

/// Sends what is in the outbox, for as long as it is polled.
pub(crate) async fn deliver(outbox: Outbox, settings: WebhookSettings, filled: Arc<Notify>) {
    // It reads the roots that this computer trusts.
    match spawn_blocking(move || Client::new(settings)).await {
        Ok(client) => deliver_by(client, outbox, filled).await,
        Err(error) => tracing::error!(%error, "webhooks are told nothing, since there is nothing to send with"),
    }
}

pub(super) async fn deliver_by(client: Client, outbox: Outbox, filled: Arc<Notify>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sender = Sender { client, outbox: Arc::new(Mutex::new(outbox)), under_way: UnderWay::default(), failing: BTreeSet::new() };
    let (mut tries, mut tried) = (JoinSet::new(), Vec::new());
    let mut write_at = Instant::now();
    loop {
        if tried.len() >= MOST_GATHERED || (!tried.is_empty() && write_at <= Instant::now()) {
            sender.write(&mut tried).await;
            write_at = Instant::now() + WRITE_EVERY;
        }
        for due in sender.look().await {
            sender.send(due, &mut tries);
        }
        tokio::select! {
            Some(done) = tries.join_next(), if !tries.is_empty() => {
                // All that is there at once.
                for done in std::iter::once(done).chain(std::iter::from_fn(|| tries.try_join_next())) {
                    match done {
                        Ok(done) => {
                            sender.under_way.come_to(&done, Instant::now());
                            tried.push(done);
                        }
                        // Only a runtime that is about to stop cancels it, and what may panic in it is caught.
                        Err(error) => tracing::error!(%error, "a delivery to a webhook has come to nothing"),
                    }
                }
            }
            () = sleep_until(write_at.into()), if !tried.is_empty() => {}
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

impl Sender {
    /// What is due and may be sent.
    async fn look(&mut self) -> Vec<Due> {
        let (outbox, mut under_way) = (Arc::clone(&self.outbox), self.under_way.clone());
        let looked = spawn_blocking(move || {
            let now = Instant::now();
            let outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            let mut found = Vec::new();
            for webhook in under_way.in_turn(outbox.with_something_due(SystemTime::now())?, rand::random) {
                let room = under_way.room_for(&webhook, now);
                let due = if room == 0 { Vec::new() } else { outbox.due(&webhook, SystemTime::now(), room, under_way.numbers())? };
                let due = outbox.take(due, SystemTime::now())?;
                due.iter().for_each(|due| under_way.send(due));
                found.extend(due);
            }
            Ok(found)
        });
        self.heed(looked.await.map_err(|panicked| panicked.to_string()), "what webhooks are to be told cannot be read").unwrap_or_default()
    }

    fn send(&mut self, due: Due, tries: &mut JoinSet<Tried>) {
        self.under_way.send(&due);
        let client = self.client.clone();
        tries.spawn(async move {
            let (began, at) = (Instant::now(), SystemTime::now());
            let unix_seconds = i64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
            let answer = caught(async {
                let signature = signature(&due.secrets, unix_seconds, &due.body);
                client.send(&due.url, &signature, due.body.clone()).await
            });
            let answer = answer.await;
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
        let (outbox, written) = (Arc::clone(&self.outbox), tried.clone());
        let write = spawn_blocking(move || outbox.lock().unwrap_or_else(PoisonError::into_inner).write(&written, SystemTime::now()));
        let alarms = write.await.map_err(|panicked| panicked.to_string());
        let Some(alarms) = self.heed(alarms, "what has become of deliveries to webhooks cannot be written down") else {
            // Later, then.
            return;
        };
        tried.drain(..).for_each(|tried| self.under_way.written(&tried));
        self.under_way.wake(Instant::now());
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

/// A try that panics has failed like any other: its delivery waits for the next, and keeps no other one from being sent.
async fn caught(send: impl Future<Output = Result<Answer, SendError>>) -> Result<Answer, SendError> {
    AssertUnwindSafe(send).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a delivery to a webhook has failed by a bug");
        Err(SendError::Bug)
    })
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
            tracing::error!(webhook = webhook.0, deliveries, "a webhook was tried for a day, and is not told of some calls of before");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_try_that_panics_has_failed() {
        let failed = caught(async { panic!("a bug") }).await;
        assert!(matches!(failed, Err(SendError::Bug)), "{failed:?}");
    }
}
