//! The figures as `docs/voice.md` shows them: tables, and curves as SVG.

use std::fmt::Write as _;

use anyhow::Result;

use super::cells::{self, Line, THIN};
use crate::figures::Figures;
use crate::page::{self, Curve, Diagram};

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
    ("processor time for a second in which both talk", "processing.cpu", "ms"),
];

/// Writes tables and curves into `docs`.
pub(super) fn write(figures: &Figures) -> Result<()> {
    page::put("voice.md", "voice", &tables(figures))?;
    std::fs::write(page::docs().join("voice-loss.svg"), curves(figures))?;
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
    text += "\nClocks that run apart, an hour each:\n\n| sender's clock | what is played comes too late or too early by, ms, at most | frames made up |\n|---|---|---|\n";
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
    let curves = CURVES.map(|(_, words, colour)| Curve { words, colour });
    let mark = |burst: f64, index: usize, percent: u32| {
        let burst = if percent == 0 { 1.0 } else { burst };
        let line = Line { loss: f64::from(percent) / 100.0, burst, jitter_ms: 0.0, kilobits: 0.0 };
        figures.median(&cells::figure("pesq", CURVES[index].0, line))
    };
    let random = |index, percent| mark(cells::random_burst(percent), index, percent);
    let bursts = |index, percent| mark(3.0, index, percent);
    let diagrams = [
        Diagram { title: "Losses that know nothing of each other", mark: &random },
        Diagram { title: "Losses in bursts, 3 packets on average", mark: &bursts },
    ];
    page::by_loss(&cells::LOSSES, &curves, diagrams)
}
