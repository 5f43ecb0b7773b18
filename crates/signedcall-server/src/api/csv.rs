//! Calls as a table for other programs (RFC 4180), written while it is read.

use std::time::Instant;

use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::calls::reason_word;
use super::problem::Problem;
use crate::moment;
use crate::store::{CallFilter, CallRecord, Place, Scope};

/// How many calls are read at once: some hundred kilobytes of text, and a millisecond of the store's time.
const ROWS: usize = 500;
const COLUMNS: [&str; 12] = [
    "id",
    "caller",
    "callee",
    "context",
    "placed_at",
    "answered_at",
    "connected_at",
    "ended_at",
    "end_reason",
    "talked_ms",
    "asked_by",
    "leads_to",
];

/// The export was not finished: whoever reads it learns that by how it ends.
#[derive(Debug, thiserror::Error)]
#[error("the calls could not be read")]
pub(super) struct Interrupted;

/// Where an export is.
struct Export {
    api: Shared,
    scope: Scope,
    filter: CallFilter,
    _right: OwnedSemaphorePermit,
    next: Next,
}

enum Next {
    Header,
    Rows(Option<Place>),
    Nothing,
}

/// Writes the newest call first. Calls that are placed meanwhile are not among them.
pub(super) fn export(
    api: Shared,
    scope: Scope,
    filter: CallFilter,
) -> Result<impl Stream<Item = Result<String, Interrupted>> + Send + 'static, Problem> {
    let right = api.budgets.export(&scope, Instant::now())?;
    let export = Export { api, scope, filter, _right: right, next: Next::Header };
    Ok(try_unfold(export, async |mut export| {
        let (text, next) = match std::mem::replace(&mut export.next, Next::Nothing) {
            Next::Header => (line(COLUMNS), Next::Rows(None)),
            Next::Rows(from) => export.rows(from).await?,
            Next::Nothing => return Ok(None),
        };
        export.next = next;
        Ok(Some((text, export)))
    }))
}

impl Export {
    async fn rows(&self, from: Option<Place>) -> Result<(String, Next), Interrupted> {
        let (scope, filter) = (self.scope.clone(), self.filter.clone());
        let found = self.api.stores.look_up(move |history| history.page(&scope, &filter, from.as_ref(), ROWS)).await;
        let found = found.map_err(|_| Interrupted)?;
        let last = found.last().filter(|_| found.len() == ROWS);
        let next = last.map_or(Next::Nothing, |last| Next::Rows(Some(Place { placed_at_ms: last.placed_at_ms, call: last.call.clone() })));
        Ok((found.iter().map(row).collect(), next))
    }
}

fn row(call: &CallRecord) -> String {
    let moment = |at: Option<i64>| at.map(moment::to_text).unwrap_or_default();
    let talked = call.connected_at_ms.zip(call.ended_at_ms).map(|(from, to)| (to - from).max(0).to_string());
    line([
        call.call.as_str(),
        &call.caller,
        &call.callee,
        &call.context,
        &moment(Some(call.placed_at_ms)),
        &moment(call.answered_at_ms),
        &moment(call.connected_at_ms),
        &moment(call.ended_at_ms),
        &call.end_reason.map(reason_word).unwrap_or_default(),
        &talked.unwrap_or_default(),
        if call.by_company { "company" } else { "user" },
        call.leads_to.as_deref().unwrap_or_default(),
    ])
}

fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// One cell. What a program for tables would take for a formula begins with a mark that makes it text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_neither_a_formula_nor_two_cells() {
        for (text, written) in [
            ("", ""),
            ("courier_1", "courier_1"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
            ("two\r\nlines", "\"two\r\nlines\""),
        ] {
            assert_eq!(cell(text), written);
        }
        assert_eq!(line(["a", "", "c"]), "a,,c\r\n");
    }
}
