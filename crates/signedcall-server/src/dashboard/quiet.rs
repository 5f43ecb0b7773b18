//! The hours in which users of an account are not called.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::{AccountId, Cuid};

use super::audit::{Action, Deed};
use super::refused::Refused;
use super::session::SignedIn;
use super::{Shared, environment_of};
use crate::account;
use crate::api::Members;
use crate::hub::QuietHours;
use crate::settings::{TimeOfDay, UtcOffset};
use crate::store::{QuietUser, environment_name};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/accounts/{account}/quiet-hours", get(list))
        .route("/api/accounts/{account}/environments/{environment}/quiet-hours", put(set))
}

/// Whose hours are when; of all users who have none of their own, without a cuid.
#[derive(Debug, Serialize)]
struct QuietView {
    cuid: Option<String>,
    environment: &'static str,
    from: String,
    to: String,
    utc_offset: String,
}

async fn list(State(dashboard): State<Shared>, _who: SignedIn, Path(id): Path<String>) -> Result<Json<Vec<QuietView>>, Refused> {
    let users = dashboard.stores.known(move |accounts| Ok(account::quiet_users(accounts, &AccountId(id)))).await??;
    let view = |QuietUser { cuid, environment, hours: QuietHours { from, to, ahead } }: QuietUser| QuietView {
        cuid: cuid.map(|cuid| cuid.as_str().to_owned()),
        environment: environment_name(environment),
        from: TimeOfDay(from).to_string(),
        to: TimeOfDay(to).to_string(),
        utc_offset: UtcOffset(ahead).to_string(),
    };
    Ok(Json(users.into_iter().map(view).collect()))
}

/// Sets the hours of a user, or of all others, or takes them away where none are given.
async fn set(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path((id, environment)): Path<(String, String)>,
    mut members: Members,
) -> Result<StatusCode, Refused> {
    let (id, environment) = (AccountId(id), environment_of(&environment)?);
    let cuid: Option<String> = members.take_if_there("cuid", "the id of a user")?;
    let cuid = cuid.map(|cuid| Cuid::new(cuid).map_err(|_| Refused::field("cuid"))).transpose()?;
    let mut text = |name| members.take_if_there::<String>(name, "a text");
    let (from, to, offset) = (text("from")?, text("to")?, text("utc_offset")?);
    members.finish()?;
    let hours = match (from, to, offset) {
        (None, None, None) => None,
        (from, to, offset) => Some(read_hours(from, to, offset)?),
    };
    let action = if hours.is_some() { Action::SetQuietHours } else { Action::RemoveQuietHours };
    let deed = Deed::of(action, &who.operator).in_account(&id).in_environment(environment);
    let deed = cuid.iter().fold(deed, |deed, cuid| deed.to(cuid.as_str()));
    dashboard.carry_out(deed, move |accounts, _| account::set_quiet_hours(accounts, &id, environment, cuid.as_ref(), hours)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read_hours(from: Option<String>, to: Option<String>, offset: Option<String>) -> Result<QuietHours, Refused> {
    let time = |name, text: Option<String>| text.and_then(|text| text.parse::<TimeOfDay>().ok()).ok_or(Refused::field(name));
    let (from, to) = (time("from", from)?, time("to", to)?);
    let offset = offset.and_then(|text| text.parse::<UtcOffset>().ok()).ok_or(Refused::field("utc_offset"))?;
    // The same time would not say which hours are quiet.
    if from == to {
        return Err(Refused::field("to"));
    }
    Ok(QuietHours { from: from.0, to: to.0, ahead: offset.0 })
}
