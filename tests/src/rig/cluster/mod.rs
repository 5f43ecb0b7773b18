//! What a cluster is like while its nodes are killed and started again, and its bus and its database: three nodes, many devices, calls that go on all the time.

mod away;
mod contest;
mod guest;
mod load;
mod nodes;
mod page;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signedcall_tests::Rig;
use signedcall_wire::{CallId, EndReason, Environment, Request};

use self::contest::Contest;
use self::guest::Guest;
pub(crate) use self::load::load;
use self::nodes::Nodes;
use self::seen::Seen;
use crate::bench::Extent;
use crate::figures::{Figures, milliseconds};

/// Accounts that devices are of: several for each partition.
const ACCOUNTS: usize = 48;
/// Files that a program must be able to have open.
const FILES: u64 = 16_000;
/// Devices that sign in at the same time.
const AT_ONCE: usize = 32;
/// By when everybody is back who can come back.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// How soon 95 of 100 devices are back that a killed node has cost their way.
const RESUMED_WITHIN: Duration = Duration::from_secs(5);

/// How many there are of what.
#[derive(Clone, Copy)]
struct Size {
    /// Devices that are connected.
    devices: usize,
    /// Calls that go on between two of them.
    calls: usize,
    /// Calls that two devices of one user answer at once.
    contests: usize,
}

impl Size {
    const fn of(extent: Extent) -> Self {
        match extent {
            Extent::Full => Self { devices: 3_000, calls: 500, contests: 48 },
            Extent::Quick => Self { devices: 300, calls: 50, contests: 16 },
        }
    }
}

/// Everybody who is there, and what has come of it so far.
struct Bench<'a> {
    size: Size,
    nodes: Nodes<'a>,
    guests: Vec<Guest>,
    contests: Vec<Contest>,
    figures: Figures,
    /// The calls that were placed, all of which were hung up.
    placed: BTreeSet<String>,
    /// Those that the service has refused while it could not write.
    refused: BTreeSet<String>,
}

pub(crate) async fn cluster(extent: Extent) -> Result<Figures> {
    let files = Rlimit { current: Some(FILES), maximum: getrlimit(Resource::Nofile).maximum.map(|most| most.max(FILES)) };
    setrlimit(Resource::Nofile, files).with_context(|| format!("this bench needs {FILES} open files (`ulimit -n`)"))?;
    let rig = Rig::new("bench-cluster")?;
    let mut bench = Bench::start(&rig, Size::of(extent)).await?;
    bench.kill_a_node().await?;
    bench.restart_all_nodes().await?;
    bench.restart_the_bus().await?;
    bench.restart_the_database().await?;
    bench.check_records().await?;
    if extent == Extent::Full {
        page::write(&bench.figures)?;
    }
    Ok(bench.figures)
}

impl<'a> Bench<'a> {
    async fn start(rig: &'a Rig, size: Size) -> Result<Self> {
        let nodes = Nodes::start(rig, ACCOUNTS).await?;
        let mut guests = Vec::with_capacity(size.devices);
        for from in (0..size.devices).step_by(AT_ONCE) {
            let some = (from..size.devices.min(from + AT_ONCE)).map(|number| {
                let account = nodes.account((number / 2) % ACCOUNTS);
                Guest::sign_in(nodes.ways(), account, Environment::Development, format!("guest_{number}"))
            });
            guests.extend(try_join_all(some).await?);
        }
        let contests = (0..size.contests).map(|number| Contest::begin(nodes.ways(), nodes.account(number % ACCOUNTS), number));
        let contests = try_join_all(contests).await?;
        eprintln!("{} devices are signed in", size.devices + 3 * size.contests);
        let (figures, placed, refused) = Default::default();
        Ok(Self { size, nodes, guests, contests, figures, placed, refused })
    }

    /// A node is killed in the middle of everything, while calls are answered.
    async fn kill_a_node(&mut self) -> Result<()> {
        let calls = self.begin_calls().await?;
        let rung = self.ring_contests().await?;
        let killed = self.nodes.kill_one()?;
        self.answer_contests(&rung);
        self.nodes.settle().await?;
        self.all_are_served().await?;
        for took in self.each_seen(|seen| seen.was_back_after(killed)) {
            self.figures.add("back_after_kill_ms", "ms", milliseconds(took));
        }
        self.finish_contests(rung).await?;
        self.say("a node was killed", "back_after_kill_ms");
        let most = self.figures.at("back_after_kill_ms", 0.95).context("nobody's node was killed")?;
        ensure!(most <= milliseconds(RESUMED_WITHIN), "95 of 100 devices were back within {most:.0} ms only");
        self.nodes.start_one().await?;
        self.nodes.settle().await?;
        self.all_are_served().await?;
        self.end_calls(calls).await
    }

    /// All nodes are started again one after the other.
    async fn restart_all_nodes(&mut self) -> Result<()> {
        let calls = self.begin_calls().await?;
        for _ in 0..self.nodes.count() {
            let rung = self.ring_contests().await?;
            let began = Instant::now();
            self.answer_contests(&rung);
            self.nodes.restart_oldest().await?;
            self.nodes.settle().await?;
            self.all_are_served().await?;
            for took in self.each_seen(|seen| seen.was_away_since(began)) {
                self.figures.add("away_while_restarted_ms", "ms", milliseconds(took));
            }
            self.finish_contests(rung).await?;
            self.say("a node was started again", "away_while_restarted_ms");
        }
        self.end_calls(calls).await
    }

    fn say(&self, what: &str, figure: &str) {
        let (middle, most) = (self.figures.median(figure).unwrap_or_default(), self.figures.at(figure, 0.95).unwrap_or_default());
        eprintln!("{what}: half of the devices that were away were back within {middle:.0} ms, 95 of 100 within {most:.0} ms");
    }

    fn each_seen(&self, look: impl Fn(&Seen) -> Option<Duration>) -> Vec<Duration> {
        self.guests.iter().filter_map(|guest| guest.seen(&look)).collect()
    }

    /// Waits until everybody is answered by whoever has their calls.
    async fn all_are_served(&self) -> Result<()> {
        let contesting = self.contests.iter().flat_map(Contest::guests);
        let all = self.guests.iter().chain(contesting).map(Guest::is_served);
        tokio::time::timeout(BACK_WITHIN, try_join_all(all)).await.context("not everybody is back")??;
        Ok(())
    }

    /// Has each of the first pairs talk.
    async fn begin_calls(&mut self) -> Result<Vec<CallId>> {
        let mut calls = Vec::with_capacity(self.size.calls);
        for pairs in self.guests[..2 * self.size.calls].chunks(2 * AT_ONCE) {
            calls.extend(try_join_all(pairs.chunks(2).map(|pair| talk(&pair[0], &pair[1]))).await?);
        }
        self.placed.extend(calls.iter().map(CallId::to_string));
        Ok(calls)
    }

    /// Hangs every call up, and makes sure that it had gone on until then.
    async fn end_calls(&self, calls: Vec<CallId>) -> Result<()> {
        try_join_all(calls.iter().zip(self.guests.chunks(2)).map(|(call, pair)| hang_up(&pair[0], &pair[1], *call))).await?;
        eprintln!("{} calls have gone on meanwhile", calls.len());
        Ok(())
    }

    /// Makes sure that each call that was placed has one record, which says how it has ended, and that there is nothing else.
    async fn check_records(&mut self) -> Result<()> {
        let kept = self.nodes.closed_records().await?;
        let ends: BTreeMap<String, Option<u8>> = kept.iter().map(|record| (record.call.clone(), record.end_reason)).collect();
        ensure!(ends.len() == kept.len(), "some calls have two records");
        let missing: Vec<_> = self.placed.iter().filter(|call| !ends.contains_key(*call)).collect();
        ensure!(missing.is_empty(), "{missing:?} have no record");
        for (call, reason) in &ends {
            let expected = match (self.placed.contains(call), self.refused.contains(call)) {
                (true, _) => EndReason::HungUp,
                (false, true) => EndReason::InternalError,
                (false, false) => anyhow::bail!("nobody has made {call}"),
            };
            ensure!(*reason == Some(expected.number()), "{call} has ended for the reason {reason:?}");
        }
        self.figures.add("records", "1", self.placed.len() as f64);
        Ok(())
    }
}

async fn talk(caller: &Guest, callee: &Guest) -> Result<CallId> {
    let call = caller.call(callee.cuid()).await?;
    answer(caller, callee, call).await?;
    Ok(call)
}

async fn answer(caller: &Guest, callee: &Guest, call: CallId) -> Result<()> {
    callee.until("the invitation", |seen| seen.knows(call)).await?;
    callee.ask(Request::Accept { call });
    for guest in [caller, callee] {
        guest.until("the answer", |seen| seen.winner(call)).await?;
        guest.ask(Request::MediaConnected { call });
    }
    Ok(())
}

async fn hang_up(caller: &Guest, callee: &Guest, call: CallId) -> Result<()> {
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp });
    for guest in [caller, callee] {
        let reason = guest.until("the end", |seen| seen.end_of(call)).await?;
        ensure!(reason == EndReason::HungUp, "{call} has ended for {reason:?}");
    }
    Ok(())
}
