//! What goes on while the bus is away, and while the database is.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use signedcall_wire::{CallId, Environment, ErrorCode};
use tokio::sync::watch;

use super::guest::Guest;
use super::{Bench, answer, hang_up, talk};
use crate::figures::milliseconds;

/// How long the bus is away, and then the database: longer than any lease.
const AWAY_FOR: Duration = Duration::from_secs(5);
/// Pairs whose devices are on the node that has their calls.
const LOCAL: usize = 16;
/// Pairs that call again and again while there is no database.
const CALLING: usize = 50;

/// How long whoever was refused waits before calling again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What a pair has come to that calls again and again.
struct Called {
    placed: Vec<CallId>,
    refused: Vec<CallId>,
    /// How long after the database was there again the first call was placed.
    first_after: Duration,
}

impl Bench<'_> {
    /// The bus is killed and started again: calls of devices that are where their calls are go on, and the others come back.
    pub(super) async fn restart_the_bus(&mut self) -> Result<()> {
        let calls = self.begin_calls().await?;
        let local = try_join_all((0..LOCAL).map(async |number| {
            let (way, account) = (self.nodes.way_to_owner(number).await?, self.nodes.account(number));
            let sign_in = |who: &str| Guest::sign_in(way.clone(), account, Environment::Development, format!("local_{who}_{number}"));
            Ok::<_, anyhow::Error>((sign_in("caller").await?, sign_in("callee").await?))
        }))
        .await?;
        self.nodes.kill_bus();
        let until = Instant::now() + AWAY_FOR;
        let talks = local.iter().map(async |(caller, callee)| {
            let mut done = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let call = talk(caller, callee).await?;
                done.push((call, began.elapsed()));
                hang_up(caller, callee, call).await?;
            }
            Ok::<_, anyhow::Error>(done)
        });
        for (call, took) in try_join_all(talks).await?.into_iter().flatten() {
            self.figures.add("call_without_bus_ms", "ms", milliseconds(took));
            self.placed.insert(call.to_string());
        }
        let disturbed = local.iter().filter(|(caller, callee)| [caller, callee].iter().any(|guest| guest.seen(|seen| seen.was_lost())));
        let disturbed = disturbed.count();
        ensure!(disturbed == 0, "{disturbed} pairs have lost a socket that needs no bus");
        self.nodes.start_bus();
        let there = Instant::now();
        self.all_are_served().await?;
        for took in self.each_seen(|seen| seen.was_back_after(there)) {
            self.figures.add("back_after_bus_ms", "ms", milliseconds(took));
        }
        self.say("the bus was started again", "back_after_bus_ms");
        self.nodes.settle().await?;
        self.all_are_served().await?;
        self.end_calls(calls).await
    }

    /// The database is stopped and started again: what was placed has a record, whatever was refused meanwhile.
    pub(super) async fn restart_the_database(&mut self) -> Result<()> {
        let calls = self.begin_calls().await?;
        let began = Instant::now();
        self.nodes.stop_database();
        let (tell, there) = watch::channel(None);
        let pairs = self.guests[2 * self.size.calls..].chunks_exact(2).take(CALLING);
        let calling = try_join_all(pairs.map(|pair| call_on(&pair[0], &pair[1], there.clone())));
        let restart = async {
            tokio::time::sleep(AWAY_FOR).await;
            self.nodes.start_database();
            tell.send_replace(Some(Instant::now()));
        };
        let (called, ()) = tokio::join!(calling, restart);
        for Called { placed, refused, first_after } in called? {
            self.figures.add("call_after_database_ms", "ms", milliseconds(first_after));
            self.figures.add("calls_refused_without_database", "1", refused.len() as f64);
            self.placed.extend(placed.iter().map(CallId::to_string));
            self.refused.extend(refused.iter().map(CallId::to_string));
        }
        self.all_are_served().await?;
        let away = self.each_seen(|seen| seen.was_away_since(began)).len();
        self.figures.add("devices_away_without_database", "1", away as f64);
        eprintln!("the database was started again: {away} devices were away meanwhile");
        self.end_calls(calls).await
    }
}

/// Calls again and again until a call is placed after the database is there again.
async fn call_on(caller: &Guest, callee: &Guest, mut there: watch::Receiver<Option<Instant>>) -> Result<Called> {
    let (mut placed, mut refused) = (Vec::new(), Vec::new());
    loop {
        let since = *there.borrow_and_update();
        let (call, error) = caller.try_call(callee.cuid()).await?;
        if let Some(error) = error {
            ensure!(error == ErrorCode::ServerFailure, "a call is refused with {error:?}");
            refused.push(call);
            tokio::time::sleep(AGAIN_AFTER).await;
            continue;
        }
        let answered = Instant::now();
        answer(caller, callee, call).await?;
        hang_up(caller, callee, call).await?;
        placed.push(call);
        if let Some(since) = since {
            return Ok(Called { placed, refused, first_after: answered.duration_since(since) });
        }
    }
}
