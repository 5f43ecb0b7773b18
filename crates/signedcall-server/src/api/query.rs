//! What may be asked in a query: which calls, and from where on.

use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde_json::{Value, json};
use signedcall_wire::{Cuid, EndReason};
use uuid::Uuid;

use super::Shared;
use super::operation::Parameter;
use super::problem::Problem;
use crate::moment;
use crate::store::{CallFilter, CallRecord, Place};

/// How many are on a page unless something else is asked for.
const PAGE: usize = 50;
/// The most on a page.
const MAX_PAGE: usize = 200;

/// Which calls are asked for, page by page.
#[derive(Debug)]
pub(super) struct PageQuery {
    pub(super) filter: CallFilter,
    pub(super) from: Option<Place>,
    pub(super) limit: usize,
}

/// Which users are asked for, page by page.
#[derive(Debug)]
pub(super) struct UserPageQuery {
    /// The last one of the page before; empty for the first page.
    pub(super) behind: String,
    pub(super) limit: usize,
}

/// Which calls are asked for, all at once.
#[derive(Debug)]
pub(super) struct ExportQuery(pub(super) CallFilter);

impl FromRequestParts<Shared> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let mut query = Query::of(parts, api).await?;
        let filter = query.filter()?;
        let from = query.take("cursor").map(|cursor| read_cursor(&cursor)).transpose()?;
        let limit = query.limit()?;
        query.finish()?;
        Ok(Self { filter, from, limit })
    }
}

impl FromRequestParts<Shared> for UserPageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let mut query = Query::of(parts, api).await?;
        let behind = query.take("cursor").map(|cursor| decode(&cursor).ok_or_else(wrong_cursor)).transpose()?.unwrap_or_default();
        let limit = query.limit()?;
        query.finish()?;
        Ok(Self { behind, limit })
    }
}

impl FromRequestParts<Shared> for ExportQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let mut query = Query::of(parts, api).await?;
        let filter = query.filter()?;
        query.finish()?;
        Ok(Self(filter))
    }
}

/// What may be asked of calls.
pub(super) fn filters() -> Vec<Parameter> {
    let words: Vec<Value> = EndReason::ALL.into_iter().filter_map(|reason| serde_json::to_value(reason).ok()).collect();
    vec![
        Parameter::new("cuid", "Those that this user has placed, or was called in.", json!({"type": "string"})),
        Parameter::moment("since", "Those that were placed then or later."),
        Parameter::moment("until", "Those that were placed before then."),
        Parameter::new("end_reason", "Those that ended so, as the caller was told.", json!({"type": "string", "enum": words})),
        Parameter::new("state", "Those that go on, or those that are over.", json!({"type": "string", "enum": ["open", "closed"]})),
    ]
}

/// Which part of them.
pub(super) fn paging() -> Vec<Parameter> {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE});
    vec![
        Parameter::new("limit", "How many are on a page.", limit),
        Parameter::new("cursor", "The next_cursor of the page before.", json!({"type": "string"})),
    ]
}

/// The parameters that were not taken yet.
struct Query(Vec<(String, String)>);

impl Query {
    async fn of(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let RawQuery(text) = RawQuery::from_request_parts(parts, api).await.unwrap_or(RawQuery(None));
        let all: Vec<(String, String)> = form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect();
        for (index, (name, _)) in all.iter().enumerate() {
            if all[..index].iter().any(|(before, _)| before == name) {
                return Err(Problem::field(name, "it is there twice"));
            }
        }
        Ok(Self(all))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    fn limit(&mut self) -> Result<usize, Problem> {
        Ok(self.take("limit").map(|limit| read_limit(&limit)).transpose()?.unwrap_or(PAGE))
    }

    fn filter(&mut self) -> Result<CallFilter, Problem> {
        let cuid = self.take("cuid").map(|cuid| Cuid::new(cuid).map_err(|wrong| Problem::field("cuid", wrong.to_string())));
        let mut moment = |name| self.take(name).map(|text| read_moment(name, &text)).transpose();
        let (since, until) = (moment("since")?, moment("until")?);
        let reason = self.take("end_reason").map(|reason| read_reason(&reason)).transpose()?;
        let is_open = self.take("state").map(|state| read_state(&state)).transpose()?;
        Ok(CallFilter { cuid: cuid.transpose()?, since, until, reason, is_open })
    }

    /// What nobody has taken is misspelt: an answer without that filter would be about other calls.
    fn finish(self) -> Result<(), Problem> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(Problem::field(name, "there is no such parameter")))
    }
}

fn read_moment(name: &str, text: &str) -> Result<i64, Problem> {
    let wrong = || Problem::field(name, "a moment is of the form 2026-11-27T10:00:00Z (RFC 3339; a + is written %2B)");
    moment::from_text(text).ok_or_else(wrong)
}

fn read_reason(text: &str) -> Result<EndReason, Problem> {
    let name: StrDeserializer<'_, Error> = text.into_deserializer();
    match EndReason::deserialize(name) {
        Ok(reason) if reason != EndReason::Unknown || text == "unknown" => Ok(reason),
        Ok(_) | Err(_) => Err(Problem::field("end_reason", "there is no such reason; they are words such as hung_up or ring_timeout")),
    }
}

fn read_state(text: &str) -> Result<bool, Problem> {
    match text {
        "open" => Ok(true),
        "closed" => Ok(false),
        _ => Err(Problem::field("state", "a call is open or closed")),
    }
}

fn read_limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    limit.ok_or_else(|| Problem::field("limit", format!("a page has 1 to {MAX_PAGE}")))
}

/// Says where a page ends, in a form that is of use here only.
pub(super) fn cursor_after(call: &CallRecord) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{} {}", call.placed_at_ms, call.call))
}

fn read_cursor(text: &str) -> Result<Place, Problem> {
    let read = || {
        let place = decode(text)?;
        let (placed_at_ms, call) = place.split_once(' ')?;
        Some(Place { placed_at_ms: placed_at_ms.parse().ok()?, call: Uuid::try_parse(call).ok()?.to_string() })
    };
    read().ok_or_else(wrong_cursor)
}

/// Says which user is the last one of a page, likewise.
pub(super) fn cursor_behind(cuid: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(cuid)
}

fn decode(cursor: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

fn wrong_cursor() -> Problem {
    Problem::field("cursor", "it is not the next_cursor of an earlier answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_known_by_its_word_and_no_other_word_is() {
        for reason in EndReason::ALL {
            let word = serde_json::to_value(reason).expect("a word");
            assert_eq!(read_reason(word.as_str().expect("a word")).ok(), Some(reason));
        }
        for wrong in ["", "abducted", "HUNG_UP", "1"] {
            assert!(read_reason(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cursor_leads_to_its_place_and_nothing_else_is_one() {
        let place = |text: &str| read_cursor(&BASE64_URL_SAFE_NO_PAD.encode(text)).ok();
        let call = Uuid::from_u128(7).to_string();
        assert_eq!(place(&format!("12 {call}")), Some(Place { placed_at_ms: 12, call }));
        for wrong in ["", "12", "12 ", "x 00000000-0000-0000-0000-000000000007", "12 ' OR 1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
        assert!(read_cursor("§").is_err());
    }
}
