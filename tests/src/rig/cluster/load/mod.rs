//! Companies whose users call each other all day, so that there is something to look at.

mod companies;
mod past;
mod receivers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use signedcall::PushKeys;
use signedcall_server::store::Server;
use signedcall_wire::{CallId, EndReason, Environment, PushService, Redacted, Request};

use self::companies::Company;
use self::receivers::Receiver;
use super::guest::{Guest, Key};
use super::nodes::Ways;

/// Pairs of each company's users who call each other.
const PAIRS: u32 = 6;
/// The longest that two wait before they call again.
const PAUSE: Duration = Duration::from_secs(20);
/// The longest that they talk.
const TALK: Duration = Duration::from_secs(40);
/// How long a caller waits that does not wait for an answer, and until somebody answers.
const IMPATIENT: Duration = Duration::from_secs(4);
/// How long it takes from an answer to sound.
const TO_SOUND: Duration = Duration::from_millis(140);

/// Makes the companies in a store, with a past, and calls until it is ended.
pub(crate) async fn load(store: &str, nodes: &[&str]) -> Result<()> {
    ensure!(!nodes.is_empty(), "it has to be said where the nodes listen");
    let addresses: Vec<_> = nodes.iter().map(|node| node.parse()).collect::<Result<_, _>>()?;
    let ways = Ways::new(addresses.into());
    let receiver = Receiver::start().await?;
    let companies = companies::make(&Server::parse(store)?, &receiver)?;
    past::write(store).await?;
    let pairs = companies.iter().flat_map(|company| (0..PAIRS).map(move |number| (company, number)));
    try_join_all(pairs.map(|((company, key), number)| call_on(ways.clone(), company, key, number, receiver.url("push")))).await?;
    Ok(())
}

/// Two who call each other.
struct Pair<'a> {
    company: &'a Company,
    caller: Guest,
    callee: Guest,
}

async fn call_on(ways: Ways, company: &Company, key: &Key, number: u32, push: String) -> Result<()> {
    let account = (company.id.to_owned(), key.clone());
    let (caller, callee) = company.pair(number);
    let caller = Guest::sign_in(ways.clone(), &account, Environment::Production, caller).await?;
    let callee = Guest::sign_in(ways, &account, Environment::Production, callee).await?;
    let keys = PushKeys::make().context("randomness")?;
    callee.ask(Request::PushTo { target: Some(keys.target(PushService::WebPush { endpoint: Redacted::new(push) })) });
    let pair = Pair { company, caller, callee };
    loop {
        some(PAUSE).await;
        // Out of a hundred.
        let called = match rand::random_range(0..100) {
            0..10 => pair.caller.try_call_about(&company.nobody(), pair.reason()).await.map(drop),
            10..20 => pair.ring_in_vain(Some(EndReason::Cancelled)).await,
            20..28 => pair.ring_in_vain(None).await,
            28..38 => pair.decline(EndReason::Declined).await,
            38..42 => pair.decline(EndReason::Busy).await,
            42..44 => pair.decline(EndReason::MicrophoneRefused).await,
            _ => pair.talk().await,
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

impl Pair<'_> {
    fn reason(&self) -> &'static str {
        self.company.contexts[rand::random_range(0..self.company.contexts.len())]
    }

    /// Calls, and waits until it rings.
    async fn ring(&self) -> Result<CallId> {
        let call = self.caller.call_about(self.callee.cuid(), self.reason()).await?;
        self.callee.until("the invitation", |seen| seen.knows(call)).await?;
        self.callee.ask(Request::Ringing { call });
        Ok(call)
    }

    /// A call that its caller takes back, or that nobody answers.
    async fn ring_in_vain(&self, taken_back: Option<EndReason>) -> Result<()> {
        let call = self.ring().await?;
        if let Some(reason) = taken_back {
            some(IMPATIENT).await;
            self.caller.ask(Request::Hangup { call, reason });
        }
        self.callee.until("the end", |seen| seen.end_of(call)).await.map(drop)
    }

    async fn decline(&self, reason: EndReason) -> Result<()> {
        let call = self.ring().await?;
        some(IMPATIENT).await;
        self.callee.ask(Request::Decline { call, reason });
        self.caller.until("the end", |seen| seen.end_of(call)).await.map(drop)
    }

    async fn talk(&self) -> Result<()> {
        let call = self.ring().await?;
        some(IMPATIENT).await;
        self.callee.ask(Request::Accept { call });
        let both = [&self.caller, &self.callee];
        for guest in both {
            guest.until("the answer", |seen| seen.winner(call)).await?;
        }
        some(TO_SOUND).await;
        for guest in both {
            guest.ask(Request::MediaConnected { call });
        }
        let began = Instant::now();
        some(TALK).await;
        self.caller.ask(Request::Hangup { call, reason: EndReason::HungUp });
        self.callee.until("the end", |seen| seen.end_of(call)).await?;
        let seconds = u32::try_from(began.elapsed().as_secs()).unwrap_or(u32::MAX);
        for guest in both {
            guest.ask(Request::ReportVoice { call, report: past::report(seconds, false, &mut rand::rng()) });
        }
        Ok(())
    }
}
