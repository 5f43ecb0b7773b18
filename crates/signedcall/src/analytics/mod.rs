//! What an account's analytics are told of calls (R8): that one was placed, that one has come, and how each ended, on this side.
//!
//! Each event is kept in an outbox until the sink has said that it has it: on the disk where the embedder names a folder, so that it outlives the program.
//! A thread of its own, which may wait for the disk, sends what is there in order; no call waits for it.

mod clevertap;
mod outbox;
mod sink;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::thread;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use signedcall_wire::{AnalyticsEvent, AnalyticsKind, CallStatus, Direction, Environment, ErrorCode, Hello};
use tokio::sync::{mpsc, watch};

pub use self::clevertap::CleverTap;
use self::clevertap::Uploader;
use self::sink::{Sink, run};
use crate::Error;
use crate::driver::UserRequest;
use crate::events::{CallEvent, Events};

/// Where analytics go.
#[derive(Clone, Debug)]
pub enum Analytics {
    /// The service's own store of events.
    Local,
    /// An account at CleverTap.
    CleverTap(CleverTap),
}

impl Analytics {
    /// Checks what can be known of it before anything is initialised.
    pub(crate) fn check(analytics: Option<&Self>) -> Result<&Self, Error> {
        match analytics {
            None => Err(ErrorCode::ClevertapInstanceRequired.into()),
            Some(local @ Self::Local) => Ok(local),
            Some(elsewhere @ Self::CleverTap(account)) => account.url().map(|_| elsewhere),
        }
    }
}

/// Tells a sink of the calls of a line, until the line is closed and what there was to tell is sent or given up. What it gives closes as soon as all that
/// has happened on a closed line is kept.
pub(crate) fn start(
    analytics: &Analytics,
    folder: Option<PathBuf>,
    service_url: &str,
    hello: &Hello,
    events: Events,
    requests: &mpsc::Sender<UserRequest>,
) -> Result<watch::Receiver<()>, Error> {
    let (sink, whose) = match analytics {
        // A line whose embedder has gone is not kept open by its analytics.
        Analytics::Local => (Sink::Service(requests.downgrade()), ["service", service_url, ""].map(str::to_owned)),
        Analytics::CleverTap(account) => (
            Sink::CleverTap(Box::new(Uploader::new(account, &hello.account_id, &hello.cuid)?)),
            ["clevertap".to_owned(), account.url()?.into(), account.account_id.clone()],
        ),
    };
    let path = folder.map(|folder| folder.join(file_name(&whose, hello)));
    let (kept, when_kept) = watch::channel(());
    let failed = |error: std::io::Error| Error::new(ErrorCode::VoipServiceFailedToRegister, format!("no thread for analytics: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let tell = move || runtime.block_on(run(path, sink, events, kept));
    thread::Builder::new().name("signedcall-told".to_owned()).spawn(tell).map_err(failed)?;
    Ok(when_kept)
}

/// Each user has a file of their own for each sink: what is in it is told in their name, and to nobody else. Whatever these are called, it is a name that
/// every disk takes.
fn file_name(sink: &[String; 3], hello: &Hello) -> String {
    let environment = match hello.environment {
        Environment::Production => "production",
        Environment::Development => "development",
    };
    let mut whose = Sha256::new();
    for part in sink.iter().map(String::as_str).chain([hello.account_id.0.as_str(), environment, &hello.cuid]) {
        // With its length, so that no two are the same one after the other.
        whose.update(part.len().to_be_bytes());
        whose.update(part);
    }
    let hex: String = whose.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("analytics-{hex}.jsonl")
}

/// What there is to tell of a change of a call.
fn event_of(change: &CallEvent) -> Option<AnalyticsEvent> {
    let happened = match (change.status, change.direction) {
        (CallStatus::Placed, Direction::Outgoing) => AnalyticsKind::Outgoing,
        (CallStatus::Placed, Direction::Incoming) => AnalyticsKind::Incoming,
        (CallStatus::Ended(reason), Direction::Outgoing | Direction::Incoming) => AnalyticsKind::End { reason },
        (CallStatus::Ringing | CallStatus::Answered | CallStatus::InProgress, Direction::Outgoing | Direction::Incoming) => return None,
    };
    let epoch = change.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(AnalyticsEvent { call: change.call_id, happened, epoch, context: change.context.clone() })
}
