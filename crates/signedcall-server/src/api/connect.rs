//! A company connects two of its users: the devices of the one ring first, and once it is answered there the other is called.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde_json::json;
use sha2::{Digest, Sha256};
use signedcall_wire::{CallId, Context, Cuid};
use uuid::Builder;

use super::body::Members;
use super::calls::Call;
use super::operation::{Operation, Parameter};
use super::problem::Problem;
use super::{Company, Shared};
use crate::hub::{Connect, Connected, MAX_IMAGE_URL_BYTES, MIN_CALL, Side};
use crate::store::{CallRecord, Scope, environment_name};
use crate::switchboard::Note;

/// By what a request is known again.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The longest of them: several ids in a row.
const LONGEST_KEY: usize = 255;
/// The longest that may be set for two to talk: more than any policy of an account.
const LONGEST_TALK_SECONDS: u64 = 7 * 24 * 3_600;

pub(super) fn operations() -> Vec<Operation> {
    let about = "Chosen by you, and another for each call: the same request again, with the same key, makes no second call.";
    let schema = json!({"type": "string", "minLength": 1, "maxLength": LONGEST_KEY});
    let summary = "Connects two users: the devices of the first ring, and once it is answered there the second is called.";
    vec![
        Operation::post("/v1/calls", "connectUsers", summary, connect)
            .with([Parameter::header(IDEMPOTENCY_KEY, about, schema)])
            .takes::<NewCall>()
            .makes::<Call>(),
    ]
}

/// Who is connected, and how.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NewCall {
    /// Whose devices ring first.
    #[schemars(with = "String", length(min = 5, max = 50))]
    from: Cuid,
    /// Who is called then.
    #[schemars(with = "String", length(min = 5, max = 50))]
    to: Cuid,
    /// Why, as the first user sees it, and the second too unless `remote_context` is there: letters, digits and single spaces.
    #[schemars(with = "String", length(min = 1, max = 64))]
    context: Context,
    /// Why, as the second user sees it.
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    remote_context: Option<Context>,
    /// URL of the first user's picture, shown to the second.
    #[schemars(length(max = 2048))]
    initiator_image: Option<String>,
    /// URL of the second user's picture, shown to the first.
    #[schemars(length(max = 2048))]
    receiver_image: Option<String>,
    /// How long the two may talk, in seconds. The account's own limit counts where it is shorter.
    #[schemars(range(min = 1, max = 604_800))]
    max_duration_seconds: Option<u64>,
}

impl NewCall {
    fn read(mut members: Members) -> Result<Self, Problem> {
        let from = user(&mut members, "from")?;
        let to = user(&mut members, "to")?;
        let context = context(&mut members, "context")?.ok_or_else(|| Problem::field("context", "it has to be there: why"))?;
        let remote_context = self::context(&mut members, "remote_context")?;
        let initiator_image = picture(&mut members, "initiator_image")?;
        let receiver_image = picture(&mut members, "receiver_image")?;
        let what = format!("a number of seconds from {} to {LONGEST_TALK_SECONDS}", MIN_CALL.as_secs());
        let max_duration_seconds: Option<u64> = members.take_if_there("max_duration_seconds", &what)?;
        members.finish()?;
        if max_duration_seconds.is_some_and(|seconds| !(MIN_CALL.as_secs()..=LONGEST_TALK_SECONDS).contains(&seconds)) {
            return Err(Problem::field("max_duration_seconds", format!("it has to be {what}")));
        }
        if from == to {
            return Err(Problem::field("to", "nobody is connected with themselves"));
        }
        Ok(Self { from, to, context, remote_context, initiator_image, receiver_image, max_duration_seconds })
    }
}

fn user(members: &mut Members, name: &str) -> Result<Cuid, Problem> {
    let cuid: String = members.take(name, "the id of a user")?;
    Cuid::new(cuid).map_err(|wrong| Problem::field(name, wrong.to_string()))
}

fn context(members: &mut Members, name: &str) -> Result<Option<Context>, Problem> {
    let text: Option<String> = members.take_if_there(name, "why, in words")?;
    text.map(|text| Context::new(text).map_err(|wrong| Problem::field(name, wrong.to_string()))).transpose()
}

fn picture(members: &mut Members, name: &str) -> Result<Option<String>, Problem> {
    let what = format!("a URL of {MAX_IMAGE_URL_BYTES} bytes at most");
    let url: Option<String> = members.take_if_there(name, &what)?;
    match url {
        Some(url) if url.len() > MAX_IMAGE_URL_BYTES => Err(Problem::field(name, format!("it has to be {what}"))),
        url => Ok(url),
    }
}

/// The ids of both calls, which are made from the key: so whoever keeps the calls knows one again for as long as there is its record, whoever asks and wherever.
fn ids(scope: &Scope, headers: &HeaderMap) -> Result<[CallId; 2], Problem> {
    let wrong = || Problem::field(IDEMPOTENCY_KEY, format!("it has to be there once: 1 to {LONGEST_KEY} characters of your choice"));
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(key), None) = (all.next(), all.next()) else {
        return Err(wrong());
    };
    let key = key.to_str().map_err(|_| wrong())?;
    if !(1..=LONGEST_KEY).contains(&key.len()) {
        return Err(wrong());
    }
    let environment = environment_name(scope.environment);
    let hash: [u8; 32] = Sha256::digest(format!("connect\n{}\n{environment}\n{key}", scope.account.0)).into();
    let id = |from: usize| {
        let bytes = std::array::from_fn(|at| hash[from + at]);
        CallId(Builder::from_custom_bytes(bytes).into_uuid())
    };
    Ok([id(0), id(16)])
}

async fn connect(
    State(api): State<Shared>,
    company: Company,
    headers: HeaderMap,
    members: Members,
) -> Result<(StatusCode, Json<Call>), Problem> {
    let scope = company.scope;
    let [call, leads_to] = ids(&scope, &headers)?;
    let new = NewCall::read(members)?;
    let is_it = |record: &CallRecord| {
        record.leads_to.as_deref() == Some(&*leads_to.to_string()) && record.callee == new.from.as_str() && record.caller == new.to.as_str()
    };
    let connect = Connect {
        account: scope.account.clone(),
        environment: scope.environment,
        call,
        leads_to,
        from: new.from.clone(),
        to: new.to.clone(),
        context: new.context,
        remote_context: new.remote_context,
        initiator_image: new.initiator_image,
        receiver_image: new.receiver_image,
        limit: new.max_duration_seconds.map(Duration::from_secs),
    };
    match api.ask_hub(&scope.account, |tell| Note::Connect { connect: Box::new(connect), tell }).await? {
        Connected::Placed | Connected::Before => {}
        Connected::Another => return Err(used_before()),
        Connected::NotReachable(side) => return Err(Problem::not_reachable(member_of(side))),
        Connected::Quiet(side) => return Err(Problem::quiet_hours(member_of(side))),
        Connected::TooMany => {
            let detail = "the first user, or the account, has placed as many calls as it may in a minute";
            return Err(Problem::too_many(detail, Duration::from_secs(60)));
        }
        Connected::Unavailable => return Err(Problem::unavailable()),
    }
    let (of, named) = (scope.clone(), call);
    let found = api.stores.look_up(move |history| history.call(&of, named)).await?;
    let record = found.filter(is_it).ok_or_else(used_before)?;
    Ok((StatusCode::CREATED, Json(record.into())))
}

const fn member_of(side: Side) -> &'static str {
    match side {
        Side::From => "from",
        Side::To => "to",
    }
}

fn used_before() -> Problem {
    Problem::conflict("this idempotency key was used for another call")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use signedcall_wire::{AccountId, Environment};

    use super::*;

    fn ids_of(account: &str, environment: Environment, keys: &[&str]) -> Option<[CallId; 2]> {
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(key).expect("a header"));
        }
        ids(&Scope { account: AccountId(account.to_owned()), environment }, &headers).ok()
    }

    #[test]
    fn a_key_stands_for_two_calls_of_one_company_in_one_environment() {
        use Environment::{Development, Production};
        let known = ids_of("grocer", Production, &["order-17"]).expect("ids");
        assert_eq!(ids_of("grocer", Production, &["order-17"]), Some(known));
        assert_ne!(known[0], known[1]);
        let others = [("baker", Production, "order-17"), ("grocer", Development, "order-17"), ("grocer", Production, "order-18")];
        for (account, environment, key) in others {
            let ids = ids_of(account, environment, &[key]).expect("ids");
            assert!(ids.iter().all(|id| !known.contains(id)), "{account} {environment:?} {key}");
        }
    }

    #[test]
    fn a_key_has_to_be_there_once() {
        let long = "k".repeat(LONGEST_KEY + 1);
        for keys in [&[] as &[&str], &["one", "two"], &[""], &[&long]] {
            assert_eq!(ids_of("grocer", Environment::Production, keys), None, "{keys:?}");
        }
        assert!(ids_of("grocer", Environment::Production, &[&long[1..]]).is_some());
    }
}
