//! What an account's analytics are told of calls (R8): that one was placed, that one has come, and how each ended, on this side.
//!
//! Each event is kept in an outbox until the sink has said that it has it: on the disk where the embedder names a folder, so that it outlives the program.
//! A task of its own sends what is there, in order; no call waits for it.

mod clevertap;
mod outbox;
mod sink;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use signedcall_wire::{AnalyticsEvent, AnalyticsKind, CallStatus, Direction, Environment, ErrorCode, Hello};
use tokio::sync::mpsc;

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

/// Tells a sink of the calls of a line, until the line is closed and what there was to tell is sent or given up.
pub(crate) fn start(
    analytics: &Analytics,
    folder: Option<PathBuf>,
    hello: &Hello,
    events: Events,
    requests: &mpsc::Sender<UserRequest>,
) -> Result<(), Error> {
    let (sink, name) = match analytics {
        // A line whose embedder has gone is not kept open by its analytics.
        Analytics::Local => (Sink::Service(requests.downgrade()), "local"),
        Analytics::CleverTap(account) => (Sink::CleverTap(Box::new(Uploader::new(account, &hello.account_id, &hello.cuid)?)), "clevertap"),
    };
    tokio::spawn(run(folder.map(|folder| folder.join(file_name(name, hello))), sink, events));
    Ok(())
}

/// Each user has a file of their own for each sink: what is in it is told in their name.
fn file_name(sink: &str, hello: &Hello) -> String {
    let environment = match hello.environment {
        Environment::Production => "production",
        Environment::Development => "development",
    };
    format!("analytics-{sink}-{}-{environment}-{}.jsonl", plain(&hello.account_id.0), plain(&hello.cuid))
}

/// An account's id may be anything, and there are disks that do not tell capital letters from small ones.
fn plain(text: &str) -> String {
    let write = |byte: u8| {
        let is_plain = byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if is_plain { char::from(byte).to_string() } else { format!("%{byte:02x}") }
    };
    text.bytes().map(write).collect()
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
