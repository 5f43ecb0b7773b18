//! How soon all is well again after the network was away: calls between hosts whose links are cut, whose address changes, and whose service
//! crashes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use signedcall_tests::{ACCOUNT, Headless, Host, Network, PATIENCE, Rig, Service, ServiceSetup, now_ms, program, silence_between};

use crate::figures::Figures;

/// Calls that go on at the same time: each round measures as many.
const CALLS: usize = 4;
/// Rounds of each scenario; with [`CALLS`], twenty calls.
const ROUNDS: usize = 5;
/// How long calls go on undisturbed before each round: what one round has left behind must not be measured in the next.
const CALM: Duration = Duration::from_secs(3);
/// How long after the network is back sound may still be missing before it counts as missing for good.
const WATCHED: Duration = Duration::from_secs(6);

/// The tones of the two sides.
const CALLER: &str = "1000";
const CALLEE: &str = "1500";

/// What happens to the network of the callers, or to the service.
#[derive(Clone, Copy, Debug)]
enum Scenario {
    /// Nothing gets through, and nobody is told.
    Cut(Duration),
    /// The host has another address from one moment to the next.
    AddressChange,
    /// The service is killed and started again.
    ServiceRestart,
}

pub(crate) async fn resume() -> Result<Figures> {
    let rig = Rig::new("bench-resume")?;
    let mut figures = Figures::default();
    let scenarios = [
        ("address_change", Scenario::AddressChange),
        ("cut_1s", Scenario::Cut(Duration::from_secs(1))),
        ("cut_5s", Scenario::Cut(Duration::from_secs(5))),
        ("service_restart", Scenario::ServiceRestart),
        ("cut_60s", Scenario::Cut(Duration::from_secs(60))),
    ];
    for (name, scenario) in scenarios {
        let mut world = World::start(&rig, name).await?;
        for round in 1..=ROUNDS {
            let worst = world.round(name, scenario, &mut figures).await.with_context(|| format!("round {round} of {name}"))?;
            eprintln!("{name}: round {round} of {ROUNDS}, usable within {:.0} ms, {:.0} ms of sound missing", worst.usable, worst.missing);
        }
    }
    Ok(figures)
}

/// A service on the router, callers and those who place new calls on one host, callees on another.
struct World {
    service: Service,
    network: Network,
    near: Host,
    pairs: Vec<Pair>,
    addresses_used: u8,
}

/// The longest that anybody waited in a round, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    usable: f64,
    missing: f64,
}

/// A call that goes on, and a phone beside the caller's that finds out when new calls can be placed.
struct Pair {
    caller: Headless,
    callee: Headless,
    other: Headless,
    /// Whom the other phone calls.
    _clerk: Headless,
    number: usize,
}

impl World {
    async fn start(rig: &Rig, name: &str) -> Result<Self> {
        let (network, hosts) = Network::new(3)?;
        let [near, far, away] = hosts[..] else { unreachable!("three hosts were asked for") };
        let service = Service::start_at_router(rig, &format!("{name}-service"), ServiceSetup::default(), &network).await?;
        let mut pairs = Vec::new();
        for number in 0..CALLS {
            let phone = async |host: Host, role: &str, says: &str, hears: &str| {
                let mut command = network.command(host, &program("rig")?);
                let cuid = cuid(role, number);
                command.args(["phone", service.url(), ACCOUNT, &cuid, says, hears]).env("SIGNEDCALL_API_KEY", service.api_key());
                command.envs(service.root().map(|root| ("SSL_CERT_FILE", root)));
                Headless::start(&format!("{name}-{cuid}"), &mut command, rig.folder()).await
            };
            pairs.push(Pair {
                caller: phone(near, "caller", CALLER, CALLEE).await?,
                callee: phone(far, "callee", CALLEE, CALLER).await?,
                other: phone(near, "other", CALLER, CALLEE).await?,
                _clerk: phone(away, "clerk", CALLEE, CALLER).await?,
                number,
            });
        }
        Ok(Self { service, network, near, pairs, addresses_used: 0 })
    }

    async fn round(&mut self, name: &str, scenario: Scenario, figures: &mut Figures) -> Result<Worst> {
        let mut worst = Worst::default();
        for pair in &mut self.pairs {
            pair.connect().await?;
        }
        tokio::time::sleep(CALM).await;
        let marks: Vec<usize> = self.pairs.iter().map(|pair| pair.other.mark()).collect();
        let began = now_ms();
        let back = self.disturb(scenario).await?;
        for pair in &mut self.pairs {
            pair.other.command(&format!("call {}", cuid("clerk", pair.number)))?;
        }
        for (pair, mark) in self.pairs.iter().zip(marks) {
            let usable = pair.other.hears_of(mark, "placed", PATIENCE + Duration::from_secs(40)).await?;
            figures.add(&format!("signalling_usable_ms.{name}"), "ms", usable - back);
            worst.usable = worst.usable.max(usable - back);
        }
        tokio::time::sleep(WATCHED).await;
        let until = now_ms();
        for pair in &self.pairs {
            // A call that did not outlive the cut has ended with a reason, and nothing is missing from it after that.
            for (ear, other) in [(&pair.caller, &pair.callee), (&pair.callee, &pair.caller)] {
                let (told, others) = (ear.told(), other.told());
                let ended = told.iter().chain(&others).any(|told| told.at_ms > began && told.what.starts_with("CALL_"));
                figures.add(&format!("call_went_on.{name}"), "share", if ended { 0.0 } else { 1.0 });
                if !ended {
                    let missing = silence_between(&told, began, until) - (back - began);
                    figures.add(&format!("sound_gap_beyond_cut_ms.{name}"), "ms", missing.max(0.0));
                    worst.missing = worst.missing.max(missing);
                }
            }
        }
        for pair in &mut self.pairs {
            pair.other.command("hangup")?;
        }
        Ok(worst)
    }

    /// Does what the scenario says; returns when the network, or the service, was back.
    async fn disturb(&mut self, scenario: Scenario) -> Result<f64> {
        match scenario {
            Scenario::Cut(length) => {
                self.network.cut(self.near)?;
                tokio::time::sleep(length).await;
                self.network.mend(self.near)?;
            }
            Scenario::AddressChange => {
                self.addresses_used += 1;
                self.network.change_address(self.near, 100 + self.addresses_used)?;
            }
            Scenario::ServiceRestart => self.service.crash_and_restart().await?,
        }
        Ok(now_ms())
    }
}

impl Pair {
    /// Makes sure that the call goes on and both hear each other.
    async fn connect(&mut self) -> Result<()> {
        if self.caller.is_heard() && self.callee.is_heard() {
            return Ok(());
        }
        let (caller, callee) = (self.caller.mark(), self.callee.mark());
        self.caller.command("hangup")?;
        self.caller.command(&format!("call {}", cuid("callee", self.number)))?;
        self.caller.hears_of(caller, "sound", PATIENCE).await?;
        self.callee.hears_of(callee, "sound", PATIENCE).await?;
        Ok(())
    }
}

fn cuid(role: &str, number: usize) -> String {
    format!("{role}_{number}")
}
