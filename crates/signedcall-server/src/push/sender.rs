//! The task that sends the pushes that are due, and writes down what has become of them.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use signedcall_wire::{CallId, PushPayload, PushService};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::apns::Apns;
use super::encrypt::DeviceKeys;
use super::schedule::next;
use super::under_way::{UnderWay, WORTH_A_LOOK};
use super::web_push::WebPush;
use super::{CertificatesError, PushJobs, PushSender, PushSettings, SendError, VapidKey};
use crate::cluster::Exchange;
use crate::hub::HubEvent;
use crate::outward::Answer;
use crate::store::{DuePush, Pushes, StoreError, TriedPush, unix_millis};
use crate::switchboard::Note;

/// How often is looked for what has become due by itself. A pause is never shorter.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long what is under way at the end may take: what is brought in that time is not sent again by the next service.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

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
        self.bring(push, u64::try_from(push.expires_at_ms).unwrap_or_default()).await
    }

    /// Brings a push whose call stops ringing then, by its own word; the push services are told how long it is of use.
    pub(super) async fn bring(&self, push: &DuePush, expires_at_ms: u64) -> Result<Answer, SendError> {
        let sender = self.of(&push.target.by).ok_or(SendError::Bug)?;
        let call = Uuid::try_parse(&push.call).map_err(|_| SendError::Bug)?;
        let payload = PushPayload { call: CallId(call), to: push.user.2.clone(), expires_at_ms };
        let text = serde_json::to_vec(&payload).map_err(|_| SendError::Bug)?;
        let sealed = DeviceKeys::of(&push.target)?.encrypt(&text)?;
        sender.send(push, sealed).await
    }
}

/// Sends what is due until it is told to stop, or nobody is there any more to do so; then it waits for what is under way.
pub(crate) async fn send_pushes(
    senders: Arc<Senders>,
    pushes: Arc<Mutex<Pushes>>,
    filled: Arc<Notify>,
    jobs: PushJobs,
    exchange: Exchange,
    mut stop: oneshot::Receiver<()>,
) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut tries, mut under_way) = (JoinSet::new(), UnderWay::default());
    let mut fails = false;
    loop {
        // What could not be written down is not sent again at once, and no longer than its call rings.
        under_way.forget_over(unix_millis(SystemTime::now()));
        let due = look(&pushes, &under_way, &exchange).await;
        let failed_before = std::mem::replace(&mut fails, due.is_err());
        match due {
            Ok(due) => {
                for push in due {
                    under_way.send(&push);
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
                    let due = tried.due.clone();
                    let is_written = jobs.tried(tried).await;
                    under_way.come_to(&due, is_written);
                }
                // Only a runtime that is about to stop cancels it, and what may panic in it is caught.
                Err(error) => tracing::error!(%error, "a push has come to nothing"),
            },
            () = filled.notified() => {}
            _ = ticks.tick() => {}
            _ = &mut stop => break,
        }
    }
    let finish = async {
        while let Some(tried) = tries.join_next().await {
            if let Ok(tried) = tried {
                jobs.tried(tried).await;
            }
        }
    };
    if timeout(ENDS_WITHIN, finish).await.is_err() {
        tracing::info!("some pushes are under way still, and are sent again by the next service");
    }
}

/// Tells whoever decides on a call that a push of it is not brought: that may be another node by now. Ends with whoever says so.
pub(crate) async fn tell_failed(mut failed: UnboundedReceiver<HubEvent>, exchange: Exchange) {
    while let Some(event) = failed.recv().await {
        let HubEvent::PushFailed { account, .. } = &event else { continue };
        let (account, exchange) = (account.clone(), exchange.clone());
        // What waits for a node that has the calls keeps nothing else waiting.
        tokio::spawn(async move {
            if let Some(notes) = exchange.of(&account).await {
                // A hub that is gone reads in the store what has become of its pushes.
                let _ = notes.send(Note::Event(Box::new(event))).await;
            }
        });
    }
}

/// Finds what is due and may be sent now.
async fn look(pushes: &Arc<Mutex<Pushes>>, under_way: &UnderWay, exchange: &Exchange) -> Result<Vec<DuePush>, String> {
    let (looking, known) = (Arc::clone(pushes), under_way.numbers());
    let look = move || {
        let (pushes, now) = (looking.lock().unwrap_or_else(PoisonError::into_inner), SystemTime::now());
        let over = pushes.let_go(now)?;
        if over > 0 {
            tracing::info!(pushes = over, "calls had ended ringing before it was known what became of their pushes");
        }
        pushes.due(now, WORTH_A_LOOK, &known)
    };
    // Those of calls that another node decides on are sent by that one.
    let due = run(look).await?.into_iter().filter(|due| exchange.has(&due.user.0)).collect();
    let (taking, chosen) = (Arc::clone(pushes), under_way.choose(due));
    run(move || taking.lock().unwrap_or_else(PoisonError::into_inner).take(chosen, SystemTime::now())).await
}

async fn run<T: Send + 'static>(ask: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, String> {
    let asked = spawn_blocking(ask).await.map_err(|panicked| panicked.to_string())?;
    asked.map_err(|error| error.to_string())
}

async fn attempt(senders: &Senders, due: DuePush) -> TriedPush {
    let began = Instant::now();
    let answer = caught(senders.send(&due)).await;
    let left = Duration::from_millis(u64::try_from(due.expires_at_ms - unix_millis(SystemTime::now())).unwrap_or_default());
    let next = next(&due.target.by, &answer, due.tries.saturating_add(1), left, rand::random());
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

/// A try that panics has failed like any other, and keeps no other push from being sent.
async fn caught(send: impl Future<Output = Result<Answer, SendError>>) -> Result<Answer, SendError> {
    AssertUnwindSafe(send).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a push has failed by a bug");
        Err(SendError::Bug)
    })
}
