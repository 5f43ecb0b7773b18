//! Which computer holds which line.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use tokio::sync::{mpsc, oneshot};

use super::TAKEN_WITHIN;
use super::elsewhere::{self, Heard};
use crate::bus::Bus;
use crate::gate::{GateSettings, house_of};

/// How many bytes a secret has, and the hash of one.
const BYTES: usize = 32;
/// How many pushes wait for a computer that is handing one on: a user is called by a few at once.
const WAITING: usize = 8;

/// The most lines, however many files there may be.
const MOST: usize = 20_000;
/// The part of all lines that those share which nobody has registered: anybody can hold one. A computer is among them from when it holds a line until its app has said
/// where its pushes go, which is a moment; so a part is plenty.
const STRANGERS_PART: usize = 8;
/// As many strangers there may be in any case, so that a small service lets computers in that are new.
const STRANGERS_AT_LEAST: usize = 16;

/// What a line is known by: the hash of what its endpoint ends in, which is the hash of its secret, and of the endpoint's origin. So a push for which another origin
/// was proved leads to no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LineId([u8; BYTES]);

impl LineId {
    /// As nodes name it to each other.
    pub(super) fn to_text(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads it from the end of an endpoint, and the origin that was proved for the endpoint.
    pub(super) fn of_endpoint(text: &str, origin: &str) -> Option<Self> {
        Self::of(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?, origin)
    }

    fn of(hash: [u8; BYTES], origin: &str) -> Option<Self> {
        digest(&SHA256, &[&hash, origin.as_bytes()].concat()).as_ref().try_into().ok().map(Self)
    }
}

/// What a computer says first: which line it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FirstWords {
    pub(super) id: LineId,
    /// What the line's endpoint ends in.
    pub(super) end: String,
    /// The origin of the endpoint.
    pub(super) origin: String,
}

impl FirstWords {
    /// Reads the secret, a space, and the origin by which the computer knows the service.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (secret, origin) = text.split_once(' ')?;
        let secret: [u8; BYTES] = BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        let hash = digest(&SHA256, &secret);
        let id = LineId::of(hash.as_ref().try_into().ok()?, origin)?;
        Some(Self { id, end: BASE64_URL_SAFE_NO_PAD.encode(hash), origin: origin.to_owned() })
    }
}

/// What a computer says of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It has handed it on.
    Taken,
    /// Nobody takes pushes there any more.
    Gone,
}

impl Taken {
    /// As computers say it, and nodes to each other.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Gone => "gone",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        [Self::Taken, Self::Gone].into_iter().find(|taken| taken.word() == word)
    }
}

/// A push on its way to a computer.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) sealed: Bytes,
    pub(super) answer: oneshot::Sender<Taken>,
}

/// All lines.
#[derive(Debug)]
pub(crate) struct WakeLines {
    /// The service's public key, as those who subscribe get it.
    key: String,
    most: usize,
    most_strangers: usize,
    /// Who says how many may be of one address, as of connections that wait: an office's computers.
    gate: GateSettings,
    state: Mutex<State>,
    /// The way to other nodes that hold lines, if there are any.
    bus: Option<Bus>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts lines, so that one that is held anew is another.
    last: u64,
    lines: HashMap<LineId, Place>,
    /// The lines that nobody has registered, the one first that is held longest.
    strangers: BTreeMap<u64, LineId>,
    of_addresses: BTreeMap<IpAddr, usize>,
    /// The service ends.
    is_closed: bool,
}

/// The place of a line among all.
#[derive(Debug)]
struct Place {
    number: u64,
    pushes: mpsc::Sender<Brought>,
    /// Whether it was given to another line.
    is_given_away: Arc<AtomicBool>,
}

impl State {
    fn let_go(&mut self, id: LineId) -> Option<Place> {
        let place = self.lines.remove(&id)?;
        self.strangers.remove(&place.number);
        Some(place)
    }

    /// Sends the stranger away that has held its line longest; says whether there is one.
    fn send_one_away(&mut self) -> bool {
        let Some((_, oldest)) = self.strangers.pop_first() else { return false };
        if let Some(place) = self.lines.remove(&oldest) {
            place.is_given_away.store(true, Ordering::Relaxed);
        }
        true
    }
}

/// How many lines there may be: a quarter of the files that the process may have open, so that there are enough for those who are signed in; and no more than
/// [`MOST`], since each takes memory.
pub(crate) fn most_by_files() -> NonZeroUsize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = files.and_then(|files| usize::try_from(files / 4).ok()).unwrap_or(MOST).min(MOST);
    NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)
}

impl WakeLines {
    /// Holds no line yet, and at most so many. Pushes are taken of whoever shows this key.
    pub(crate) fn new(key: String, most: NonZeroUsize, gate: GateSettings, bus: Option<Bus>) -> Arc<Self> {
        let (most, most_strangers) = (most.get(), (most.get() / STRANGERS_PART).max(STRANGERS_AT_LEAST));
        Arc::new(Self { key, most, most_strangers, gate, state: Mutex::default(), bus })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Holds a line, in place of whoever has held it before. One that is registered (`is_known`) has a place among all; the others share some, so that there another one
    /// may have to go. `None` where there is no place, too many are of this address, or the service ends.
    pub(super) fn hold(self: &Arc<Self>, id: LineId, is_known: bool, from: IpAddr) -> Option<Held> {
        let from = house_of(from);
        let mut state = self.state();
        let of_address = state.of_addresses.get(&from).copied().unwrap_or_default();
        if of_address >= self.gate.most_of(from) || state.is_closed {
            return None;
        }
        state.let_go(id);
        let is_full = state.lines.len() >= self.most || !is_known && state.strangers.len() >= self.most_strangers;
        if is_full && !state.send_one_away() {
            return None;
        }
        *state.of_addresses.entry(from).or_default() += 1;
        state.last += 1;
        let (number, is_given_away) = (state.last, Arc::<AtomicBool>::default());
        let (pushes, brought) = mpsc::channel(WAITING);
        state.lines.insert(id, Place { number, pushes, is_given_away: Arc::clone(&is_given_away) });
        if !is_known {
            state.strangers.insert(number, id);
        }
        Some(Held { lines: Arc::clone(self), id, number, from, brought, is_given_away })
    }

    /// Hears from now on what comes to other nodes for a line, if there are any.
    pub(super) async fn hear(&self, id: LineId) -> Option<Heard> {
        let heard = Heard::of(self.bus.as_ref()?, id).await;
        heard.inspect_err(|error| tracing::warn!(%error, "a line gets only the pushes that come to this node")).ok()
    }

    /// Brings a push to whoever holds a line, here or on another node, and says what becomes of it.
    pub(super) async fn bring(&self, id: LineId, sealed: Bytes) -> Option<Taken> {
        let held = self.state().lines.get(&id).map(|place| place.pushes.clone());
        let Some(pushes) = held else {
            return elsewhere::bring(self.bus.as_ref()?, id, &sealed, TAKEN_WITHIN).await;
        };
        let (answer, answered) = oneshot::channel();
        pushes.try_send(Brought { sealed, answer }).ok()?;
        answered.await.ok()
    }

    /// Lets every line go, and holds no other.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.strangers.clear();
        state.lines.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that is held. Dropping it lets it go.
#[derive(Debug)]
pub(super) struct Held {
    lines: Arc<WakeLines>,
    id: LineId,
    number: u64,
    from: IpAddr,
    brought: mpsc::Receiver<Brought>,
    is_given_away: Arc<AtomicBool>,
}

impl Held {
    /// The next push; `None` when somebody else holds the line, its place was given away, or the service ends.
    pub(super) async fn next(&mut self) -> Option<Brought> {
        self.brought.recv().await
    }

    /// Whether its place was given to another line.
    pub(super) fn is_given_away(&self) -> bool {
        self.is_given_away.load(Ordering::Relaxed)
    }

    /// Whether it is not known that it is registered.
    pub(super) fn is_stranger(&self) -> bool {
        self.lines.state().strangers.contains_key(&self.number)
    }

    /// It is registered, as is known now: nobody else gets its place.
    pub(super) fn know(&self) {
        self.lines.state().strangers.remove(&self.number);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.lines.state();
        if state.lines.get(&self.id).is_some_and(|place| place.number == self.number) {
            state.let_go(self.id);
        }
        if let Some(number) = state.of_addresses.get_mut(&self.from) {
            *number -= 1;
            if *number == 0 {
                state.of_addresses.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::BusWithin;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn lines(most: usize) -> Arc<WakeLines> {
        WakeLines::new("BP".to_owned(), NonZeroUsize::new(most).expect("it is not 0"), GateSettings::default(), None)
    }

    fn id(number: u8) -> LineId {
        LineId([number; BYTES])
    }

    #[test]
    fn a_line_is_known_by_the_hash_of_its_secret_and_by_the_origin_of_its_endpoint() {
        let secret = BASE64_URL_SAFE_NO_PAD.encode([7; BYTES]);
        let said = FirstWords::read(&format!("{secret} https://calls.example")).expect("a secret");
        let endpoint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &[7; BYTES]));
        assert_eq!((said.end.as_str(), said.origin.as_str()), (endpoint.as_str(), "https://calls.example"));
        assert_eq!(LineId::of_endpoint(&endpoint, "https://calls.example"), Some(said.id));
        assert_ne!(LineId::of_endpoint(&endpoint, "https://evil.example"), Some(said.id));
        assert_ne!(LineId::of_endpoint(&secret, "https://calls.example"), Some(said.id));
        for wrong in ["", "held", &secret[1..], &format!("{secret}A"), &"?".repeat(43)] {
            let said = FirstWords::read(&format!("{wrong} https://calls.example"));
            assert_eq!((said, LineId::of_endpoint(wrong, "https://calls.example")), (None, None), "{wrong}");
        }
        assert_eq!(FirstWords::read(&secret), None, "it does not say of which origin");
    }

    #[tokio::test]
    async fn who_holds_a_line_last_gets_its_pushes() {
        let lines = lines(1);
        let mut first = lines.hold(id(1), true, HERE).expect("there is room");
        let mut second = lines.hold(id(1), true, HERE).expect("it is the same line");
        assert!(first.next().await.is_none());
        drop(first);
        let bringing = tokio::spawn({
            let lines = Arc::clone(&lines);
            async move { lines.bring(id(1), Bytes::from_static(b"sealed")).await }
        });
        let brought = second.next().await.expect("the line is held");
        assert_eq!(brought.sealed, &b"sealed"[..]);
        brought.answer.send(Taken::Taken).expect("somebody waits");
        assert_eq!(bringing.await.expect("no panic"), Some(Taken::Taken));
        drop(second);
        assert_eq!(lines.bring(id(1), Bytes::new()).await, None);
    }

    #[tokio::test]
    async fn a_push_for_a_line_that_another_node_holds_goes_there() {
        let bus = Bus::Within(BusWithin::default());
        let on_one_node = WakeLines::new("BP".to_owned(), NonZeroUsize::MIN, GateSettings::default(), Some(bus));
        assert_eq!(on_one_node.bring(id(1), Bytes::from_static(b"sealed")).await, None, "nobody holds it");
        let mut heard = on_one_node.hear(id(1)).await.expect("a bus");
        let bringing = tokio::spawn(async move { on_one_node.bring(id(1), Bytes::from_static(b"sealed")).await });
        let push = heard.next().await.expect("it is brought");
        assert_eq!(push.payload, &b"sealed"[..]);
        heard.answer(&push, Taken::Gone).await;
        assert_eq!(bringing.await.expect("no panic"), Some(Taken::Gone));
    }

    #[tokio::test]
    async fn lines_are_bounded_altogether_and_of_one_address() {
        let few = lines(2);
        let held = [few.hold(id(1), true, HERE), few.hold(id(2), true, HERE)];
        assert!(held.iter().all(Option::is_some) && few.hold(id(3), true, HERE).is_none());
        drop(held);
        assert!(few.hold(id(3), true, HERE).is_some(), "there is room again");

        let many = lines(10_000);
        let number = |count: usize| LineId([u8::try_from(count % 256).expect("a byte"); BYTES]);
        let held: Vec<_> = (0..GateSettings::OF_ONE_ADDRESS).map(|count| many.hold(number(count), true, ELSEWHERE)).collect();
        assert!(held.iter().all(Option::is_some) && many.hold(id(1), true, ELSEWHERE).is_none());
        assert!(many.hold(id(1), true, HERE).is_some(), "a proxy may be here");

        many.close();
        assert!(many.hold(id(1), true, HERE).is_none(), "the service ends");
    }
    #[tokio::test]
    async fn strangers_share_a_part_of_all_places_and_the_one_that_has_held_its_line_longest_goes_for_another() {
        let lines = lines(40);
        let mut known = lines.hold(id(200), true, HERE).expect("there is room");
        let mut first: Vec<_> = (0..16).map(|number| lines.hold(id(number), false, HERE).expect("there is room")).collect();
        assert!(first.iter().all(|line| !line.is_given_away()));
        first[1].know();
        assert!(!first[1].is_stranger() && first[0].is_stranger());
        let crowd: Vec<_> = (100..150).map(|number| lines.hold(id(number), false, HERE).expect("another goes")).collect();
        assert!(first.iter().enumerate().all(|(number, line)| line.is_given_away() == (number != 1)));
        assert_eq!(crowd.iter().filter(|line| !line.is_given_away()).count(), 16);
        assert!(first[0].next().await.is_none(), "it is told");
        // Whoever is gone already lets go of nobody else's line.
        let again = lines.hold(id(0), false, HERE).expect("another goes");
        drop(first);
        assert!(!again.is_given_away() && again.is_stranger());
        assert!(!known.is_given_away() && matches!(known.brought.try_recv(), Err(mpsc::error::TryRecvError::Empty)));
    }

    #[tokio::test]
    async fn a_line_that_is_known_takes_a_stranger_s_place_and_never_the_other_way_round() {
        let lines = lines(16);
        let strangers: Vec<_> = (0..16).map(|number| lines.hold(id(number), false, HERE).expect("there is room")).collect();
        let known: Vec<_> = (100..116).map(|number| lines.hold(id(number), true, HERE).expect("a stranger goes")).collect();
        assert!(strangers.iter().all(Held::is_given_away) && known.iter().all(|line| !line.is_given_away()));
        assert!(lines.hold(id(0), false, HERE).is_none() && lines.hold(id(120), true, HERE).is_none(), "all are known");
        assert!(lines.hold(id(100), true, HERE).is_some(), "it is the same line");
    }
}
