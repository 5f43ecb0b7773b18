//! The dashboard: pages for whoever operates the service, on a listener of its own, which is off unless it is set. It has the power of the command line, so that it
//! is for an operator's own network, and nobody is let in but by a password that they have chosen by a link (`docs/dashboard.md`).
//!
//! Each module has the requests of one subject. What changes something goes through `Dashboard::carry_out`, which writes it down; what companies' backends can do
//! as well is done by the code that does it for them (`company`).

mod accounts;
mod attempts;
mod audit;
mod company;
mod cookies;
mod credentials;
mod familiar;
mod figures;
mod guard;
mod health;
mod links;
mod logo;
mod pages;
mod passwords;
mod quiet;
mod refused;
mod session;
mod sign_in;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::any;
use serde::Serialize;
use signedcall_wire::Environment;

use self::attempts::Attempts;
use self::guard::guard;
pub(crate) use self::links::FIRST_OPERATOR;
pub use self::links::{OperatorError, list as operators, new_link, remove as remove_operator};
use self::logo::Logos;
use self::passwords::Passwords;
use self::refused::{Code, Refused, in_words};
use self::session::UntoldSessions;
use crate::api::{MAX_BODY_BYTES, Stores, bound};
use crate::keys::NoRandomness;
use crate::operator::Operator;
use crate::settings::Settings;
use crate::store::environment_named;
use crate::webhooks::WebhookSettings;

/// How long a request may take until its answer begins.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How the service was set, as far as the pages say so.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DashboardSettings {
    ring_seconds: u64,
    user_calls_per_minute: Option<u32>,
    account_calls_per_minute: Option<u32>,
    api_requests_per_minute: u32,
    keep_records_days: Option<u64>,
    #[serde(skip)]
    webhooks: WebhookSettings,
}

impl From<&Settings> for DashboardSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            ring_seconds: settings.hub.ring_for.as_secs(),
            user_calls_per_minute: settings.hub.call_rates.per_user.map(Into::into),
            account_calls_per_minute: settings.hub.call_rates.per_account.map(Into::into),
            api_requests_per_minute: settings.api.requests_per_minute.get(),
            keep_records_days: settings.keep_records.map(|kept| kept.as_secs() / (24 * 3600)),
            webhooks: settings.webhooks,
        }
    }
}

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Dashboard {
    stores: Stores,
    api: Router,
    passwords: Passwords,
    attempts: Attempts,
    untold: UntoldSessions,
    operator: Operator,
    logos: Logos,
    settings: DashboardSettings,
    /// Whether the listener itself has TLS.
    is_encrypted: bool,
}

type Shared = Arc<Dashboard>;

impl Dashboard {
    pub(crate) fn new(
        stores: Stores,
        api: Router,
        operator: Operator,
        settings: DashboardSettings,
        is_encrypted: bool,
    ) -> Result<Self, NoRandomness> {
        let (passwords, attempts, untold) = (Passwords::new()?, Attempts::default(), UntoldSessions::default());
        let logos = Logos::new(settings.webhooks.to_private_addresses);
        Ok(Self { stores, api, passwords, attempts, untold, operator, logos, settings, is_encrypted })
    }
}

/// Routes every request there is.
pub(crate) fn router(dashboard: Dashboard) -> Router {
    let is_encrypted = dashboard.is_encrypted;
    let api = Router::new()
        .route("/api/{*path}", any(unknown))
        .merge(sign_in::routes())
        .merge(accounts::routes())
        .merge(credentials::routes())
        .merge(quiet::routes())
        .merge(webhooks::routes())
        .merge(figures::routes())
        .merge(audit::routes())
        .merge(health::routes())
        .merge(logo::routes())
        .merge(company::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(in_words))
        .layer(from_fn(|request, next| bound(ANSWER_WITHIN, request, next)))
        .with_state(Arc::new(dashboard));
    Router::new().fallback(pages::page).merge(api).layer(from_fn(move |request, next| guard(is_encrypted, request, next)))
}

async fn unknown() -> Refused {
    Refused::new(Code::NotFound)
}

/// The environment that a path names.
fn environment_of(name: &str) -> Result<Environment, Refused> {
    environment_named(name).ok_or(Refused::new(Code::NotFound))
}
