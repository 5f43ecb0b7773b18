//! The accounts of the service, and what each has set for calls of its users.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Contrast};

use super::Shared;
use super::audit::{Action, Deed};
use super::credentials::NewKey;
use super::refused::{Code, Refused, failed};
use super::session::SignedIn;
use crate::account;
use crate::api::{Etag, IfMatch, Members};
use crate::hub::{CallRates, Policy};
use crate::store::{Account, environment_name};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/accounts", get(list).post(add))
        .route("/api/accounts/{account}", get(show))
        .route("/api/accounts/{account}/policy", get(show_policy).put(set_policy))
        .route("/api/contrast", get(contrast))
}

/// An account as the pages show it.
#[derive(Debug, Serialize)]
struct AccountView {
    id: String,
    name: String,
    bg_color: String,
    font_color: String,
    #[serde(flatten)]
    policy: PolicyView,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let policy = PolicyView::from(&account);
        Self {
            policy,
            id: account.id.0,
            name: account.branding.name,
            bg_color: account.branding.bg_color.into(),
            font_color: account.branding.font_color.into(),
        }
    }
}

async fn list(State(dashboard): State<Shared>, _who: SignedIn) -> Result<Json<Vec<AccountView>>, Refused> {
    let accounts = dashboard.stores.known(crate::store::Accounts::list).await?;
    Ok(Json(accounts.into_iter().map(AccountView::from).collect()))
}

async fn show(State(dashboard): State<Shared>, _who: SignedIn, Path(id): Path<String>) -> Result<Json<AccountView>, Refused> {
    let found = dashboard.stores.known(move |accounts| accounts.find(&AccountId(id))).await?;
    found.map(|(account, _)| Json(account.into())).ok_or(Refused::new(Code::NotFound))
}

/// Adds an account, and gives its keys: this once.
async fn add(State(dashboard): State<Shared>, who: SignedIn, mut members: Members) -> Result<Json<Vec<NewKey>>, Refused> {
    let color = |members: &mut Members, name| -> Result<Color, Refused> { Ok(members.take(name, "a colour of the form #RRGGBB")?) };
    let id = AccountId(members.take("id", "a text")?);
    let branding = Branding {
        name: members.take("name", "a text")?,
        bg_color: color(&mut members, "bg_color")?,
        font_color: color(&mut members, "font_color")?,
        logo: None,
        button_theme: ButtonTheme::Light,
    };
    members.finish()?;
    let account =
        Account { id: id.clone(), branding, relay_only: false, max_call: None, single_device: false, call_rates: Default::default() };
    let deed = Deed::of(Action::AddAccount, &who.operator).in_account(&id);
    let made = dashboard.passwords.work(account::new_keys).await?;
    let (credentials, keys) = made.map_err(|error| failed(&error))?;
    dashboard.carry_out(deed, move |accounts, _| account::add_with(accounts, &account, &credentials)).await?;
    let shown = |(environment, key): (_, signedcall_wire::Redacted<String>)| NewKey {
        id: crate::keys::id_in(&key).map(|id| id.0).unwrap_or_default(),
        environment: environment_name(environment),
        key: key.into_inner(),
    };
    Ok(Json(keys.into_iter().map(shown).collect()))
}

/// How well text can be read, of colours that nobody has chosen yet.
#[derive(Debug, Serialize)]
struct ContrastView {
    ratio: f64,
    least: f64,
    legible: bool,
}

async fn contrast(_who: SignedIn, RawQuery(query): RawQuery) -> Result<Json<ContrastView>, Refused> {
    let query = query.unwrap_or_default();
    let color = |name| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.and_then(|(_, value)| Color::try_from(value.into_owned()).ok()).ok_or(Refused::field(name))
    };
    let contrast = Contrast::between(color("bg_color")?, color("font_color")?);
    Ok(Json(ContrastView { ratio: contrast.ratio(), least: Contrast::LEGIBLE.ratio(), legible: contrast.is_legible() }))
}

/// What an account has set for calls of its users, and the name of this version.
#[derive(Debug, Serialize)]
struct PolicyView {
    relay_only: bool,
    single_device: bool,
    max_call_seconds: Option<u64>,
    /// `null` where the service's limit counts.
    user_calls_per_minute: Option<NonZeroU32>,
    account_calls_per_minute: Option<NonZeroU32>,
}

impl From<&Account> for PolicyView {
    fn from(account: &Account) -> Self {
        let Policy { relay_only, max_call, single_device, call_rates: CallRates { per_user, per_account } } = account.policy();
        Self {
            relay_only,
            single_device,
            max_call_seconds: max_call.map(|limit| limit.as_secs()),
            user_calls_per_minute: per_user,
            account_calls_per_minute: per_account,
        }
    }
}

type ShownPolicy = ([(HeaderName, HeaderValue); 1], Json<PolicyView>);

fn shown(account: &Account) -> ShownPolicy {
    let policy = PolicyView::from(account);
    (Etag::of(&policy).header(), Json(policy))
}

async fn show_policy(State(dashboard): State<Shared>, _who: SignedIn, Path(id): Path<String>) -> Result<ShownPolicy, Refused> {
    let found = dashboard.stores.known(move |accounts| accounts.find(&AccountId(id))).await?;
    found.map(|(account, _)| shown(&account)).ok_or(Refused::new(Code::NotFound))
}

async fn set_policy(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut members: Members,
) -> Result<ShownPolicy, Refused> {
    let (id, version) = (AccountId(id), IfMatch::read(&headers)?);
    let policy = Policy {
        relay_only: members.take("relay_only", "true or false")?,
        single_device: members.take("single_device", "true or false")?,
        max_call: members.take_if_there("max_call_seconds", "a number of seconds")?.map(Duration::from_secs),
        call_rates: CallRates {
            per_user: members.take_if_there("user_calls_per_minute", "a number of calls")?,
            per_account: members.take_if_there("account_calls_per_minute", "a number of calls")?,
        },
    };
    members.finish()?;
    let deed = Deed::of(Action::SetPolicy, &who.operator).in_account(&id);
    let changed = move |accounts: &crate::store::Accounts, _: &mut Deed| -> Result<Account, Refused> {
        let found = |accounts: &crate::store::Accounts| -> Result<Account, Refused> {
            accounts.find(&id)?.map(|(account, _)| account).ok_or(Refused::new(Code::NotFound))
        };
        version.check(&Etag::of(&PolicyView::from(&found(accounts)?)))?;
        account::set_policy(accounts, &id, policy)?;
        found(accounts)
    };
    Ok(shown(&dashboard.carry_out(deed, changed).await?))
}
