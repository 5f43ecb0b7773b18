//! The thread that writes down where devices are reached by push, and what is to be pushed to them: neither is for the task that owns the hub.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use signedcall_wire::{CallId, DeviceId, ErrorCode, PushService};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{InvalidTarget, PushSettings, check_target};
use crate::hub::{ForgetPush, HubEvent, KeepPush, NewPush};
use crate::store::{Pushes, PutPush, StoreError};

/// The way to the thread, which ends with it.
#[derive(Debug)]
pub(crate) struct PushKeeper {
    jobs: Sender<(Job, UnboundedSender<HubEvent>)>,
    tell: UnboundedSender<HubEvent>,
    told: UnboundedReceiver<HubEvent>,
    filled: Arc<Notify>,
}

#[derive(Debug)]
enum Job {
    Keep(Box<KeepPush>),
    Forget(ForgetPush),
    Push(NewPush),
    Settle { call: CallId, device: DeviceId },
}

impl PushKeeper {
    /// Starts the thread, with a connection to the store that is its own.
    pub(crate) fn start(pushes: Pushes, settings: PushSettings) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel();
        let filled = Arc::new(Notify::new());
        let fill = Arc::clone(&filled);
        let thread = std::thread::Builder::new().name("pushes".to_owned());
        let thread = thread.spawn(move || keep_all(&pushes, &settings, &inbox, &fill));
        thread.map_err(StoreError::Thread)?;
        let (tell, told) = unbounded_channel();
        Ok(Self { jobs, tell, told, filled })
    }

    /// Another way to the same thread, for another hub.
    pub(crate) fn another(&self) -> Self {
        let (tell, told) = unbounded_channel();
        Self { jobs: self.jobs.clone(), tell, told, filled: Arc::clone(&self.filled) }
    }

    /// Notified when there is something to send.
    pub(crate) fn filled(&self) -> Arc<Notify> {
        Arc::clone(&self.filled)
    }

    /// Writes down where a device is reached; [`HubEvent::PushKept`] follows.
    pub(crate) fn keep(&self, kept: KeepPush) {
        self.send(Job::Keep(Box::new(kept)));
    }

    /// Sends no more pushes to a device.
    pub(crate) fn forget(&self, forgotten: ForgetPush) {
        self.send(Job::Forget(forgotten));
    }

    /// Has a device called; [`HubEvent::PushFailed`] follows if that cannot be done.
    pub(crate) fn push(&self, new: NewPush) {
        self.send(Job::Push(new));
    }

    /// Nothing more is to be sent of a push.
    pub(crate) fn settle(&self, call: CallId, device: DeviceId) {
        self.send(Job::Settle { call, device });
    }

    /// The next thing that the hub is to know.
    pub(crate) async fn told(&mut self) -> Option<HubEvent> {
        self.told.recv().await
    }

    fn send(&self, job: Job) {
        if self.jobs.send((job, self.tell.clone())).is_err() {
            tracing::error!("whoever writes down what is to be pushed is gone");
        }
    }
}

fn keep_all(pushes: &Pushes, settings: &PushSettings, inbox: &Receiver<(Job, UnboundedSender<HubEvent>)>, filled: &Notify) {
    while let Ok((job, tell)) = inbox.recv() {
        let event = match job {
            Job::Keep(kept) => Some(keep(pushes, settings, &kept)),
            Job::Forget(forgotten) => {
                heed(pushes.forget(&forgotten));
                None
            }
            Job::Push(new) => push(pushes, new, filled),
            Job::Settle { call, device } => {
                heed(pushes.settle(&call.to_string(), device));
                None
            }
        };
        if let Some(event) = event {
            // Nobody listens any more while the service stops.
            let _ = tell.send(event);
        }
    }
}

fn keep(pushes: &Pushes, settings: &PushSettings, kept: &KeepPush) -> HubEvent {
    let written = match &kept.target {
        None => Ok(()),
        Some(target) => {
            let apns = match &target.by {
                PushService::Apns { .. } => pushes.apns(&kept.account, kept.environment),
                PushService::WebPush { .. } | PushService::Unknown => Ok(None),
            };
            apns.map_err(failed).and_then(|apns| check_target(target, settings, apns.as_ref()).map_err(refused))
        }
    };
    let written = written.and_then(|()| pushes.keep(kept).map_err(failed));
    HubEvent::PushKept { session: kept.session, request: kept.request, kept: written.map(|()| kept.target.is_some()) }
}

fn push(pushes: &Pushes, new: NewPush, filled: &Notify) -> Option<HubEvent> {
    let gone = match pushes.put(&new) {
        Ok(PutPush::Put) => {
            filled.notify_one();
            return None;
        }
        Ok(PutPush::Known) => return None,
        Ok(PutPush::Nowhere) => true,
        Err(error) => {
            tracing::error!(%error, call = %new.call, "a push could not be written down, and is not sent");
            false
        }
    };
    let NewPush { call, account, environment, cuid, device, expires_at_ms: _ } = new;
    Some(HubEvent::PushFailed { call, account, environment, cuid, device, gone })
}

fn refused(invalid: InvalidTarget) -> ErrorCode {
    tracing::warn!(%invalid, "pushes to a device cannot go where it says");
    ErrorCode::VoipServiceFailedToRegister
}

fn failed(error: StoreError) -> ErrorCode {
    tracing::error!(%error, "it could not be written down where a device is reached by push");
    ErrorCode::ServerFailure
}

fn heed(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "what is known of pushes could not be changed");
    }
}
