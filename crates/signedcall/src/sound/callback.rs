//! What the sound library's threads run: they move samples, and do nothing that may take time. They neither wait nor log nor ask for memory.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Instant;

use super::portions::Portions;
use super::priority::go_first;
use super::stream::StreamState;

/// Takes what a microphone brings.
pub(super) struct Bringing {
    pub(super) ring: rtrb::Producer<f32>,
    pub(super) state: Arc<StreamState>,
    /// Who waits for sound.
    pub(super) reader: Arc<OnceLock<Thread>>,
    first: First,
}

impl Bringing {
    pub(super) fn new(ring: rtrb::Producer<f32>, state: Arc<StreamState>, reader: Arc<OnceLock<Thread>>) -> Self {
        Self { ring, state, reader, first: First(true) }
    }

    pub(super) fn bring(&mut self, samples: &[f32]) {
        self.first.go();
        let (_, rest) = self.ring.push_partial_slice(samples);
        if !rest.is_empty() {
            self.state.faults.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }
}

/// Gives what a speaker takes.
pub(super) struct Taking {
    ring: rtrb::Consumer<f32>,
    state: Arc<StreamState>,
    portions: Arc<Portions>,
    first: First,
    /// Before the first frame there is nothing to miss.
    begun: bool,
}

impl Taking {
    pub(super) fn new(ring: rtrb::Consumer<f32>, state: Arc<StreamState>, portions: Arc<Portions>) -> Self {
        Self { ring, state, portions, first: First(true), begun: false }
    }

    pub(super) fn take(&mut self, samples: &mut [f32]) {
        self.first.go();
        self.portions.note(Instant::now());
        let (filled, rest) = self.ring.pop_partial_slice(samples);
        self.begun |= !filled.is_empty();
        if self.begun && !rest.is_empty() {
            self.state.faults.fetch_add(1, Ordering::Relaxed);
        }
        rest.fill(0.0);
    }
}

/// The library's thread is known only once it calls. That it asks once in its life to go before others is all that it does beside moving samples.
struct First(bool);

impl First {
    fn go(&mut self) {
        if std::mem::take(&mut self.0) {
            go_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use assert_no_alloc::{AllocDisabler, assert_no_alloc};
    use rtrb::RingBuffer;
    use signedcall_voice::FRAME_SAMPLES;

    use super::*;

    #[global_allocator]
    static ALLOCATOR: AllocDisabler = AllocDisabler;

    #[test]
    fn a_microphone_fills_its_ring_counts_what_does_not_fit_and_wakes_its_reader_without_asking_for_memory() {
        let (ring, mut kept) = RingBuffer::new(2 * FRAME_SAMPLES);
        let (state, reader) = (Arc::new(StreamState::default()), Arc::new(OnceLock::new()));
        reader.set(std::thread::current()).expect("nobody reads yet");
        let mut bringing = Bringing::new(ring, Arc::clone(&state), reader);
        assert_no_alloc(|| (0..3).for_each(|_| bringing.bring(&[0.5; FRAME_SAMPLES])));
        assert_eq!(state.faults.load(Ordering::Relaxed), 1);
        assert!(kept.pop_entire_slice(&mut [0.0; 2 * FRAME_SAMPLES]).is_ok());
        let asleep = Instant::now();
        std::thread::park_timeout(Duration::from_secs(60));
        assert!(asleep.elapsed() < Duration::from_secs(60), "nobody was woken up");
    }

    #[test]
    fn a_speaker_that_runs_dry_plays_silence_and_counts_it_without_asking_for_memory() {
        let (mut ring, taken) = RingBuffer::new(2 * FRAME_SAMPLES);
        let (state, portions) = (Arc::new(StreamState::default()), Arc::new(Portions::of(FRAME_SAMPLES as u32)));
        let mut taking = Taking::new(taken, Arc::clone(&state), Arc::clone(&portions));
        let mut played = [1.0; FRAME_SAMPLES];
        assert_no_alloc(|| taking.take(&mut played));
        assert_eq!(state.faults.load(Ordering::Relaxed), 0, "nothing has begun");
        ring.push_entire_slice(&[0.5; FRAME_SAMPLES + 1]).expect("there is room");
        assert_no_alloc(|| (0..2).for_each(|_| taking.take(&mut played)));
        assert_eq!((played[0], played[1]), (0.5, 0.0));
        assert_eq!(state.faults.load(Ordering::Relaxed), 1);
        assert!(portions.wanted(Instant::now(), Duration::from_millis(10)) > 0, "when it takes is known");
    }
}
