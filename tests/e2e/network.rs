//! Hosts whose network changes under a call.

use std::time::Duration;

use anyhow::Result;
use signedcall_tests::{
    ACCOUNT, Headless, Host, Network, PATIENCE, Rig, Service, ServiceSetup, may_make_networks, now_ms, program, silence_between,
};

use crate::runner::Runner;

const MOVED: &str = "a call goes on when either side's computer goes to another network";

/// How long both sides are listened to after the change.
const WATCHED: Duration = Duration::from_secs(4);
/// The longest silence within it that still is a call that went on. What is reached on a quiet machine is measured by `cargo xtask bench resume`.
const SILENT_AT_MOST: f64 = 2_500.0;

pub(crate) async fn cases(runner: &mut Runner) {
    if may_make_networks() {
        runner.case(MOVED, moved()).await;
    } else {
        runner.skip(MOVED, "making hosts in network namespaces takes root");
    }
}

async fn moved() -> Result<()> {
    let rig = Rig::new("network")?;
    let (network, hosts) = Network::new(2)?;
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
    for (name, host, address) in [("caller", near, 101), ("callee", far, 102)] {
        let changed = now_ms();
        network.change_address(host, address)?;
        tokio::time::sleep(WATCHED).await;
        let until = now_ms();
        for (ear, phone) in [("caller", &caller), ("callee", &callee)] {
            let told = phone.told();
            let silence = silence_between(&told, changed, until);
            println!("    the {name} moves: the {ear} hears nothing for {silence:.0} ms");
            let ended = told.iter().any(|told| told.what == "CALL_OVER");
            assert!(!ended && silence < SILENT_AT_MOST, "the {name} has moved; the {ear} was told {told:?}");
        }
    }
    Ok(())
}
