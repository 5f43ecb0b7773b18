//! User tokens for companies that have no key to sign them with.

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use signedcall_wire::Cuid;

use super::body::Members;
use super::operation::Operation;
use super::problem::Problem;
use super::{Company, Shared};
use crate::moment;
use crate::store::{Accounts, Scope, unix_millis};
use crate::tokens::{LONGEST_TOKEN_SECONDS, SigningKey};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/v1/tokens", "makeToken", "Signs a token by which a device of a user signs in, once.", make)
            .takes::<NewToken>()
            .gives::<Token>(),
        Operation::delete(
            "/v1/tokens/key",
            "withdrawTokenKey",
            "Takes away the key that has signed all such tokens; the next one is signed by another.",
            withdraw,
        ),
    ]
}

/// For whom a token is to be.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NewToken {
    /// The user's id.
    #[schemars(with = "String", length(min = 5, max = 50))]
    cuid: Cuid,
    /// How long it is good, in seconds; the longest, unless something else is said.
    #[schemars(range(min = 60, max = 600))]
    lasts_seconds: Option<u64>,
}

impl NewToken {
    fn read(mut members: Members, shortest: u64) -> Result<Self, Problem> {
        let cuid: String = members.take("cuid", "the id of a user")?;
        let cuid = Cuid::new(cuid).map_err(|wrong| Problem::field("cuid", wrong.to_string()))?;
        let what = format!("a number of seconds from {shortest} to {LONGEST_TOKEN_SECONDS}");
        let lasts_seconds = members.take_if_there("lasts_seconds", &what)?;
        members.finish()?;
        if lasts_seconds.is_some_and(|seconds| !(shortest..=LONGEST_TOKEN_SECONDS).contains(&seconds)) {
            return Err(Problem::field("lasts_seconds", format!("it has to be {what}")));
        }
        Ok(Self { cuid, lasts_seconds })
    }
}

/// A token, good for one sign-in or one renewal.
#[derive(Debug, Serialize, JsonSchema)]
struct Token {
    /// What the user's app hands to the SDK.
    token: String,
    /// Until when.
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
}

async fn make(State(api): State<Shared>, company: Company, members: Members) -> Result<Json<Token>, Problem> {
    let NewToken { cuid, lasts_seconds } = NewToken::read(members, api.tokens.shortest.as_secs())?;
    let lasts = Duration::from_secs(lasts_seconds.unwrap_or(LONGEST_TOKEN_SECONDS));
    let scope = company.scope.clone();
    let known = api.stores.known(move |accounts| accounts.signing_key(&scope.account, scope.environment)).await?;
    let key = match known {
        Some(known) => known,
        None => {
            let (scope, new) = (company.scope.clone(), SigningKey::random().map_err(|_| Problem::unavailable())?);
            api.stores.change(move |accounts| accounts.begin_signing(&scope.account, scope.environment, new)).await?
        }
    };
    let now = SystemTime::now();
    let token = key.sign(&company.scope.account, &cuid, &api.tokens.audience, now, lasts).map_err(|_| Problem::unavailable())?;
    // As the token says it: in whole seconds.
    let expires_at = moment::to_text((unix_millis(now) / 1_000 + i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX)) * 1_000);
    Ok(Json(Token { token: token.into_inner(), expires_at }))
}

/// Whoever is signed in by such a token has to bring another, for which their app asks at once. Without such a key nothing is done.
async fn withdraw(State(api): State<Shared>, company: Company) -> Result<StatusCode, Problem> {
    let (Scope { account, environment }, record) = (company.scope, company.record);
    let withdraw = move |accounts: &Accounts| accounts.withdraw_signing_key(&account, environment, SystemTime::now());
    api.stores.change_on_record(record, withdraw).await?;
    Ok(StatusCode::NO_CONTENT)
}
