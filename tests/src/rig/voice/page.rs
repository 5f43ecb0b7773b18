//! The figures as `docs/voice.md` shows them: tables, and curves as SVG.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::cells::{self, Line, THIN};
use crate::figures::Figures;

/// Between these lines of the page is what is written here.
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench voice` -->\n";
const END: &str = "<!-- end of figures -->";

/// The plans as the page calls them, with the colours of their curves: of middling lightness, for light and dark paper.
const CURVES: [(&str, &str, &str); 3] = [
    ("cap", "as calls are sent, up to 104 kbit/s on the wire", "#2f8f5b"),
    ("equal", "the same within 52 kbit/s: 32 of media", "#3b7dd8"),
    ("plain", "Opus alone with its own redundancy, 53 kbit/s", "#c2662d"),
];

/// What is said of processing, by figure.
const PROCESSING: [(&str, &str, &str); 10] = [
    ("echo that comes 40 ms later is lowered after the first second by", "erle_db.delay40", "dB"),
    ("100 ms later", "erle_db.delay100", "dB"),
    ("180 ms later", "erle_db.delay180", "dB"),
    ("250 ms later", "erle_db.delay250", "dB"),
    ("the near voice while both talk, the echo 100 ms late, PESQ-WB", "double_talk.pesq", ""),
    ("a fan at -38 dBFS is lowered by", "noise_db.fan", "dB"),
    ("twelve people at -38 dBFS are lowered by", "noise_db.babble", "dB"),
    ("what it costs a voice in a quiet room, PESQ-WB", "processing.clean_cost", ""),
    ("delay", "processing.delay_ms", "ms"),
    ("processor time for a second", "processing.cpu", "ms"),
];

/// The size of a diagram and where its axes lie.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 40.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 12.0;
const BOTTOM: f64 = 34.0;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Writes tables and curves into `docs`.
pub(super) fn write(figures: &Figures) -> Result<()> {
    let page = docs().join("voice.md");
    let text = std::fs::read_to_string(&page).with_context(|| format!("reading {}", page.display()))?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{} has no place for figures", page.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the figures of {} do not end", page.display()))?;
    std::fs::write(&page, format!("{before}{BEGIN}{}{END}{after}", tables(figures)))?;
    std::fs::write(docs().join("voice-loss.svg"), curves(figures))?;
    Ok(())
}

fn tables(figures: &Figures) -> String {
    let mut text = "\n![PESQ-WB by loss](voice-loss.svg)\n".to_owned();
    for jitter_ms in [0.0, 40.0] {
        let _ = write!(
            text,
            "\nJitter {jitter_ms} ms:\n\n| loss, mean burst | PESQ-WB cap | equal | plain | eSTOI cap | equal | plain | delay ms cap | equal | plain | kbit/s cap | equal | plain |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        );
        for percent in cells::LOSSES {
            for burst in cells::bursts(percent) {
                let line = Line { loss: f64::from(percent) / 100.0, burst, jitter_ms, kilobits: 0.0 };
                let _ = writeln!(text, "| {percent} %, {burst:.2} |{}", row(figures, line));
            }
        }
    }
    text += "\nA line that takes no more than so many kbit/s, with a queue of 400 ms:\n\n\
             | kbit/s | PESQ-WB cap | equal | plain | eSTOI cap | equal | plain | delay ms cap | equal | plain | kbit/s cap | equal | plain |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for kilobits in THIN {
        let line = Line { loss: 0.0, burst: 1.0, jitter_ms: 0.0, kilobits };
        let _ = writeln!(text, "| {kilobits} |{}", row(figures, line));
    }
    text += "\nClocks that run apart, an hour each:\n\n| sender's clock | buffered beyond what is wanted, ms, at most | frames made up |\n|---|---|---|\n";
    for name in ["fast", "slow"] {
        let value = |what: &str| figures.median(&format!("{what}.{name}")).map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
        let _ = writeln!(text, "| 200 ppm too {name} | {} | {} |", value("drift.off_ms"), value("drift.made_up"));
    }
    text += "\nProcessing of the microphone's sound:\n\n| what | |\n|---|---|\n";
    for (words, name, unit) in PROCESSING {
        let value = figures.median(name).map_or_else(|| "–".to_owned(), |value| format!("{value:.2} {unit}"));
        let _ = writeln!(text, "| {words} | {value} |");
    }
    let cpu = |what: &str, line: &str| figures.median(&format!("{what}.cap.{line}")).map_or(0.0, |milliseconds| milliseconds / 10.0);
    let _ = write!(
        text,
        "\nOne direction takes {:.1} % of a core to send and {:.1} % to receive on a clean line, and {:.1} % and {:.1} % at 20 % loss in bursts of 3.\n\n",
        cpu("encoding_cpu", "loss0.burst1"),
        cpu("decoding_cpu", "loss0.burst1"),
        cpu("encoding_cpu", "loss20.burst3"),
        cpu("decoding_cpu", "loss20.burst3"),
    );
    text
}

fn row(figures: &Figures, line: Line) -> String {
    let mut row = String::new();
    for (what, digits) in [("pesq", 2), ("estoi", 3), ("delay_ms", 0), ("wire_kbit", 0)] {
        for (plan, _, _) in CURVES {
            match figures.median(&cells::figure(what, plan, line)) {
                Some(value) => {
                    let _ = write!(row, " {value:.digits$} |");
                }
                None => row += " – |",
            }
        }
    }
    row
}

fn curves(figures: &Figures) -> String {
    let legend = 22.0 * CURVES.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <title>PESQ-WB by loss</title>\n\
         <style>text {{ fill: #444 }} .axis {{ stroke: #999; stroke-width: 0.6; fill: none }} .curve {{ stroke-width: 2; fill: none }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} .axis {{ stroke: #777 }} }}</style>\n",
        2.0 * WIDTH,
        HEIGHT + legend,
    );
    let random: fn(u32) -> f64 = |percent| if percent == 0 { 1.0 } else { cells::random_burst(percent) };
    let bursts: fn(u32) -> f64 = |percent| if percent == 0 { 1.0 } else { 3.0 };
    svg += &diagram(figures, 0.0, "Losses that know nothing of each other", random);
    svg += &diagram(figures, WIDTH, "Losses in bursts, 3 packets on average", bursts);
    for (index, (_, words, colour)) in CURVES.iter().enumerate() {
        let y = HEIGHT + 14.0 + 20.0 * index as f64;
        let _ = writeln!(
            svg,
            "<path class=\"curve\" stroke=\"{colour}\" d=\"M{LEFT} {y}h24\"/><text x=\"{}\" y=\"{}\">{words}</text>",
            LEFT + 32.0,
            y + 4.0
        );
    }
    svg + "</svg>\n"
}

fn diagram(figures: &Figures, left: f64, title: &str, burst: fn(u32) -> f64) -> String {
    let x = |percent: f64| left + LEFT + percent / 45.0 * (WIDTH - LEFT - RIGHT);
    let y = |mark: f64| TOP + (4.5 - mark) / 3.5 * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!("<text x=\"{}\" y=\"18\" font-size=\"12\">{title}</text>\n", left + LEFT);
    for mark in [1.0, 2.0, 3.0, 4.0] {
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{} {}H{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{mark}</text>",
            x(0.0),
            y(mark),
            x(45.0),
            x(0.0) - 6.0,
            y(mark) + 4.0
        );
    }
    for percent in cells::LOSSES {
        let at = x(f64::from(percent));
        let _ = writeln!(svg, "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{percent} %</text>", HEIGHT - 16.0);
    }
    for (plan, _, colour) in CURVES {
        let points = cells::LOSSES.into_iter().filter_map(|percent| {
            let line = Line { loss: f64::from(percent) / 100.0, burst: burst(percent), jitter_ms: 0.0, kilobits: 0.0 };
            figures.median(&cells::figure("pesq", plan, line)).map(|mark| format!("{:.1},{:.1}", x(f64::from(percent)), y(mark)))
        });
        let points: Vec<String> = points.collect();
        let _ = writeln!(svg, "<polyline class=\"curve\" stroke=\"{colour}\" points=\"{}\"/>", points.join(" "));
    }
    svg
}
