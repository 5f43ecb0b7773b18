//! How calls of an account went, hour by hour or day by day.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::AccountId;

use super::refused::{Code, Refused};
use super::session::SignedIn;
use super::{Shared, environment_of};
use crate::api::reason_word;
use crate::moment;
use crate::store::{Scope, SlotRow};

/// The most slots that are asked for at once: a month by the hour.
const MOST_SLOTS: i64 = 31 * 24;
const HOUR_MS: i64 = 3_600_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/accounts/{account}/environments/{environment}/figures", get(figures))
}

/// What is known of the calls that were placed in an hour or a day.
#[derive(Debug, Default, Serialize)]
struct Slot {
    /// When it begins.
    at: String,
    /// How many there were.
    calls: i64,
    /// How many were answered.
    answered: i64,
    /// How many are over, by the reason.
    ended: BTreeMap<String, i64>,
    /// Milliseconds from the answer until both sides had media, on average; null where none had.
    connecting_ms: Option<f64>,
    /// Of a thousand packets, how many were lost on the way, on average of what devices have said; null where none has said so.
    lost_per_mille: Option<f64>,
}

async fn figures(
    State(dashboard): State<Shared>,
    _who: SignedIn,
    Path((id, environment)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Slot>>, Refused> {
    let scope = Scope { account: AccountId(id), environment: environment_of(&environment)? };
    let span = Span::read(&query.unwrap_or_default())?;
    let of = scope.account.clone();
    if dashboard.stores.known(move |accounts| accounts.find(&of)).await?.is_none() {
        return Err(Refused::new(Code::NotFound));
    }
    let Span { since, until, every } = span;
    let rows = dashboard.stores.look_up(move |history| history.by_slot(&scope, since, until, every)).await?;
    Ok(Json(span.sum_up(rows)))
}

/// From when to when, in steps of how many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    since: i64,
    until: i64,
    every: i64,
}

impl Span {
    fn read(query: &str) -> Result<Self, Refused> {
        let (mut since, mut until, mut every) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "since" => since = moment::from_text(&value),
                "until" => until = moment::from_text(&value),
                "every" => {
                    every = [("hour", HOUR_MS), ("day", 24 * HOUR_MS)].into_iter().find(|(word, _)| *word == value).map(|(_, ms)| ms)
                }
                _ => return Err(Refused::field("query")),
            }
        }
        let (since, until) = (since.ok_or(Refused::field("since"))?, until.ok_or(Refused::field("until"))?);
        let every = every.ok_or(Refused::field("every"))?;
        let slots = until.saturating_sub(since).saturating_add(every - 1) / every;
        if (1..=MOST_SLOTS).contains(&slots) { Ok(Self { since, until, every }) } else { Err(Refused::field("until")) }
    }

    /// Puts what was counted into its slots. Those in which there was nothing are there as well.
    fn sum_up(self, rows: Vec<SlotRow>) -> Vec<Slot> {
        let begins = (self.since..self.until).step_by(usize::try_from(self.every).unwrap_or(usize::MAX));
        let mut slots: Vec<Slot> = begins.map(|at| Slot { at: moment::to_text(at), ..Slot::default() }).collect();
        let mut sums = vec![[(0, 0); 2]; slots.len()];
        for row in rows {
            let Some(index) = usize::try_from(row.slot).ok().filter(|index| *index < slots.len()) else { continue };
            let (slot, sums) = (&mut slots[index], &mut sums[index]);
            slot.calls += row.calls;
            slot.answered += row.answered;
            if let Some(reason) = row.end_reason {
                *slot.ended.entry(reason_word(reason)).or_default() += row.calls;
            }
            for (sum, (total, number)) in sums.iter_mut().zip([row.connecting, row.lost]) {
                *sum = (sum.0 + total, sum.1 + number);
            }
        }
        for (slot, [connecting, lost]) in slots.iter_mut().zip(sums) {
            (slot.connecting_ms, slot.lost_per_mille) = (average(connecting), average(lost));
        }
        slots
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody has so many calls")]
fn average((total, number): (i64, i64)) -> Option<f64> {
    (number > 0).then(|| total as f64 / number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_slot_for_each_begun_hour_or_day_and_not_too_many() {
        let span = |query: &str| Span::read(query).ok().map(|span| span.sum_up(Vec::new()).len());
        assert_eq!(span("since=2026-11-26T00:00:00Z&until=2026-11-27T00:00:00Z&every=hour"), Some(24));
        assert_eq!(span("since=2026-11-26T00:30:00Z&until=2026-11-26T02:00:00Z&every=hour"), Some(2));
        assert_eq!(span("since=2026-10-27T00:00:00Z&until=2026-11-27T00:00:00Z&every=hour"), Some(744));
        assert_eq!(span("since=2024-11-26T00:00:00Z&until=2026-11-26T00:00:00Z&every=day"), Some(730));
        for wrong in [
            "since=2026-10-26T00:00:00Z&until=2026-11-27T00:00:00Z&every=hour",
            "since=2026-11-27T00:00:00Z&until=2026-11-27T00:00:00Z&every=day",
            "since=2026-11-27T00:00:00Z&until=2026-11-26T00:00:00Z&every=day",
            "since=2026-11-26T00:00:00Z&until=2026-11-27T00:00:00Z&every=minute",
            "since=yesterday&until=2026-11-27T00:00:00Z&every=day",
            "",
        ] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_counted_is_summed_up_by_slot() {
        let span = Span { since: 0, until: 2 * HOUR_MS, every: HOUR_MS };
        let row = |slot, end_reason, calls, connecting| SlotRow { slot, end_reason, calls, answered: 1, connecting, lost: (0, 0) };
        let slots = span.sum_up(vec![
            row(0, Some(0), 3, (300, 2)),
            row(0, Some(1), 1, (100, 2)),
            row(0, None, 1, (0, 0)),
            row(9, None, 1, (0, 0)),
        ]);
        assert_eq!((slots.len(), slots[0].calls, slots[0].answered, slots[1].calls), (2, 5, 3, 0));
        assert_eq!((slots[0].connecting_ms, slots[0].lost_per_mille, slots[0].ended.values().sum::<i64>()), (Some(100.0), None, 4));
    }
}
