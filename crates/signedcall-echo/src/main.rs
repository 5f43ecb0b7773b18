//! The echo contact: a headless user who answers every call, greets, and returns what one says.

mod echo;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use signedcall::{Analytics, CallStatus, Direction, ErrorCode, LOG_FILTER, Options, Redacted, SignedCall, VoiceOptions};
use tracing_subscriber::EnvFilter;

use echo::EchoSound;

/// How long to wait before trying again to reach a service that is not there yet.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Answers every call, greets, and returns what one says.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// `ws://` or `wss://` URL of the service.
    #[arg(long, env = "SIGNEDCALL_SERVICE_URL", default_value = "ws://127.0.0.1:7443")]
    service_url: String,
    /// The company's account id.
    #[arg(long, env = "SIGNEDCALL_ACCOUNT_ID", default_value = "demo")]
    account_id: String,
    /// The user id under which this contact is called.
    #[arg(long, default_value = "echo_test")]
    cuid: String,
    /// The name that callers see.
    #[arg(long, default_value = "Echo")]
    name: String,
    /// Sign in to the production environment instead of the development one.
    #[arg(long)]
    production: bool,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    // Not an argument, since arguments are seen by every program of this machine.
    let api_key = Redacted::new(std::env::var("SIGNEDCALL_API_KEY").context("SIGNEDCALL_API_KEY is not set")?);

    let stop = tokio::signal::ctrl_c();
    let line = sign_in(&arguments, &api_key).await?;
    writeln!(std::io::stdout(), "{{\"ready\":true}}").context("nobody reads the readiness line")?;
    let answering = tokio::spawn(answer_all(line.clone()));
    tokio::select! {
        ended = answering => {
            ended.context("answering stopped")?;
            bail!("the service does not want this contact any more");
        }
        pressed = stop => pressed.context("no signals")?,
    }
    line.logout().await;
    Ok(())
}

/// Signs in, and waits for a service that is not there yet.
async fn sign_in(arguments: &Arguments, api_key: &Redacted<String>) -> anyhow::Result<SignedCall> {
    loop {
        let mut options = Options::new(&arguments.service_url, &arguments.account_id, api_key.expose(), &arguments.cuid);
        options = options.production(arguments.production).analytics(Analytics::Local);
        options.name = Some(arguments.name.clone());
        options.voice = VoiceOptions::unprocessed();
        options.sound = Some(Arc::new(EchoSound::default()));
        // Nobody would want to be held by an echo.
        options.second_calls = false;
        match SignedCall::init(options).await {
            Ok(line) => return Ok(line),
            Err(error) if error.code == ErrorCode::NetworkNotAvailable => {
                tracing::warn!(%error, "waiting for the service");
                tokio::time::sleep(RETRY_AFTER).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Answers each call that rings, until the line is closed.
async fn answer_all(line: SignedCall) {
    let mut events = line.events();
    while let Some(event) = events.next().await {
        if event.direction == Direction::Incoming
            && event.status == CallStatus::Ringing
            && let Err(error) = line.answer(event.call_id).await
        {
            tracing::warn!(%error, "a call was not answered");
        }
    }
}
