//! What a microphone's sound says about the microphone: that its user talks while muted, that nothing comes from it at all, or too much.

mod clipping;

use self::clipping::Clipping;
use crate::frame::{FRAME_SAMPLES, Frame};

/// Samples that become one for finding the voice's pitch: 8 kHz holds every voice's ground tone, at a sixth of the work.
const THIN: usize = 6;
/// Samples of a thinned frame.
const THINNED: usize = FRAME_SAMPLES / THIN;
/// Thinned samples that are looked at together: 40 ms, twice the longest period of a voice.
const SPAN: usize = 4 * THINNED;
/// The periods of voices, in thinned samples: 400 Hz, a child's, down to 75 Hz, a deep man's.
const PERIODS: std::ops::RangeInclusive<usize> = 20..=106;
/// How alike a sound must be to itself a period later to be a voice: noise is not, and neither are keys and cups.
const LEAST_ALIKE: f32 = 0.65;
/// The least power of a voice, −45 dB: at a microphone, what is below it is another room's; from a loudspeaker, it does not come back.
const LEAST_POWER: f32 = 3.2e-5;
/// Frames for which it comes back: sound cards and rooms hold it for as long.
const ECHO: usize = 50;
/// The last second, in which it is decided whether somebody talks.
const SECOND: usize = 100;
/// Voiced frames in a second that make it talk: a word. A cough has fewer, a hum is meant for nobody and has more, which is as well.
const TALK: usize = 25;
/// Frames without a voice after which nobody talks any more: longer than the pause between two sentences.
const PAUSE: usize = 250;
/// The loudest that a microphone is which is silent: the last two steps of a 16-bit converter. One that works has the noise of its room.
const SILENT_PEAK: f32 = 2.0 / 32_768.0;
/// How many silent frames make a silent microphone: a headset that has just been opened needs its time.
const SILENT_FOR: usize = 400;

/// What the user of a microphone should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicrophoneNote {
    /// They talk, and are muted.
    TalkingWhileMuted,
    /// Nothing comes from the microphone, not even the noise of the room: it is switched off somewhere.
    Silent,
    /// It is too loud: its sound reaches full scale again and again, where it is cut off.
    Clipping,
}

/// Watches the frames of a microphone. What it says goes away by itself.
#[derive(Debug)]
pub struct MicrophoneWatch {
    /// The last 40 ms, thinned.
    thinned: [f32; SPAN],
    /// Which frames of the last second were a voice's, as a ring.
    voiced: [bool; SECOND],
    at: usize,
    since_voice: usize,
    since_heard: usize,
    talks: bool,
    silent_for: usize,
    clipping: Clipping,
    muted: bool,
}

impl Default for MicrophoneWatch {
    fn default() -> Self {
        Self {
            thinned: [0.0; SPAN],
            voiced: [false; SECOND],
            at: 0,
            since_voice: PAUSE,
            since_heard: ECHO,
            talks: false,
            silent_for: 0,
            clipping: Clipping::default(),
            muted: false,
        }
    }
}

impl MicrophoneWatch {
    /// Takes a frame as it comes from the microphone.
    pub fn raw(&mut self, frame: &Frame) {
        let is_silent = frame.iter().all(|sample| sample.abs() < SILENT_PEAK);
        self.silent_for = if is_silent { self.silent_for.saturating_add(1) } else { 0 };
        self.clipping.take(frame);
    }

    /// Takes a frame as it goes to the loudspeaker. While the other side talks, what comes from the microphone is nobody's for certain: an echo
    /// is never taken out to the last.
    pub fn heard(&mut self, frame: &Frame) {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_SAMPLES as f32;
        self.since_heard = if power > LEAST_POWER { 0 } else { self.since_heard.saturating_add(1) };
    }

    /// Takes a frame from the microphone as it would be sent.
    pub fn clean(&mut self, frame: &Frame) {
        if !self.muted {
            return;
        }
        self.thinned.copy_within(THINNED.., 0);
        for (thin, samples) in self.thinned[SPAN - THINNED..].iter_mut().zip(frame.chunks_exact(THIN)) {
            *thin = samples.iter().sum::<f32>() / THIN as f32;
        }
        let is_voice = self.since_heard >= ECHO && is_voice(&self.thinned);
        self.voiced[self.at] = is_voice;
        self.at = (self.at + 1) % SECOND;
        self.since_voice = if is_voice { 0 } else { self.since_voice.saturating_add(1) };
        if self.voiced.iter().filter(|voiced| **voiced).count() >= TALK {
            self.talks = true;
        } else if self.since_voice >= PAUSE {
            self.talks = false;
        }
    }

    /// Says whether the user is muted from now on.
    pub fn set_muted(&mut self, muted: bool) {
        if self.muted != muted {
            *self = Self { silent_for: self.silent_for, since_heard: self.since_heard, muted, ..Self::default() };
        }
    }

    /// What the user should know now.
    pub fn note(&self) -> Option<MicrophoneNote> {
        if self.muted {
            return self.talks.then_some(MicrophoneNote::TalkingWhileMuted);
        }
        if self.silent_for >= SILENT_FOR {
            return Some(MicrophoneNote::Silent);
        }
        self.clipping.is_told().then_some(MicrophoneNote::Clipping)
    }
}

/// Whether 40 ms of thinned sound are loud enough and repeat themselves as a voice does.
fn is_voice(sound: &[f32; SPAN]) -> bool {
    let power = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>();
    if power(sound) / (SPAN as f32) < LEAST_POWER {
        return false;
    }
    let alike = |period: usize| {
        let (early, late) = (&sound[..SPAN - period], &sound[period..]);
        let product: f32 = early.iter().zip(late).map(|(early, late)| early * late).sum();
        product / (power(early) * power(late)).sqrt().max(f32::MIN_POSITIVE)
    };
    // Low rumble is alike at every distance, and a voice is not.
    let nearest = alike(*PERIODS.start() / 2);
    let best = PERIODS.map(alike).fold(0.0, f32::max);
    best > LEAST_ALIKE && best > nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SILENCE;

    /// Speech from a file of the project.
    fn speech(name: &str) -> Vec<Frame> {
        let path = format!("{}/../../assets/speech/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut reader = hound::WavReader::open(path).expect("the project's own file");
        let samples: Vec<f32> = reader.samples::<i16>().map(|sample| f32::from(sample.expect("whole")) / 32_768.0).collect();
        samples.chunks_exact(FRAME_SAMPLES).map(|chunk| chunk.try_into().expect("a frame")).collect()
    }

    /// What a converter makes of a voice that is so much louder.
    fn cut_off(frame: &Frame, gain: f32) -> Frame {
        frame.map(|sample| (sample * gain).clamp(-1.0, 32_767.0 / 32_768.0))
    }

    fn peak(sound: &[Frame]) -> f32 {
        sound.iter().flatten().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// Even noise that is the same every time.
    fn noise(seed: &mut u32, loudness: f32) -> Frame {
        std::array::from_fn(|_| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((*seed >> 8) as f32 / (1 << 23) as f32 - 1.0) * loudness
        })
    }

    fn muted() -> MicrophoneWatch {
        let mut watch = MicrophoneWatch::default();
        watch.set_muted(true);
        watch
    }

    fn take(watch: &mut MicrophoneWatch, frame: &Frame) -> Option<MicrophoneNote> {
        watch.raw(frame);
        watch.clean(frame);
        watch.note()
    }

    #[test]
    fn whoever_talks_while_muted_is_told_within_two_seconds() {
        for name in ["reading.wav", "reading-2.wav", "synthetic.wav"] {
            let (mut watch, speech) = (muted(), speech(name));
            let first = speech.iter().position(|frame| frame.iter().any(|sample| sample.abs() > 0.05)).expect("somebody talks");
            let told = speech[first..].iter().position(|frame| take(&mut watch, frame).is_some());
            assert!(told.is_some_and(|frames| frames < 200), "{name}: {told:?}");
            assert_eq!(watch.note(), Some(MicrophoneNote::TalkingWhileMuted));
        }
    }

    #[test]
    fn it_goes_away_when_nobody_talks_or_nobody_is_muted_any_more() {
        let (mut watch, speech) = (muted(), speech("reading.wav"));
        for frame in &speech[..600] {
            take(&mut watch, frame);
        }
        assert!(watch.note().is_some());
        let mut quiet = 0;
        while take(&mut watch, &SILENCE).is_some() {
            quiet += 1;
        }
        assert!((PAUSE / 2..=PAUSE + SECOND).contains(&quiet), "{quiet} frames");
        for frame in &speech[..600] {
            take(&mut watch, frame);
        }
        assert!(watch.note().is_some());
        watch.set_muted(false);
        assert_eq!(watch.note(), None);
    }

    #[test]
    fn whoever_is_not_muted_may_talk() {
        let mut watch = MicrophoneWatch::default();
        assert!(speech("reading.wav").iter().take(1_000).all(|frame| take(&mut watch, frame) != Some(MicrophoneNote::TalkingWhileMuted)));
    }

    #[test]
    fn a_room_with_keys_cups_and_a_fan_is_nobody_talking() {
        let mut seed = 7;
        let mut watch = muted();
        for frame in 0..3_000 {
            // A fan all the time, a key five times a second, a cup every three.
            let mut sound = noise(&mut seed, 0.02);
            if frame % 20 < 2 {
                let key = noise(&mut seed, 0.5);
                sound.iter_mut().zip(key).for_each(|(sample, key)| *sample += key);
            }
            if frame % 300 < 12 {
                let ring = |index: usize| (index as f32 * 0.35).sin() * 0.3 * (1.0 - (frame % 300) as f32 / 12.0);
                sound.iter_mut().enumerate().for_each(|(index, sample)| *sample += ring(index));
            }
            assert_eq!(take(&mut watch, &sound), None, "frame {frame}");
        }
    }

    #[test]
    fn the_other_side_in_the_loudspeaker_is_not_this_user() {
        let (mut watch, other) = (muted(), speech("reading-2.wav"));
        // It comes back 100 ms later, as rooms have it.
        let echo = std::iter::repeat_n(SILENCE, 10).chain(other.iter().map(|frame| frame.map(|sample| sample * 0.3)));
        for (index, (frame, echo)) in other.iter().zip(echo).enumerate() {
            watch.heard(frame);
            assert_eq!(take(&mut watch, &echo), None, "frame {index}");
        }
        for frame in speech("reading.wav").iter().take(400) {
            watch.heard(&SILENCE);
            take(&mut watch, frame);
        }
        assert_eq!(watch.note(), Some(MicrophoneNote::TalkingWhileMuted), "nobody else talks");
    }

    #[test]
    fn somebody_far_away_is_not_this_user() {
        let mut watch = muted();
        for frame in speech("reading.wav").iter().take(1_500) {
            assert_eq!(take(&mut watch, &frame.map(|sample| sample * 0.01)), None);
        }
    }

    #[test]
    fn a_microphone_from_which_nothing_comes_is_silent_after_four_seconds_until_something_does() {
        let mut watch = MicrophoneWatch::default();
        for _ in 0..SILENT_FOR - 1 {
            assert_eq!(take(&mut watch, &SILENCE), None);
        }
        assert_eq!(take(&mut watch, &SILENCE), Some(MicrophoneNote::Silent));
        let mut step = SILENCE;
        step[100] = 1.0 / 32_768.0;
        assert_eq!(take(&mut watch, &step), Some(MicrophoneNote::Silent), "a converter's last step is nothing");
        assert_eq!(take(&mut watch, &noise(&mut 7, 0.001)), None);
    }

    #[test]
    fn whoever_is_muted_need_not_be_told_that_the_microphone_is_silent() {
        let mut watch = muted();
        assert!((0..2 * SILENT_FOR).all(|_| take(&mut watch, &SILENCE).is_none()));
        watch.set_muted(false);
        assert_eq!(watch.note(), Some(MicrophoneNote::Silent), "it is told at once");
    }

    #[test]
    fn a_loud_voice_that_just_fits_is_not_too_loud() {
        for name in ["reading.wav", "reading-2.wav", "synthetic.wav"] {
            let (mut watch, speech) = (MicrophoneWatch::default(), speech(name));
            let gain = 1.0 / peak(&speech);
            for (index, frame) in speech.iter().enumerate() {
                assert_eq!(take(&mut watch, &cut_off(frame, gain)), None, "{name}, frame {index}");
            }
        }
    }

    #[test]
    fn a_voice_that_is_cut_off_is_told_within_two_seconds_until_it_is_no_longer() {
        for name in ["reading.wav", "reading-2.wav", "synthetic.wav"] {
            let (mut watch, speech) = (MicrophoneWatch::default(), speech(name));
            // 18 dB too loud.
            let gain = 8.0 / peak(&speech);
            let first = speech.iter().position(|frame| peak(&[*frame]) * gain > 1.0).expect("somebody talks");
            let told = speech[first..].iter().position(|frame| take(&mut watch, &cut_off(frame, gain)).is_some());
            assert!(told.is_some_and(|frames| frames < 200), "{name}: {told:?}");
            assert_eq!(watch.note(), Some(MicrophoneNote::Clipping));
            // It stays through the pauses of speech, without a gap.
            let rest = first + told.unwrap_or_default() + 1;
            for (index, frame) in speech[rest..].iter().enumerate().take(1_000) {
                assert_eq!(take(&mut watch, &cut_off(frame, gain)), Some(MicrophoneNote::Clipping), "{name}, {index} frames later");
            }
            // The user has turned it down, and talks on.
            let gone = speech.iter().position(|frame| take(&mut watch, &cut_off(frame, gain / 16.0)).is_none());
            assert!(gone.is_some_and(|frames| frames < 400), "{name}: {gone:?}");
        }
    }

    #[test]
    fn a_knock_is_not_a_voice_that_is_too_loud() {
        let mut watch = MicrophoneWatch::default();
        let mut seed = 7;
        for frame in 0..3_000 {
            // 150 ms each, two a second apart every five: whoever puts on a headset.
            let knocks = frame % 500 < 15 || (100..115).contains(&(frame % 500));
            let sound = cut_off(&noise(&mut seed, 1.0), if knocks { 8.0 } else { 0.01 });
            assert_eq!(take(&mut watch, &sound), None, "frame {frame}");
        }
    }

    #[test]
    fn whoever_is_muted_need_not_be_told_that_the_microphone_is_too_loud() {
        let (mut watch, speech) = (muted(), speech("reading.wav"));
        for frame in &speech {
            assert_ne!(take(&mut watch, &cut_off(frame, 16.0)), Some(MicrophoneNote::Clipping));
        }
        watch.set_muted(false);
        assert_eq!(watch.note(), None, "what was said to nobody does not count");
    }
}
