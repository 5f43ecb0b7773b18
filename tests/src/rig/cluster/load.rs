//! Companies whose users call each other all day, so that there is something to look at.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use signedcall_server::store::Server;
use signedcall_wire::{EndReason, Request};

use super::guest::{Guest, Key};
use super::nodes::{Ways, make_accounts};

/// The companies.
const COMPANIES: [&str; 3] = ["Parcelo", "Grocer", "Clinic"];
/// Pairs of each company's users who call each other.
const PAIRS: usize = 6;
/// The longest that two wait before they call again.
const PAUSE: Duration = Duration::from_secs(20);
/// The longest that they talk.
const TALK: Duration = Duration::from_secs(40);
/// How long a caller waits that does not wait for an answer.
const IMPATIENT: Duration = Duration::from_secs(4);
/// Somebody who is never there.
const NOBODY: &str = "customer_away";

/// Makes the companies in a store, and calls until it is ended.
pub(crate) async fn load(store: &str, nodes: &[&str]) -> Result<()> {
    ensure!(!nodes.is_empty(), "it has to be said where the nodes listen");
    let addresses: Vec<_> = nodes.iter().map(|node| node.parse()).collect::<Result<_, _>>()?;
    let ways = Ways::new(addresses.into());
    let accounts = make_accounts(&Server::parse(store)?, COMPANIES.map(str::to_owned))?;
    let pairs = accounts.iter().flat_map(|account| (0..PAIRS).map(move |number| (account, number)));
    try_join_all(pairs.map(|(account, number)| call_on(ways.clone(), account, number))).await?;
    Ok(())
}

async fn call_on(ways: Ways, account: &(String, Key), number: usize) -> Result<()> {
    let caller = Guest::sign_in(ways.clone(), account, format!("courier_{number}")).await?;
    let callee = Guest::sign_in(ways, account, format!("customer_{number}")).await?;
    loop {
        some(PAUSE).await;
        // Out of a hundred.
        let called = match rand::random_range(0..100) {
            0..10 => caller.try_call(NOBODY).await.map(drop),
            10..20 => ring_in_vain(&caller, &callee, Some(EndReason::Cancelled)).await,
            20..28 => ring_in_vain(&caller, &callee, None).await,
            28..40 => decline(&caller, &callee).await,
            _ => talk(&caller, &callee).await.map(drop),
        };
        // As while the database is away.
        if let Err(error) = called {
            eprintln!("{error:#}");
        }
    }
}

async fn some(most: Duration) {
    tokio::time::sleep(most.mul_f64(rand::random())).await;
}

/// A call that its caller takes back, or that nobody answers.
async fn ring_in_vain(caller: &Guest, callee: &Guest, taken_back: Option<EndReason>) -> Result<()> {
    let call = caller.call(callee.cuid()).await?;
    callee.until("the invitation", |seen| seen.knows(call)).await?;
    callee.ask(Request::Ringing { call });
    if let Some(reason) = taken_back {
        some(IMPATIENT).await;
        caller.ask(Request::Hangup { call, reason });
    }
    callee.until("the end", |seen| seen.end_of(call)).await.map(drop)
}

async fn decline(caller: &Guest, callee: &Guest) -> Result<()> {
    let call = caller.call(callee.cuid()).await?;
    callee.until("the invitation", |seen| seen.knows(call)).await?;
    some(IMPATIENT).await;
    callee.ask(Request::Decline { call, reason: EndReason::Declined });
    caller.until("the end", |seen| seen.end_of(call)).await.map(drop)
}

async fn talk(caller: &Guest, callee: &Guest) -> Result<()> {
    let call = super::talk(caller, callee).await?;
    some(TALK).await;
    caller.ask(Request::Hangup { call, reason: EndReason::HungUp });
    callee.until("the end", |seen| seen.end_of(call)).await.map(drop)
}
