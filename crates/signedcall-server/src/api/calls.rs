//! The calls of a company: those that go on, and the records of all others.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use signedcall_wire::EndReason;

use super::company::NamedCall;
use super::operation::{Content, Operation};
use super::problem::Problem;
use super::query::{ExportQuery, PageQuery, cursor_after, filters, paging};
use super::{Company, Shared, csv};
use crate::moment;
use crate::store::CallRecord;
use crate::switchboard::Note;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/calls", "listCalls", "Lists calls page by page, the newest first.", list)
            .with(filters())
            .with(paging())
            .gives::<CallPage>(),
        Operation::get("/v1/calls.csv", "exportCalls", "Gives calls as a table (RFC 4180), the newest first.", export)
            .with(filters())
            .answers(Content::Csv),
        Operation::get("/v1/calls/{id}", "getCall", "Gives one call.", show).gives::<Call>(),
        Operation::post("/v1/calls/{id}/hangup", "hangUpCall", "Ends a call for both sides, unless it is over.", hang_up),
    ]
}

/// One call. Moments are UTC, in the form of RFC 3339.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Call {
    /// The call's id.
    #[schemars(extend("format" = "uuid"))]
    id: String,
    /// Who called; a pseudonym that begins with `erased_` once they were erased, the same in all of their calls until then. Where `leads_to` is there, they have not
    /// called: they are who the callee is connected with.
    caller: String,
    /// Who was called, likewise.
    callee: String,
    /// Why, as the caller saw it; null once one of the two was erased.
    context: Option<String>,
    /// Who has asked for it.
    asked_by: AskedBy,
    /// The call whose place it took, when the caller was transferred or connected.
    #[schemars(extend("format" = "uuid"))]
    instead_of: Option<String>,
    /// The call that takes its place once it is answered, when the company connects the callee with the caller.
    #[schemars(extend("format" = "uuid"))]
    leads_to: Option<String>,
    /// Whether it goes on.
    state: CallState,
    /// When it was placed.
    #[schemars(extend("format" = "date-time"))]
    placed_at: String,
    /// When it was answered; null when it was not.
    #[schemars(extend("format" = "date-time"))]
    answered_at: Option<String>,
    /// When both sides had media; null when they never had.
    #[schemars(extend("format" = "date-time"))]
    connected_at: Option<String>,
    /// When it ended; null while it goes on.
    #[schemars(extend("format" = "date-time"))]
    ended_at: Option<String>,
    /// Why it ended, as the caller was told: one of the words that the parameter of this name takes, or of a newer service; null while it goes on.
    #[schemars(with = "Option<String>")]
    end_reason: Option<EndReason>,
    /// How long both sides could talk; null while it goes on, and where they never could.
    talked_ms: Option<i64>,
    /// How the caller's device says that the callee sounded, if it has said so.
    caller_report: Option<VoiceReport>,
    /// How the device that answered says that the caller sounded, likewise.
    callee_report: Option<VoiceReport>,
}

/// Who has asked for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AskedBy {
    /// One of its users.
    User,
    /// The company's backend, or an operator in its place.
    Company,
}

/// Whether a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CallState {
    /// It is being made, or goes on.
    Open,
    /// It is over.
    Closed,
}

/// How a call sounded for one side.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VoiceReport {
    /// Seconds in which there was a voice to hear: those in which the call was held are none.
    seconds: u32,
    /// How the other side was heard on average, in hundredths of a mean opinion score by the E-model: from 100 to 450.
    mos: u16,
    /// The same of the worst ten seconds in a row.
    worst_mos: u16,
    /// Of a thousand packets of the other side, how many were lost on the way.
    lost_per_mille: u16,
    /// How many packets were lost in a row on average, in tenths.
    burst_tenths: u16,
    /// Of a thousand milliseconds that were heard, how many were made up.
    made_up_per_mille: u16,
    /// Milliseconds by which packets came later than the quickest, on average.
    jitter_ms: u32,
    /// Milliseconds that sound waited for late packets, on average.
    wait_ms: u32,
    /// Milliseconds to the other side and back, on average; null where it was not known.
    round_trip_ms: Option<u32>,
    /// Of a thousand packets of this side, how many the other side said were lost on the way; null where it did not say so.
    said_lost_per_mille: Option<u16>,
    /// What this side sent for its voice, in kilobits a second on average.
    said_kbps: u32,
}

/// A page of calls.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CallPage {
    /// The newest first.
    calls: Vec<Call>,
    /// What leads to the next page, as `cursor`; null when there is none.
    next_cursor: Option<String>,
}

impl From<CallRecord> for Call {
    fn from(record: CallRecord) -> Self {
        let talked_ms = record.connected_at_ms.zip(record.ended_at_ms).map(|(from, to)| (to - from).max(0));
        Self {
            id: record.call,
            caller: record.caller,
            callee: record.callee,
            context: Some(record.context).filter(|context| !context.is_empty()),
            asked_by: if record.by_company { AskedBy::Company } else { AskedBy::User },
            instead_of: record.instead_of,
            leads_to: record.leads_to,
            state: if record.ended_at_ms.is_some() { CallState::Closed } else { CallState::Open },
            placed_at: moment::to_text(record.placed_at_ms),
            answered_at: record.answered_at_ms.map(moment::to_text),
            connected_at: record.connected_at_ms.map(moment::to_text),
            ended_at: record.ended_at_ms.map(moment::to_text),
            end_reason: record.end_reason.map(reason_numbered),
            talked_ms,
            caller_report: record.caller_report.map(VoiceReport::from),
            callee_report: record.callee_report.map(VoiceReport::from),
        }
    }
}

/// A reason that a newer service has written is an ordinary end.
fn reason_numbered(number: u8) -> EndReason {
    EndReason::ALL.get(usize::from(number)).copied().unwrap_or(EndReason::Unknown)
}

/// The same as a word.
pub(crate) fn reason_word(number: u8) -> String {
    let word = serde_json::to_value(reason_numbered(number)).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

impl From<signedcall_wire::VoiceReport> for VoiceReport {
    fn from(report: signedcall_wire::VoiceReport) -> Self {
        Self {
            seconds: report.seconds,
            mos: report.mos,
            worst_mos: report.worst_mos,
            lost_per_mille: report.lost_per_mille,
            burst_tenths: report.burst_tenths,
            made_up_per_mille: report.made_up_per_mille,
            jitter_ms: report.jitter_ms,
            wait_ms: report.wait_ms,
            round_trip_ms: report.round_trip_ms,
            said_lost_per_mille: report.said_lost_per_mille,
            said_kbps: report.said_kbps,
        }
    }
}

async fn list(State(api): State<Shared>, company: Company, query: PageQuery) -> Result<Json<CallPage>, Problem> {
    let PageQuery { filter, from, limit } = query;
    // One more than asked for says whether there is another page.
    let mut found = api.stores.look_up(move |history| history.page(&company.scope, &filter, from.as_ref(), limit + 1)).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(cursor_after);
    Ok(Json(CallPage { calls: found.into_iter().map(Call::from).collect(), next_cursor }))
}

async fn show(State(api): State<Shared>, company: Company, NamedCall(call): NamedCall) -> Result<Json<Call>, Problem> {
    let found = api.stores.look_up(move |history| history.call(&company.scope, call)).await?;
    found.map(|record| Json(record.into())).ok_or_else(no_such_call)
}

async fn export(State(api): State<Shared>, company: Company, ExportQuery(filter): ExportQuery) -> Result<Response, Problem> {
    let rows = csv::export(api, company.scope, filter)?;
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8; header=present"), (CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\"")];
    Ok((headers, Body::from_stream(rows)).into_response())
}

/// Ends a call for both sides. One that is over already is left as it is, so that asking twice is as good as asking once.
async fn hang_up(State(api): State<Shared>, company: Company, NamedCall(call): NamedCall) -> Result<StatusCode, Problem> {
    let (account, environment) = (company.scope.account.clone(), company.scope.environment);
    if !api.ask_hub(&company.scope.account, |tell| Note::HangUp { account, environment, call, tell }).await? {
        let found = api.stores.look_up(move |history| history.call(&company.scope, call)).await?;
        found.ok_or_else(no_such_call)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_call() -> Problem {
    Problem::not_found("there is no such call in this account and environment")
}
