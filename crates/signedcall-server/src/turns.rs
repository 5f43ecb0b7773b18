//! Turns at something of which little is done at once, such as verifying an api key: those who wait are taken from one address after the other, so that
//! whoever floods the service from a few addresses waits for themselves, and everybody else no longer than there are such addresses.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::gate::house_of;

/// What is done a few times at once.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many turns are nobody's.
    free: usize,
    /// Who waits, those of one address in the order in which they came.
    waiting: BTreeMap<IpAddr, VecDeque<oneshot::Sender<Turn>>>,
    /// The addresses of those who wait, each once, the next one first.
    next: VecDeque<IpAddr>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<Arc<Turns>>);

impl Turns {
    pub(crate) fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free: at_once, waiting: BTreeMap::new(), next: VecDeque::new() }) })
    }

    /// Waits for a turn of somebody at an address. Whoever stops waiting is passed over.
    pub(crate) async fn take(self: &Arc<Self>, from: IpAddr) -> Turn {
        let waits = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Turn(Some(Arc::clone(self)));
            }
            state.wait(house_of(from))
        };
        // Nobody who waits is forgotten: the sender is dropped only with all turns, one of which this one holds on to.
        waits.await.expect("every turn that ends is given to whoever is next")
    }

    fn end_one(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                let Some(next) = state.next() else {
                    state.free += 1;
                    return;
                };
                next
            };
            match next.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // It waits no more. The turn is not one that ends.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, house: IpAddr) -> oneshot::Receiver<Turn> {
        let (gives, waits) = oneshot::channel();
        let of_house = self.waiting.entry(house).or_insert_with(|| {
            self.next.push_back(house);
            VecDeque::new()
        });
        // Those who have stopped waiting are in front, since they have waited longest.
        while of_house.front().is_some_and(oneshot::Sender::is_closed) {
            of_house.pop_front();
        }
        of_house.push_back(gives);
        waits
    }

    /// Whoever has waited longest of the address whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(house) = self.next.pop_front() {
            let Some(of_house) = self.waiting.get_mut(&house) else { continue };
            let first = std::iter::from_fn(|| of_house.pop_front()).find(|waits| !waits.is_closed());
            if of_house.is_empty() {
                self.waiting.remove(&house);
            } else {
                self.next.push_back(house);
            }
            if first.is_some() {
                return first;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.end_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    type Waits = Pin<Box<dyn Future<Output = Turn> + Send>>;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Somebody who waits already, unless there is a turn.
    fn comes(turns: &Arc<Turns>, from: &'static str) -> Result<Turn, Waits> {
        let turns = Arc::clone(turns);
        let mut waits: Waits = Box::pin(async move { turns.take(address(from)).await });
        (&mut waits).now_or_never().ok_or(waits)
    }

    fn has(turns: &Arc<Turns>, from: &'static str) -> Turn {
        let Ok(turn) = comes(turns, from) else { panic!("there is no turn") };
        turn
    }

    fn waits(turns: &Arc<Turns>, from: &'static str) -> Waits {
        comes(turns, from).expect_err("there is no turn")
    }

    #[test]
    fn addresses_take_turns_and_those_of_one_go_in_the_order_in_which_they_came() {
        let turns = Turns::new(1);
        let first = has(&turns, "192.0.2.1");
        let flood: Vec<_> = (0..3).map(|_| waits(&turns, "192.0.2.1")).collect();
        let another = waits(&turns, "192.0.2.2");
        let mut all: Vec<_> = flood.into_iter().chain([another]).collect();
        let mut order = Vec::new();
        let mut turn = Some(first);
        while turn.take().is_some() {
            let next = all.iter_mut().enumerate().find_map(|(index, waits)| Some((index, waits.as_mut().now_or_never()?)));
            if let Some((index, given)) = next {
                order.push(index);
                all[index] = Box::pin(std::future::pending());
                turn = Some(given);
            }
        }
        assert_eq!(order, [0, 3, 1, 2]);
        assert!(comes(&turns, "192.0.2.3").is_ok(), "the turn is nobody's again");
    }

    #[test]
    fn whoever_stops_waiting_is_passed_over_and_takes_no_turn_along() {
        let turns = Turns::new(1);
        let first = has(&turns, "192.0.2.1");
        let [gone, stays] = [(); 2].map(|()| waits(&turns, "192.0.2.1"));
        let given = waits(&turns, "192.0.2.2");
        drop(gone);
        drop(first);
        // It was given a turn and has gone before it knew.
        drop(stays);
        let turn = given.now_or_never().expect("it is the next one");
        assert!(comes(&turns, "192.0.2.3").is_err());
        drop(turn);
        assert!(comes(&turns, "192.0.2.3").is_ok());
        let state = turns.state();
        assert_eq!((state.free, state.waiting.len(), state.next.len()), (1, 0, 0));
    }

    #[test]
    fn a_house_has_one_network_and_as_many_turns_go_on_as_are_said() {
        let turns = Turns::new(2);
        let [one, _two] = [(); 2].map(|()| has(&turns, "2001:db8::1"));
        let waiting = [waits(&turns, "2001:db8::1"), waits(&turns, "2001:db8::2"), waits(&turns, "2001:db8:0:1::1")];
        drop(one);
        let [first, second, other] = waiting.map(FutureExt::now_or_never);
        assert!(first.is_some() && second.is_none() && other.is_none());
        drop(first);
    }
}
