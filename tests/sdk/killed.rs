//! A service that is killed at random moments, as a process of its own: no call ends by it, and no record is lost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use signedcall::{Analytics, CallEvent, CallId, CallState, CallStatus, EndReason, LinkState, Metadata, Options, VoiceOptions};
use signedcall_server::store::{CallRecord, read_records};
use signedcall_server::{STORE_FILE, Settings, serve};

use crate::calls::connect;
use crate::child;
use crate::support::{Phone, ToneSound};

use CallStatus::{Answered, Ended, InProgress, Placed, Ringing};

/// How often the service is killed unless `SIGNEDCALL_KILLS` says otherwise. Each time one call is in each [`Moment`].
const KILLS: u64 = 17;
/// How soon nine of ten devices must be usable again once the service is back (R15); the others, on a machine that is busy with other things, in twice that.
const USABLE_WITHIN: Duration = Duration::from_secs(2);

/// What is run again as the service.
const TEST: &str = "killed::a_service_that_is_killed_at_random_moments_ends_no_call_and_loses_no_record";
const DATA: &str = "SIGNEDCALL_TEST_DATA";
const LISTEN: &str = "SIGNEDCALL_TEST_LISTEN";

/// What a call is in when the service is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Placing,
    Ringing,
    Answering,
    Talking,
    Holding,
    Ending,
}

const MOMENTS: [Moment; 6] = [Moment::Placing, Moment::Ringing, Moment::Answering, Moment::Talking, Moment::Holding, Moment::Ending];

/// The service, in a process of its own.
struct Victim {
    process: Child,
    data: PathBuf,
    address: SocketAddr,
}

impl Victim {
    fn start(data: &Path, listen: &str) -> Self {
        let mut command = Command::new(child::program());
        command.args(["--exact", TEST, "--nocapture"]).env(child::ROLE, "service").env(DATA, data).env(LISTEN, listen);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be started");
        let said = BufReader::new(process.stdout.as_mut().expect("piped")).lines();
        let address = said.map_while(Result::ok).find_map(|line| line.split_once("ready at ").map(|(_, address)| address.to_owned()));
        let address = address.expect("the service is ready").parse().expect("an address");
        Self { process, data: data.to_owned(), address }
    }

    fn killed_and_restarted(mut self) -> Self {
        self.kill();
        self.restarted()
    }

    fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it has ended");
    }

    fn restarted(self) -> Self {
        Self::start(&self.data, &self.address.to_string())
    }

    /// Stops it as it likes to be stopped, and reads what it has written down.
    fn records(mut self) -> Vec<CallRecord> {
        drop(self.process.stdin.take());
        assert!(self.process.wait().expect("it ends").success());
        read_records(&self.data.join(STORE_FILE)).expect("a good store")
    }

    fn options(&self, cuid: &str) -> Options {
        let key = std::fs::read_to_string(self.data.join("demo.key")).expect("there is a demo account");
        let mut options =
            Options::new(format!("ws://{}", self.address), "demo", key.trim(), cuid).production(false).analytics(Analytics::Local);
        options.voice = VoiceOptions::unprocessed();
        options
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the process does that is killed. It ends by itself when the test that has started it does.
async fn serve_until_told() {
    let mut settings = Settings::on_loopback(std::env::var_os(DATA).expect("where to write").into());
    settings.listen = std::env::var(LISTEN).expect("where to listen").parse().expect("an address");
    settings.drain_for = Duration::ZERO;
    let service = serve(settings, None).await.expect("a service");
    writeln!(std::io::stdout(), "ready at {}", service.address()).expect("a pipe");
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.expect("reading does not panic").expect("a pipe");
    service.shutdown().await;
}

struct Pair {
    caller: Phone,
    callee: Phone,
    callee_cuid: String,
    /// How calls ended, as both sides have reported.
    reported: Vec<(CallId, EndReason)>,
}

impl Pair {
    async fn sign_in(victim: &Victim, number: usize) -> Self {
        let (caller, callee_cuid) = (format!("caller_{number}"), format!("callee_{number}"));
        Self {
            caller: Phone::sign_in(victim.options(&caller), ToneSound::of(1_000)).await,
            callee: Phone::sign_in(victim.options(&callee_cuid), ToneSound::of(1_500)).await,
            callee_cuid,
            reported: Vec::new(),
        }
    }

    /// Brings a call to where it is to be when the service dies, but for what happens last.
    async fn prepare(&mut self, moment: Moment) -> Option<CallId> {
        match moment {
            Moment::Placing => None,
            Moment::Ringing | Moment::Answering => {
                let call = self.caller.call(&self.callee_cuid).await;
                self.caller.expect_all(&[Placed, Ringing]).await;
                self.callee.expect_all(&[Placed, Ringing]).await;
                Some(call)
            }
            Moment::Talking | Moment::Holding | Moment::Ending => {
                Some(connect(&mut self.caller, &mut self.callee, &self.callee_cuid).await)
            }
        }
    }

    /// Does what happens last, while the service dies.
    async fn act(&self, moment: Moment, call: Option<CallId>) -> Option<CallId> {
        let Some(call) = call else {
            return self.caller.line.call(&self.callee_cuid, "Order 4711 is on its way", Metadata::default()).await.ok();
        };
        match moment {
            Moment::Placing | Moment::Ringing | Moment::Talking => {}
            Moment::Answering => self.callee.line.answer(call).await.expect("the line is open"),
            Moment::Holding => self.caller.line.hold(call, true).await.expect("the line is open"),
            Moment::Ending => self.callee.line.hangup(call).await.expect("the line is open"),
        }
        Some(call)
    }

    /// The service is back: the call has gone on, and ends as its users want.
    async fn finish(&mut self, moment: Moment, call: Option<CallId>) {
        // Nobody was told that it is placed, and it never was.
        let Some(call) = call else { return };
        match moment {
            Moment::Placing => {
                self.caller.expect(Placed).await;
                self.callee.expect_all(&[Placed, Ringing]).await;
                self.caller.expect(Ringing).await;
                self.callee.line.decline(call).await.expect("it rings");
                self.both_end(call, EndReason::Declined).await;
            }
            Moment::Ringing => {
                assert_eq!(self.callee.line.call_state(), CallState::IncomingCall, "it rings on");
                self.callee.line.answer(call).await.expect("it rings");
                self.both_are_answered().await;
                self.hang_up(call).await;
            }
            Moment::Answering => {
                self.both_are_answered().await;
                self.hang_up(call).await;
            }
            Moment::Talking | Moment::Holding => {
                for phone in [&self.caller, &self.callee] {
                    assert_eq!(phone.line.call_state(), CallState::OngoingCall, "{moment:?}");
                }
                self.hang_up(call).await;
            }
            Moment::Ending => self.both_end(call, EndReason::HungUp).await,
        }
    }

    async fn both_are_answered(&mut self) {
        self.caller.expect(Answered).await;
        self.callee.expect(Answered).await;
    }

    async fn hang_up(&mut self, call: CallId) {
        self.caller.line.hangup(call).await.expect("the line is open");
        self.both_end(call, EndReason::HungUp).await;
    }

    async fn both_end(&mut self, call: CallId, reason: EndReason) {
        let [by_caller, by_callee] = [end_of(&mut self.caller, call).await, end_of(&mut self.callee, call).await];
        assert_eq!((by_caller, by_callee), (reason, reason));
        self.reported.push((call, reason));
    }
}

/// Waits for the end of a call. Media may have connected before.
async fn end_of(phone: &mut Phone, call: CallId) -> EndReason {
    loop {
        let CallEvent { call_id, status, .. } = phone.next().await;
        assert_eq!(call_id, call);
        match status {
            InProgress => {}
            Ended(reason) => return reason,
            Placed | Ringing | Answered => panic!("{call} is said to be {status} again"),
        }
    }
}

async fn usable(phone: &Phone, since: Instant) -> Duration {
    phone.until("usable again", |view| view.link == LinkState::Ready).await;
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_at_random_moments_ends_no_call_and_loses_no_record() {
    if child::is_child("service") {
        return serve_until_told().await;
    }
    let kills = std::env::var("SIGNEDCALL_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let data = std::env::temp_dir().join(format!("signedcall-killed-{}", uuid::Uuid::new_v4()));
    let mut victim = Victim::start(&data, "127.0.0.1:0");
    let mut pairs = Vec::new();
    for number in 0..MOMENTS.len() {
        pairs.push(Pair::sign_in(&victim, number).await);
    }
    let mut waits = Vec::new();
    for kill in 0..kills {
        let mut rng = StdRng::seed_from_u64(kill);
        let mut calls = Vec::new();
        for (pair, moment) in pairs.iter_mut().zip(MOMENTS) {
            calls.push(pair.prepare(moment).await);
        }
        // Some of what happens last has been done, some is being done, and some is not yet begun.
        let until_then = Duration::from_millis(rng.random_range(0..40));
        let dies = tokio::time::Instant::now() + until_then;
        let acts = pairs.iter().zip(MOMENTS).zip(calls).map(|((pair, moment), call)| {
            let hesitates = Duration::from_millis(rng.random_range(0..40));
            async move {
                tokio::time::sleep(hesitates).await;
                pair.act(moment, call).await
            }
        });
        let death = async {
            tokio::time::sleep_until(dies).await;
            let back = tokio::task::spawn_blocking(move || (victim.killed_and_restarted(), Instant::now()));
            back.await.expect("it starts again")
        };
        let (calls, (restarted, back)) = tokio::join!(futures_util::future::join_all(acts), death);
        victim = restarted;
        let phones = pairs.iter().flat_map(|pair| [&pair.caller, &pair.callee]);
        waits.extend(futures_util::future::join_all(phones.map(|phone| usable(phone, back))).await);
        for ((pair, moment), call) in pairs.iter_mut().zip(MOMENTS).zip(calls) {
            pair.finish(moment, call).await;
        }
    }
    waits.sort();
    // Single waits depend on what else the computer does: `cargo xtask bench resume` has their figures.
    let (median, most, all) = (waits[waits.len() / 2], waits[waits.len() * 9 / 10], waits[waits.len() - 1]);
    println!("{kills} kills: usable again after {median:?} in the median, {most:?} for nine of ten, {all:?} at the most");
    assert!(median < USABLE_WITHIN, "{waits:?}");
    let mut reported: Vec<_> =
        pairs.iter().flat_map(|pair| &pair.reported).map(|(call, end)| (call.to_string(), Some(end.number()))).collect();
    for pair in pairs {
        pair.caller.leave_in_silence().await;
        pair.callee.leave_in_silence().await;
    }
    let mut written: Vec<_> = victim.records().into_iter().map(|record| (record.call, record.end_reason)).collect();
    let _ = std::fs::remove_dir_all(&data);
    reported.sort();
    written.sort();
    println!("{} calls", written.len());
    assert_eq!(written, reported, "each call has one record, which says what both sides have reported");
}

/// The store is as slow as it is while another program keeps it locked: both sides are told of the answer before it is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_answer_died_with_the_service_goes_on() {
    let data = std::env::temp_dir().join(format!("signedcall-killed-{}", uuid::Uuid::new_v4()));
    let mut victim = Victim::start(&data, "127.0.0.1:0");
    for hangs_up_meanwhile in [false, true] {
        let mut pair = Pair::sign_in(&victim, usize::from(hangs_up_meanwhile)).await;
        let call = pair.prepare(Moment::Answering).await;
        let store = rusqlite::Connection::open(data.join(STORE_FILE)).expect("a store");
        store.execute_batch("BEGIN IMMEDIATE").expect("it is free");
        pair.act(Moment::Answering, call).await;
        pair.both_are_answered().await;
        victim.kill();
        drop(store);
        let call = call.expect("it was placed");
        if hangs_up_meanwhile {
            pair.callee.line.hangup(call).await.expect("the line is open");
        }
        victim = victim.restarted();
        let back = Instant::now();
        for phone in [&pair.caller, &pair.callee] {
            usable(phone, back).await;
        }
        if !hangs_up_meanwhile {
            pair.callee.line.hangup(call).await.expect("the line is open");
        }
        pair.both_end(call, EndReason::HungUp).await;
        pair.caller.leave_in_silence().await;
        pair.callee.leave_in_silence().await;
    }
    let records = victim.records();
    let _ = std::fs::remove_dir_all(&data);
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.end_reason, Some(EndReason::HungUp.number()));
        assert!(record.answered_at_ms.is_some(), "{record:?}");
    }
}
