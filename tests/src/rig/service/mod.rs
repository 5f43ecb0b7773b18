//! What the service costs: memory for everybody who is signed in, and time for every call, beside servers that do the like.

mod calls;
mod device;
mod idle;
mod page;
mod peers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signedcall_tests::{Process, Rig, Service, ServiceSetup, Usage};

use self::calls::{Load, Pair};
use self::device::Target;
use self::idle::{Client, Connected};
use crate::figures::{Figures, milliseconds};

/// A line for every call would measure the log as well, and whoever reads it; the servers beside it write none either.
const SETUP: ServiceSetup = ServiceSetup { ring: None, log: Some("warn"), pushes_here: false, account_is_added: false };
/// Times that memory is measured, each with a program of its own.
const STARTS: usize = 3;
/// Pairs that call one after the other without a pause, to see how many calls there can be: with half as many the processors wait for the disk.
const BUSY_PAIRS: usize = 128;
/// Pairs that calls at a steady rate are taken from.
const PAIRS: usize = 1_000;
/// Times that calls are measured.
const ROUNDS: usize = 5;
/// How long each takes.
const ROUND: Duration = Duration::from_secs(10);
/// Calls a second, where the cost of one is compared between few and many who are signed in, and with Kamailio's, which has as many.
const STEADY: f64 = peers::SIP_RATE as f64;
/// Files that a program must be able to have open.
const FILES: u64 = 16_000;

/// Measures everything, or the parts whose names begin with `part`.
pub(crate) async fn service(part: Option<&str>) -> Result<Figures> {
    let wants = |name: &str| part.is_none_or(|part| name.starts_with(part));
    let files = Rlimit { current: Some(FILES), maximum: getrlimit(Resource::Nofile).maximum.map(|most| most.max(FILES)) };
    setrlimit(Resource::Nofile, files).with_context(|| format!("this bench needs {FILES} open files (`ulimit -n`)"))?;
    let rig = Rig::new("bench-service")?;
    let mut figures = Figures::default();
    for start in 1..=STARTS {
        if wants("peers") {
            memory_of_peers(&rig, &mut figures).await?;
        }
        for (name, has_tls) in [("tls", true), ("plain", false)].into_iter().filter(|(name, _)| wants(name)) {
            let name = format!("{name}-{start}");
            let service =
                if has_tls { Service::start_with_tls(&rig, &name, SETUP).await? } else { Service::start(&rig, &name, SETUP).await? };
            memory(&service, &mut figures).await?;
        }
    }
    let service = Service::start(&rig, "service", SETUP).await?;
    if wants("calls") {
        calls(&service, &mut figures).await?;
    }
    if wants("sockets") {
        cost_by_sockets(&service, &mut figures).await?;
    }
    if wants("kamailio") {
        for _ in 0..STARTS {
            figures.add("kamailio.cpu_us_per_call", "µs", peers::kamailio(&rig, peers::SIP_RATE).await?);
        }
    }
    if part.is_none() {
        page::write(&figures)?;
    }
    Ok(figures)
}

async fn memory(service: &Service, figures: &mut Figures) -> Result<()> {
    let mut connected = Connected::nobody(Client::Ours(Target::of(service)?));
    let figure = if service.root().is_some() { "idle_socket_bytes.tls" } else { "idle_socket_bytes.plain" };
    idle::measure(&service.process, &mut connected, figure, figures).await
}

async fn memory_of_peers(rig: &Rig, figures: &mut Figures) -> Result<()> {
    let measure = async |process: Process, client: Client, figure: &str, figures: &mut Figures| {
        idle::measure(&process, &mut Connected::nobody(client), figure, figures).await
    };
    let (process, address) = peers::mosquitto(rig).await?;
    measure(process, Client::Mqtt(address), "mosquitto.idle_socket_bytes", figures).await?;
    let (process, address) = peers::nats_server(rig).await?;
    measure(process, Client::Nats(address), "nats_server.idle_socket_bytes", figures).await?;
    let (process, address) = peers::bun(rig).await?;
    measure(process, Client::WebSocket(address), "bun.idle_socket_bytes", figures).await
}

/// How many calls can be set up, and how long one takes when there are half as many.
async fn calls(service: &Service, figures: &mut Figures) -> Result<()> {
    let target = Target::of(service)?;
    let mut busy = Pair::several(&target, "busy", BUSY_PAIRS).await?;
    let mut pairs = Pair::several(&target, "pair", PAIRS).await?;
    for round in 0..=ROUNDS {
        let (load, cost) = cost_of(service, calls::as_many_as_possible(&mut busy, ROUND)).await?;
        let (half, back) = calls::at_rate(pairs, load.rate() / 2.0, ROUND).await?;
        pairs = back;
        // The first round also makes what later ones find.
        if round == 0 {
            continue;
        }
        figures.add("call_setups_per_s", "1/s", load.rate());
        figures.add("cpu_us_per_call", "µs", cost);
        for took in &half.took {
            figures.add("call_setup_ms.half_load", "ms", milliseconds(*took));
        }
        for took in &load.took {
            figures.add("call_setup_ms.full_load", "ms", milliseconds(*took));
        }
        eprintln!("calls: round {round} of {ROUNDS}, {:.0} a second, {cost:.0} µs each", load.rate());
    }
    Ok(())
}

/// What a call costs while few, and while many, are signed in.
async fn cost_by_sockets(service: &Service, figures: &mut Figures) -> Result<()> {
    let target = Target::of(service)?;
    let mut pairs = Pair::several(&target, "steady", PAIRS / 4).await?;
    let mut connected = Connected::nobody(Client::Ours(target));
    for count in idle::COUNTS {
        connected.grow(count).await?;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let before = Usage::of(&service.process)?;
            let (load, back) = calls::at_rate(pairs, STEADY, ROUND).await?;
            pairs = back;
            let cost = cpu_us(service, &before, began)? / load.took.len() as f64;
            figures.add(&format!("cpu_us_per_call.sockets{count}"), "µs", cost);
        }
        eprintln!("calls while {count} are signed in");
    }
    Ok(())
}

/// Waits for calls; returns also the time of a processor that the service has taken for each, in microseconds.
async fn cost_of(service: &Service, calls: impl Future<Output = Result<Load>>) -> Result<(Load, f64)> {
    let (began, before) = (Instant::now(), Usage::of(&service.process)?);
    let load = calls.await?;
    let cost = cpu_us(service, &before, began)? / load.took.len() as f64;
    Ok((load, cost))
}

fn cpu_us(service: &Service, before: &Usage, began: Instant) -> Result<f64> {
    Ok(Usage::of(&service.process)?.cpu_percent_since(before, |_| true) / 100.0 * began.elapsed().as_secs_f64() * 1e6)
}
