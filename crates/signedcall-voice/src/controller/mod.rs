//! Decides what the bits of a voice go into, from what the other side reports of the line.
//!
//! Two questions are answered one after the other. How many bits the line takes ([`allowance`]): fewer when they begin to queue, or when losses
//! grow because of those that were added. And what to do with them ([`choice`]): the fewer packets are lost the more goes into sound, and the more
//! are lost, and in longer runs, the more goes into copies, and the farther back these lie.

mod allowance;
mod choice;
mod losses;

use std::time::Duration;

use allowance::Allowance;
use choice::{Budget, Choice};
use losses::Losses;

use crate::report::LineReport;
use crate::settings::{PacketDuration, SendSettings};

/// How much better than what is being sent something else has to promise to be, in marks of PESQ, before it is turned to while packets are
/// lost: each change of the buffer's depth is heard.
const WORTH_A_CHANGE: f32 = 0.2;

/// The same while it is not known yet what the line is like: since packets began to be lost no longer ago than this.
const WORTH_A_CHANGE_AT_FIRST: f32 = 0.03;
const SETTLES_WITHIN: Duration = Duration::from_secs(6);

/// How long a choice is kept at least, unless the line has become worse: long enough that its effect is in the reports.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// Bytes of a packet on the wire beside its payload: IPv4, UDP, RTP, and the tag of SRTP.
pub const PACKET_HEADERS: u32 = 20 + 8 + 12 + 10;

/// How a [`Controller`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControllerConfig {
    /// The most bits a second on the wire, in one direction.
    ///
    /// With a packet each 20 ms, [`PACKET_HEADERS`] make 20 kbit/s. The 84 kbit/s that 104 leave carry speech
    /// at 16 kbit/s, where Opus loses little, and four copies of it: as much as a call by fixed line takes with its headers (87), and a fifth more.
    pub most_bits_per_second: u32,
    /// Bytes of a packet on the wire beside its payload: [`PACKET_HEADERS`], and what else each has.
    pub headers: u32,
    /// Whether the other side takes copies (RFC 2198).
    pub copies: bool,
    /// Whether the other side understands what packets describe of the time before them: Opus 1.6 with DRED. It is of use where there are no copies.
    pub described: bool,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self { most_bits_per_second: 104_000, headers: PACKET_HEADERS, copies: true, described: true }
    }
}

/// Chooses [`SendSettings`] by [`LineReport`]s.
#[derive(Debug)]
pub struct Controller {
    config: ControllerConfig,
    losses: Losses,
    allowance: Allowance,
    chosen: Choice,
    settings: SendSettings,
    /// When something else was chosen last, once it was.
    changed: Option<Duration>,
    /// When losses were last no matter.
    calm_at: Option<Duration>,
}

impl Controller {
    /// Makes a controller that knows nothing of the line: it begins with what nearly every line takes.
    pub fn new(config: ControllerConfig) -> Self {
        let allowance = Allowance::new(config);
        let budget = Budget { bits: allowance.bits_per_second(), headers: config.headers };
        let mut losses = Losses::default();
        let chosen = Choice::best(config, &losses, budget, PacketDuration::default());
        let settings = chosen.settings(&losses, budget);
        losses.count_in(settings.packet_duration);
        Self { config, losses, allowance, chosen, settings, changed: None, calm_at: None }
    }

    /// What is to be sent now.
    pub fn settings(&self) -> SendSettings {
        self.settings
    }

    /// Takes a report of the other side, `round_trip` being how long it takes to there and back as far as that is known, and says what is to be sent
    /// from now on if that has changed.
    pub fn report(&mut self, now: Duration, report: LineReport, round_trip: Option<Duration>) -> Option<SendSettings> {
        if !allowance::is_queue(report) {
            // What is lost where a queue is full is not brought back by sending more.
            self.losses.learn(report);
        }
        let sent = choice::bits_on_the_wire(self.settings, self.config.headers);
        self.allowance.learn(now, report, &self.losses, sent, round_trip);
        let budget = Budget { bits: self.allowance.bits_per_second(), headers: self.config.headers };
        let best = Choice::best(self.config, &self.losses, budget, self.settings.packet_duration);
        let gain = best.promise(&self.losses, budget) - self.chosen.promise(&self.losses, budget);
        let is_due =
            self.changed.is_none_or(|changed| now.saturating_sub(changed) >= KEPT_FOR) || self.losses.are_growing() || budget.bits < sent;
        let calm_at = *self.calm_at.get_or_insert(now);
        let is_calm = !self.losses.are_cared_for();
        if is_calm {
            self.calm_at = Some(now);
        }
        let worth_a_change = if now.saturating_sub(calm_at) < SETTLES_WITHIN { WORTH_A_CHANGE_AT_FIRST } else { WORTH_A_CHANGE };
        if best != self.chosen && is_due && (gain > worth_a_change || is_calm) {
            self.chosen = best;
            self.changed = Some(now);
        }
        let settings = self.chosen.settings(&self.losses, budget);
        self.losses.count_in(settings.packet_duration);
        (settings != std::mem::replace(&mut self.settings, settings)).then_some(settings)
    }
}

#[cfg(test)]
mod tests;
