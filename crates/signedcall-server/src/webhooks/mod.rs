//! What leaves the service of a call: each webhook that an account has added is told by HTTP of the calls that are placed, answered and over.
//!
//! What is to be told is written down together with the change of the call's record ([`store`](crate::store)), and sent from there by a task of its own, so that no
//! call waits for it and none that has ended is without it: `body` says what is told, `signature` proves who tells it, `client` brings it, `schedule`
//! decides what follows from the answer, `under_way` how many there are at once, and `sender` is the task. `docs/webhooks.md` is for whoever receives it.

mod body;
mod client;
mod schedule;
mod sender;
mod signature;
#[cfg(test)]
mod tests;
mod under_way;

use std::time::Duration;

use signedcall_wire::{AccountId, Environment, Redacted};

pub(crate) use self::body::{EventId, body};
pub(crate) use self::client::Client;
pub(crate) use self::schedule::{KEPT_TRYING_FOR, Next};
pub(crate) use self::sender::deliver;
use crate::keys::{NoRandomness, random_key_id, random_secret};
pub use crate::outward::InvalidUrl;
use crate::outward::check;
use crate::store::{Accounts, AddedWebhook, Delivery, NewWebhook, Redelivery, StoreError, Webhook};

/// The most webhooks of an account in one environment: one for each of its systems, and few enough that a call costs little more for them.
pub(crate) const MAX_WEBHOOKS: u32 = 8;

/// What a webhook is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(pub String);

/// Something that a webhook is told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallEvent {
    /// It is written down, and rings.
    Placed,
    /// The callee has answered.
    Answered,
    /// It is over, whether or not it was answered.
    Ended,
}

impl CallEvent {
    /// Everything there is, in the order in which it happens.
    pub const ALL: [Self; 3] = [Self::Placed, Self::Answered, Self::Ended];

    /// Its name in what is sent. No name is part of another.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "call.placed",
            Self::Answered => "call.answered",
            Self::Ended => "call.ended",
        }
    }

    /// Which event is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// How webhooks are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Whether they may lie on this machine or in its own network.
    pub to_private_addresses: bool,
    /// How long it may take to find a receiver and to be connected to it.
    pub connect_within: Duration,
    /// How long a whole delivery may take, to the receiver's answer.
    pub answer_within: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        let (connect_within, answer_within) = (Duration::from_secs(5), Duration::from_secs(10));
        Self { to_private_addresses: false, connect_within, answer_within }
    }
}

/// Why a webhook is not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Nothing can be sent there.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// There is no such account.
    #[error("there is no account {0:?}")]
    UnknownAccount(AccountId),
    /// The account has no such webhook.
    #[error("the account {account:?} has no webhook {webhook:?}", webhook = .webhook.0)]
    Unknown {
        /// The account.
        account: AccountId,
        /// The webhook.
        webhook: WebhookId,
    },
    /// There is no room for another.
    #[error("the account has {MAX_WEBHOOKS} webhooks for this environment, which is the most; remove one first")]
    TooMany,
    /// The receiver has said that it is gone.
    #[error("the webhook is switched off, since its receiver has answered 410; add it anew")]
    Off,
    /// Nothing like it is in the log.
    #[error("the log of the webhook has no delivery {0:?}")]
    UnknownDelivery(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Adds a webhook, which is told what happens from then on, and makes the secret that deliveries to it are signed with.
///
/// # Errors
/// The URL is not one that can be sent to; there is no such account, or no room for another webhook; the store failed.
pub fn add(
    accounts: &Accounts,
    settings: WebhookSettings,
    account: &AccountId,
    environment: Environment,
    url: &str,
    events: &[CallEvent],
) -> Result<(WebhookId, Redacted<String>), WebhookError> {
    let url = check(url, settings.to_private_addresses)?;
    let (id, secret) = (WebhookId(random_key_id()?.0), new_secret()?);
    let new = NewWebhook { id: id.clone(), environment, url: url.into(), events: events.to_vec(), secret: secret.clone() };
    match accounts.add_webhook(account, &new)? {
        AddedWebhook::Added => Ok((id, secret)),
        AddedWebhook::NoAccount => Err(WebhookError::UnknownAccount(account.clone())),
        AddedWebhook::TooMany => Err(WebhookError::TooMany),
    }
}

/// The webhooks of an account, the oldest first.
///
/// # Errors
/// There is no such account; the store failed.
pub fn list(accounts: &Accounts, account: &AccountId) -> Result<Vec<Webhook>, WebhookError> {
    accounts.webhooks(account)?.ok_or_else(|| WebhookError::UnknownAccount(account.clone()))
}

/// Removes a webhook, and with it what it was still to be told.
///
/// # Errors
/// The account has no such webhook; the store failed.
pub fn remove(accounts: &Accounts, account: &AccountId, webhook: &WebhookId) -> Result<(), WebhookError> {
    found(accounts.remove_webhook(account, webhook)?, account, webhook)
}

/// Makes another secret for a webhook. For a day deliveries are signed with the one before as well.
///
/// # Errors
/// The account has no such webhook; the store failed.
pub fn rotate(accounts: &Accounts, account: &AccountId, webhook: &WebhookId) -> Result<Redacted<String>, WebhookError> {
    let secret = new_secret()?;
    found(accounts.rotate_webhook(account, webhook, &secret)?, account, webhook)?;
    Ok(secret)
}

/// What was sent to a webhook lately, the oldest first.
///
/// # Errors
/// The account has no such webhook; the store failed.
pub fn deliveries(accounts: &Accounts, account: &AccountId, webhook: &WebhookId) -> Result<Vec<Delivery>, WebhookError> {
    accounts.deliveries(account, webhook)?.ok_or_else(|| unknown(account, webhook))
}

/// Sends something once more that is in the log of a webhook, under the same id.
///
/// # Errors
/// The account has no such webhook, or it is switched off; the log has no such delivery; the store failed.
pub fn redeliver(accounts: &Accounts, account: &AccountId, webhook: &WebhookId, delivery: &str) -> Result<(), WebhookError> {
    let nothing = || WebhookError::UnknownDelivery(delivery.to_owned());
    match accounts.redeliver(account, webhook, EventId::parse(delivery).ok_or_else(nothing)?)? {
        Redelivery::Due => Ok(()),
        Redelivery::NoWebhook => Err(unknown(account, webhook)),
        Redelivery::Off => Err(WebhookError::Off),
        Redelivery::NoDelivery => Err(nothing()),
    }
}

fn found(found: bool, account: &AccountId, webhook: &WebhookId) -> Result<(), WebhookError> {
    if found { Ok(()) } else { Err(unknown(account, webhook)) }
}

fn unknown(account: &AccountId, webhook: &WebhookId) -> WebhookError {
    WebhookError::Unknown { account: account.clone(), webhook: webhook.clone() }
}

/// Says what it is to whoever finds it somewhere.
fn new_secret() -> Result<Redacted<String>, NoRandomness> {
    Ok(Redacted::new(format!("scw_{}", random_secret()?.expose())))
}
