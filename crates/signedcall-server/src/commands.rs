//! The commands for what leaves the service.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use signedcall_server::push::{self, ApnsCredential, ApnsProof};
use signedcall_server::settings::{AnalyticsCommand, ApnsArguments, OperatorCommand, PushCommand, ReceiptCommand, WebhookCommand};
use signedcall_server::store::{Delivery, Webhook};
use signedcall_server::webhooks::{self, CallEvent, WebhookId};
use signedcall_server::{Settings, account, dashboard, open_accounts, receipts};
use signedcall_wire::{AccountId, Environment, Redacted};

use crate::name_of;

pub(crate) fn webhooks(settings: &Settings, command: WebhookCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let mut out = std::io::stdout();
    match command {
        WebhookCommand::Add { account, environment, url, events } => {
            let events = if events.is_empty() { CallEvent::ALL.to_vec() } else { events };
            let (id, secret) = webhooks::add(&accounts, settings.webhooks, &AccountId(account), environment.into(), &url, &events)?;
            writeln!(out, "{} {}", id.0, secret.expose())?;
        }
        WebhookCommand::List { account } => {
            let never = || "-".to_owned();
            for webhook in webhooks::list(&accounts, &AccountId(account))? {
                let Webhook { id, environment, url, events, created_at, failing_since, off_since } = webhook;
                let events: Vec<_> = events.into_iter().map(CallEvent::name).collect();
                let (failing, off) = (failing_since.unwrap_or_else(never), off_since.unwrap_or_else(never));
                writeln!(out, "{}\t{}\t{}\t{created_at}\t{failing}\t{off}\t{url}", id.0, name_of(environment), events.join(","))?;
            }
        }
        WebhookCommand::Remove { account, webhook } => webhooks::remove(&accounts, &AccountId(account), &WebhookId(webhook))?,
        WebhookCommand::Rotate { account, webhook } => {
            writeln!(out, "{}", webhooks::rotate(&accounts, &AccountId(account), &WebhookId(webhook))?.expose())?;
        }
        WebhookCommand::Deliveries { account, webhook } => {
            for delivery in webhooks::deliveries(&accounts, &AccountId(account), &WebhookId(webhook))? {
                let Delivery { id, at, took, status, error } = delivery;
                let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
                writeln!(out, "{at}\t{id}\t{status}\t{}\t{}", took.as_millis(), error.unwrap_or_default())?;
            }
        }
        WebhookCommand::Redeliver { account, webhook, delivery } => {
            webhooks::redeliver(&accounts, &AccountId(account), &WebhookId(webhook), &delivery)?;
        }
    }
    Ok(())
}

pub(crate) fn push(settings: &Settings, command: PushCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let mut out = std::io::stdout();
    match command {
        PushCommand::Apns(arguments) => {
            let (account, environment) = (AccountId(arguments.account.clone()), arguments.environment.into());
            push::set_apns(&accounts, &account, environment, &read_credential(arguments)?)?;
        }
        PushCommand::RemoveApns { account, environment } => push::remove_apns(&accounts, &AccountId(account), environment.into())?,
        PushCommand::List { account } => {
            let account = AccountId(account);
            for environment in [Environment::Production, Environment::Development] {
                let Some(ApnsCredential { bundle_id, proof }) = push::apns(&accounts, &account, environment)? else { continue };
                let by = match &proof {
                    ApnsProof::Key { key_id, .. } => key_id,
                    ApnsProof::Certificate { .. } => "certificate",
                };
                writeln!(out, "{}\t{bundle_id}\t{by}", name_of(environment))?;
            }
        }
        PushCommand::Key => writeln!(out, "{}", push::web_push_key(&accounts)?)?,
    }
    Ok(())
}

fn read_credential(arguments: ApnsArguments) -> anyhow::Result<ApnsCredential> {
    let ApnsArguments { bundle_id, team_id, key_id, key, certificate, account: _, environment: _ } = arguments;
    let proof = match (key, certificate) {
        (Some(key), _) => {
            let (team_id, key_id) = (team_id.unwrap_or_default(), key_id.unwrap_or_default());
            ApnsProof::Key { team_id, key_id, key: Redacted::new(read(&key)?) }
        }
        (None, Some(certificate)) => ApnsProof::Certificate { pem: Redacted::new(read(&certificate)?) },
        (None, None) => anyhow::bail!("--key or --certificate has to be there"),
    };
    Ok(ApnsCredential { bundle_id, proof })
}

pub(crate) fn analytics(settings: &Settings, command: AnalyticsCommand) -> anyhow::Result<()> {
    let AnalyticsCommand::Export { account } = command;
    let mut out = std::io::stdout();
    for event in account::analytics_events(&open_accounts(settings)?, &AccountId(account))? {
        writeln!(out, "{}", serde_json::to_string(&event)?)?;
    }
    Ok(())
}

pub(crate) fn operators(settings: &Settings, command: OperatorCommand) -> anyhow::Result<()> {
    let accounts = open_accounts(settings)?;
    let mut out = std::io::stdout();
    match command {
        OperatorCommand::Link { name } => {
            let link = dashboard::new_link(&accounts, &name)?;
            match settings.dashboard_listen {
                Some(address) => {
                    let scheme = if settings.tls.is_some() { "https" } else { "http" };
                    writeln!(out, "{scheme}://{address}{}", link.expose())?;
                }
                None => {
                    writeln!(std::io::stderr(), "dashboard-listen is not set: put what the dashboard is opened at before this")?;
                    writeln!(out, "{}", link.expose())?;
                }
            }
        }
        OperatorCommand::List => {
            for operator in dashboard::operators(&accounts)? {
                let state = if operator.has_password { "password" } else { "-" };
                writeln!(out, "{}\t{}\t{state}", operator.name, operator.created_at)?;
            }
        }
        OperatorCommand::Remove { name } => dashboard::remove_operator(&accounts, &name)?,
    }
    Ok(())
}

pub(crate) fn receipts(settings: &Settings, command: ReceiptCommand) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match command {
        ReceiptCommand::Export { account, call } => {
            writeln!(out, "{}", receipts::export(&open_accounts(settings)?, &AccountId(account), &call)?)?;
        }
        ReceiptCommand::Keys { account } => writeln!(out, "{}", receipts::keys(&open_accounts(settings)?, &AccountId(account))?)?,
        ReceiptCommand::Verify { keys, receipt } => write!(out, "{}", receipts::verify(&read(&keys)?, &read(&receipt)?)?)?,
    }
    Ok(())
}

/// What is in a database its own tools copy, at one moment and beside everything else that goes on.
pub(crate) fn store_in_a_file(settings: &Settings, instead: &str) -> anyhow::Result<()> {
    if let Some(server) = &settings.store {
        anyhow::bail!("{server} is a database, which PostgreSQL's own tools copy and put back: use {instead}");
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}
