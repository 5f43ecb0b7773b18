//! The figures as `docs/cluster.md` shows them.

use std::fmt::Write as _;

use anyhow::Result;

use crate::figures::Figures;
use crate::page;

/// What is said, by figure.
const LINES: [(&str, &str); 5] = [
    ("a node was killed: until devices whose way it was have another, ms", "back_after_kill_ms"),
    ("all nodes were started again, one after the other: how long devices were without a way, ms", "away_while_restarted_ms"),
    ("the bus was started again: until devices that need it are back, ms", "back_after_bus_ms"),
    ("meanwhile: from call to answer between devices that do not need it, ms", "call_without_bus_ms"),
    ("the database was started again: until a call is placed, ms", "call_after_database_ms"),
];

/// Writes the table into `docs`.
pub(super) fn write(figures: &Figures) -> Result<()> {
    let mut text = "\n| | times | median | 95th percentile | most |\n|---|---|---|---|---|\n".to_owned();
    for (words, figure) in LINES {
        let [median, p95, most] = [figures.median(figure), figures.at(figure, 0.95), figures.at(figure, 1.0)].map(rounded);
        let _ = writeln!(text, "| {words} | {} | {median} | {p95} | {most} |", figures.count(figure));
    }
    let (records, contests) = (figures.sum("records"), figures.sum("calls_answered_twice_at_once"));
    let (refused, away) = (figures.sum("calls_refused_without_database"), figures.sum("devices_away_without_database"));
    let _ = writeln!(
        text,
        "\n{records:.0} calls were placed, each of which has one record; none ended before it was hung up. {contests:.0} of them were answered by two devices at once \
         while a node was killed or stopped, and of each one device won. Without the database {refused:.0} calls were refused, and {away:.0} devices lost their way.\n"
    );
    page::put("cluster.md", "cluster", &text)
}

fn rounded(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"))
}
