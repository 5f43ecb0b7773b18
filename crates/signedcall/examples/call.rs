//! Calls somebody with this computer's microphone and speaker, talks for some seconds, and hangs up:
//! `SIGNEDCALL_API_KEY=… cargo run --example call -- ws://127.0.0.1:7443 echo_test 5`. `RUST_LOG=signedcall::timing=debug` shows how long each
//! step takes.

use std::io::Write;
use std::time::Duration;

use signedcall::{CallStatus, LOG_FILTER, Metadata, Options, SignedCall};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let (Some(service), Some(cuid)) = (arguments.next(), arguments.next()) else {
        return Err("usage: call <service URL> <cuid> [seconds]".into());
    };
    let seconds = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;

    let options = Options::new(service, "demo", std::env::var("SIGNEDCALL_API_KEY")?, "example_caller").production(false);
    let line = SignedCall::init(options).await?;
    let mut events = line.events();
    let call = line.call(&cuid, "Trying the SDK", Metadata::default()).await?;
    while let Some(event) = events.next().await {
        writeln!(std::io::stdout(), "{}", event.status)?;
        if event.status.is_final() {
            break;
        }
        if event.status == CallStatus::InProgress {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            line.hangup(call).await?;
        }
    }
    line.logout().await;
    Ok(())
}
