//! The task that sends the pushes that are due, and writes down what has become of them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use signedcall_wire::{CallId, PushPayload, PushService};
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::apns::Apns;
use super::encrypt::DeviceKeys;
use super::exchange::{Answer, SendError};
use super::schedule::{Next, next};
use super::web_push::WebPush;
use super::{CertificatesError, PushSender, PushSettings, VapidKey};
use crate::cluster::Exchange;
use crate::hub::HubEvent;
use crate::store::{DuePush, Pushes, StoreError, TriedPush, unix_millis};
use crate::switchboard::Note;

/// How often is looked for what has become due by itself. A pause is never shorter.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pushes at the same time: each may hold one of the files that the process may have open, which devices need as well.
const MOST_AT_ONCE: usize = 256;

/// Whoever brings pushes.
#[derive(Debug)]
pub(crate) struct Senders {
    web_push: WebPush,
    apns: Apns,
}

impl Senders {
    /// Makes all of them. Reads files.
    pub(crate) fn new(settings: &PushSettings, key: Arc<VapidKey>, pushes: Arc<Mutex<Pushes>>) -> Result<Self, CertificatesError> {
        let trust = settings.trust()?;
        Ok(Self { web_push: WebPush::new(settings.clone(), &trust, key), apns: Apns::new(settings.clone(), trust, pushes) })
    }

    fn of(&self, by: &PushService) -> Option<&dyn PushSender> {
        match by {
            PushService::WebPush { .. } => Some(&self.web_push),
            PushService::Apns { .. } => Some(&self.apns),
            PushService::Unknown => None,
        }
    }

    async fn send(&self, push: &DuePush) -> Result<Answer, SendError> {
        let sender = self.of(&push.target.by).ok_or(SendError::Bug)?;
        let call = Uuid::try_parse(&push.call).map_err(|_| SendError::Bug)?;
        let expires_at_ms = u64::try_from(push.expires_at_ms).unwrap_or_default();
        let payload = PushPayload { call: CallId(call), to: push.user.2.clone(), expires_at_ms };
        let text = serde_json::to_vec(&payload).map_err(|_| SendError::Bug)?;
        let sealed = DeviceKeys::of(&push.target)?.encrypt(&text)?;
        sender.send(push, sealed).await
    }
}

/// Sends what is due, for as long as it is polled.
pub(crate) async fn send_pushes(senders: Senders, pushes: Arc<Mutex<Pushes>>, filled: Arc<Notify>, exchange: Exchange) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (senders, mut tries, mut under_way) = (Arc::new(senders), JoinSet::new(), BTreeMap::new());
    let mut fails = false;
    loop {
        // What could not be written down stays under way, so that it is not sent again at once, and no longer than its call rings.
        let now_ms = unix_millis(SystemTime::now());
        under_way.retain(|_, expires_at_ms| *expires_at_ms > now_ms);
        let room = MOST_AT_ONCE.saturating_sub(under_way.len());
        let (looking, known, ours) = (Arc::clone(&pushes), under_way.keys().copied().collect(), exchange.clone());
        let looked = spawn_blocking(move || look(&looking.lock().unwrap_or_else(PoisonError::into_inner), room, &known, &ours)).await;
        let due = looked.map_err(|panicked| panicked.to_string()).and_then(|due| due.map_err(|error| error.to_string()));
        let failed_before = std::mem::replace(&mut fails, due.is_err());
        match due {
            Ok(due) => {
                for push in due {
                    under_way.insert(push.number, push.expires_at_ms);
                    let senders = Arc::clone(&senders);
                    tries.spawn(async move { attempt(&senders, push).await });
                }
            }
            Err(error) if !failed_before => tracing::error!(error, "what is to be pushed cannot be read"),
            Err(_) => {}
        }
        tokio::select! {
            Some(tried) = tries.join_next(), if !tries.is_empty() => match tried {
                Ok(tried) => {
                    let number = tried.due.number;
                    // What is not written down would be due again at once.
                    if write(&pushes, tried, &exchange).await {
                        under_way.remove(&number);
                    }
                }
                // Only a runtime that is about to stop cancels it, and what may panic in it is caught.
                Err(error) => tracing::error!(%error, "a push has come to nothing"),
            },
            () = filled.notified() => {}
            _ = ticks.tick() => {}
        }
    }
}

fn look(pushes: &Pushes, room: usize, under_way: &BTreeSet<i64>, exchange: &Exchange) -> Result<Vec<DuePush>, StoreError> {
    let now = SystemTime::now();
    let over = pushes.let_go(now)?;
    if over > 0 {
        tracing::info!(pushes = over, "calls had ended ringing before it was known what became of their pushes");
    }
    let is_ours = |due: &DuePush| !under_way.contains(&due.number) && exchange.has(&due.user.0);
    if room == 0 { Ok(Vec::new()) } else { pushes.due(now, room, is_ours) }
}

async fn attempt(senders: &Senders, due: DuePush) -> TriedPush {
    let began = Instant::now();
    let answer = caught(senders.send(&due)).await;
    let left = Duration::from_millis(u64::try_from(due.expires_at_ms - unix_millis(SystemTime::now())).unwrap_or_default());
    let next = next(&answer, due.tries.saturating_add(1), left, rand::random());
    let (status, error) = match &answer {
        Ok(answer) => (Some(answer.status), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(call = due.call, device = %due.device, ?status, error, ?next, took_ms, "a push was sent");
    if let Ok(Answer { words, .. }) = &answer
        && !words.is_empty()
    {
        // They may repeat where the device is.
        tracing::debug!(call = due.call, words, "what its push service has said");
    }
    TriedPush { due, next }
}

/// Writes down what has become of a push, and tells the hub of one that is not brought. Says whether it could be written down.
async fn write(pushes: &Arc<Mutex<Pushes>>, tried: TriedPush, exchange: &Exchange) -> bool {
    let writing = Arc::clone(pushes);
    let (written, tried) = match spawn_blocking(move || {
        let written = writing.lock().unwrap_or_else(PoisonError::into_inner).write(&tried, SystemTime::now());
        (written, tried)
    })
    .await
    {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "what has become of a push is not written down");
            return false;
        }
    };
    let (is_written, gone) = match written {
        Ok(gone) => (true, gone),
        Err(error) => {
            tracing::error!(%error, "what has become of a push cannot be written down");
            (false, false)
        }
    };
    match tried.next {
        Next::Done => {}
        Next::Again { .. } if is_written => {}
        Next::Again { .. } | Next::GiveUp | Next::Gone => {
            let DuePush { call, user: (account, environment, cuid), device, .. } = tried.due;
            if let Ok(call) = Uuid::try_parse(&call).map(CallId) {
                // Nobody listens any more while the service stops.
                if let Some(hub) = exchange.of(&account).await {
                    let failed = HubEvent::PushFailed { call, account, environment, cuid, device, gone };
                    let _ = hub.send(Note::Event(Box::new(failed))).await;
                }
            }
        }
    }
    is_written
}

/// A try that panics has failed like any other, and keeps no other push from being sent.
async fn caught(send: impl Future<Output = Result<Answer, SendError>>) -> Result<Answer, SendError> {
    AssertUnwindSafe(send).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a push has failed by a bug");
        Err(SendError::Bug)
    })
}
