//! The thread that makes receipts for devices that ask for them: it reads and signs, and neither is for the task that owns the hub.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use signedcall_wire::{ErrorCode, Redacted, RequestId, SessionId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::ReceiptError;
use super::issue::issue;
use crate::hub::AskedReceipt;
use crate::store::{Accounts, StoreError};

/// How long the end of a call may take to be written down. The hub has told its devices before.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// How long it is between two looks whether it is.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What has come of a receipt that a device has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeReceipt {
    pub(crate) session: SessionId,
    pub(crate) request: RequestId,
    pub(crate) receipt: Result<Redacted<String>, ErrorCode>,
}

/// The way to the thread, which ends with it.
#[derive(Debug)]
pub(crate) struct ReceiptMaker {
    asked: Sender<(AskedReceipt, UnboundedSender<MadeReceipt>)>,
    tell: UnboundedSender<MadeReceipt>,
    made: UnboundedReceiver<MadeReceipt>,
}

impl ReceiptMaker {
    /// Starts the thread, with a connection to the store that is its own.
    pub(crate) fn start(accounts: Accounts) -> Result<Self, StoreError> {
        let (asked, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new().name("receipts".to_owned()).spawn(move || make_all(&accounts, &inbox));
        thread.map_err(StoreError::Thread)?;
        let (tell, made) = unbounded_channel();
        Ok(Self { asked, tell, made })
    }

    /// Another way to the same thread, by which other receipts are asked for.
    pub(crate) fn another(&self) -> Self {
        let (tell, made) = unbounded_channel();
        Self { asked: self.asked.clone(), tell, made }
    }

    /// Has a receipt made; [`made`](Self::made) gives it, or says why there is none.
    pub(crate) fn ask(&self, asked: AskedReceipt) {
        if self.asked.send((asked, self.tell.clone())).is_err() {
            tracing::error!("whoever makes receipts is gone");
        }
    }

    /// The next one that is made.
    pub(crate) async fn made(&mut self) -> Option<MadeReceipt> {
        self.made.recv().await
    }
}

fn make_all(accounts: &Accounts, inbox: &Receiver<(AskedReceipt, UnboundedSender<MadeReceipt>)>) {
    let mut waiting = Vec::new();
    loop {
        let asked = if waiting.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(LOOK_AGAIN_AFTER)
        };
        match asked {
            Ok((asked, told)) => waiting.push((asked, told, Instant::now() + WRITTEN_WITHIN)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        waiting.retain(|(asked, told, until)| {
            let made = make(accounts, asked);
            if made == Err(ErrorCode::OngoingCall) && Instant::now() < *until {
                return true;
            }
            // Nobody listens any more while the service stops.
            let _ = told.send(MadeReceipt { session: asked.session, request: asked.request, receipt: made.map(Redacted::new) });
            false
        });
    }
}

/// Makes a receipt for whoever had a part in a call. To anybody else the call is none that there is.
fn make(accounts: &Accounts, asked: &AskedReceipt) -> Result<String, ErrorCode> {
    let unknown = ErrorCode::FeatureNotAvailable;
    let failed = |error: &dyn std::error::Error| {
        tracing::error!(%error, "a receipt could not be made");
        ErrorCode::ServerFailure
    };
    let facts = accounts.call(&asked.account, &asked.call.to_string()).map_err(|error| failed(&error))?.ok_or(unknown)?;
    let cuid = asked.cuid.as_str();
    let has_a_part = facts.caller == cuid || facts.callee == cuid;
    if !has_a_part || crate::store::environment_named(&facts.environment) != Some(asked.environment) {
        return Err(unknown);
    }
    issue(accounts, facts).map_err(|error| match error {
        ReceiptError::GoesOn(_) => ErrorCode::OngoingCall,
        ReceiptError::UnknownAccount(_) | ReceiptError::UnknownCall { .. } => unknown,
        ReceiptError::DamagedKey(_) | ReceiptError::Store(_) | ReceiptError::NoRandomness(_) | ReceiptError::NoKey => failed(&error),
    })
}
