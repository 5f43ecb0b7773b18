//! Whether a user's devices can be reached by push, which is found out by one that rings nobody.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use signedcall_wire::{Cuid, DeviceId, PushService};
use uuid::Uuid;

use super::company::NamedUser;
use super::operation::Operation;
use super::problem::Problem;
use super::{Company, Shared};
use crate::hub::User;
use crate::moment;
use crate::push::{Trial, Verdict};
use crate::store::PushDevice;

/// When to come back while too many trials are under way: after the longest that one takes, nearly.
const COME_BACK_AFTER: Duration = Duration::from_secs(5);

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/push/devices/{cuid}", "listPushDevices", "Lists the devices of a user that are reached by push.", list)
            .gives::<PushDevices>(),
        Operation::post(
            "/v1/push/devices/{cuid}/{device}/test",
            "testPush",
            "Sends a device a push that rings nobody, and says what its push service has answered.",
            test,
        )
        .gives::<PushTest>(),
    ]
}

/// The devices of a user that have said where their pushes go.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PushDevices {
    /// The one that has said so last comes first.
    devices: Vec<Device>,
}

/// A device that has said where its pushes go.
#[derive(Debug, Serialize, JsonSchema)]
struct Device {
    /// Its id.
    #[schemars(extend("format" = "uuid"))]
    device: String,
    /// Who brings them; null when the user has signed out there, and is not pushed.
    by: Option<By>,
    /// When it has said so, or its user has signed out.
    #[schemars(extend("format" = "date-time"))]
    since: String,
}

/// Who brings pushes to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    /// A Web Push service of the device's own choice.
    WebPush,
    /// Apple.
    Apns,
}

/// What a push service has answered to a push that rings nobody.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PushTest {
    /// What it comes to.
    verdict: VerdictOf,
    /// The status of its answer; null when there is none.
    status: Option<u16>,
    /// Why Apple has refused it, as Apple calls it.
    reason: Option<String>,
    /// What it says, or why there is no answer, in English.
    said: Option<String>,
    /// How long that took, in milliseconds.
    took_ms: u64,
}

/// What a push service's answer comes to. Others may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictOf {
    /// The push service has it, and brings it to the device.
    Taken,
    /// It does not know the device any more, which is forgotten when it is called next.
    Gone,
    /// It does not take it now. Of a call it would be tried again.
    NotNow,
    /// It does not take it.
    Refused,
    /// It could not be asked.
    NotAsked,
}

impl From<Verdict> for VerdictOf {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Taken => Self::Taken,
            Verdict::Gone => Self::Gone,
            Verdict::NotNow => Self::NotNow,
            Verdict::Refused => Self::Refused,
            Verdict::NotAsked => Self::NotAsked,
        }
    }
}

impl Device {
    fn of(PushDevice { device, target, kept_at_ms }: PushDevice) -> Self {
        let by = target.and_then(|target| match target.by {
            PushService::WebPush { .. } => Some(By::WebPush),
            PushService::Apns { .. } => Some(By::Apns),
            PushService::Unknown => None,
        });
        Self { device: device.to_string(), by, since: moment::to_text(kept_at_ms) }
    }
}

async fn list(State(api): State<Shared>, company: Company, NamedUser(cuid): NamedUser) -> Result<Json<PushDevices>, Problem> {
    let devices = devices_of(&api, &company, cuid).await?;
    Ok(Json(PushDevices { devices: devices.into_iter().map(Device::of).collect() }))
}

async fn test(
    State(api): State<Shared>,
    company: Company,
    named: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<PushTest>, Problem> {
    let Path((cuid, device)) = named.map_err(|_| Problem::field("cuid", "what the path names is not UTF-8"))?;
    let cuid = Cuid::new(cuid).map_err(|wrong| Problem::field("cuid", wrong.to_string()))?;
    let device = Uuid::try_parse(&device).map(DeviceId).map_err(|_| Problem::field("device", "the id of a device is a UUID"))?;
    let (account, environment, whose) = (company.scope.account.clone(), company.scope.environment, cuid.clone());
    if api.stores.known(move |accounts| accounts.is_blocked(&account, environment, &whose)).await? {
        return Err(Problem::not_found("this user is blocked, and not pushed"));
    }
    let user: User = (company.scope.account.clone(), company.scope.environment, cuid.clone());
    let found = devices_of(&api, &company, cuid).await?.into_iter().find(|known| known.device == device);
    let target = found.and_then(|found| found.target).ok_or_else(|| Problem::not_found("this device is not reached by push"))?;
    let trial = api.trials.send(user, device, target).await;
    let Trial { verdict, status, reason, said, took } =
        trial.ok_or_else(|| Problem::too_many("as many are under way as there may be at once", COME_BACK_AFTER))?;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(PushTest { verdict: verdict.into(), status, reason, said, took_ms }))
}

async fn devices_of(api: &Shared, company: &Company, cuid: Cuid) -> Result<Vec<PushDevice>, Problem> {
    let user = (company.scope.account.clone(), company.scope.environment, cuid);
    api.stores.known(move |accounts| accounts.push_devices(&user)).await
}
