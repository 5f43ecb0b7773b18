//! Who is told of an account's calls, and what came of it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::AccountId;

use super::audit::{Action, Deed};
use super::refused::Refused;
use super::session::SignedIn;
use super::{Shared, environment_of};
use crate::api::Members;
use crate::store::{Delivery, Webhook, environment_name};
use crate::webhooks::{self, CallEvent, WebhookId};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/accounts/{account}/webhooks", get(list))
        .route("/api/accounts/{account}/environments/{environment}/webhooks", post(add))
        .route("/api/accounts/{account}/webhooks/{webhook}", delete(remove))
        .route("/api/accounts/{account}/webhooks/{webhook}/secret", post(rotate))
        .route("/api/accounts/{account}/webhooks/{webhook}/deliveries", get(deliveries))
        .route("/api/accounts/{account}/webhooks/{webhook}/redeliver", post(redeliver))
}

#[derive(Debug, Serialize)]
struct WebhookView {
    id: String,
    environment: &'static str,
    url: String,
    events: Vec<&'static str>,
    created_at: String,
    failing_since: Option<String>,
    off_since: Option<String>,
}

/// What deliveries are signed with. It is shown once.
#[derive(Debug, Serialize)]
struct NewSecret {
    id: String,
    secret: String,
}

#[derive(Debug, Serialize)]
struct DeliveryView {
    id: String,
    at: String,
    took_ms: u64,
    status: Option<u16>,
    error: Option<String>,
}

async fn list(State(dashboard): State<Shared>, _who: SignedIn, Path(id): Path<String>) -> Result<Json<Vec<WebhookView>>, Refused> {
    let found = dashboard.stores.known(move |accounts| Ok(webhooks::list(accounts, &AccountId(id)))).await??;
    let view = |webhook: Webhook| WebhookView {
        id: webhook.id.0,
        environment: environment_name(webhook.environment),
        url: webhook.url,
        events: webhook.events.into_iter().map(CallEvent::name).collect(),
        created_at: webhook.created_at,
        failing_since: webhook.failing_since,
        off_since: webhook.off_since,
    };
    Ok(Json(found.into_iter().map(view).collect()))
}

async fn add(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path((id, environment)): Path<(String, String)>,
    mut members: Members,
) -> Result<Json<NewSecret>, Refused> {
    let (id, environment) = (AccountId(id), environment_of(&environment)?);
    let url: String = members.take("url", "a text")?;
    let events: Vec<String> = members.take("events", "names of events")?;
    members.finish()?;
    let events: Option<Vec<CallEvent>> = events.iter().map(|name| CallEvent::named(name)).collect();
    let events = events.filter(|events| !events.is_empty()).ok_or(Refused::field("events"))?;
    let settings = dashboard.settings.webhooks;
    let deed = Deed::of(Action::AddWebhook, &who.operator).in_account(&id).in_environment(environment);
    let add = move |accounts: &crate::store::Accounts, deed: &mut Deed| {
        let (webhook, secret) = webhooks::add(accounts, settings, &id, environment, &url, &events)?;
        deed.is_to(&*webhook.0);
        Ok::<_, webhooks::WebhookError>((webhook, secret))
    };
    let (webhook, secret) = dashboard.carry_out(deed, add).await?;
    Ok(Json(NewSecret { id: webhook.0, secret: secret.into_inner() }))
}

async fn remove(State(dashboard): State<Shared>, who: SignedIn, Path(path): Path<(String, String)>) -> Result<StatusCode, Refused> {
    let (id, webhook) = (AccountId(path.0), WebhookId(path.1));
    let deed = Deed::of(Action::RemoveWebhook, &who.operator).in_account(&id).to(&*webhook.0);
    dashboard.carry_out(deed, move |accounts, _| webhooks::remove(accounts, &id, &webhook)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate(State(dashboard): State<Shared>, who: SignedIn, Path(path): Path<(String, String)>) -> Result<Json<NewSecret>, Refused> {
    let (id, webhook) = (AccountId(path.0), WebhookId(path.1));
    let deed = Deed::of(Action::RotateWebhook, &who.operator).in_account(&id).to(&*webhook.0);
    let of = webhook.clone();
    let secret = dashboard.carry_out(deed, move |accounts, _| webhooks::rotate(accounts, &id, &of)).await?;
    Ok(Json(NewSecret { id: webhook.0, secret: secret.into_inner() }))
}

/// The log of a webhook, the newest first.
async fn deliveries(
    State(dashboard): State<Shared>,
    _who: SignedIn,
    Path(path): Path<(String, String)>,
) -> Result<Json<Vec<DeliveryView>>, Refused> {
    let (id, webhook) = (AccountId(path.0), WebhookId(path.1));
    let found = dashboard.stores.known(move |accounts| Ok(webhooks::deliveries(accounts, &id, &webhook))).await??;
    let view = |Delivery { id, at, took, status, error }: Delivery| DeliveryView {
        id,
        at,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        status,
        error,
    };
    Ok(Json(found.into_iter().rev().map(view).collect()))
}

async fn redeliver(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path(path): Path<(String, String)>,
    mut members: Members,
) -> Result<StatusCode, Refused> {
    let (id, webhook) = (AccountId(path.0), WebhookId(path.1));
    let delivery: String = members.take("delivery", "a text")?;
    members.finish()?;
    let deed = Deed::of(Action::Redeliver, &who.operator).in_account(&id).to(&*delivery);
    dashboard.carry_out(deed, move |accounts, _| webhooks::redeliver(accounts, &id, &webhook, &delivery)).await?;
    Ok(StatusCode::NO_CONTENT)
}
