//! What was measured in calls of the app as `docs/voice.md` shows it, beside the programs that were measured in the same run.

use std::fmt::Write as _;

use anyhow::Result;

use crate::figures::Figures;
use crate::page;

/// Who calls, and the end of its figures' names.
const WHO: [(&str, &str); 3] = [("this app", ""), ("Linphone", ".linphone"), ("Chromium", ".chromium")];

/// Writes the tables.
pub(crate) fn write(figures: &Figures) -> Result<()> {
    page::put("voice.md", "call", &tables(figures))
}

fn tables(figures: &Figures) -> String {
    let mut text = "\n| | from mouth to ear, ms: median | 95th percentile | of a core, % |\n|---|---|---|---|\n".to_owned();
    for (who, end) in WHO {
        let delay = format!("mouth_to_ear_ms{end}");
        let cpu = figures.median(&format!("cpu_percent{end}"));
        let _ =
            writeln!(text, "| {who} | {} | {} | {} |", cell(figures.median(&delay), 0), cell(figures.at(&delay, 0.95), 0), cell(cpu, 1));
    }
    let of = |name: &str, digits: usize| cell(figures.median(name), digits);
    let _ = write!(
        text,
        "\n| this app | |\n|---|---|\n\
         | from mouth to ear without processing, ms | {} |\n\
         | from mouth to ear where packets come up to 40 ms later than others, ms | {} |\n\
         | of a core without its windows, % | {} |\n\
         | of that the audio thread, the network, and the rest, which asks the sound server | {}, {}, {} |\n\
         | of the audio thread, each measured by itself: processing, encoding, decoding | {}, {}, {} |\n\
         | all but one in a thousand of the audio thread's turns, of which there are two in 10 ms, take at most, ms | {} |\n\
         | PESQ-WB, processed: the first words of a call, and the next | {}, {} |\n\
         | PESQ-WB, not processed, the first words of a call | {} |\n\
         | from the call to its ringing, ms | {} |\n\
         | from the click on *Answer* to the other side's voice, ms | {} |\n\n",
        of("mouth_to_ear_ms.raw", 0),
        of("mouth_to_ear_ms.jitter40", 0),
        of("cpu_percent.agent", 1),
        of("cpu_percent.agent.sound", 1),
        of("cpu_percent.agent.network", 1),
        of("cpu_percent.agent.rest", 1),
        of("cpu_percent.stage.processing", 1),
        of("cpu_percent.stage.encoding", 1),
        of("cpu_percent.stage.decoding", 1),
        of("audio_turn_ms.all_but_a_thousandth", 1),
        of("pesq.a_to_b", 2),
        of("pesq.b_to_a", 2),
        of("pesq.raw.a_to_b", 2),
        of("call_to_ringing_ms", 0),
        of("answer_to_first_sound_ms.callee", 0),
    );
    text
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}
