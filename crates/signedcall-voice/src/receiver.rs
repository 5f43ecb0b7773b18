//! From packets to an unbroken row of frames.

use std::time::Duration;

use signedcall_opus::DeepRedundancy;

use crate::codec::{CodecError, Decoder, PayloadShape};
use crate::frame::{FRAME_SAMPLES, Frame, MILLISECOND, SILENCE, Samples, duration, samples};
use crate::jitter::{Held, Inserted, JitterBuffer, Next};
use crate::red::{Earlier, Redundant};
use crate::report::{LineMeter, LineReport};
use crate::splice::{CONTEXT, Change, LONGEST, OVERLAP, SHORTEST, join, splice};

/// One frame, as a span of time.
const FRAME: Samples = FRAME_SAMPLES as Samples;

/// How far ahead of its due time the playout may be before it is slowed down: less than the margin for late packets, which would be used up
/// otherwise, and every change of pace might be heard.
const TOLERATED_EARLY: Samples = 2 * MILLISECOND;

/// How much more than that is added at a time, so that the period of a voice fits in.
const ADDED_BEYOND: Samples = 5 * MILLISECOND;

/// With how little sound beyond a frame it is better to add some roughly than to wait for a better place.
const SCARCE: Samples = 5 * MILLISECOND;

/// How far behind its due time the playout may be before it is hurried: what is due changes by milliseconds from second to second, and to follow
/// each of them costs more than it saves.
const TOLERATED_LATE: Samples = 8 * MILLISECOND;

/// For how long the playout is looked at to see whether it is behind all the time, as it is with a sender whose clock runs fast.
const STEADY_FOR: Samples = 15_000 * MILLISECOND;

/// How far behind it may be all the time.
const TOLERATED_STEADILY: Samples = 3 * MILLISECOND;

/// How far behind its due time the playout may fall before sound is left out instead of being played faster.
const FARTHEST_BEHIND: Samples = 150 * MILLISECOND;

/// The longest gap that is repaired by what a later packet describes: a quarter of a second more than anybody waits for it.
const FARTHEST_REPAIRED: Samples = 650 * MILLISECOND;

/// Room for all the sound that is ever kept, in samples, since memory may not be asked for where it is used.
const ROOM: usize = 65_536;

/// How much is played between two changes of pace: speech stays speech while at most a third of it is changed.
const BETWEEN_SPLICES: Samples = 30 * MILLISECOND;

/// How long made-up sound stays at full loudness: longer than the usual burst of losses.
const FADE_FROM: Samples = 80 * MILLISECOND;

/// When made-up sound has faded out: any vowel would be unnatural if held longer.
const FADED_AT: Samples = 300 * MILLISECOND;

/// A packet of no more bytes than this says that nothing is said, and that no packets follow until something is (discontinuous transmission).
const SILENT_BYTES: usize = 2;

/// How long such a silence is believed in: it is said again each 400 ms.
const LONGEST_REST: Samples = 1_000 * MILLISECOND;

/// A packet as it came from the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it: the RTP synchronisation source. Another one begins a new stream.
    pub source: u32,
    /// Its RTP sequence number, wrapping.
    pub sequence: u16,
    /// Its RTP timestamp in samples at 48 kHz, wrapping.
    pub timestamp: u32,
    /// What the payload is.
    pub format: PayloadFormat,
    /// What it carries.
    pub payload: &'a [u8],
    /// When it came, on the clock of [`Receiver::pull`].
    pub arrived: Duration,
}

/// What the payload of a packet is; on the line its payload type says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadFormat {
    /// One Opus packet.
    #[default]
    Opus,
    /// One Opus packet and copies of earlier ones (RFC 2198, `audio/red`).
    Red,
}

/// How a [`Receiver`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// The most by which sound may wait for late packets. Beyond it people talk over each other, and a gap is the lesser evil.
    pub most_wait: Duration,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self { most_wait: Duration::from_millis(400) }
    }
}

/// What a frame was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Silence: no packet has come yet.
    Waiting,
    /// What the peer sent.
    Sound,
    /// A likely continuation, at least in part: packets are missing.
    MadeUp,
    /// Silence, or what fades into it: packets have stopped coming.
    Stopped,
}

/// What a [`Receiver`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Packets that came, whatever became of them.
    pub packets_received: u64,
    /// Packets that came after they were needed.
    pub packets_late: u64,
    /// Packets that came a second time.
    pub packets_duplicate: u64,
    /// Packets that were no Opus, or contradicted their stream.
    pub packets_rejected: u64,
    /// Packets that had not come when they were needed.
    pub packets_lost: u64,
    /// Packets that were lost and of which a copy came in time; they do not count as lost.
    pub packets_copied: u64,
    /// Those of the lost packets whose sound was taken from the coarse copy in the next one.
    pub packets_recovered: u64,
    /// Packets that were left out because too many of them came at once.
    pub packets_skipped: u64,
    /// Bytes of the packets that came, each once and without the copies beside it.
    pub bytes: u64,
    /// How much sound was made of what a later packet describes.
    pub described: Duration,
    /// How much sound was made up because nothing had come to play.
    pub made_up: Duration,
    /// How much playing faster has saved.
    pub shortened: Duration,
    /// How much playing slower has added.
    pub lengthened: Duration,
    /// How much sound waits to be played now.
    pub buffered: Duration,
    /// How much later than the earliest packets the latest come that are waited for.
    pub jitter: Duration,
}

/// What the packet that was looked at last describes of the time before it.
#[derive(Debug)]
struct Deep {
    read: DeepRedundancy,
    /// The timestamp of that packet, and how far back it reaches.
    of: Option<(Samples, Samples)>,
}

impl Deep {
    fn new() -> Result<Self, CodecError> {
        Ok(Self { read: DeepRedundancy::new().map_err(CodecError::Decoder)?, of: None })
    }

    /// How far back the packet at `timestamp` reaches, `most` being of interest. Reading it costs as much as decoding it, so it is done once.
    fn reach(&mut self, timestamp: Samples, payload: &[u8], most: Samples) -> Samples {
        match self.of {
            Some((of, reach)) if of == timestamp => reach,
            Some(_) | None => {
                let most = usize::try_from(most).unwrap_or(0);
                let reach = self.read.read(payload, most).map_or(0, |reach| reach as Samples);
                self.of = Some((timestamp, reach));
                reach
            }
        }
    }
}

/// Turns packets, whenever and in whatever order they come, into an unbroken row of frames.
///
/// [`push`](Self::push) each packet as it comes and [`pull`](Self::pull) a frame whenever the sound card needs one. Both say when, on one clock
/// that may begin anywhere and never goes back. Once the first packets have been held, neither allocates.
#[derive(Debug)]
pub struct Receiver {
    jitter: JitterBuffer,
    decoder: Decoder,
    deep: Deep,
    line: LineMeter,
    /// Sound that was played, as far as a splice looks back, and from `at` on sound to play.
    sound: Vec<f32>,
    at: usize,
    /// The timestamp at which `sound` ends; nothing before a stream's first packet was played.
    end: Option<Samples>,
    /// How much of the end of `sound` was made up.
    made_up: Samples,
    /// Where the sound began that goes on now: at the beginning, or after the line was dead.
    began: Samples,
    /// For how much longer the sender is taken to be silent on purpose.
    resting: Samples,
    /// How the made-up sound would have gone on, to cross over from.
    continuation: Vec<f32>,
    since_splice: Samples,
    /// For how long the playout has been behind its due time all the time.
    behind_for: Samples,
    /// Whether the packets that wait come from another encoder than the decoder knows.
    restarted: bool,
    stats: ReceiverStats,
}

impl Receiver {
    /// Makes a receiver that plays silence until packets come.
    ///
    /// # Errors
    /// When Opus cannot be set up: out of memory.
    pub fn new(config: ReceiverConfig) -> Result<Self, CodecError> {
        Ok(Self {
            jitter: JitterBuffer::new(samples(config.most_wait)),
            decoder: Decoder::new()?,
            deep: Deep::new()?,
            line: LineMeter::default(),
            sound: with_room(vec![0.0; CONTEXT]),
            at: CONTEXT,
            end: None,
            made_up: FADED_AT,
            began: Samples::MIN,
            resting: 0,
            continuation: with_room(Vec::new()),
            since_splice: 0,
            behind_for: 0,
            restarted: false,
            stats: ReceiverStats::default(),
        })
    }

    /// Takes a packet from the line.
    pub fn push(&mut self, packet: Packet<'_>) {
        self.stats.packets_received += 1;
        match packet.format {
            PayloadFormat::Opus => {
                self.note_arrival(packet);
                self.insert(packet);
            }
            PayloadFormat::Red => match Redundant::read(packet.payload) {
                Some(redundant) => {
                    let packet = Packet { payload: redundant.payload, ..packet };
                    self.note_arrival(packet);
                    if self.insert(packet) == Inserted::Rejected {
                        // What contradicts its stream says nothing of earlier packets either.
                        return;
                    }
                    let farthest = redundant.copies().map(|copy| Samples::from(copy.back)).max().unwrap_or(0);
                    for copy in redundant.copies() {
                        self.insert_copy(packet, copy, farthest);
                    }
                }
                None => self.stats.packets_rejected += 1,
            },
        }
    }

    fn note_arrival(&mut self, packet: Packet<'_>) {
        self.line.came(packet, PayloadShape::of(packet.payload).map(|shape| shape.span as Samples));
    }

    fn insert(&mut self, packet: Packet<'_>) -> Inserted {
        let inserted = self.jitter.insert(packet);
        match inserted {
            Inserted::Kept(_) => self.stats.bytes += packet.payload.len() as u64,
            Inserted::Started(_) => self.restarted = true,
            Inserted::Late(_) => self.stats.packets_late += 1,
            Inserted::Duplicate => self.stats.packets_duplicate += 1,
            Inserted::Rejected => self.stats.packets_rejected += 1,
        }
        inserted
    }

    fn insert_copy(&mut self, packet: Packet<'_>, copy: Earlier<'_>, farthest: Samples) {
        // Most copies are of what has come, and those that are broken were never counted on.
        match self.jitter.insert_copy(packet, copy, farthest) {
            Inserted::Kept(_) => self.stats.packets_copied += 1,
            Inserted::Late(timestamp) => self.note_repair(timestamp, farthest),
            Inserted::Started(_) | Inserted::Duplicate | Inserted::Rejected => {}
        }
    }

    /// Tells the buffer that what was lost is sent again until `later`, so that it waits for the next such repair.
    fn note_repair(&mut self, timestamp: Samples, later: Samples) {
        // What was lost while the line was dead says nothing of losses.
        if self.made_up < FADED_AT && timestamp >= self.began {
            self.jitter.repaired(later);
        }
    }

    /// Notes which of the sound that is missing before a packet comes with it, as a coarse copy or described.
    fn note_repairs(&mut self, held: &Held, missing: u64) {
        let frame = held.shape.frame as Samples;
        if let Some(later) = held.copied_until {
            self.note_repair(held.timestamp, later);
        }
        if missing == 0 {
            return;
        }
        let described = self.deep.reach(held.timestamp, &held.payload, FARTHEST_REPAIRED);
        let coarse = if held.shape.redundant { frame } else { 0 };
        let mut back = frame;
        while back <= described.max(coarse).min(missing as Samples * frame) {
            self.note_repair(held.timestamp - back, back);
            back += frame;
        }
    }

    /// Fills the next frame to be played, and says what with. `now` is when the sound card asks for it.
    pub fn pull(&mut self, frame: &mut Frame, now: Duration) -> Pulled {
        self.jitter.ask(samples(now));
        if self.restarted {
            self.restart();
        }
        if self.end.is_none() && self.jitter.len() == 0 && self.ahead() < FRAME {
            *frame = SILENCE;
            self.jitter.advance(FRAME);
            return Pulled::Waiting;
        }
        self.skip_backlog();
        let made_up_before = self.stats.made_up;
        while self.ahead() < FRAME {
            self.extend();
        }
        self.keep_pace();
        frame.copy_from_slice(&self.sound[self.at..self.at + FRAME_SAMPLES]);
        self.at += FRAME_SAMPLES;
        self.jitter.advance(FRAME);
        self.forget_played();
        if self.made_up >= FADED_AT {
            Pulled::Stopped
        } else if self.stats.made_up != made_up_before {
            Pulled::MadeUp
        } else {
            Pulled::Sound
        }
    }

    /// What the line has done to packets since this was asked last, for the sender's [`Controller`](crate::Controller): some times in a second.
    pub fn line_report(&mut self) -> LineReport {
        self.line.report()
    }

    /// What was done so far, and how much is buffered now.
    pub fn stats(&self) -> ReceiverStats {
        let waiting = self.end.map_or(0, |end| self.jitter.waiting(end));
        ReceiverStats { buffered: duration(self.ahead() + waiting), jitter: duration(self.jitter.spread()), ..self.stats }
    }

    /// Sound that is ready to play.
    fn ahead(&self) -> Samples {
        (self.sound.len() - self.at) as Samples
    }

    /// How long until the sound at `timestamp` should be the next to be appended.
    fn due_in(&self, timestamp: Samples) -> Samples {
        self.jitter.due_in(timestamp) - self.ahead()
    }

    /// Fades the old stream's sound out and prepares for the new one.
    fn restart(&mut self) {
        self.restarted = false;
        if self.made_up < FADED_AT {
            let from = self.sound.len();
            self.decoder.conceal(OVERLAP, &mut self.sound);
            fade(&mut self.sound[from..], 1.0, 0.0);
        }
        self.decoder.reset();
        self.deep.of = None;
        self.end = None;
        self.made_up = FADED_AT;
        self.resting = 0;
    }

    /// Leaves copies out that came when more than half of what they hold was over, and packets that should have been played long ago, keeping the
    /// newest.
    fn skip_backlog(&mut self) {
        while let (Some(end), Some(first)) = (self.end, self.jitter.first())
            && first.copied_until.is_some()
            && first.timestamp + first.shape.span as Samples / 2 < end
            && let Some((held, missing)) = self.jitter.take()
        {
            self.stats.packets_lost += missing + 1;
            if let Some(later) = held.copied_until {
                self.note_repair(held.timestamp, later);
            }
            self.jitter.recycle(held);
        }
        while self.jitter.len() > 1 && self.jitter.next().is_some_and(|next| self.due_in(next.timestamp) < -FARTHEST_BEHIND) {
            if let Some((held, missing)) = self.jitter.take() {
                self.stats.packets_lost += missing;
                self.stats.packets_skipped += 1;
                self.jitter.recycle(held);
            }
        }
    }

    /// Appends the next piece of sound to be played, whatever it can be made of.
    fn extend(&mut self) {
        let Some(Next { timestamp, repairs, after_loss }) = self.jitter.next() else {
            if !self.linger() {
                self.make_up(FRAME);
            }
            return;
        };
        // Where at least half of a lost packet has still to be played, its coarse copy is better than what was made up.
        let repairs = repairs.zip(self.end).and_then(|(repaired, end)| ((repaired + timestamp) / 2 >= end).then_some(repaired));
        let start = repairs.unwrap_or(timestamp);
        let gap = self.end.map_or(Samples::MAX, |end| start - end);
        let wait = gap.min(self.due_in(start));
        if wait > 0 {
            let span = wait.min(FRAME);
            if !(after_loss && self.describe(timestamp, span)) {
                self.make_up(span);
            }
        } else if repairs.is_some() {
            self.append_repaired(start);
        } else {
            self.append_packet();
        }
    }

    /// Plays `span` samples of lost sound as the packet at `timestamp`, the next one, describes it. Says whether it could.
    fn describe(&mut self, timestamp: Samples, span: Samples) -> bool {
        let (Some(end), Some(next)) = (self.end, self.jitter.first()) else { return false };
        let before = timestamp - end;
        if before <= 0 || before > self.deep.reach(timestamp, &next.payload, FARTHEST_REPAIRED) {
            return false;
        }
        let from = self.sound.len();
        let made = (span as usize).next_multiple_of(SHORTEST);
        if self.decoder.recover_deep(&self.deep.read, before as usize, made, &mut self.sound) != made {
            self.sound.truncate(from);
            return false;
        }
        self.sound.truncate(from + span as usize);
        // What was made up before goes over into it by itself, since the decoder has made both; only its fading is taken back.
        fade(&mut self.sound[from..], loudness_of_made_up(self.made_up), 1.0);
        self.made_up = 0;
        self.end = Some(end + span);
        self.stats.described += duration(span);
        true
    }

    /// Plays a packet's redundancy for the one before it.
    fn append_repaired(&mut self, start: Samples) {
        self.continue_made_up(start);
        let from = self.sound.len();
        let Some(following) = self.jitter.first() else { return };
        let wanted = following.shape.frame;
        let got = self.decoder.recover(&following.payload, wanted, &mut self.sound);
        self.stats.packets_recovered += 1;
        self.attach(start, from, wanted, got);
    }

    /// Plays the next packet.
    fn append_packet(&mut self) {
        let Some(start) = self.jitter.next().map(|next| next.timestamp) else { return };
        self.continue_made_up(start);
        let from = self.sound.len();
        let Some((held, missing)) = self.jitter.take() else { return };
        self.stats.packets_lost += missing;
        self.note_repairs(&held, missing);
        let wanted = held.shape.span;
        let got = self.decoder.decode(&held.payload, &mut self.sound);
        self.resting = if held.payload.len() <= SILENT_BYTES { LONGEST_REST } else { 0 };
        self.jitter.recycle(held);
        self.attach(start, from, wanted, got);
    }

    /// Makes up a little more than was played, to cross over from, if the sound that begins at `start` does not follow the last.
    fn continue_made_up(&mut self, start: Samples) {
        self.continuation.clear();
        if self.made_up > 0 || self.end != Some(start) {
            self.decoder.conceal(OVERLAP, &mut self.continuation);
            let loudness = loudness_of_made_up(self.made_up);
            fade(&mut self.continuation, loudness, loudness);
        }
    }

    /// Fits sound from `start` on, which was put at `from`, to what is before it. It should be `wanted` samples long, and is `got`.
    fn attach(&mut self, start: Samples, from: usize, wanted: usize, got: usize) {
        self.end = Some(start + wanted as Samples);
        if self.made_up >= FADED_AT {
            self.began = start;
        }
        if got == 0 {
            // The packet was damaged: what it stands for is made up.
            for _ in 0..wanted.div_ceil(FRAME_SAMPLES) {
                self.append_made_up(FRAME.min(wanted as Samples));
            }
            return;
        }
        if !self.continuation.is_empty() {
            let behind = self.jitter.due_in(start) - (from - self.at) as Samples;
            join(&self.continuation, &mut self.sound, from, (-behind).clamp(0, FRAME) as usize);
        }
        self.made_up = 0;
    }

    /// Plays the sound that is left more slowly, in the hope that the packet that is missing comes meanwhile. Says whether it did.
    fn linger(&mut self) -> bool {
        self.made_up == 0 && self.end.is_some() && self.stretch(Change::Lengthen, LONGEST, LEAST_ALIKE)
    }

    /// Makes `span` more samples up, which stand for as much of the stream.
    fn make_up(&mut self, span: Samples) {
        self.append_made_up(span);
        if let Some(end) = &mut self.end {
            *end += span;
        }
    }

    fn append_made_up(&mut self, span: Samples) {
        let from = self.sound.len();
        let to = from + span as usize;
        if self.resting > 0 {
            // Nothing is missing: the decoder goes on with the noise of the room.
            self.resting -= span;
            self.decoder.conceal((span as usize).next_multiple_of(SHORTEST), &mut self.sound);
            self.sound.resize(to, 0.0);
            return;
        }
        if self.made_up < FADED_AT {
            // Opus makes sound up in steps of 2.5 ms.
            self.decoder.conceal((span as usize).next_multiple_of(SHORTEST), &mut self.sound);
        }
        self.sound.resize(to, 0.0);
        fade(&mut self.sound[from..], loudness_of_made_up(self.made_up), loudness_of_made_up(self.made_up + span));
        self.made_up = (self.made_up + span).min(FADED_AT);
        self.stats.made_up += duration(span);
    }

    /// Plays faster when behind the due time and slower when ahead of it.
    fn keep_pace(&mut self) {
        self.since_splice = (self.since_splice + FRAME).min(BETWEEN_SPLICES);
        let Some(end) = self.end else { return };
        if self.made_up > 0 {
            self.behind_for = 0;
            return;
        }
        let early = self.jitter.due_in(end - self.ahead());
        self.behind_for = if early < -TOLERATED_STEADILY { self.behind_for + FRAME } else { 0 };
        if self.since_splice < BETWEEN_SPLICES {
            return;
        }
        if early > TOLERATED_EARLY {
            let is_scarce = self.ahead() + self.jitter.waiting(end) < FRAME + SCARCE;
            let alikeness = if is_scarce { LEAST_ALIKE } else { alikeness_for(early - TOLERATED_EARLY) };
            self.stretch(Change::Lengthen, (early + ADDED_BEYOND) as usize, alikeness);
        } else if early < -TOLERATED_LATE || self.behind_for >= STEADY_FOR {
            // What has not come cannot be skipped, and leaving nothing to stretch would make the next late packet a gap.
            let spare = self.ahead() + self.jitter.waiting(end) - FRAME - OVERLAP as Samples;
            let most = (-early).min(spare).clamp(0, LONGEST as Samples);
            while self.ahead() < most + FRAME + OVERLAP as Samples && self.jitter.next().map(|next| next.timestamp) == self.end {
                self.append_packet();
            }
            let most = most.min(self.ahead() - FRAME);
            self.stretch(Change::Shorten, most as usize, alikeness_for(-early - TOLERATED_LATE));
        }
    }

    /// Plays up to `most` samples more or less than there are. Says whether it could.
    fn stretch(&mut self, change: Change, most: usize, alikeness: f32) -> bool {
        let by = splice(&mut self.sound, self.at, change, most, alikeness);
        if by == 0 {
            return false;
        }
        self.since_splice = 0;
        self.behind_for = 0;
        match change {
            Change::Shorten => self.stats.shortened += duration(by as Samples),
            Change::Lengthen => self.stats.lengthened += duration(by as Samples),
        }
        true
    }

    /// Drops played sound that no splice looks back to.
    fn forget_played(&mut self) {
        if self.at > 4 * CONTEXT {
            self.sound.drain(..self.at - CONTEXT);
            self.at = CONTEXT;
        }
    }
}

/// The least alike two pieces of sound may be to be spliced at all.
const LEAST_ALIKE: f32 = 0.5;

/// How alike two pieces of sound must be to be spliced, when the playout is off its due time by `off` more than is tolerated: the farther, the
/// sooner a rough splice is the lesser evil.
fn alikeness_for(off: Samples) -> f32 {
    const MOST_ALIKE: f32 = 0.9;
    let urgency = off as f32 / FARTHEST_BEHIND as f32;
    MOST_ALIKE - (MOST_ALIKE - LEAST_ALIKE) * urgency.clamp(0.0, 1.0)
}

fn with_room(mut sound: Vec<f32>) -> Vec<f32> {
    sound.reserve_exact(ROOM);
    sound
}

fn loudness_of_made_up(made_up: Samples) -> f32 {
    1.0 - ((made_up - FADE_FROM) as f32 / (FADED_AT - FADE_FROM) as f32).clamp(0.0, 1.0)
}

/// Scales sound by what goes evenly from `start` to `end`.
fn fade(sound: &mut [f32], start: f32, end: f32) {
    let step = (end - start) / sound.len().max(1) as f32;
    for (index, sample) in sound.iter_mut().enumerate() {
        *sample *= start + step * index as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_DURATION;
    use crate::sender::{Sender, SenderConfig};

    /// Packets of a tone, one for each 20 ms.
    fn packets(count: usize) -> Vec<Vec<u8>> {
        let mut sender = Sender::new(SenderConfig::default()).unwrap();
        let mut packets = Vec::new();
        for frame in 0..count * 2 {
            let sound = std::array::from_fn(|index| 0.3 * ((frame * FRAME_SAMPLES + index) as f32 * 0.03).sin());
            packets.extend(sender.push(&sound).map(|packet| packet.payload.to_vec()));
        }
        packets
    }

    fn packet(index: usize, payload: &[u8]) -> Packet<'_> {
        Packet {
            source: 7,
            sequence: index as u16,
            timestamp: index as u32 * 960,
            format: PayloadFormat::Opus,
            payload,
            arrived: sent_at(index),
        }
    }

    fn sent_at(packet: usize) -> Duration {
        2 * FRAME_DURATION * packet as u32
    }

    fn power(frame: &Frame) -> f32 {
        frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_SAMPLES as f32
    }

    #[test]
    fn nothing_is_heard_before_the_first_packet() {
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let mut frame = [1.0; FRAME_SAMPLES];
        assert_eq!(receiver.pull(&mut frame, Duration::ZERO), Pulled::Waiting);
        assert_eq!(frame, SILENCE);
    }

    #[test]
    fn packets_in_time_are_heard_and_nothing_is_made_up() {
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let mut frame = SILENCE;
        for (index, payload) in packets(100).iter().enumerate() {
            receiver.push(packet(index, payload));
            for half in 0..2 {
                let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
                assert!(index < 2 || pulled == Pulled::Sound, "packet {index}: {pulled:?}");
            }
        }
        assert!(power(&frame) > 0.02, "a tone of 0.3 has a power of 0.045");
        assert_eq!(receiver.stats().packets_lost, 0);
    }

    #[test]
    fn copies_in_a_packet_that_contradicts_its_stream_are_left_out() {
        let packets = packets(100);
        // RFC 2198: a copy of 20 ms before, and the packet itself.
        let (copy, itself) = (&packets[0], &packets[1]);
        let mut with_copy = vec![0x80 | 111, (960_u16 >> 6) as u8, (960_u16 << 2) as u8 | (copy.len() >> 8) as u8, copy.len() as u8, 111];
        with_copy.extend_from_slice(copy);
        with_copy.extend_from_slice(itself);
        for (sequence, timestamp) in [(20_050_u16, 0_u32), (20_050, 2_000_000_000), (60, 0)] {
            let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
            let mut frame = SILENCE;
            for (index, payload) in packets.iter().enumerate() {
                if index == 50 {
                    let stray = Packet { sequence, timestamp, format: PayloadFormat::Red, ..packet(index, &with_copy) };
                    receiver.push(stray);
                    assert_eq!(receiver.stats().packets_rejected, 1);
                }
                receiver.push(packet(index, payload));
                for half in 0..2 {
                    let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
                    assert!(index < 2 || pulled == Pulled::Sound, "packet {index} after {sequence}: {pulled:?}");
                }
            }
            let stats = receiver.stats();
            assert_eq!((stats.packets_lost, stats.packets_copied), (0, 0));
            assert!(stats.buffered < Duration::from_secs(1), "{stats:?}");
        }
    }

    #[test]
    fn a_sender_that_rests_is_heard_as_the_noise_of_its_room() {
        let mut encoder = signedcall_opus::Encoder::new().unwrap();
        encoder.set_bits_per_second(16_000).unwrap();
        encoder.set_complexity(5).unwrap();
        encoder.set_discontinuous(true).unwrap();
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let (mut frame, mut payload, mut sequence, mut rests, mut rested, mut seed) = (SILENCE, [0; 400], 0, false, 0, 1_u32);
        for index in 0..400 {
            let room: Vec<f32> = (0..960)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    0.0005 * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
                })
                .collect();
            let bytes = encoder.encode(&room, &mut payload).unwrap();
            // As other senders do: of what says nothing, the first alone is sent.
            let rested_before = std::mem::replace(&mut rests, bytes <= SILENT_BYTES);
            if !(rested_before && rests) {
                receiver.push(Packet { sequence, ..packet(index, &payload[..bytes]) });
                sequence += 1;
            }
            rested += usize::from(rests);
            for half in 0..2 {
                let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
                assert!(index < 50 || (pulled == Pulled::Sound && power(&frame) > 0.0), "packet {index}: {pulled:?}");
            }
        }
        assert!(rested > 100, "the encoder has rested");
        assert_eq!(receiver.stats().packets_lost, 0);
    }

    #[test]
    fn when_packets_stop_the_sound_fades_and_comes_back_with_them() {
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let mut frame = SILENCE;
        for (index, payload) in packets(200).iter().enumerate() {
            let cut = (100..150).contains(&index);
            if !cut {
                receiver.push(packet(index, payload));
            }
            for half in 0..2 {
                let pulled = receiver.pull(&mut frame, sent_at(index) + FRAME_DURATION * half);
                match index {
                    2..100 | 152.. => assert_eq!(pulled, Pulled::Sound, "packet {index}"),
                    120..150 => assert_eq!((pulled, power(&frame)), (Pulled::Stopped, 0.0), "packet {index}"),
                    _ => {}
                }
            }
        }
        assert_eq!(receiver.stats().packets_lost, 50);
    }
}
