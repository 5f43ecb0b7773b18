//! The service's binary.

mod commands;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signedcall_server::account::Change;
use signedcall_server::hub::CallRates;
use signedcall_server::settings::{
    AccountCommand, Command, CommandLine, Given, JwksCommand, KeyCommand, LogFormat, NewAccountArguments, QuietArguments, QuietCommand,
    TimeOfDay, UserArguments, UserCommand, UtcOffset,
};
use signedcall_server::store::{Account, QuietUser};
use signedcall_server::supervisor::Supervisor;
use signedcall_server::{KeyId, QuietHours, Settings, account, backup, check, open_accounts, serve};
use signedcall_wire::{AccountId, Branding, Contrast, Cuid, Environment, Redacted};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Interval, interval};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match begin(CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `Debug`: whoever set something wrongly has no use for a backtrace.
            let _ = writeln!(std::io::stderr(), "signedcall-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn begin(CommandLine { config, given, command }: CommandLine) -> anyhow::Result<()> {
    if command.is_none() {
        raise_file_limit();
    }
    if let Some(Command::CheckConfig) = command {
        return check_config(given, config.as_deref());
    }
    let settings = Settings::resolve(given, config.as_deref())?;
    match command {
        None => tokio::runtime::Runtime::new()?.block_on(run(settings)),
        Some(Command::Account(command)) => administer(&settings, command),
        Some(Command::Key(command)) => administer_keys(&settings, command),
        Some(Command::Jwks(command)) => administer_token_keys(&settings, command),
        Some(Command::User(command)) => administer_users(&settings, command),
        Some(Command::Quiet(command)) => administer_quiet_hours(&settings, command),
        Some(Command::Backup { to }) => {
            commands::store_in_a_file(&settings, "pg_dump --format=custom")?;
            let bytes = backup::back_up(&settings.data, &to)?;
            Ok(writeln!(std::io::stdout(), "{} has {bytes} bytes", to.display())?)
        }
        Some(Command::Restore { from }) => restore(&settings, &from),
        Some(Command::CheckConfig) => Ok(()),
        Some(Command::Push(command)) => commands::push(&settings, command),
        Some(Command::Analytics(command)) => commands::analytics(&settings, command),
        Some(Command::Operator(command)) => commands::operators(&settings, command),
        Some(Command::Receipt(command)) => commands::receipts(&settings, command),
        Some(Command::Webhook(command)) => commands::webhooks(&settings, command),
    }
}

/// Lets the process have as many files open as the system allows it to: each device takes one. Many systems start with a limit for programs that
/// count files in a way of long ago, which this one does not.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // As it is, it will do for fewer devices; `check-config` says so where that is few.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log).with_context(|| format!("log = {:?}", settings.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut told_to_reload = signal(SignalKind::hangup())?;
    if !settings.listen.ip().is_loopback() && settings.tls.is_none() {
        tracing::warn!("listening beyond this machine without TLS: keys and calls can be read on the way unless a proxy adds it");
    }
    let demo_key = std::env::var("SIGNEDCALL_DEMO_KEY").ok().filter(|key| !key.is_empty()).map(Redacted::new);
    let supervisor = Supervisor::from_environment().context("NOTIFY_SOCKET")?;
    let mut service = serve(settings, demo_key).await?;
    let (listening, turn, operator) = (service.address(), service.relay_address(), service.operator_address());
    let ready = serde_json::json!({"listening": listening, "turn": turn, "operator": operator, "dashboard": service.dashboard_address()});
    writeln!(std::io::stdout(), "{ready}")?;
    if let Some(link) = service.first_link() {
        // Beside the log and not in it, whatever its form and level are. Whoever may read what a unit has printed may use the link within its hour.
        let words = "Nobody can sign in to the dashboard yet. To choose a password, open this within an hour; it is good once:";
        writeln!(std::io::stderr(), "{words}\n{}", link.expose())?;
    }
    tracing::info!("ready");
    supervisor.iter().for_each(Supervisor::is_ready);
    let mut beats = supervisor.as_ref().and_then(Supervisor::beats_every).map(interval);
    loop {
        tokio::select! {
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
            // What came of it is in the log.
            Some(()) = told_to_reload.recv() => drop(service.renew_tls().await),
            () = next_beat(&mut beats) => if service.lives().await {
                supervisor.iter().for_each(Supervisor::lives);
            },
            () = service.failed() => anyhow::bail!("the service failed; its log says why"),
        }
    }
    tracing::info!("stopping");
    supervisor.iter().for_each(Supervisor::stops);
    service.shutdown().await;
    Ok(())
}

async fn next_beat(beats: &mut Option<Interval>) {
    match beats {
        Some(beats) => drop(beats.tick().await),
        None => std::future::pending().await,
    }
}

fn administer(settings: &Settings, command: AccountCommand) -> anyhow::Result<()> {
    let accounts = || open_accounts(settings);
    let mut out = std::io::stdout();
    match command {
        AccountCommand::Add(arguments) => {
            let account = read_account(arguments);
            let keys = account::add(&accounts()?, &account)?;
            let contrast = account.branding.contrast();
            if !contrast.is_legible() {
                let least = Contrast::LEGIBLE;
                writeln!(std::io::stderr(), "warning: font-color on bg-color has a contrast of {contrast}; WCAG AA asks for {least}")?;
            }
            for (environment, key) in keys {
                writeln!(out, "{} {}", name_of(environment), key.expose())?;
            }
        }
        AccountCommand::List => {
            for account in accounts()?.list()? {
                writeln!(out, "{}\t{}", account.id, account.branding.name)?;
            }
        }
        AccountCommand::Key { .. } => anyhow::bail!(
            "`account key` is gone: use `key add`, which makes one more key and leaves the others good, and `key revoke` once an old one is not used any more"
        ),
    }
    Ok(())
}

fn administer_keys(settings: &Settings, command: KeyCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let mut out = std::io::stdout();
    match command {
        KeyCommand::Add { account, environment } => {
            let (id, key) = account::add_key(&accounts, &AccountId(account), environment.into())?;
            writeln!(out, "{} {}", id.0, key.expose())?;
        }
        KeyCommand::List { account } => {
            let never = || "-".to_owned();
            for key in account::keys(&accounts, &AccountId(account))? {
                let (id, environment) = (key.id.0, name_of(key.environment));
                let (used, revoked) = (key.last_used_at.unwrap_or_else(never), key.revoked_at.unwrap_or_else(never));
                writeln!(out, "{id}\t{environment}\t{}\t{used}\t{revoked}", key.created_at)?;
            }
        }
        KeyCommand::Revoke { account, key } => account::revoke_key(&accounts, &AccountId(account), &KeyId(key))?,
    }
    Ok(())
}

fn administer_token_keys(settings: &Settings, command: JwksCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let mut out = std::io::stdout();
    match command {
        JwksCommand::Set { account, environment, file } => {
            let set = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let id = AccountId(account);
            let change = account::set_token_keys(&accounts, &id, environment.into(), &set).with_context(|| file.display().to_string())?;
            note(change, "these keys are registered already")?;
        }
        JwksCommand::List { account } => {
            for (environment, key) in account::token_keys(&accounts, &AccountId(account))? {
                writeln!(out, "{}\t{}\t{}", key.kid, name_of(environment), key.algorithm())?;
            }
        }
    }
    Ok(())
}

fn administer_users(settings: &Settings, command: UserCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let block = |UserArguments { account, cuid, environment }, blocked| {
        account::block_user(&accounts, &AccountId(account), environment.into(), &cuid, blocked)
    };
    match command {
        UserCommand::Block(user) => note(block(user, true)?, "this user is blocked already")?,
        UserCommand::Unblock(user) => note(block(user, false)?, "this user is not blocked")?,
        UserCommand::List { account } => {
            let mut out = std::io::stdout();
            for user in account::blocked_users(&accounts, &AccountId(account))? {
                writeln!(out, "{}\t{}\t{}", user.cuid, name_of(user.environment), user.blocked_at)?;
            }
        }
    }
    Ok(())
}

fn administer_quiet_hours(settings: &Settings, command: QuietCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let set = |QuietArguments { account, cuid, environment }, hours| {
        account::set_quiet_hours(&accounts, &AccountId(account), environment.into(), cuid.as_ref(), hours)
    };
    match command {
        QuietCommand::Set { whose, from, to, utc_offset } => {
            anyhow::ensure!(from != to, "--from and --to are the same time, so that it is not said which hours are quiet");
            let hours = QuietHours { from: from.0, to: to.0, ahead: utc_offset.0 };
            note(set(whose, Some(hours))?, "these hours are set already")?;
        }
        QuietCommand::Remove { whose } => note(set(whose, None)?, "there are no such quiet hours")?,
        QuietCommand::List { account } => {
            let mut out = std::io::stdout();
            for QuietUser { cuid, environment, hours: QuietHours { from, to, ahead } } in
                account::quiet_users(&accounts, &AccountId(account))?
            {
                let who = cuid.as_ref().map_or("*", Cuid::as_str);
                let (from, to, offset) = (TimeOfDay(from), TimeOfDay(to), UtcOffset(ahead));
                writeln!(out, "{who}\t{}\t{from}\t{to}\t{offset}", name_of(environment))?;
            }
        }
    }
    Ok(())
}

fn restore(settings: &Settings, from: &Path) -> anyhow::Result<()> {
    commands::store_in_a_file(settings, "pg_restore --clean")?;
    if let Some(kept) = backup::restore(from, &settings.data)? {
        writeln!(std::io::stdout(), "what was there is kept as {}", kept.display())?;
    }
    let tokens = "user tokens that were used since the copy was made would be good once more: start the service in eleven minutes";
    Ok(writeln!(std::io::stderr(), "{tokens}")?)
}

fn check_config(given: Given, config: Option<&Path>) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let findings = check::check(given, config);
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    let faults = findings.iter().filter(|finding| finding.is_fault()).count();
    anyhow::ensure!(faults == 0, "the service would not start, or not work: {faults} fault(s)");
    Ok(writeln!(out, "the service can be started")?)
}

/// Says when a command has found nothing to do, which may be due to a slip of the keys.
fn note(change: Change, why_none: &str) -> std::io::Result<()> {
    match change {
        Change::Made => Ok(()),
        Change::None => writeln!(std::io::stderr(), "nothing has changed: {why_none}"),
    }
}

fn name_of(environment: Environment) -> String {
    format!("{environment:?}").to_lowercase()
}

fn read_account(arguments: NewAccountArguments) -> Account {
    let NewAccountArguments {
        id,
        name,
        bg_color,
        font_color,
        logo,
        button_theme,
        relay_only,
        max_call_seconds,
        single_device,
        user_calls_per_minute,
        account_calls_per_minute,
    } = arguments;
    let call_rates = CallRates { per_user: user_calls_per_minute, per_account: account_calls_per_minute };
    let branding = Branding { name, bg_color, font_color, logo, button_theme: button_theme.into() };
    Account { id: AccountId(id), branding, relay_only, max_call: max_call_seconds.map(Duration::from_secs), single_device, call_rates }
}
