//! What the service counts of its work, for whoever operates it.
//!
//! Each number is counted where it comes about, by an atomic addition; what somebody knows anyway, as the hub how many calls there are, is asked when
//! the page is read.

mod api;
mod labels;
mod number;
mod page;
mod process;

use signedcall_wire::EndReason;

use self::api::ApiRequests;
pub(crate) use self::labels::{Answered, Limit, PushFate, RequestKind, SignInOutcome};
pub(crate) use self::number::{Counter, Family, Histogram, Table};
pub(crate) use self::page::{CONTENT_TYPE, Page};
pub(crate) use self::process::write as write_process;

/// From what a call takes on an idle service to what its caller gives up at.
const CALL_MICROSECONDS: &[u64] =
    &[5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000];

/// What devices, and the hub, have done since the service was started.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) connections: Counter,
    pub(crate) sign_ins: Family<SignInOutcome>,
    pub(crate) requests: Table<RequestKind, Answered>,
    pub(crate) api: ApiRequests,
    pub(crate) refused: Family<Limit>,
    pub(crate) calls_answered: Counter,
    pub(crate) calls_ended: Family<EndReason>,
    /// From the answer to both sides having media.
    pub(crate) call_connecting: Histogram,
    pub(crate) pushes: Counter,
    pub(crate) pushes_settled: Family<PushFate>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections: Counter::default(),
            sign_ins: Family::default(),
            requests: Table::default(),
            api: ApiRequests::default(),
            refused: Family::default(),
            calls_answered: Counter::default(),
            calls_ended: Family::default(),
            call_connecting: Histogram::of_durations(CALL_MICROSECONDS),
            pushes: Counter::default(),
            pushes_settled: Family::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn write(&self, page: &mut Page) {
        page.counter("signedcall_connections_total", "Connections that were accepted.", &self.connections);
        page.family("signedcall_sign_ins_total", "What became of devices that wanted to be signed in.", "outcome", &self.sign_ins);
        let requests = "What devices have asked for, and how that was answered.";
        page.table("signedcall_requests_total", requests, ["kind", "outcome"], &self.requests);
        self.api.write(page);
        page.family("signedcall_refused_total", "What has come up against a limit.", "limit", &self.refused);
        page.counter("signedcall_calls_answered_total", "Calls that were answered.", &self.calls_answered);
        page.family(
            "signedcall_calls_ended_total",
            "Calls that are over, by the reason that the caller was told.",
            "reason",
            &self.calls_ended,
        );
        page.histogram(
            "signedcall_call_connecting_seconds",
            "From the answer of a call until both sides have media, of calls that are over.",
            &self.call_connecting,
        );
        page.counter("signedcall_pushes_total", "Devices that were called by push.", &self.pushes);
        let settled = "What has become of pushes: their device rings, the call was over before it did, or they could not be brought.";
        page.family("signedcall_pushes_settled_total", settled, "outcome", &self.pushes_settled);
    }
}
