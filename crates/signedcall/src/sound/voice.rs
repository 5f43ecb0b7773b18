//! The voice of one call, between its packets and the sound devices.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use signedcall_voice::{
    CodecError, Frame, MicrophoneNote, MicrophoneWatch, Packet, Processing, ProcessingConfig, Pulled, Quality, QualityMeter, Receiver,
    ReceiverConfig, SILENCE, Sender, SenderConfig,
};
use signedcall_wire::CallId;

use super::second::SecondMeter;
use super::steering::Steering;
use super::tone::mix;
use super::turns::Turns;
use super::{Pace, Treatment};
use crate::media::{OutgoingPacket, VoicePath};
use crate::quality::{LineNotice, VoiceStats};
use crate::timing::{Milestone, Timeline};

/// How many frames are played between two looks at how well the other side is heard: a second of them.
const FRAMES_A_LOOK: u32 = 100;

/// For how long a microphone that begins is held to the clock. Sound servers begin with what lay ready, all at once: were it said, everything after it would
/// be as much further along than before, and the other side would take what came before for late and wait for the like of it.
const BEGINNING: Duration = Duration::from_millis(500);

/// What there is to say of a voice while it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoiceCondition {
    /// How well the other side is heard; nothing before the first seconds have been heard.
    pub quality: Option<Quality>,
    /// What is odd about the line.
    pub notice: Option<LineNotice>,
    /// What the user should know of their microphone.
    pub microphone: Option<MicrophoneNote>,
    /// The devices in use now: another than before when the user or the system has chosen it, or when one has come or gone.
    pub devices: Arc<UsedDevices>,
}

/// The devices of a call, by the names that a user reads. Nothing stands for one that is being opened or cannot be had, and for sound that comes from code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedDevices {
    /// The microphone.
    pub microphone: Option<Arc<str>>,
    /// The speaker.
    pub speaker: Option<Arc<str>>,
    /// Whether only this user hears the speaker, as the system says: a headset, or headphones.
    pub headset: bool,
}

pub(super) struct Voice {
    call: CallId,
    path: VoicePath,
    timeline: Timeline,
    began: Instant,
    treatment: Treatment,
    steering: Steering,
    sender: Sender,
    receiver: Receiver,
    processing: Processing,
    watch: MicrophoneWatch,
    meter: QualityMeter,
    seconds: SecondMeter,
    second: Option<VoiceStats>,
    played: u32,
    condition: VoiceCondition,
    told: VoiceCondition,
    /// Paces silence while there is no microphone to do it, and the microphone while it begins.
    silence: Option<Pace>,
    /// When the microphone that is open has brought its first sound.
    microphone_began: Option<Instant>,
    volume: f32,
    /// Paces what is not heard while there is no speaker to do it.
    unheard: Option<Pace>,
    packets: u64,
    had_microphone: bool,
    had_speaker: bool,
    turns: Turns,
}

impl Voice {
    pub(super) fn start(call: CallId, path: VoicePath, timeline: Timeline, treatment: Treatment, muted: bool) -> Result<Self, CodecError> {
        let steering = Steering::begin(treatment, &path.formats);
        let config = SenderConfig { settings: steering.settings(), payload_type: path.formats.opus(), ..SenderConfig::default() };
        let mut sender = Sender::new(config)?;
        let receiving = ReceiverConfig { payload_type: path.formats.opus(), ..ReceiverConfig::default() };
        sender.set_muted(muted);
        let mut watch = MicrophoneWatch::default();
        watch.set_muted(muted);
        Ok(Self {
            call,
            path,
            timeline,
            began: Instant::now(),
            treatment,
            steering,
            sender,
            receiver: Receiver::new(receiving)?,
            processing: Processing::new(processing_config(treatment, false)),
            watch,
            meter: QualityMeter::default(),
            seconds: SecondMeter::default(),
            second: None,
            played: 0,
            condition: VoiceCondition::default(),
            told: VoiceCondition::default(),
            silence: None,
            microphone_began: None,
            volume: 1.0,
            unheard: None,
            packets: 0,
            had_microphone: false,
            had_speaker: false,
            turns: Turns::new(),
        })
    }

    pub(super) fn call(&self) -> CallId {
        self.call
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        self.sender.set_muted(muted);
        self.watch.set_muted(muted);
    }

    /// Treats the voice otherwise from now on. Within another limit, what the line takes is found out anew.
    pub(super) fn treat(&mut self, treatment: Treatment) {
        self.processing = Processing::new(processing_config(treatment, self.condition.devices.headset));
        if treatment.most_bits_per_second != self.treatment.most_bits_per_second {
            self.steering = Steering::begin(treatment, &self.path.formats);
            self.sender.apply(self.steering.settings());
        }
        self.treatment = treatment;
    }

    /// What there is to say, if it has changed since this was asked last.
    pub(super) fn news(&mut self) -> Option<VoiceCondition> {
        self.condition.microphone = self.watch.note();
        if self.condition == self.told {
            return None;
        }
        self.told = self.condition.clone();
        Some(self.condition.clone())
    }

    /// The last second in figures, once.
    pub(super) fn take_second(&mut self) -> Option<VoiceStats> {
        self.second.take()
    }

    /// Notes which devices there are now.
    pub(super) fn use_devices(&mut self, used: UsedDevices) {
        if used.headset != self.condition.devices.headset {
            tracing::debug!(call = %self.call, headset = used.headset, "echo is cancelled otherwise");
            self.processing.cancel_echo(processing_config(self.treatment, used.headset).echo_cancellation);
        }
        if *self.condition.devices != used {
            self.condition.devices = Arc::new(used);
        }
    }

    /// How loud the other side is heard: 1.0 as it comes.
    pub(super) fn set_volume(&mut self, volume: f32) {
        self.volume = volume;
    }

    pub(super) fn mark(&self, milestone: Milestone) {
        self.timeline.mark(milestone);
    }

    /// Whether there has been a microphone. One that is lost since may come back.
    pub(super) fn had_microphone(&self) -> bool {
        self.had_microphone
    }

    /// Whether there has been a speaker.
    pub(super) fn had_speaker(&self) -> bool {
        self.had_speaker
    }

    /// Notes that there is a microphone, or a speaker, or both.
    pub(super) fn has(&mut self, microphone: bool, speaker: bool) {
        self.had_microphone |= microphone;
        self.had_speaker |= speaker;
    }

    /// Takes the packets that have come, and what the other side tells of those that were sent.
    pub(super) fn receive(&mut self) {
        while let Ok(told) = self.path.incoming.told.try_recv() {
            self.steering.learn(told);
        }
        if let Some(settings) = self.steering.steer(self.began.elapsed()) {
            tracing::debug!(call = %self.call, ?settings, "the voice is sent otherwise");
            self.sender.apply(settings);
        }
        while let Ok(packet) = self.path.incoming.packets.try_recv() {
            self.packets += 1;
            self.receiver.push(Packet {
                source: packet.source,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                format: packet.format,
                payload: &packet.payload,
                arrived: packet.arrived.saturating_duration_since(self.timeline.began()),
            });
        }
    }

    /// Now, on the receiver's clock.
    fn now(&self) -> Duration {
        self.timeline.began().elapsed()
    }

    /// The next 10 ms for the speaker, with the tones that sound over the voice: what the microphone hears of them is echo too.
    pub(super) fn next_frame(&mut self, frame: &mut Frame, tones: &Frame) {
        self.unheard = None;
        let pulled = self.receiver.pull(frame, self.now());
        self.seconds.heard(frame);
        self.judge();
        // What is louder than a speaker plays would be cut off, which is worse than not so loud.
        frame.iter_mut().for_each(|sample| *sample = (*sample * self.volume).clamp(-1.0, 1.0));
        mix(frame, tones);
        self.watch.heard(frame);
        self.processing.render(frame);
        if pulled == Pulled::Sound {
            self.timeline.mark(Milestone::FirstSoundPlayed);
        }
    }

    /// Lets what comes pass by for as long as there is no speaker. It would be played later otherwise, and all that follows as much later.
    pub(super) fn hear_nothing(&mut self) {
        let (mut pace, mut frame) = (self.unheard.unwrap_or_else(Pace::start), SILENCE);
        while pace.is_due() {
            self.receiver.pull(&mut frame, self.now());
            self.seconds.heard(&frame);
            self.judge();
        }
        self.unheard = Some(pace);
    }

    /// Looks from time to time how well the other side is heard.
    fn judge(&mut self) {
        self.played += 1;
        if self.played.is_multiple_of(FRAMES_A_LOOK) {
            let stats = self.receiver.stats();
            let quality = self.meter.second(stats);
            if quality != self.condition.quality {
                tracing::debug!(call = %self.call, ?quality, ?stats, "the other side is heard otherwise");
            }
            self.condition.quality = quality;
            let line = self.receiver.line_report();
            self.second = self.seconds.second(self.call, stats, line, &mut self.steering);
            self.condition.notice = self.seconds.notice();
        }
    }

    /// 10 ms from the microphone.
    pub(super) fn say(&mut self, frame: &mut Frame) {
        let began = *self.microphone_began.get_or_insert_with(Instant::now);
        if began.elapsed() >= BEGINNING {
            self.silence = None;
        }
        if self.silence.as_mut().is_some_and(|pace| !pace.is_nearly_due()) {
            return;
        }
        self.watch.raw(frame);
        self.processing.capture(frame);
        self.watch.clean(frame);
        self.send(frame);
    }

    /// Notes that there is no microphone.
    pub(super) fn has_no_microphone(&mut self) {
        self.microphone_began = None;
    }

    /// Says silence for as long as no microphone has brought anything, so that the other side's packets go on from the first moment.
    pub(super) fn say_nothing(&mut self) {
        if self.microphone_began.is_some() {
            return;
        }
        let mut pace = self.silence.unwrap_or_else(Pace::start);
        while pace.is_due() {
            self.send(&SILENCE);
        }
        self.silence = Some(pace);
    }

    fn send(&mut self, frame: &Frame) {
        if let Some(packet) = self.sender.push(frame) {
            let payload = Bytes::copy_from_slice(packet.payload);
            let packet = OutgoingPacket { timestamp: packet.timestamp, format: packet.format, payload };
            // A connection that takes nothing loses this packet, as a network would.
            let _ = self.path.outgoing.try_send(packet);
        }
    }

    /// Notes that the audio thread has dealt with the call once more, and how long that took.
    pub(super) fn note_turn(&mut self, took: Duration) {
        self.turns.note(took);
    }

    pub(super) fn log_end(&self, overruns: u64, underruns: u64) {
        tracing::debug!(
            target: "signedcall::timing",
            call = %self.call,
            milestone = "voice_stopped",
            talked_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            packets = self.packets,
            settings = ?self.steering.settings(),
            round_trip = ?self.steering.round_trip(),
            overruns,
            underruns,
            receiver = ?self.receiver.stats(),
        );
        let longest = u64::try_from(self.turns.all_but_a_thousandth().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(target: "signedcall::timing", call = %self.call, milestone = "all_audio_turns_but_a_thousandth", elapsed_us = longest);
    }
}

fn processing_config(treatment: Treatment, headset: bool) -> ProcessingConfig {
    let no_echo = headset && treatment.relax_for_headsets;
    ProcessingConfig { echo_cancellation: treatment.processing.echo_cancellation && !no_echo, ..treatment.processing }
}
