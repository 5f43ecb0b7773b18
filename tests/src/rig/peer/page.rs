//! What was measured beside libwebrtc as `docs/voice.md` shows it: a table, and curves as SVG.

use std::fmt::Write as _;

use anyhow::Result;

use super::{BLACK_OUT_FIGURE, Bits, CLICK_FIGURE, Cell, FIRST_FIGURE, JITTERS, LOSSES, Who};
use crate::figures::Figures;
use crate::page::{self, Curve, Diagram};

/// Who sends how much, as the page calls it, and the colours of the curves.
const CURVES: [(Who, Bits, &str, &str); 4] = [
    (Who::Us, Bits::Cap, "this SDK, up to 104 kbit/s on the wire", "#2f8f5b"),
    (Who::Libwebrtc, Bits::Cap, "libwebrtc with one copy in each packet (RED)", "#b8428c"),
    (Who::Us, Bits::Equal, "this SDK within what libwebrtc takes without copies", "#3b7dd8"),
    (Who::Libwebrtc, Bits::Equal, "libwebrtc without copies", "#c2662d"),
];

/// Writes the table and the curves into `docs`.
pub(super) fn write(figures: &Figures) -> Result<()> {
    page::put("voice.md", "peer", &tables(figures))?;
    std::fs::write(page::docs().join("voice-peer.svg"), curves(figures))?;
    Ok(())
}

fn cell((who, bits): (Who, Bits), loss_percent: u32, burst: Option<u32>, jitter_ms: u64) -> Cell {
    // Without losses they have no length.
    Cell { who, bits, loss_percent, burst: burst.filter(|_| loss_percent > 0), jitter_ms, seed: 0 }
}

fn tables(figures: &Figures) -> String {
    let mut text = "\nFive seconds are said before what counts, so that each side knows the line; how the first eight seconds of the calls sound stands beside.\n\n\
                    ![PESQ-WB by loss, beside libwebrtc](voice-peer.svg)\n"
        .to_owned();
    for jitter_ms in JITTERS {
        let _ = write!(
            text,
            "\nJitter {jitter_ms} ms; each pair is this SDK and libwebrtc:\n\n\
             | loss, mean burst | PESQ-WB cap | equal | of the first 8 s: cap | equal | delay ms cap | equal | kbit/s cap | equal |\n\
             |---|---|---|---|---|---|---|---|---|\n"
        );
        for percent in LOSSES {
            for burst in [None, Some(3)] {
                if percent > 0 || burst.is_none() {
                    let length = if burst.is_some() { "3" } else { "random" };
                    let _ = writeln!(text, "| {percent} %, {length} |{}", row(figures, percent, burst, jitter_ms));
                }
            }
        }
    }
    let of = |who: Who, figure: &str| value(figures, &format!("{}{figure}", who.prefix()), 0);
    let _ = write!(
        text,
        "\nAfter three seconds in which nothing passes, a tone is back after {} ms, and after {} with libwebrtc. The loudest click about it has {} dBFS, and {} with \
         libwebrtc.\n\n",
        of(Who::Us, BLACK_OUT_FIGURE),
        of(Who::Libwebrtc, BLACK_OUT_FIGURE),
        of(Who::Us, CLICK_FIGURE),
        of(Who::Libwebrtc, CLICK_FIGURE)
    );
    text
}

fn row(figures: &Figures, percent: u32, burst: Option<u32>, jitter_ms: u64) -> String {
    let mut row = String::new();
    for (what, digits) in [("pesq", 2), (FIRST_FIGURE, 2), ("delay_ms", 0), ("wire_kbps", 0)] {
        for bits in [Bits::Cap, Bits::Equal] {
            let of = |who| value(figures, &cell((who, bits), percent, burst, jitter_ms).figure(what), digits);
            let _ = write!(row, " {}, {} |", of(Who::Us), of(Who::Libwebrtc));
        }
    }
    row
}

fn value(figures: &Figures, name: &str, digits: usize) -> String {
    figures.median(name).map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn curves(figures: &Figures) -> String {
    let curves = CURVES.map(|(_, _, words, colour)| Curve { words, colour });
    let mark = |burst: Option<u32>, index: usize, percent: u32| {
        let (who, bits, _, _) = CURVES[index];
        figures.median(&cell((who, bits), percent, burst, 0).figure("pesq"))
    };
    let random = |index, percent| mark(None, index, percent);
    let bursts = |index, percent| mark(Some(3), index, percent);
    let diagrams = [
        Diagram { title: "Losses that know nothing of each other", mark: &random },
        Diagram { title: "Losses in bursts, 3 packets on average", mark: &bursts },
    ];
    page::by_loss(&LOSSES, &curves, diagrams)
}
