//! What a company's apps are called by push with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use signedcall_wire::{Environment, Redacted};

use super::body::Members;
use super::operation::Operation;
use super::problem::Problem;
use super::{Company, Shared};
use crate::push::{ApnsCredential, ApnsProof, InvalidCredential, VapidKey};
use crate::store::Scope;

pub(super) fn operations() -> Vec<Operation> {
    const APNS: &str = "/v1/push/apns";
    vec![
        Operation::get(APNS, "getApns", "Says what is shown to Apple, but for its secrets.", show).gives::<Apns>(),
        Operation::put(APNS, "setApns", "Enters what is shown to Apple, in place of what was entered before.", set)
            .takes::<NewApns>()
            .gives::<Apns>(),
        Operation::delete(APNS, "removeApns", "Forgets what is shown to Apple.", remove),
        Operation::get("/v1/push/web", "getWebPush", "Says by which public key the service is known to Web Push services.", web)
            .gives::<WebPush>(),
    ]
}

/// What is shown to Apple.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Apns {
    /// Which of Apple's hosts takes it: that of the api key's environment.
    environment: EnvironmentOf,
    /// The app's bundle id.
    bundle_id: String,
    /// The id of the team; null where there is a certificate.
    team_id: Option<String>,
    /// The key's id; null where there is a certificate.
    key_id: Option<String>,
}

/// What is to be shown to Apple: a key, with its id and its team's, or a certificate.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read member by member")]
pub(super) struct NewApns {
    /// Which of Apple's hosts it is for. It has to be the environment of the api key.
    environment: EnvironmentOf,
    /// The app's bundle id, without `.voip` behind it.
    #[schemars(length(min = 1, max = 155))]
    bundle_id: String,
    /// The id of the team.
    #[schemars(length(equal = 10))]
    team_id: Option<String>,
    /// The key's id.
    #[schemars(length(equal = 10))]
    key_id: Option<String>,
    /// The key: what is in the `.p8` file.
    key: Option<String>,
    /// Instead of a key, a VoIP certificate and its private key, in PEM.
    certificate: Option<String>,
}

/// One of an account's environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EnvironmentOf {
    /// Real users.
    Production,
    /// Trials.
    Development,
}

/// How the service is known to Web Push services.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebPush {
    /// Its public key on P-256 (RFC 8292), uncompressed, in base64url.
    key: String,
}

impl From<Environment> for EnvironmentOf {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Production => Self::Production,
            Environment::Development => Self::Development,
        }
    }
}

impl Apns {
    fn of(environment: Environment, credential: ApnsCredential) -> Self {
        let (team_id, key_id) = match credential.proof {
            ApnsProof::Key { team_id, key_id, key: _ } => (Some(team_id), Some(key_id)),
            ApnsProof::Certificate { .. } => (None, None),
        };
        Self { environment: environment.into(), bundle_id: credential.bundle_id, team_id, key_id }
    }
}

async fn show(State(api): State<Shared>, company: Company) -> Result<Json<Apns>, Problem> {
    let Scope { account, environment } = company.scope;
    let found = api.stores.known(move |accounts| accounts.apns(&account, environment)).await?;
    let found = found.ok_or_else(|| Problem::not_found("nothing is entered that Apple would take pushes by"))?;
    Ok(Json(Apns::of(environment, found)))
}

async fn set(State(api): State<Shared>, company: Company, members: Members) -> Result<Json<Apns>, Problem> {
    let (Scope { account, environment }, record) = (company.scope, company.record);
    let credential = read(members, environment)?;
    let new = credential.clone();
    api.stores.change_on_record(record, move |accounts| accounts.set_apns(&account, environment, &new)).await?;
    Ok(Json(Apns::of(environment, credential)))
}

async fn remove(State(api): State<Shared>, company: Company) -> Result<StatusCode, Problem> {
    let (Scope { account, environment }, record) = (company.scope, company.record);
    api.stores.change_on_record(record, move |accounts| accounts.remove_apns(&account, environment)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn web(State(api): State<Shared>, _company: Company) -> Result<Json<WebPush>, Problem> {
    let key = api.stores.known(|accounts| accounts.push_key()).await?;
    let key = key.and_then(|kept| VapidKey::of(&kept)).ok_or_else(Problem::unavailable)?;
    Ok(Json(WebPush { key: key.public() }))
}

fn read(mut members: Members, environment: Environment) -> Result<ApnsCredential, Problem> {
    let theirs: EnvironmentOf = members.take("environment", "production or development")?;
    if theirs != environment.into() {
        let ours = EnvironmentOf::from(environment);
        return Err(Problem::field("environment", format!("it is {theirs:?}, and the api key is for {ours:?}").to_lowercase()));
    }
    let bundle_id = members.take("bundle_id", "a text")?;
    let [team_id, key_id] = ["team_id", "key_id"].map(|name| members.take_if_there::<String>(name, "a text"));
    let (team_id, key_id) = (team_id?, key_id?);
    let key: Option<String> = members.take_if_there("key", "a text")?;
    let certificate: Option<String> = members.take_if_there("certificate", "a text")?;
    members.finish()?;
    let proof = match (key, certificate, team_id, key_id) {
        (Some(key), None, Some(team_id), Some(key_id)) => ApnsProof::Key { team_id, key_id, key: Redacted::new(key) },
        (Some(_), None, None, _) => return Err(Problem::field("team_id", "a key has to have its team's id")),
        (Some(_), None, Some(_), None) => return Err(Problem::field("key_id", "a key has to have its id")),
        (None, Some(pem), None, None) => ApnsProof::Certificate { pem: Redacted::new(pem) },
        (None, Some(_), _, _) => return Err(Problem::field("certificate", "it goes without team_id and key_id")),
        (Some(_), Some(_), _, _) | (None, None, _, _) => {
            return Err(Problem::field("key", "there has to be either a key or a certificate"));
        }
    };
    let credential = ApnsCredential { bundle_id, proof };
    credential.check(environment).map_err(|wrong| Problem::field(field_of(&wrong), wrong.to_string()))?;
    Ok(credential)
}

fn field_of(wrong: &InvalidCredential) -> &'static str {
    match wrong {
        InvalidCredential::BundleId(_) => "bundle_id",
        InvalidCredential::Id { name, .. } => name,
        InvalidCredential::Key => "key",
        InvalidCredential::Certificate | InvalidCredential::OtherApp(_) | InvalidCredential::OtherEnvironment { .. } => "certificate",
    }
}
