//! The figures as `docs/service.md` shows them.

use std::fmt::Write as _;

use anyhow::Result;

use super::idle::COUNTS;
use crate::figures::Figures;
use crate::page;

/// Whose connections are compared: as figures call them, in words, and the colours of their curves, of middling lightness for light and dark paper.
const SERVERS: [(&str, &str, &str); 5] = [
    ("idle_socket_bytes.plain", "Signed Call, signed in", "#2f8f5b"),
    ("idle_socket_bytes.tls", "Signed Call over TLS, signed in", "#3b7dd8"),
    ("mosquitto.idle_socket_bytes", "Mosquitto, one subscription", "#8a5ac2"),
    ("nats_server.idle_socket_bytes", "nats-server, one subscription", "#c2662d"),
    ("bun.idle_socket_bytes", "Bun, a WebSocket", "#8f8f2f"),
];

/// What is said of calls, by figure.
const CALLS: [(&str, &str, &str); 6] = [
    ("calls that can be set up and ended", "call_setups_per_s", "a second"),
    ("from call to answer at half as many", "call_setup_ms.half_load", "ms"),
    ("from call to answer at so many", "call_setup_ms.full_load", "ms"),
    ("processor time of the service for each of so many", "cpu_us_per_call", "µs"),
    ("processor time of the service for each at 500 a second, with 1,000 signed in", "cpu_us_per_call.sockets1000", "µs"),
    ("processor time of Kamailio for each of SIPp's, 500 a second", "kamailio.cpu_us_per_call", "µs"),
];

/// Writes tables and curves into `docs`.
pub(super) fn write(figures: &Figures) -> Result<()> {
    page::put("service.md", "service", &tables(figures))?;
    std::fs::write(page::docs().join("service-sockets.svg"), curves(figures))?;
    Ok(())
}

fn tables(figures: &Figures) -> String {
    let mut text = "\n![Bytes for each connection by their number](service-sockets.svg)\n\n| bytes for each of | 1,000 | 5,000 | 15,000 |\n|---|---|---|---|\n".to_owned();
    for (figure, words, _) in SERVERS {
        let _ = writeln!(text, "| {words} | {} |", by_count(figures, figure).map(rounded).join(" | "));
    }
    text += "\n| | median | 95th percentile |\n|---|---|---|\n";
    for (words, figure, unit) in CALLS {
        let [median, p95] = [figures.median(figure), figures.at(figure, 0.95)].map(rounded);
        let _ = writeln!(text, "| {words}, {unit} | {median} | {p95} |");
    }
    text += "\n| signed in | 1,000 | 5,000 | 15,000 |\n|---|---|---|---|\n";
    let _ = writeln!(text, "| processor time for each call, µs | {} |\n", by_count(figures, "cpu_us_per_call").map(rounded).join(" | "));
    text
}

fn by_count(figures: &Figures, figure: &str) -> [Option<f64>; COUNTS.len()] {
    COUNTS.map(|count| figures.median(&format!("{figure}.sockets{count}")))
}

fn rounded(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
        None => "–".to_owned(),
    }
}

fn curves(figures: &Figures) -> String {
    let most =
        SERVERS.iter().filter_map(|(figure, ..)| by_count(figures, figure).into_iter().flatten().reduce(f64::max)).fold(1_000.0, f64::max);
    let x = |count: usize| 64.0 + count as f64 / 15_000.0 * 560.0;
    let y = |bytes: f64| 220.0 - bytes / most * 190.0;
    let mut svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 370\" font-family=\"sans-serif\" font-size=\"11\">\n\
                   <title>Bytes for each connection by their number</title>\n\
                   <style>text { fill: #444 } .axis { stroke: #999; stroke-width: 0.6; fill: none } .curve { stroke-width: 2; fill: none }\n\
                   @media (prefers-color-scheme: dark) { text { fill: #ccc } .axis { stroke: #777 } }</style>\n"
        .to_owned();
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let bytes = most * share;
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M64 {0:.1}H624\"/><text x=\"58\" y=\"{1:.1}\" text-anchor=\"end\">{bytes:.0}</text>",
            y(bytes),
            y(bytes) + 4.0
        );
    }
    for count in COUNTS {
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"238\" text-anchor=\"middle\">{count}</text>", x(count));
    }
    for (index, (figure, words, colour)) in SERVERS.into_iter().enumerate() {
        let points =
            COUNTS.iter().zip(by_count(figures, figure)).filter_map(|(&count, bytes)| Some(format!("{:.1},{:.1}", x(count), y(bytes?))));
        let _ = writeln!(svg, "<polyline class=\"curve\" stroke=\"{colour}\" points=\"{}\"/>", points.collect::<Vec<_>>().join(" "));
        let row = 264.0 + 20.0 * index as f64;
        let _ = writeln!(
            svg,
            "<path class=\"curve\" stroke=\"{colour}\" d=\"M64 {row}h24\"/><text x=\"96\" y=\"{}\">{words}</text>",
            row + 4.0
        );
    }
    svg + "</svg>\n"
}
