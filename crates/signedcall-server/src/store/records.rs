mod gathering;
mod statements;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use signedcall_wire::{CallId, DeviceId, EndReason, RequestId, SessionId, Timestamp};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use self::gathering::gather;
use self::statements::{close_refused, insert, update_answer, update_end, update_report, update_ringing};
use super::analytics::commit_events;
use super::backlog::Backlog;
use super::figures::StoreFigures;
use super::open::Legacy;
use super::outbox::{hasten, is_anybody_told, put};
use super::owners::{self, LEASE, Tenure};
use super::sql::{self, Connection};
use super::{Location, StoreError, unix_millis};
use crate::hub::{CloseRecord, KeptAnswer, KeptEvents, KeptReport, OpenRecord};
use crate::webhooks::CallEvent;

/// The most jobs in one commit: by then its cost is shared well enough, and nobody waits longer.
const MOST_AT_ONCE: usize = 256;
/// How long what nobody waits for may wait for what somebody does, so that one commit is enough for both: at a steady rate there are half as many.
const MAY_WAIT_FOR: Duration = Duration::from_millis(20);
/// How long to wait before writing again what could not be written, when nothing else is to be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often it is tried at the end to write what could not be written. The next process takes the rest for calls that go on.
const LAST_ATTEMPTS: u32 = 5;

/// The thread that writes the records of calls.
///
/// It commits what has gathered while the last commit was being made durable, all at once: the more there is to do, the less each record costs.
#[derive(Debug)]
pub(crate) struct Records {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

/// What has become of something that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The outcome of [`Records::open`].
    Opened {
        call: CallId,
        /// `false`: there has been a call with this id, and it is not written.
        durable: bool,
    },
    /// The outcome of [`Records::open`] while nothing can be written: the call is not written, and never will be.
    NotOpened { call: CallId },
    /// [`Records::answer`] is done, or has to be tried again where nobody else has the store.
    Answered { call: CallId },
    /// The outcome of [`Records::keep_events`].
    EventsKept {
        session: SessionId,
        request: RequestId,
        /// `false`: they are not written, and have to be handed in again.
        durable: bool,
    },
    /// Another service has the calls by now: nothing more is written down of them here, and nothing that was handed in was since.
    Fenced,
}

#[derive(Debug)]
enum Job {
    Open(Box<Opening>),
    NoteRinging(CallId, Vec<DeviceId>),
    Answer(Answering),
    Close(Closing),
    KeepReport(Box<KeptReport>),
    KeepEvents(Box<KeptEvents>),
    /// Ends the thread.
    Finish,
}

#[derive(Debug)]
pub(super) struct Opening {
    pub(super) record: OpenRecord,
    pub(super) placed_at: SystemTime,
    pub(super) handed_in: Instant,
}

#[derive(Debug)]
pub(super) struct Answering {
    pub(super) call: CallId,
    pub(super) answer: KeptAnswer,
    pub(super) answered_at: SystemTime,
}

impl Job {
    /// Whether a device, a user or the end of the service waits for it: not for the end of a call, nor for what follows once its answer was told.
    fn is_waited_for(&self) -> bool {
        match self {
            Self::Open(_) | Self::KeepEvents(_) | Self::Finish => true,
            Self::Answer(answering) => answering.answer.connected_at.is_none(),
            Self::NoteRinging(..) | Self::Close(_) | Self::KeepReport(_) => false,
        }
    }
}

impl Answering {
    /// A moment of the hub's clock on the wall's.
    fn unix_millis(&self, at: Timestamp) -> i64 {
        unix_millis(self.answered_at + at.since(self.answer.at))
    }
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) record: CloseRecord,
    pub(super) ended_at: SystemTime,
}

impl Closing {
    /// The end of a call that was refused.
    fn of_refused(opening: &Opening) -> Self {
        let Opening { record, placed_at, handed_in: _ } = opening;
        let reason = EndReason::InternalError;
        let record = CloseRecord { call: record.invite.call, answered: None, declined_by: None, ended_at: record.placed_at, reason };
        Self { record, ended_at: *placed_at }
    }
}

impl Records {
    /// Starts one that is alone in its process.
    #[cfg(test)]
    pub(crate) fn start(at: impl Into<Location>, tenure: Option<Tenure>) -> Result<(Self, UnboundedReceiver<Written>, Legacy), StoreError> {
        Self::start_beside(&at.into(), tenure, (&Arc::default(), &Arc::default()))
    }

    /// Opens the store, reads what an earlier process has left behind, and starts the thread, with whose like in the process it is counted, and by which the same is
    /// notified.
    ///
    /// Where others use the store as well, it is said by which tenure the records are this service's to write.
    pub(crate) fn start_beside(
        at: &Location,
        tenure: Option<Tenure>,
        (figures, filled): (&Arc<StoreFigures>, &Arc<Notify>),
    ) -> Result<(Self, UnboundedReceiver<Written>, Legacy), StoreError> {
        let connection = at.open()?;
        if tenure.is_some() {
            // Whoever goes on with the calls waits for what this service has begun to write, which may be asleep.
            connection.pause_within(LEASE).map_err(|error| at.failed(error))?;
        }
        let partition = tenure.as_ref().map(|tenure| tenure.partition);
        let legacy = Legacy::read(&connection, SystemTime::now(), partition).map_err(|error| at.failed(error))?;
        let (jobs, inbox) = mpsc::channel();
        let (told, written) = unbounded_channel();
        let (its_figures, fill) = (Arc::clone(figures), Arc::clone(filled));
        let thread = std::thread::Builder::new().name("records".to_owned());
        let thread = thread.spawn(move || write(&connection, tenure.as_ref(), &inbox, &told, &its_figures, &fill));
        let thread = thread.map_err(StoreError::Thread)?;
        Ok((Self { jobs, thread }, written, legacy))
    }

    /// Writes the beginning of a call down; [`Written::Opened`] or [`Written::NotOpened`] follows, once.
    pub(crate) fn open(&self, record: OpenRecord, placed_at: SystemTime) {
        self.send(Job::Open(Box::new(Opening { record, placed_at, handed_in: Instant::now() })));
    }

    /// Writes down on which devices a call rings, however often it takes.
    pub(crate) fn note_ringing(&self, call: CallId, rings_on: Vec<DeviceId>) {
        self.send(Job::NoteRinging(call, rings_on));
    }

    /// Writes down how an answered call goes on, however often it takes; [`Written::Answered`] follows the first attempt, once. Where another service may have the
    /// calls by then, it follows when it is durable.
    pub(crate) fn answer(&self, call: CallId, answer: KeptAnswer, answered_at: SystemTime) {
        self.send(Job::Answer(Answering { call, answer, answered_at }));
    }

    /// Writes the end of a call down, however often it takes.
    pub(crate) fn close(&self, record: CloseRecord, ended_at: SystemTime) {
        self.send(Job::Close(Closing { record, ended_at }));
    }

    /// Writes down how a call sounded for one side, however often it takes. Where too many of them wait, the oldest are lost: nothing hangs on them.
    pub(crate) fn keep_report(&self, kept: KeptReport) {
        self.send(Job::KeepReport(Box::new(kept)));
    }

    /// Writes events for analytics down; [`Written::EventsKept`] follows, once.
    pub(crate) fn keep_events(&self, kept: KeptEvents) {
        self.send(Job::KeepEvents(Box::new(kept)));
    }

    /// Whether the thread is there still.
    pub(crate) fn are_written(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Writes everything that was handed in, and returns when it is durable. Calls that go on stay open. Blocks.
    pub(crate) fn finish(self) {
        self.send(Job::Finish);
        if self.thread.join().is_err() {
            tracing::error!("the writer of call records panicked");
        }
    }

    fn send(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            // The hub learns of it by its own deadline for a record.
            tracing::error!("the writer of call records is gone");
        }
    }
}

fn write(
    connection: &Connection,
    tenure: Option<&Tenure>,
    inbox: &Receiver<Job>,
    told: &UnboundedSender<Written>,
    figures: &StoreFigures,
    filled: &Notify,
) {
    let mut backlog = Backlog::default();
    // The answers of which nobody was told yet.
    let mut answered = Vec::new();
    let (mut failed, mut finish) = (false, false);
    while !finish {
        let mut opening = Vec::new();
        let mut events = Vec::new();
        let first =
            if backlog.is_empty() { inbox.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { inbox.recv_timeout(RETRY_AFTER) };
        let first = match first {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Job::Finish),
        };
        for job in first.map(|first| gather(first, inbox, MAY_WAIT_FOR)).unwrap_or_default() {
            match job {
                Job::Open(record) => opening.push(record),
                Job::Answer(answer) => {
                    answered.push(Written::Answered { call: answer.call });
                    backlog.answer(answer);
                }
                Job::NoteRinging(call, rings_on) => backlog.note_ringing(call, rings_on),
                Job::Close(closing) => backlog.close(closing),
                Job::KeepReport(kept) => backlog.keep_report(kept),
                Job::KeepEvents(kept) => events.push(kept),
                Job::Finish => finish = true,
            }
        }
        // Two services that write the same ids at once wait for each other, and never both for the other one.
        opening.sort_by_key(|opening| opening.record.invite.call);
        // Where there is little room, it is for the calls that there are.
        let mut may_be_told = tenure.is_none();
        if failed
            && !opening.is_empty()
            && !backlog.is_empty()
            && let Ok(Committed::Done { put, .. }) = commit(connection, tenure, &[], &backlog, figures)
        {
            backlog = Backlog::default();
            may_be_told = true;
            tell_of(put, filled);
        }
        let committed = commit(connection, tenure, &opening, &backlog, figures);
        failed = committed.is_err();
        let mut may_be_open = false;
        let not_opened = || opening.iter().map(|opening| Written::NotOpened { call: opening.record.invite.call }).collect();
        let opened: Vec<_> = match committed {
            Ok(Committed::Done { opened, put }) => {
                backlog = Backlog::default();
                may_be_told = true;
                tell_of(put, filled);
                opened
            }
            Ok(Committed::Fenced) => {
                tracing::error!("another service has the calls of this one: their records are not written any more");
                backlog = Backlog::default();
                answered.clear();
                // Nobody listens any more while the service stops.
                let _ = told.send(Written::Fenced);
                not_opened()
            }
            Err(error) => {
                tracing::error!(%error, opening = opening.len(), waiting = backlog.len(), "the records of calls could not be written");
                may_be_open = error.may_be_done();
                not_opened()
            }
        };
        for (opening, outcome) in opening.iter().zip(&opened) {
            figures.opened(opening.handed_in, matches!(outcome, Written::Opened { durable: true, .. }));
        }
        if may_be_open {
            backlog.refuse(opening);
        }
        let answered = if may_be_told { std::mem::take(&mut answered) } else { Vec::new() };
        for outcome in opened.into_iter().chain(answered) {
            // Nobody listens any more while the service stops.
            let _ = told.send(outcome);
        }
        // Calls do not wait for them, nor fail with them.
        let durable = events.is_empty() || commit_events(connection, &events);
        for kept in events {
            let _ = told.send(Written::EventsKept { session: kept.session, request: kept.request, durable });
        }
    }
    for _ in 0..LAST_ATTEMPTS {
        if backlog.is_empty() {
            return;
        }
        std::thread::sleep(RETRY_AFTER);
        if commit(connection, tenure, &[], &backlog, figures).is_ok() {
            return;
        }
    }
}

/// Lets whoever tells webhooks know that there is something to tell.
fn tell_of(put: usize, filled: &Notify) {
    if put > 0 {
        filled.notify_one();
    }
}

/// What came of a commit.
#[derive(Debug)]
pub(super) enum Committed {
    Done {
        /// What became of each beginning, in their order.
        opened: Vec<Written>,
        /// How much there is to be told to webhooks.
        put: usize,
    },
    /// The records are another service's, and nothing was written.
    Fenced,
}

/// Writes everything in one transaction: of one call, its beginning before where it rings before its answer before its end before how it sounded. With it goes what webhooks are
/// to be told; says how much that is.
pub(super) fn commit(
    connection: &Connection,
    tenure: Option<&Tenure>,
    opening: &[Box<Opening>],
    backlog: &Backlog,
    figures: &StoreFigures,
) -> sql::Result<Committed> {
    if opening.is_empty() && backlog.is_empty() {
        return Ok(Committed::Done { opened: Vec::new(), put: 0 });
    }
    let begun = Instant::now();
    let committed = write_all(connection, tenure, opening, backlog);
    match committed {
        Ok(_) => figures.committed(opening.len() + backlog.len(), begun.elapsed()),
        Err(_) => figures.failed(),
    }
    committed
}

fn write_all(connection: &Connection, tenure: Option<&Tenure>, opening: &[Box<Opening>], backlog: &Backlog) -> sql::Result<Committed> {
    let transaction = connection.begin_beside_others()?;
    if let Some(tenure) = tenure
        && !owners::goes_on(&transaction, tenure)?
    {
        return Ok(Committed::Fenced);
    }
    // Where nobody is told of calls, nobody is looked for with each of them.
    let is_anybody_told = is_anybody_told(&transaction)?;
    let put = |call: &str, event, at, is_answered| {
        if is_anybody_told { put(&transaction, call, event, at, is_answered) } else { Ok(0) }
    };
    let (mut outcomes, mut told) = (Vec::with_capacity(opening.len()), 0);
    for opening in opening {
        let Opening { record, placed_at, handed_in: _ } = &**opening;
        // A device may not use the id of an earlier call again.
        let durable = insert(&transaction, record, *placed_at)? == 1;
        if durable {
            told += put(&record.invite.call.to_string(), CallEvent::Placed, *placed_at, false)?;
        }
        outcomes.push(Written::Opened { call: record.invite.call, durable });
    }
    for (call, rings_on) in backlog.ringing() {
        update_ringing(&transaction, call, rings_on)?;
    }
    for answering in backlog.answers() {
        let (call, at) = (answering.call.to_string(), answering.answered_at);
        told += put(&call, CallEvent::Answered, at, true)?;
        update_answer(&transaction, answering)?;
    }
    for closing @ Closing { record, ended_at } in backlog.closings() {
        let (call, is_answered) = (record.call.to_string(), record.answered.is_some());
        if is_answered {
            // Its answer could not be written before, if this puts anything down.
            told += put(&call, CallEvent::Answered, *ended_at, true)?;
        }
        told += put(&call, CallEvent::Ended, *ended_at, is_answered)?;
        update_end(&transaction, closing)?;
    }
    for refused in backlog.refused() {
        told += close_refused(&transaction, refused)?;
    }
    for kept in backlog.reports() {
        update_report(&transaction, kept)?;
        told += hasten(&transaction, &kept.call.to_string())?;
    }
    transaction.commit()?;
    Ok(Committed::Done { opened: outcomes, put: told })
}
