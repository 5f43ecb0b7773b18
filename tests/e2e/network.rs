//! Hosts whose network changes under a call.

use std::time::Duration;

use anyhow::Result;
use signedcall_tests::{
    ACCOUNT, Family, Headless, Host, Network, PATIENCE, Rig, Service, ServiceSetup, may_make_networks, now_ms, program, silence_between,
};

use crate::runner::Runner;

const MOVED: &str = "a call goes on when either side's computer goes to another network";

const SIX: &str = "a call goes over a network that has IPv6 alone";
const DEAD: &str = "a path that goes silent is noticed within two seconds on both sides";

/// How soon that is, in milliseconds.
const NOTICED_WITHIN: f64 = 2_000.0;
/// How long both sides are listened to after the change.
const WATCHED: Duration = Duration::from_secs(4);
/// The longest silence within it that still is a call that went on. What is reached on a quiet machine is measured by `cargo xtask bench resume`.
const SILENT_AT_MOST: f64 = 2_500.0;

pub(crate) async fn cases(runner: &mut Runner) {
    if may_make_networks() {
        runner.case(MOVED, moved()).await;
        runner.case(SIX, over_ipv6()).await;
        runner.case(DEAD, dead()).await;
    } else {
        for name in [MOVED, SIX, DEAD] {
            runner.skip(name, "making hosts in network namespaces takes root");
        }
    }
}

/// Two phones on hosts of their own that hear each other.
struct Talk {
    caller: Headless,
    callee: Headless,
    near: Host,
    far: Host,
    _service: Service,
    network: Network,
    _rig: Rig,
}

impl Talk {
    async fn begin(name: &str, family: Family) -> Result<Self> {
        let rig = Rig::new(name)?;
        let (network, hosts) = Network::of(family, 2)?;
        let [near, far] = hosts[..] else { unreachable!("two hosts were asked for") };
        let service = Service::start_at_router(&rig, "service", ServiceSetup::default(), &network).await?;
        let phone = async |host: Host, cuid: &str, says: &str, hears: &str| {
            let mut command = network.command(host, &program("rig")?);
            command.args(["phone", service.url(), ACCOUNT, cuid, says, hears]).env("SIGNEDCALL_API_KEY", service.api_key());
            command.envs(service.root().map(|root| ("SSL_CERT_FILE", root)));
            Headless::start(cuid, &mut command, rig.folder()).await
        };
        let (mut caller, callee) = (phone(near, "caller", "1000", "1500").await?, phone(far, "callee", "1500", "1000").await?);
        caller.command("call callee")?;
        for phone in [&caller, &callee] {
            phone.hears_of(0, "sound", PATIENCE).await?;
        }
        Ok(Self { caller, callee, near, far, network, _service: service, _rig: rig })
    }
}

/// That both hear each other is all there is to it.
async fn over_ipv6() -> Result<()> {
    Talk::begin("network-six", Family::Six).await.map(drop)
}

async fn dead() -> Result<()> {
    let talk = Talk::begin("network-dead", Family::Four).await?;
    let marks = [&talk.caller, &talk.callee].map(Headless::mark);
    let cut = now_ms();
    talk.network.cut(talk.far)?;
    for (phone, mark) in [&talk.caller, &talk.callee].into_iter().zip(marks) {
        let noticed = phone.hears_of(mark, "interrupted", PATIENCE).await? - cut;
        println!("    the silence of the path is noticed after {noticed:.0} ms");
        assert!(noticed <= NOTICED_WITHIN, "the silence of the path is noticed after {noticed:.0} ms");
    }
    Ok(())
}

async fn moved() -> Result<()> {
    let talk = Talk::begin("network", Family::Four).await?;
    let Talk { caller, callee, network, near, far, .. } = &talk;
    for (name, host, address) in [("caller", *near, 101), ("callee", *far, 102)] {
        let changed = now_ms();
        network.change_address(host, address)?;
        tokio::time::sleep(WATCHED).await;
        let until = now_ms();
        for (ear, phone) in [("caller", caller), ("callee", callee)] {
            let told = phone.told();
            let silence = silence_between(&told, changed, until);
            println!("    the {name} moves: the {ear} hears nothing for {silence:.0} ms");
            let ended = told.iter().any(|told| told.what == "CALL_OVER");
            assert!(!ended && silence < SILENT_AT_MOST, "the {name} has moved; the {ear} was told {told:?}");
        }
    }
    Ok(())
}
