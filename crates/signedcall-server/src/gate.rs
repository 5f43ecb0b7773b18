//! How many connections may wait, on which nobody has signed in or shown an api key yet: so many of one address, and so many altogether.
//!
//! Whoever signs in does so within a second, and whoever holds connections to keep others out holds them for as long as they last. So it is the one that has
//! waited longest that is sent away for another.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::metrics::Limit;

/// How many may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateSettings {
    /// Altogether. Each holds some kilobytes, and 64 more at most for what it says.
    pub most: NonZeroUsize,
    /// Of one address. `None` stands for [`GateSettings::OF_ONE_ADDRESS`], and for no limit on this machine's own: a proxy may be there, and
    /// everybody behind it.
    pub of_one_address: Option<NonZeroUsize>,
}

/// How many files are left out: some forty that the service has open for itself, mostly those of its store, and as many again of those who are sent away and
/// not gone yet. Where there are no more left, nobody is let in for a second.
const OWN_FILES: u64 = 100;

impl GateSettings {
    /// A crowd's worth: those who come back to one office after its network has failed.
    pub const OF_ONE_ADDRESS: usize = 256;

    /// Half of the files that the process may have open beside its own, or the usual number where that is less: the others are for those who are signed in.
    pub(crate) fn most_by_files() -> NonZeroUsize {
        let usual = Self::default().most;
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let half = files.and_then(|files| usize::try_from(files.saturating_sub(OWN_FILES) / 2).ok());
        half.map_or(usual, |half| NonZeroUsize::new(half).unwrap_or(NonZeroUsize::MIN).min(usual))
    }

    pub(crate) fn most_of(&self, address: IpAddr) -> usize {
        match self.of_one_address {
            Some(most) => most.get(),
            None if address.is_loopback() => usize::MAX,
            None => Self::OF_ONE_ADDRESS,
        }
    }
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { most: NonZeroUsize::MIN.saturating_add(4095), of_one_address: None }
    }
}

/// Lets connections wait.
#[derive(Debug)]
pub(crate) struct Gate {
    settings: GateSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    /// How each is told to go, the oldest first.
    waiting: BTreeMap<u64, Arc<Notify>>,
    of_addresses: BTreeMap<IpAddr, usize>,
}

impl Gate {
    pub(crate) fn new(settings: GateSettings) -> Arc<Self> {
        Arc::new(Self { settings, state: Mutex::default() })
    }

    /// Lets another one wait, for whom the oldest may have to go. `None` where too many of its address do.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Result<Entered, Limit> {
        let from = house_of(from);
        let mut state = self.state();
        let of_address = state.of_addresses.entry(from).or_default();
        if *of_address >= self.settings.most_of(from) {
            return Err(Limit::WaitingOfAddress);
        }
        *of_address += 1;
        let oldest = if state.waiting.len() >= self.settings.most.get() { state.waiting.pop_first() } else { None };
        if let Some((_, goes)) = &oldest {
            goes.notify_one();
        }
        state.last += 1;
        let (number, sent_away) = (state.last, Arc::<Notify>::default());
        state.waiting.insert(number, Arc::clone(&sent_away));
        let ticket = Ticket { gate: Arc::clone(self), number, from, sent_away, is_released: AtomicBool::new(false) };
        Ok(Entered { ticket: Arc::new(ticket), another_goes: oldest.is_some() })
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that may wait.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) ticket: Arc<Ticket>,
    /// Whether the oldest one was sent away for it.
    pub(crate) another_goes: bool,
}

/// A connection's place among those that wait, until it is released or dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    number: u64,
    from: IpAddr,
    sent_away: Arc<Notify>,
    is_released: AtomicBool,
}

impl Ticket {
    /// Gives the place to others: it is known who is on the connection.
    pub(crate) fn release(&self) {
        if self.is_released.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut state = self.gate.state();
        state.waiting.remove(&self.number);
        if let Some(number) = state.of_addresses.get_mut(&self.from) {
            *number -= 1;
            if *number == 0 {
                state.of_addresses.remove(&self.from);
            }
        }
    }

    /// Whose address the connection comes from.
    pub(crate) const fn house(&self) -> IpAddr {
        self.from
    }

    pub(crate) fn is_released(&self) -> bool {
        self.is_released.load(Ordering::Relaxed)
    }

    /// Returns when the connection has to go.
    pub(crate) async fn sent_away(&self) {
        self.sent_away.notified().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whom an address belongs to: with IPv6 each house has as many as it likes, in a network of 64 bits.
pub(crate) fn house_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        other @ (IpAddr::V4(_) | IpAddr::V6(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn gate(most: usize, of_one_address: Option<usize>) -> Arc<Gate> {
        let number = |number| NonZeroUsize::new(number).expect("some");
        Gate::new(GateSettings { most: number(most), of_one_address: of_one_address.map(number) })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn so_many_of_one_address_may_wait_and_another_s_are_not_counted() {
        let gate = gate(100, Some(2));
        let enter = |from| gate.enter(address(from)).map(|entered| entered.ticket);
        let [first, _second] = [(); 2].map(|()| enter("192.0.2.1").expect("room"));
        assert_eq!(enter("192.0.2.1").err(), Some(Limit::WaitingOfAddress));
        assert_eq!(enter("::ffff:192.0.2.1").err(), Some(Limit::WaitingOfAddress), "it is the same");
        enter("192.0.2.2").expect("room");
        drop(first);
        enter("192.0.2.1").expect("room again");
        let _both = [enter("2001:db8::1").expect("room"), enter("2001:db8::ffff:2").expect("room")];
        assert!(enter("2001:db8::3").is_err() && enter("2001:db8:0:1::1").is_ok(), "a house has one network");
    }

    #[test]
    fn this_machine_s_own_address_is_a_proxy_s_unless_it_is_said_otherwise() {
        let number = GateSettings::OF_ONE_ADDRESS + 1;
        let let_in = |gate: &Arc<Gate>, from| {
            let entered: Vec<_> = std::iter::repeat_with(|| gate.enter(address(from))).take(number).collect();
            entered.iter().filter(|entered| entered.is_ok()).count()
        };
        assert_eq!(let_in(&gate(1_000, None), "127.0.0.1"), number);
        assert_eq!(let_in(&gate(1_000, None), "192.0.2.1"), number - 1);
        assert_eq!(let_in(&gate(1_000, Some(3)), "127.0.0.1"), 3);
    }

    #[test]
    fn whoever_is_known_waits_no_more_and_gives_the_place_up_once() {
        let gate = gate(1, Some(2));
        let enter = || gate.enter(address("192.0.2.1")).expect("room");
        let known = enter().ticket;
        known.release();
        assert_eq!((gate.waiting(), gate.state().of_addresses.len()), (0, 0));
        let other = enter();
        assert!(!other.another_goes && known.is_released() && !other.ticket.is_released());
        known.release();
        drop(known);
        assert_eq!((gate.waiting(), gate.state().of_addresses.len()), (1, 1), "the other's place is its own");
    }

    #[test]
    fn the_one_that_has_waited_longest_goes_for_another() {
        let gate = gate(2, None);
        let enter = |from| gate.enter(address(from)).expect("room");
        let (first, second) = (enter("192.0.2.1"), enter("192.0.2.2"));
        assert!(!first.another_goes && !second.another_goes);
        let third = enter("192.0.2.3");
        assert!(third.another_goes);
        let goes = |entered: &Entered| entered.ticket.sent_away().now_or_never().is_some();
        assert!(goes(&first) && !goes(&second) && !goes(&third));
        drop(second);
        assert!(!enter("192.0.2.4").another_goes, "whoever has signed in waits no more");
        drop((first, third));
        assert_eq!((gate.waiting(), gate.state().of_addresses.len()), (0, 0));
    }
}
