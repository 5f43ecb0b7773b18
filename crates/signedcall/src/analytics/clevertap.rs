//! CleverTap as a sink, by its upload API: `POST /1/upload`.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use signedcall_wire::{AccountId, AnalyticsEvent, ErrorCode, Redacted};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::{Host, Url};

use super::sink::Told;
use crate::Error;

/// What CleverTap takes at once.
pub(super) const MOST_IN_A_BATCH: usize = 1000;
/// How long an upload may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of an answer that are read.
const MOST_ANSWERED: u64 = 256 * 1024;

/// An account at CleverTap. Where it lies is said by its region or by a URL.
#[derive(Clone, Debug, Default)]
pub struct CleverTap {
    /// The account's id there.
    pub account_id: String,
    /// The account's passcode.
    pub passcode: Redacted<String>,
    /// Where the account lies, such as `eu1` or `in1`.
    pub region: Option<String>,
    /// The URL that is uploaded to instead, without a path: `https://`, or `http://` on this computer.
    pub base_url: Option<String>,
}

impl CleverTap {
    /// Where events are uploaded to.
    pub(super) fn url(&self) -> Result<Url, Error> {
        let wrong = |why: &str| Err(Error::new(ErrorCode::ClevertapUrlNotAvailable, why));
        let text = match (&self.base_url, &self.region) {
            (Some(url), _) => url.clone(),
            (None, Some(region)) if region.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !region.is_empty() => {
                format!("https://{region}.api.clevertap.com")
            }
            (None, Some(_)) => return wrong("the region has to be letters and digits, such as eu1"),
            (None, None) => return wrong("neither the region nor the URL is set"),
        };
        let Ok(url) = Url::parse(&text).and_then(|url| url.join("/1/upload")) else { return wrong("the URL is none") };
        let is_near = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_near => Ok(url),
            _ => wrong("the URL has to begin with https://"),
        }
    }
}

/// Uploads events of one user.
#[derive(Clone)]
pub(super) struct Uploader {
    agent: Agent,
    url: Url,
    account: CleverTap,
    /// The account and user that calls are made by.
    caller: (AccountId, String),
}

impl fmt::Debug for Uploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploader").finish_non_exhaustive()
    }
}

impl Uploader {
    pub(super) fn new(account: &CleverTap, id: &AccountId, cuid: &str) -> Result<Self, Error> {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            // What is sent without TLS goes to this computer alone, and to nobody's proxy.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(0)
            .user_agent("signedcall")
            .build();
        let (url, account) = (account.url()?, account.clone());
        Ok(Self { agent: Agent::new_with_config(config), url, account, caller: (id.clone(), cuid.to_owned()) })
    }

    /// Uploads events, and says whether they are to be uploaded again.
    pub(super) async fn upload(&self, events: Vec<AnalyticsEvent>) -> Told {
        let uploader = self.clone();
        tokio::task::spawn_blocking(move || uploader.post(&events)).await.unwrap_or(Told::Again)
    }

    fn post(&self, events: &[AnalyticsEvent]) -> Told {
        let records: Vec<Option<Value>> = events.iter().map(|event| self.record(event)).collect();
        let body = json!({"d": records.iter().flatten().collect::<Vec<_>>()}).to_string();
        let request = self.agent.post(self.url.as_str()).header("content-type", "application/json");
        let request = request.header("x-clevertap-account-id", &self.account.account_id);
        let mut response = match request.header("x-clevertap-passcode", self.account.passcode.expose()).send(body) {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(%error, "analytics cannot be reached");
                return Told::Again;
            }
        };
        let status = response.status().as_u16();
        let answer = response.body_mut().with_config().limit(MOST_ANSWERED).read_to_string().unwrap_or_default();
        match judge(status, &answer) {
            Judged::Taken => Told::Done,
            Judged::TakenBut(keys) => {
                let is_to_be_told_again = |record: &Option<Value>| record.as_ref().is_some_and(|record| keys.contains(key_of(record)));
                let again = events.iter().zip(&records).filter(|(_, record)| is_to_be_told_again(record));
                Told::DoneBut(again.map(|(event, _)| event.clone()).collect())
            }
            Judged::Wrong => Told::TooMuch,
            Judged::NotNow => Told::Again,
        }
    }

    /// An event in the form of the upload API.
    fn record(&self, event: &AnalyticsEvent) -> Option<Value> {
        let (account, cuid) = &self.caller;
        let name = event.happened.name()?;
        let mut data = json!({
            "accountId": account.0,
            "callId": event.call.to_string(),
            "cuid": cuid,
            "epoch": event.epoch,
            "context": event.context.as_str(),
            "callStatus": event.happened.status().name(),
            // The same each time that it is uploaded: what is there twice is told by it.
            "idempotencyKey": format!("{}:{name}:{cuid}", event.call),
        });
        if let signedcall_wire::AnalyticsKind::End { reason } = event.happened {
            data["reason"] = reason.name().into();
            data["reasonCode"] = event.happened.reason_code().unwrap_or_else(|| reason.number().into()).into();
        }
        Some(json!({"identity": cuid, "type": "event", "evtName": name, "evtData": data, "ts": event.epoch}))
    }
}

/// By what an event is known that is there twice.
fn key_of(record: &Value) -> &str {
    record["evtData"]["idempotencyKey"].as_str().unwrap_or_default()
}

/// What CleverTap has done with an upload.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    /// It has them all, or will never take those that it has not.
    Taken,
    /// As that, but for those with these keys, with which it has failed itself.
    TakenBut(BTreeSet<String>),
    /// Something in it is wrong, and nothing of it was taken.
    Wrong,
    /// It is to be uploaded again.
    NotNow,
}

/// "Miscellaneous server error": of the codes of single events the only one that is not the event's fault.
const SERVER_ERROR: i64 = 555;

/// What follows from an answer (<https://developer.clevertap.com/docs/api-errors>).
fn judge(status: u16, answer: &str) -> Judged {
    match status {
        204 => Judged::Taken,
        200..=299 => judge_success(answer),
        400 | 413 => {
            tracing::warn!(status, "analytics find something wrong in what they are told");
            Judged::Wrong
        }
        429 | 500..=599 => {
            tracing::debug!(status, "analytics are to be told again");
            Judged::NotNow
        }
        _ => {
            // What is wrong may be put right in the settings, and the events are worth waiting for that.
            tracing::warn!(status, "analytics refuse what they are told: are account id, passcode and region right?");
            Judged::NotNow
        }
    }
}

/// What follows from an answer of somebody who says that all went well. Not everybody who says so is CleverTap: a network may have a page of its own to show.
fn judge_success(answer: &str) -> Judged {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    if !matches!(answer["status"].as_str(), Some("success" | "partial")) {
        tracing::debug!("analytics have not said what they have taken");
        return Judged::NotNow;
    }
    let (mut again, mut refused) = (BTreeSet::new(), 0);
    for unprocessed in answer["unprocessed"].as_array().into_iter().flatten() {
        let code = unprocessed["code"].as_i64();
        if code == Some(SERVER_ERROR) {
            again.insert(key_of(&unprocessed["record"]).to_owned());
        } else {
            refused += 1;
            tracing::debug!(code, "analytics do not take an event");
        }
    }
    if refused > 0 {
        tracing::warn!(refused, "analytics do not take some events");
    }
    if again.contains("") {
        // It does not say which. Those that it has are known by their keys.
        return Judged::NotNow;
    }
    if again.is_empty() { Judged::Taken } else { Judged::TakenBut(again) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(region: Option<&str>, base_url: Option<&str>) -> Result<String, ErrorCode> {
        let account = CleverTap { region: region.map(str::to_owned), base_url: base_url.map(str::to_owned), ..CleverTap::default() };
        account.url().map(String::from).map_err(|error| error.code)
    }

    #[test]
    fn the_region_or_a_url_says_where_events_go() {
        assert_eq!(at(Some("eu1"), None), Ok("https://eu1.api.clevertap.com/1/upload".to_owned()));
        assert_eq!(at(None, Some("https://events.example")), Ok("https://events.example/1/upload".to_owned()));
        assert_eq!(at(Some("eu1"), Some("http://127.0.0.1:9/")), Ok("http://127.0.0.1:9/1/upload".to_owned()));
        for (region, url) in [
            (None, None),
            (Some(""), None),
            (Some("eu1/"), None),
            (Some("a.b"), None),
            (None, Some("events")),
            (None, Some("http://events.example")),
        ] {
            assert_eq!(at(region, url), Err(ErrorCode::ClevertapUrlNotAvailable), "{region:?} {url:?}");
        }
    }

    #[test]
    fn what_follows_from_an_answer() {
        for (status, answer, judged) in [
            (200, r#"{"status":"success","processed":1,"unprocessed":[]}"#, Judged::Taken),
            (202, r#"{"status":"success","processed":1,"unprocessed":[]}"#, Judged::Taken),
            (204, "", Judged::Taken),
            (200, r#"{"status":"fail","error":"nothing"}"#, Judged::NotNow),
            (200, "", Judged::NotNow),
            (200, "<html>Pay for this network</html>", Judged::NotNow),
            (302, "", Judged::NotNow),
            (400, "", Judged::Wrong),
            (401, "", Judged::NotNow),
            (403, "", Judged::NotNow),
            (404, "", Judged::NotNow),
            (405, "", Judged::NotNow),
            (409, "", Judged::NotNow),
            (413, "", Judged::Wrong),
            (429, "", Judged::NotNow),
            (500, "", Judged::NotNow),
            (503, "", Judged::NotNow),
        ] {
            assert_eq!(judge(status, answer), judged, "{status} {answer}");
        }
    }

    #[test]
    fn an_event_that_is_refused_is_over_and_one_that_met_an_error_is_told_again() {
        let answer = |code: i64, record: Value| {
            let unprocessed = json!({"status": "fail", "code": code, "error": "why", "record": record});
            json!({"status": "partial", "processed": 1, "unprocessed": [unprocessed]}).to_string()
        };
        let record = json!({"evtData": {"idempotencyKey": "call:SCEnd:alice"}});
        for code in [509, 512, 513, 522, 523, 524, 525, 526, 528] {
            assert_eq!(judge(200, &answer(code, record.clone())), Judged::Taken, "{code}");
        }
        let again = BTreeSet::from(["call:SCEnd:alice".to_owned()]);
        assert_eq!(judge(200, &answer(SERVER_ERROR, record)), Judged::TakenBut(again));
        assert_eq!(judge(200, &answer(SERVER_ERROR, Value::Null)), Judged::NotNow, "it does not say which");
    }
}
