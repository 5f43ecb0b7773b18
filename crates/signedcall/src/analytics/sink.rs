//! The task that tells a sink what is in the outbox.

use std::path::PathBuf;
use std::time::Duration;

use signedcall_wire::{AnalyticsEvent, ErrorCode, MAX_EVENTS_PER_REQUEST};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::clevertap::{MOST_IN_A_BATCH, Uploader};
use super::event_of;
use super::outbox::Outbox;
use crate::driver::UserRequest;
use crate::events::Events;

/// The pause after the first failure; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// How long the service may take to write events down, which wait for a socket if need be.
const SERVICE_PATIENCE: Duration = Duration::from_secs(60);
/// How long it is tried to tell what is left once the line is closed, where that does not take the line.
const FAREWELL: Duration = Duration::from_secs(10);

/// Who is told.
#[derive(Debug)]
pub(super) enum Sink {
    /// The service, through the line.
    Service(mpsc::WeakSender<UserRequest>),
    /// CleverTap.
    CleverTap(Box<Uploader>),
}

/// What has come of telling it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It has these, or will never take them.
    Done,
    /// As that, but for some, which are to be told again.
    DoneBut(Vec<AnalyticsEvent>),
    /// It has taken nothing, since something in it is wrong: less at once shows what.
    TooMuch,
    /// They are to be told again.
    Again,
}

impl Sink {
    const fn most_at_once(&self) -> usize {
        match self {
            Self::Service(_) => MAX_EVENTS_PER_REQUEST,
            Self::CleverTap(_) => MOST_IN_A_BATCH,
        }
    }

    /// For how long after the line's end it may be told.
    const fn outlives_the_line_by(&self) -> Duration {
        match self {
            Self::Service(_) => Duration::ZERO,
            Self::CleverTap(_) => FAREWELL,
        }
    }

    async fn tell(&self, events: Vec<AnalyticsEvent>) -> Told {
        match self {
            Self::Service(line) => {
                let Some(line) = line.upgrade() else { return Told::Again };
                let (reply, answer) = oneshot::channel();
                let asked = line.send(UserRequest::KeepEvents { events, reply }).await.is_ok();
                drop(line);
                if !asked {
                    return Told::Again;
                }
                match timeout(SERVICE_PATIENCE, answer).await {
                    Ok(Ok(Ok(()))) => Told::Done,
                    // An older service, which will never take them.
                    Ok(Ok(Err(error))) if error.code == ErrorCode::FeatureNotAvailable => Told::Done,
                    Ok(Ok(Err(_)) | Err(_)) | Err(_) => Told::Again,
                }
            }
            Self::CleverTap(uploader) => uploader.upload(events).await,
        }
    }
}

/// Keeps what happens and tells it, until the line is closed. `kept` is dropped once all that has happened on the line is in the outbox.
pub(super) async fn run(path: Option<PathBuf>, sink: Sink, mut events: Events, kept: watch::Sender<()>) {
    let mut outbox = Outbox::open(path).await;
    let (mut pause, mut kept, farewell) = (Pause::default(), Some(kept), sink.outlives_the_line_by());
    let (mut closed, mut most) = (None, sink.most_at_once());
    while closed.is_none_or(|at| Instant::now() < at + farewell) && !(closed.is_some() && outbox.is_empty()) {
        let (batch, until) = (outbox.first(most), pause.until());
        let telling = async {
            if batch.is_empty() {
                return std::future::pending().await;
            }
            sleep_until(until).await;
            sink.tell(batch.clone()).await
        };
        tokio::pin!(telling);
        // One batch at a time, so that they come in order; what happens meanwhile is kept at once.
        let told = loop {
            tokio::select! {
                told = &mut telling => break Some(told),
                event = events.next(), if closed.is_none() => match event {
                    Some(change) => {
                        let was_empty = outbox.is_empty();
                        event_of(&change).into_iter().for_each(|event| outbox.put(event));
                        if was_empty {
                            break None;
                        }
                    }
                    None => {
                        closed = Some(Instant::now());
                        kept = None;
                        if batch.is_empty() {
                            break None;
                        }
                    }
                },
                () = sleep_until(closed.unwrap_or_else(Instant::now) + farewell), if closed.is_some() => break None,
            }
        };
        match told {
            Some(Told::Done) => {
                outbox.remove(&batch);
                pause = Pause::default();
                most = (most * 2).min(sink.most_at_once());
            }
            Some(Told::DoneBut(again)) => {
                let done: Vec<AnalyticsEvent> = batch.iter().filter(|event| !again.contains(event)).cloned().collect();
                outbox.remove(&done);
                pause.lengthen();
            }
            Some(Told::TooMuch) if batch.len() > 1 => most = batch.len().div_ceil(2),
            Some(Told::TooMuch) => {
                tracing::warn!("an event is lost that analytics do not take");
                outbox.remove(&batch);
            }
            Some(Told::Again) => pause.lengthen(),
            None => {}
        }
    }
    drop(kept);
}

/// How long a sink that has failed is left alone.
#[derive(Debug, Default)]
struct Pause {
    next: Option<Duration>,
    until: Option<Instant>,
}

impl Pause {
    fn until(&self) -> Instant {
        self.until.unwrap_or_else(Instant::now)
    }

    fn lengthen(&mut self) {
        let pause = self.next.unwrap_or(FIRST_PAUSE);
        self.next = Some((pause * 2).min(LONGEST_PAUSE));
        // So that those who have failed together do not come back together.
        self.until = Some(Instant::now() + pause.mul_f64(1.0 + rand::random::<f64>() / 4.0));
    }
}
