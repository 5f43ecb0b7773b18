//! What is measured: lines and plans, and what a pair of them is called.

use signedcall_voice::{ControllerConfig, SendSettings};

use crate::bench::Extent;

/// How a line treats packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// The share of packets lost, 0 to 1.
    pub(super) loss: f64,
    /// How many packets are lost in a row, on average.
    pub(super) burst: f64,
    /// The most by which a packet is late, in milliseconds, evenly distributed.
    pub(super) jitter_ms: f64,
    /// Thousands of bits that pass in a second, 0 for as many as come.
    pub(super) kilobits: f64,
}

/// How the voice is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    /// As the controller decides.
    Controlled(ControllerConfig),
    /// Always in the same way.
    Fixed(SendSettings),
}

/// A plan with its name in figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) plan: Plan,
}

/// A plan on a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) named: Named,
    pub(super) line: Line,
}

/// Percentages of packets lost.
pub(super) const LOSSES: [u32; 6] = [0, 5, 10, 20, 30, 45];

/// Thousands of bits a second of a thin line.
pub(super) const THIN: [f64; 2] = [32.0, 64.0];

/// 32 kbit/s of media in 50 packets a second, each with 50 bytes of headers.
const EQUAL: u32 = 32_000 + 20_000;

/// What is compared: the controller within the default cap, the controller with as many bits as Opus alone has, and Opus alone.
pub(super) fn plans() -> [Named; 3] {
    let controlled = ControllerConfig::default();
    [
        Named { name: "cap", plan: Plan::Controlled(controlled) },
        Named { name: "equal", plan: Plan::Controlled(ControllerConfig { most_bits_per_second: EQUAL, ..controlled }) },
        Named { name: "plain", plan: Plan::Fixed(SendSettings { expected_loss_percent: 20, ..SendSettings::default() }) },
    ]
}

/// Each plan on each line.
pub(super) fn cells(extent: Extent) -> Vec<Cell> {
    let mut cells = Vec::new();
    for named in plans() {
        for line in lines(extent) {
            cells.push(Cell { named, line });
        }
    }
    cells
}

fn lines(extent: Extent) -> Vec<Line> {
    let mut lines = Vec::new();
    let jitters: &[f64] = match extent {
        Extent::Full => &[0.0, 40.0],
        Extent::Quick => &[0.0],
    };
    for &jitter_ms in jitters {
        for percent in LOSSES {
            for burst in bursts(percent) {
                lines.push(Line { loss: f64::from(percent) / 100.0, burst, jitter_ms, kilobits: 0.0 });
            }
        }
    }
    lines.extend(THIN.map(|kilobits| Line { loss: 0.0, burst: 1.0, jitter_ms: 0.0, kilobits }));
    lines
}

/// The mean runs of losses that are looked at: that of losses which know nothing of each other, and three packets.
pub(super) fn bursts(percent: u32) -> Vec<f64> {
    if percent == 0 { vec![1.0] } else { vec![random_burst(percent), 3.0] }
}

/// The mean run of losses that know nothing of each other.
pub(super) fn random_burst(percent: u32) -> f64 {
    1.0 / (1.0 - f64::from(percent) / 100.0)
}

impl Cell {
    /// The name of the figure that says `what`.
    pub(super) fn figure(&self, what: &str) -> String {
        figure(what, self.named.name, self.line)
    }
}

pub(super) fn figure(what: &str, plan: &str, line: Line) -> String {
    if line.kilobits > 0.0 {
        return format!("{what}.{plan}.thin{}", line.kilobits);
    }
    let burst = format!("{:.2}", line.burst);
    let burst = burst.trim_end_matches('0').trim_end_matches('.');
    let jitter = if line.jitter_ms > 0.0 { format!(".jitter{}", line.jitter_ms) } else { String::new() };
    format!("{what}.{plan}.loss{}.burst{burst}{jitter}", (line.loss * 100.0).round())
}
