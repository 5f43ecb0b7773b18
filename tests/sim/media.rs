//! Media as the lines see it: it connects some time after both sides have prepared and have each other's description, or it does not.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;
use signedcall_core::{Event, Role};
use signedcall_wire::{CallId, Signal};

use crate::device::{Place, device_id};
use crate::weather::{SILENCE_NOTICED_WITHIN, Weather};

/// How long an end takes to describe itself. It says one offer after the other.
const DESCRIBED_WITHIN: u64 = 40;

/// One end of a peer connection: the call, whose end it is, and whom it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) call: CallId,
    pub(crate) at: Place,
    pub(crate) to: Place,
}

impl End {
    fn other(self) -> Self {
        Self { call: self.call, at: self.to, to: self.at }
    }
}

/// Something that one end of a peer connection will say, unless it is closed by then.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    Signal(Signal),
    Connected,
    Interrupted,
    Failed,
    Mismatched,
}

/// All peer connections.
#[derive(Debug, Default)]
pub(crate) struct Media {
    ends: BTreeMap<End, State>,
    /// How many ends have been opened.
    opened: u64,
}

#[derive(Debug)]
struct State {
    /// Which of the ends that were opened for the same devices this is.
    opened: u64,
    role: Role,
    /// How often another path has been looked for.
    generation: u32,
    /// Which of the ends that were opened at the other side it has the description of.
    other: Option<u64>,
    /// Whether it has been connected and not failed since; an interruption may mend itself.
    connected: bool,
    interrupted: bool,
}

/// What is said later: after how long, by which end, and what.
pub(crate) type Later = Vec<(u64, End, Word)>;

impl Media {
    pub(crate) fn prepare(&mut self, rng: &mut StdRng, end: End, role: Role) -> Result<Later, String> {
        self.opened += 1;
        if self
            .ends
            .insert(end, State { opened: self.opened, role, generation: 0, other: None, connected: false, interrupted: false })
            .is_some()
        {
            return Err(format!("{end:?} is prepared twice"));
        }
        let description = description(end, self.opened);
        Ok(match role {
            Role::Offerer => describe(rng, end, Signal::Offer { sdp: description.clone().into(), generation: 0 }, &description),
            Role::Answerer => vec![],
        })
    }

    /// Looks for another path.
    pub(crate) fn restart(&mut self, rng: &mut StdRng, end: End) -> Result<Later, String> {
        let state = self.ends.get_mut(&end).ok_or_else(|| format!("{end:?} is restarted, and not prepared"))?;
        Ok(match state.role {
            Role::Offerer => {
                state.generation += 1;
                let description = description(end, state.opened);
                let offer = Signal::Offer { sdp: description.clone().into(), generation: state.generation };
                describe_after(DESCRIBED_WITHIN + 1, rng, end, offer, &description)
            }
            Role::Answerer => vec![(rng.random_range(1..=40), end, Word::Signal(Signal::Restart))],
        })
    }

    pub(crate) fn apply(&mut self, rng: &mut StdRng, weather: &Weather, end: End, signal: &Signal) -> Result<Later, String> {
        let Some(state) = self.ends.get_mut(&end) else {
            return Err(format!("a signal for {end:?}, which is not prepared"));
        };
        let (text, is_offer, generation) = match signal {
            Signal::Offer { sdp, generation } => (sdp, true, *generation),
            Signal::Answer { generation, .. } if *generation != state.generation => return Ok(vec![]),
            Signal::Answer { sdp, .. } if !sdp.expose().ends_with(&description(end, state.opened)) => {
                return Err(format!("{end:?} got the answer to another offer: {}", sdp.expose()));
            }
            Signal::Answer { sdp, generation } => (sdp, false, *generation),
            Signal::Restart => return self.restart(rng, end),
            Signal::Candidate { candidate } => return check_address(end, candidate.expose()).map(|()| vec![]),
            Signal::Unknown => return Err("an unknown signal was passed on".to_owned()),
        };
        check_address(end, text.expose())?;
        if weather.foreign == Some(end.at) {
            return Ok(vec![(rng.random_range(1..=DESCRIBED_WITHIN), end, Word::Mismatched)]);
        }
        let is_first = state.other.replace(number_of(text.expose())).is_none();
        if is_offer && !is_first && generation <= state.generation {
            return Err(format!("{end:?} is offered twice"));
        }
        state.generation = generation;
        if is_offer {
            let description = description(end, state.opened);
            let answer = format!("{description}, to {}", text.expose());
            return Ok(describe(rng, end, Signal::Answer { sdp: answer.into(), generation }, &description));
        }
        if rng.random_bool(weather.failed_media) {
            let half = rng.random_bool(0.3).then(|| (rng.random_range(20..=400), end, Word::Connected));
            let failed = [end, end.other()].map(|end| (rng.random_range(5_000..=20_000), end, Word::Failed));
            return Ok(failed.into_iter().chain(half).collect());
        }
        Ok([end, end.other()].map(|end| (rng.random_range(20..=400), end, Word::Connected)).to_vec())
    }

    /// Closes one end; the other notices in a while.
    pub(crate) fn close(&mut self, rng: &mut StdRng, end: End) -> Later {
        let closed = self.ends.remove(&end).map(|state| state.opened);
        if closed.is_none() || self.ends.get(&end.other()).and_then(|other| other.other) != closed {
            return vec![];
        }
        let noticed = rng.random_range(200..=SILENCE_NOTICED_WITHIN);
        let mut later = vec![(noticed, end.other(), Word::Interrupted)];
        if rng.random_bool(0.5) {
            later.push((noticed + rng.random_range(0..=25_000), end.other(), Word::Failed));
        }
        later
    }

    /// A talk's media breaks off for a while, or for good.
    pub(crate) fn interrupt(rng: &mut StdRng, end: End) -> Later {
        let begins = rng.random_range(500..=15_000);
        let mut later = vec![];
        let back = rng.random_bool(0.8).then(|| begins + SILENCE_NOTICED_WITHIN + rng.random_range(0..=40_000));
        for end in [end, end.other()] {
            later.push((begins + rng.random_range(0..=SILENCE_NOTICED_WITHIN), end, Word::Interrupted));
            later.push(match back {
                Some(back) => (back + rng.random_range(0..=300), end, Word::Connected),
                None => (begins + SILENCE_NOTICED_WITHIN + rng.random_range(0..=30_000), end, Word::Failed),
            });
        }
        later
    }

    /// Which of the ends that were opened for the same devices is open.
    pub(crate) fn opened(&self, end: End) -> Option<u64> {
        self.ends.get(&end).map(|state| state.opened)
    }

    /// What an end says to its line; nothing, when it is closed or has nothing to say any more.
    pub(crate) fn say(&mut self, end: End, opened: u64, word: Word) -> Option<Event> {
        let other = self.opened(end.other());
        let state = self.ends.get_mut(&end).filter(|state| state.opened == opened)?;
        let (call, device) = (end.call, device_id(end.to));
        match word {
            Word::Signal(signal) => Some(Event::MediaSignal { call, device, signal }),
            Word::Connected if other.is_some() && other == state.other => {
                (state.connected, state.interrupted) = (true, false);
                Some(Event::MediaConnected { call, device })
            }
            Word::Interrupted if state.connected && !state.interrupted => {
                state.interrupted = true;
                Some(Event::MediaInterrupted { call, device })
            }
            Word::Connected | Word::Interrupted => None,
            Word::Mismatched => Some(Event::MediaMismatched { call, device }),
            Word::Failed => {
                state.connected = false;
                Some(Event::MediaFailed { call, device })
            }
        }
    }

    /// Whether a voice may be opened on it.
    pub(crate) fn is_connected(&self, end: End) -> bool {
        self.ends.get(&end).is_some_and(|state| state.connected)
    }

    pub(crate) fn ends_at(&self, place: Place) -> Vec<End> {
        self.ends.keys().filter(|end| end.at == place).copied().collect()
    }
}

/// What one end says of itself: its number, and whom it leads to.
fn description(end: End, opened: u64) -> String {
    format!("{opened}: {} from {} to {}", end.call, end.at, end.to)
}

fn number_of(description: &str) -> u64 {
    description.split(':').next().and_then(|number| number.parse().ok()).expect("a description begins with a number")
}

/// The relay reads no signal, so that one which goes astray is noticed here.
fn check_address(end: End, text: &str) -> Result<(), String> {
    if text.starts_with(&description(end.other(), number_of(text))) {
        Ok(())
    } else {
        Err(format!("{end:?} got a signal of another connection: {text}"))
    }
}

fn describe(rng: &mut StdRng, end: End, signal: Signal, description: &str) -> Later {
    let after = rng.random_range(1..=DESCRIBED_WITHIN);
    describe_after(after, rng, end, signal, description)
}

fn describe_after(after: u64, rng: &mut StdRng, end: End, signal: Signal, description: &str) -> Later {
    let mut later = vec![(after, end, Word::Signal(signal))];
    for _ in 0..rng.random_range(0..=2) {
        let candidate = Signal::Candidate { candidate: description.to_owned().into() };
        later.push((rng.random_range(DESCRIBED_WITHIN..=200), end, Word::Signal(candidate)));
    }
    later
}
