//! The thread that writes down where devices are reached by push, what is to be pushed to them, and what has become of it: none of it is for the task that owns
//! the hub.
//!
//! It writes in the order in which it is told. What has to be written in any case, since somebody is not to be pushed any more, waits while the store cannot
//! be written to, and everything else comes after it. What a hub says counts for as long as the tenure by which it decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use signedcall_wire::{CallId, DeviceId, ErrorCode, PushService};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::{InvalidTarget, Next, PushSettings, check_target};
use crate::hub::{ForgetPush, HubEvent, KeepPush, NewPush, RenewPush};
use crate::store::owners::Tenure;
use crate::store::{DuePush, Pushes, PutPush, StoreError, TriedPush, WrittenPush};

/// How long to wait before writing again what could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long it may take at the end to write what was handed in. What is left then is lost: a service that stops cannot wait for a store for ever.
const FINISHED_WITHIN: Duration = Duration::from_secs(10);

/// The thread, until it is to finish.
#[derive(Debug)]
pub(crate) struct PushThread {
    jobs: PushJobs,
    filled: Arc<Notify>,
    over: Receiver<()>,
}

/// The way of a hub to the thread, and back.
#[derive(Debug)]
pub(crate) struct PushKeeper {
    jobs: PushJobs,
    by: By,
    tell: UnboundedSender<HubEvent>,
    told: UnboundedReceiver<HubEvent>,
}

/// The tenure by which a hub decides, where others may have the store as well.
type By = Option<Arc<Tenure>>;

/// The way to the thread.
#[derive(Clone, Debug)]
pub(crate) struct PushJobs(Sender<Job>);

#[derive(Debug)]
enum Job {
    Keep(Box<KeepPush>, By, UnboundedSender<HubEvent>),
    Push(NewPush, By, UnboundedSender<HubEvent>),
    Tried(Box<TriedPush>, oneshot::Sender<bool>),
    Lasting(Lasting, By),
    /// Ends the thread.
    Finish,
}

/// What is written down, however often it takes.
#[derive(Debug)]
enum Lasting {
    Forget(ForgetPush),
    Renew(RenewPush),
    Settle { call: CallId, device: DeviceId },
}

impl PushThread {
    /// Starts the thread, with a connection to the store that is its own. Of each push that is sent and not brought it says so in `failed`, for whoever decides on
    /// its call by then.
    pub(crate) fn start(pushes: Pushes, settings: PushSettings, failed: UnboundedSender<HubEvent>) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel();
        let (lives, over) = mpsc::channel();
        let filled = Arc::new(Notify::new());
        let keeper = Keeper { pushes, settings, failed, filled: Arc::clone(&filled), waiting: VecDeque::new(), _lives: lives };
        let thread = std::thread::Builder::new().name("pushes".to_owned()).spawn(move || keeper.run(&inbox));
        thread.map_err(StoreError::Thread)?;
        Ok(Self { jobs: PushJobs(jobs), filled, over })
    }

    /// Notified when there is something to send.
    pub(crate) fn filled(&self) -> Arc<Notify> {
        Arc::clone(&self.filled)
    }

    /// The way to the thread for whoever sends.
    pub(crate) fn jobs(&self) -> PushJobs {
        self.jobs.clone()
    }

    /// Writes everything that was handed in, for as long as that may take. Blocks.
    pub(crate) fn finish(self) {
        self.jobs.send(Job::Finish);
        // The thread says nothing: it is over when there is nobody left to say something.
        if self.over.recv_timeout(FINISHED_WITHIN) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("what is known of pushes could not be written down in time");
        }
    }
}

impl PushKeeper {
    /// Writes down where a device is reached; [`HubEvent::PushKept`] follows.
    pub(crate) fn keep(&self, kept: KeepPush) {
        self.jobs.send(Job::Keep(Box::new(kept), self.by.clone(), self.tell.clone()));
    }

    /// Writes down by what right a device is reached.
    pub(crate) fn renew(&self, renewed: RenewPush) {
        self.jobs.send(Job::Lasting(Lasting::Renew(renewed), self.by.clone()));
    }

    /// Sends no more pushes to a device.
    pub(crate) fn forget(&self, forgotten: ForgetPush) {
        self.jobs.send(Job::Lasting(Lasting::Forget(forgotten), self.by.clone()));
    }

    /// Has a device called; [`HubEvent::PushFailed`] follows if that cannot be done.
    pub(crate) fn push(&self, new: NewPush) {
        self.jobs.send(Job::Push(new, self.by.clone(), self.tell.clone()));
    }

    /// Nothing more is to be sent of a push.
    pub(crate) fn settle(&self, call: CallId, device: DeviceId) {
        self.jobs.send(Job::Lasting(Lasting::Settle { call, device }, self.by.clone()));
    }

    /// The next thing that the hub is to know.
    pub(crate) async fn told(&mut self) -> Option<HubEvent> {
        self.told.recv().await
    }
}

impl PushJobs {
    /// The way to the thread for a hub, and by which tenure it decides.
    pub(crate) fn for_hub(&self, by: Option<Tenure>) -> PushKeeper {
        let (tell, told) = unbounded_channel();
        PushKeeper { jobs: self.clone(), by: by.map(Arc::new), tell, told }
    }

    /// Writes down what has become of a push, and says whether that could be done. [`HubEvent::PushFailed`] follows for one that is not brought.
    pub(crate) async fn tried(&self, tried: TriedPush) -> bool {
        let (tell, written) = oneshot::channel();
        self.send(Job::Tried(Box::new(tried), tell));
        written.await.unwrap_or(false)
    }

    fn send(&self, job: Job) {
        if self.0.send(job).is_err() {
            tracing::error!("whoever writes down what is to be pushed is gone");
        }
    }
}

struct Keeper {
    pushes: Pushes,
    settings: PushSettings,
    failed: UnboundedSender<HubEvent>,
    filled: Arc<Notify>,
    /// What could not be written down yet, in order.
    waiting: VecDeque<(Lasting, By)>,
    _lives: Sender<()>,
}

impl Keeper {
    fn run(mut self, inbox: &Receiver<Job>) {
        loop {
            let job = if self.waiting.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(RETRY_AFTER)
            };
            match job {
                Ok(Job::Finish) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => self.try_to_catch_up(),
            }
        }
        let until = Instant::now() + FINISHED_WITHIN;
        while self.catch_up().is_err() && Instant::now() < until {
            std::thread::sleep(RETRY_AFTER);
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Lasting(lasting, by) => {
                self.waiting.push_back((lasting, by));
                self.try_to_catch_up();
            }
            Job::Keep(kept, by, tell) => {
                let KeepPush { session, request, account, environment, cuid, device, .. } = &*kept;
                let (session, request, user, device) = (*session, *request, (account.clone(), *environment, cuid.clone()), *device);
                let kept = self.catch_up().and_then(|()| self.keep(&kept, by.as_deref()));
                say(&tell, HubEvent::PushKept { session, request, user, device, kept });
            }
            Job::Push(new, by, tell) => {
                let put = self.catch_up().map_err(drop).and_then(|()| self.put(&new, by.as_deref()));
                let gone = match put {
                    Ok(PutPush::Put) => return self.filled.notify_one(),
                    Ok(PutPush::Known) => return,
                    Ok(PutPush::Nowhere) => true,
                    Ok(PutPush::Settled) | Err(()) => false,
                };
                let NewPush { call, account, environment, cuid, device, expires_at_ms: _ } = new;
                say(&tell, HubEvent::PushFailed { call, account, environment, cuid, device, gone });
            }
            Job::Tried(tried, tell) => {
                let written = self.catch_up().map_err(drop).and_then(|()| self.write(&tried));
                // Whoever sends may have stopped waiting.
                let _ = tell.send(written.is_ok());
                self.say_what_failed(*tried, written);
            }
            Job::Finish => {}
        }
    }

    fn try_to_catch_up(&mut self) {
        // It is tried again in a moment.
        let _ = self.catch_up();
    }

    /// Writes what waits, as far as that can be done.
    fn catch_up(&mut self) -> Result<(), ErrorCode> {
        while let Some((lasting, by)) = self.waiting.front() {
            // What is said by a tenure that is over is for whoever has the next one to say.
            let written = self.pushes.by(by.as_deref(), || match lasting {
                Lasting::Forget(forgotten) => self.pushes.forget(forgotten),
                Lasting::Renew(renewed) => self.pushes.renew(renewed),
                Lasting::Settle { call, device } => self.pushes.settle(&call.to_string(), *device),
            });
            if let Err(error) = written {
                tracing::error!(%error, waiting = self.waiting.len(), "what is known of pushes could not be changed; trying again");
                return Err(ErrorCode::ServerFailure);
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn keep(&self, kept: &KeepPush, by: Option<&Tenure>) -> Result<bool, ErrorCode> {
        // A device whose calls are elsewhere says it again there.
        let keep = || self.pushes.by(by, || self.pushes.keep(kept)).map_err(failed)?.ok_or(ErrorCode::ServerFailure);
        let Some(target) = &kept.target else { return keep().map(|()| false) };
        let apns = match &target.by {
            PushService::Apns { .. } => self.pushes.apns(&kept.account, kept.environment).map_err(failed)?,
            PushService::WebPush { .. } | PushService::Unknown => None,
        };
        check_target(target, &self.settings, apns.as_ref()).map_err(refused)?;
        keep().map(|()| true)
    }

    fn put(&self, new: &NewPush, by: Option<&Tenure>) -> Result<PutPush, ()> {
        let put = self.pushes.by(by, || self.pushes.put(new)).map_err(|error| {
            tracing::error!(%error, call = %new.call, "a push could not be written down, and is not sent");
        })?;
        put.ok_or(())
    }

    fn write(&self, tried: &TriedPush) -> Result<WrittenPush, ()> {
        self.pushes.write(tried, SystemTime::now()).map_err(|error| {
            tracing::error!(%error, call = tried.due.call, "what has become of a push cannot be written down");
        })
    }

    /// Lets the hub know of a push that is not brought, and is not tried again either.
    fn say_what_failed(&self, TriedPush { due, next }: TriedPush, written: Result<WrittenPush, ()>) {
        let is_tried_again = written == Ok(WrittenPush::Written);
        match next {
            Next::Done => return,
            Next::Again { .. } if is_tried_again => return,
            Next::Again { .. } | Next::GiveUp | Next::Gone { .. } => {}
        }
        let DuePush { call, user: (account, environment, cuid), device, .. } = due;
        if let Ok(call) = Uuid::try_parse(&call).map(CallId) {
            let gone = written == Ok(WrittenPush::Forgotten);
            say(&self.failed, HubEvent::PushFailed { call, account, environment, cuid, device, gone });
        }
    }
}

/// Nobody listens any more while the service stops, or where a hub is there no more.
fn say(hub: &UnboundedSender<HubEvent>, event: HubEvent) {
    let _ = hub.send(event);
}

fn refused(invalid: InvalidTarget) -> ErrorCode {
    tracing::warn!(%invalid, "pushes to a device cannot go where it says");
    ErrorCode::VoipServiceFailedToRegister
}

fn failed(error: StoreError) -> ErrorCode {
    tracing::error!(%error, "it could not be written down where a device is reached by push");
    ErrorCode::ServerFailure
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{AccountId, Cuid, Environment, PushTarget, Redacted, RequestId, SessionId};

    use super::*;
    use crate::hub::{Basis, KeyId, Reach};
    use crate::store::Accounts;
    use crate::store::owners::{NodeId, Owners, Partition};
    use crate::store::testing::TestStore;

    const DEVICE: DeviceId = DeviceId(Uuid::from_u128(1));

    fn kept(endpoint: &str) -> KeepPush {
        // The keys of the example in RFC 8291.
        let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4".to_owned();
        let auth = Redacted::new("BTBZMqHH6r4Tts7J_aSIgg".to_owned());
        let by = PushService::WebPush { endpoint: Redacted::new(endpoint.to_owned()) };
        KeepPush {
            session: SessionId(Uuid::nil()),
            request: RequestId(Uuid::nil()),
            account: AccountId("demo".to_owned()),
            environment: Environment::Development,
            cuid: Cuid::new("courier_2").expect("a cuid"),
            device: DEVICE,
            target: Some(PushTarget { by, p256dh, auth }),
            by: Basis::ApiKey(KeyId("key".to_owned())),
        }
    }

    fn forgotten() -> ForgetPush {
        let KeepPush { account, environment, cuid, device, .. } = kept("");
        ForgetPush { account, environment, cuid, device, logged_out: true }
    }

    fn start(store: &TestStore) -> (PushThread, PushKeeper) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        crate::account::add(&accounts, &crate::demo::demo_account()).expect("a new account");
        let thread = PushThread::start(Pushes::open(store.at()).expect("a store"), PushSettings::default(), unbounded_channel().0);
        let thread = thread.expect("a thread");
        let keeper = thread.jobs().for_hub(None);
        (thread, keeper)
    }

    fn reach(store: &TestStore) -> Vec<Reach> {
        Pushes::open(store.at()).and_then(|pushes| pushes.known(None)).expect("a store").into_iter().map(|(_, _, reach)| reach).collect()
    }

    async fn told(keeper: &mut PushKeeper) -> Result<bool, ErrorCode> {
        match keeper.told().await {
            Some(HubEvent::PushKept { kept, .. }) => kept,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_handed_in_is_written_when_it_has_finished() {
        let store = TestStore::in_a_file();
        let (thread, keeper) = start(&store);
        // Until this is over, nobody else writes.
        let crate::store::Location::File(path) = store.at() else { panic!("it is a file") };
        let busy = rusqlite::Connection::open(path).expect("a store");
        busy.execute_batch("BEGIN IMMEDIATE").expect("a store");
        keeper.keep(kept("https://push.example/1"));
        keeper.forget(forgotten());
        let finishing = std::thread::spawn(move || thread.finish());
        busy.execute_batch("COMMIT").expect("a store");
        finishing.join().expect("no bug");
        assert_eq!(reach(&store), [Reach::LoggedOut]);
    }

    #[tokio::test]
    async fn a_sign_out_that_cannot_be_written_is_written_before_anything_that_follows() {
        let store = TestStore::in_a_file();
        let (_thread, mut keeper) = start(&store);
        keeper.keep(kept("https://push.example/1"));
        assert_eq!(told(&mut keeper).await, Ok(true));
        store.run("CREATE TRIGGER full BEFORE UPDATE ON push_targets BEGIN SELECT RAISE(ABORT, 'no room'); END");
        keeper.forget(forgotten());
        keeper.keep(kept("https://push.example/2"));
        assert_eq!(told(&mut keeper).await, Err(ErrorCode::ServerFailure), "it would be undone by what comes before it");
        store.run("DROP TRIGGER full");
        keeper.keep(KeepPush { device: DeviceId(Uuid::from_u128(2)), ..kept("https://push.example/3") });
        assert_eq!(told(&mut keeper).await, Ok(true));
        let mut reach = reach(&store);
        reach.sort_by_key(|reach| *reach == Reach::LoggedOut);
        assert_eq!(reach, [Reach::Push(kept("").by), Reach::LoggedOut]);
    }

    #[tokio::test]
    async fn what_a_hub_says_after_its_calls_are_another_service_s_is_not_written_down() {
        let store = TestStore::on_postgres();
        let (thread, _) = start(&store);
        let owners = Owners::open(store.at()).expect("a store");
        let claim = |node: &str| owners.claim(Partition(11), &NodeId(node.to_owned())).expect("it is nobody's");
        let first = claim("one");
        let mut late = thread.jobs().for_hub(Some(first.clone()));
        late.keep(kept("https://push.example/1"));
        assert_eq!(told(&mut late).await, Ok(true));
        owners.release(&first).expect("a store");
        let mut next = thread.jobs().for_hub(Some(claim("two")));
        next.keep(kept("https://push.example/2"));
        assert_eq!(told(&mut next).await, Ok(true));
        late.forget(forgotten());
        late.keep(kept("https://push.example/1"));
        assert_eq!(told(&mut late).await, Err(ErrorCode::ServerFailure));
        let target = store.text("SELECT target FROM push_targets").expect("it is reached still");
        assert!(target.contains("https://push.example/2"), "{target}");
    }
}
