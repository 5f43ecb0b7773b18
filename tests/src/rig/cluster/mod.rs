//! What a cluster is like while its nodes are killed and started again: three nodes, many devices, calls that go on all the time.

mod guest;
mod load;
mod nodes;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signedcall_tests::Rig;
use signedcall_wire::{CallId, EndReason, Environment, Request};

use self::guest::{Guest, new_call};
pub(crate) use self::load::load;
use self::nodes::Nodes;
use crate::figures::{Figures, milliseconds};

/// Devices that are connected, and how many of them talk, two in each call.
const DEVICES: usize = 3_000;
const CALLS: usize = 500;
/// Accounts that they are of: several for each partition.
const ACCOUNTS: usize = 48;
/// Files that a program must be able to have open.
const FILES: u64 = 16_000;
/// Devices that sign in at the same time.
const AT_ONCE: usize = 32;
/// By when everybody is back who can come back.
const BACK_WITHIN: Duration = Duration::from_secs(60);

pub(crate) async fn cluster() -> Result<Figures> {
    let files = Rlimit { current: Some(FILES), maximum: getrlimit(Resource::Nofile).maximum.map(|most| most.max(FILES)) };
    setrlimit(Resource::Nofile, files).with_context(|| format!("this bench needs {FILES} open files (`ulimit -n`)"))?;
    let rig = Rig::new("bench-cluster")?;
    let mut figures = Figures::default();
    let mut nodes = Nodes::start(&rig, ACCOUNTS).await?;
    let guests = sign_in(&nodes).await?;
    let mut records = BTreeMap::new();
    let calls = begin_calls(&guests).await?;
    eprintln!("{DEVICES} devices, {CALLS} calls go on");

    let killed = nodes.kill_one()?;
    back(&guests).await?;
    let mut lost = 0;
    for took in guests.iter().filter_map(|guest| guest.was_away_since(killed)) {
        figures.add("back_after_kill_ms", "ms", milliseconds(took));
        lost += 1;
    }
    let p95 = figures.at("back_after_kill_ms", 0.95).unwrap_or_default();
    eprintln!("a node was killed: {lost} devices were away, and are back, 95 of 100 within {p95:.0} ms");
    figures.add("devices_away_after_kill", "1", lost as f64);
    nodes.start_one().await?;
    nodes.settle().await?;
    back(&guests).await?;
    end_calls(&guests, calls, &mut records).await?;

    let calls = begin_calls(&guests).await?;
    for _ in 0..nodes.count() {
        let began = Instant::now();
        nodes.restart_oldest().await?;
        nodes.settle().await?;
        back(&guests).await?;
        for took in guests.iter().filter_map(|guest| guest.was_away_since(began)) {
            figures.add("away_while_restarted_ms", "ms", milliseconds(took));
        }
        eprintln!("a node was started again");
    }
    end_calls(&guests, calls, &mut records).await?;

    let kept = nodes.closed_records().await?;
    ensure!(kept.len() == records.len(), "{} records of {} calls", kept.len(), records.len());
    for record in kept {
        let expected = records.get(&record.call).with_context(|| format!("nobody has made {}", record.call))?;
        ensure!(record.end_reason == Some(*expected), "{} has ended for the reason {:?}", record.call, record.end_reason);
    }
    figures.add("records", "1", records.len() as f64);
    Ok(figures)
}

async fn sign_in(nodes: &Nodes<'_>) -> Result<Vec<Guest>> {
    let mut guests = Vec::with_capacity(DEVICES);
    for from in (0..DEVICES).step_by(AT_ONCE) {
        let some = (from..DEVICES.min(from + AT_ONCE)).map(|number| {
            let account = nodes.account((number / 2) % ACCOUNTS);
            Guest::sign_in(nodes.ways(), account, Environment::Development, format!("guest_{number}"))
        });
        guests.extend(try_join_all(some).await?);
    }
    Ok(guests)
}

/// Has each of the first pairs talk.
async fn begin_calls(guests: &[Guest]) -> Result<Vec<CallId>> {
    let mut calls = Vec::with_capacity(CALLS);
    for pairs in guests[..2 * CALLS].chunks(2 * AT_ONCE) {
        calls.extend(try_join_all(pairs.chunks(2).map(|pair| talk(&pair[0], &pair[1]))).await?);
    }
    Ok(calls)
}

async fn talk(caller: &Guest, callee: &Guest) -> Result<CallId> {
    let (call, request) = new_call(callee.cuid())?;
    caller.ask(request);
    callee.until("the invitation", |seen| seen.knows(call)).await?;
    callee.ask(Request::Accept { call });
    for guest in [caller, callee] {
        guest.until("the answer", |seen| seen.is_answered(call)).await?;
        guest.ask(Request::MediaConnected { call });
    }
    Ok(call)
}

/// Hangs every call up, and makes sure that it had gone on until then.
async fn end_calls(guests: &[Guest], calls: Vec<CallId>, records: &mut BTreeMap<String, u8>) -> Result<()> {
    let ends = calls.iter().zip(guests.chunks(2)).map(async |(call, pair)| {
        pair[0].ask(Request::Hangup { call: *call, reason: EndReason::HungUp });
        for guest in pair {
            let reason = guest.until("the end", |seen| seen.end_of(*call)).await?;
            ensure!(reason == EndReason::HungUp, "{call} has ended for {reason:?}");
        }
        Ok::<_, anyhow::Error>(())
    });
    try_join_all(ends).await?;
    records.extend(calls.iter().map(|call| (call.to_string(), EndReason::HungUp.number())));
    Ok(())
}

/// Waits until everybody is signed in.
async fn back(guests: &[Guest]) -> Result<()> {
    let all = guests.iter().map(|guest| guest.until("the way back", |seen| seen.is_signed_in()));
    tokio::time::timeout(BACK_WITHIN, try_join_all(all)).await.context("not everybody is back")??;
    Ok(())
}
