//! The line is looked at before a call: how long it takes to the service and to the relays and back, how evenly, and how much is lost of it.
//!
//! It is measured some seconds after signing in and after every change of networks, and again when somebody calls and the last measure is not of just now.
//! Nothing is measured while nobody calls, so that an app in the background stays asleep.

mod burst;
mod gate;
mod stun;
mod tally;

use std::time::Duration;

use rand::Rng;
use signedcall_wire::IceConfig;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

pub use self::gate::{LineCheck, LineGate};
use crate::quality::{LineMeasures, LineScore};

/// How long a measure is as good as a new one.
const FRESH: Duration = Duration::from_secs(30);
/// How long measuring may take, and thus a call waits for it at most. What has not answered by then is too slow for a call.
const PATIENCE: Duration = Duration::from_millis(600);
/// Within how long the line is measured after signing in or in another network: at random, so that the devices of a service that was started again do not
/// all ask its relay at once.
const SPREAD: Duration = Duration::from_secs(8);

/// Measures the line, and knows how it was found to be.
#[derive(Debug)]
pub(crate) struct LineChecks {
    ice: IceConfig,
    last: Option<(Instant, LineCheck)>,
    is_under_way: bool,
    due: Option<Instant>,
    /// Whoever waits for what is being measured.
    waiting: Vec<oneshot::Sender<LineCheck>>,
    sender: mpsc::Sender<LineMeasures>,
    measured: mpsc::Receiver<LineMeasures>,
}

/// What happens to the checks.
#[derive(Debug)]
pub(crate) enum Checking {
    /// It is time to measure.
    Due,
    /// This was measured.
    Measured(LineMeasures),
}

/// The answer of the service to a question that has just been sent, if one could be: how long it took.
pub(crate) type Pong = Option<oneshot::Receiver<Duration>>;

impl LineChecks {
    pub(crate) fn new() -> Self {
        let (sender, measured) = mpsc::channel(1);
        Self { ice: IceConfig::default(), last: None, is_under_way: false, due: None, waiting: Vec::new(), sender, measured }
    }

    /// Asks these relays from now on.
    pub(crate) fn use_ice(&mut self, ice: IceConfig) {
        self.ice = ice;
        if self.last.is_none() {
            self.become_due();
        }
    }

    /// What was measured is of another network.
    pub(crate) fn forget(&mut self) {
        self.last = None;
        self.become_due();
    }

    fn become_due(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + SPREAD.mul_f64(rand::rng().random()));
    }

    /// Waits for the next thing to happen. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Checking {
        let due = self.due;
        let is_due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            measures = self.measured.recv() => Checking::Measured(measures.expect("the checks hold a sender themselves")),
            () = is_due => Checking::Due,
        }
    }

    /// How the line is, if that is known of just now. What could not be measured may be measured by now.
    pub(crate) fn fresh(&self) -> Option<LineCheck> {
        self.last.filter(|(at, check)| at.elapsed() < FRESH && check.score != LineScore::UNKNOWN).map(|(_, check)| check)
    }

    /// Answers as soon as the line is known, with what is known of just now if that will do.
    pub(crate) fn ask(&mut self, anew: bool, reply: oneshot::Sender<LineCheck>, pong: impl FnOnce() -> Pong) {
        if let Some(check) = self.fresh().filter(|_| !anew) {
            // They may have stopped waiting.
            let _ = reply.send(check);
            return;
        }
        self.waiting.push(reply);
        self.measure(pong);
    }

    /// Begins to measure, unless it is being done.
    pub(crate) fn measure(&mut self, pong: impl FnOnce() -> Pong) {
        if self.is_under_way {
            // It is due in another network by now, and is done again after this.
            self.due = self.due.map(|due| due.max(Instant::now() + PATIENCE));
            return;
        }
        (self.is_under_way, self.due) = (true, None);
        let (ice, pong, sender) = (self.ice.clone(), pong(), self.sender.clone());
        tokio::spawn(async move {
            let _ = sender.send(measured(ice, pong).await).await;
        });
    }

    /// Takes what was measured, and tells whoever waits for it.
    pub(crate) fn take(&mut self, measures: LineMeasures) -> LineCheck {
        let check = LineCheck::from(measures);
        self.is_under_way = false;
        // What has become due meanwhile is of another network, or of other relays.
        self.last = self.due.is_none().then(|| (Instant::now(), check));
        tracing::debug!(?check, "the line was looked at");
        for waiting in self.waiting.drain(..) {
            // They may have stopped waiting.
            let _ = waiting.send(check);
        }
        check
    }
}

/// What the relays answer and, where none does, the service.
async fn measured(ice: IceConfig, pong: Pong) -> LineMeasures {
    let service = async {
        match timeout(PATIENCE, pong?).await {
            Ok(took) => took.ok(),
            Err(_) => Some(PATIENCE),
        }
    };
    let (relays, service) = tokio::join!(burst::best(ice, Instant::now() + PATIENCE), service);
    LineMeasures { round_trip: relays.round_trip.or(service), ..relays }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pong(took: u64) -> Pong {
        let (answer, pong) = oneshot::channel();
        answer.send(Duration::from_millis(took)).expect("it is waited for");
        Some(pong)
    }

    async fn asked(checks: &mut LineChecks, anew: bool, pong: Pong) -> LineCheck {
        let (reply, answer) = oneshot::channel();
        checks.ask(anew, reply, || pong);
        if checks.is_under_way
            && let Checking::Measured(measures) = checks.next().await
        {
            let _ = checks.take(measures);
        }
        answer.await.expect("it answers")
    }

    #[tokio::test]
    async fn without_a_relay_the_service_says_how_the_line_is_and_without_either_nothing_is_known() {
        assert_eq!(asked(&mut LineChecks::new(), false, pong(340)).await.score.value(), 60);
        assert_eq!(asked(&mut LineChecks::new(), false, None).await.score.value(), -1);
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_in_time_is_as_slow_at_least() {
        let (_answer, pong) = oneshot::channel();
        let began = Instant::now();
        let check = asked(&mut LineChecks::new(), false, Some(pong)).await;
        assert_eq!(check.measures.round_trip, Some(PATIENCE));
        assert!((PATIENCE..3 * PATIENCE).contains(&began.elapsed()), "a call waits no longer: {:?}", began.elapsed());
        assert!(check.score.value() < 40, "{check:?}");
    }

    #[tokio::test]
    async fn what_is_known_of_just_now_is_not_measured_again_unless_it_is_wanted() {
        let mut checks = LineChecks::new();
        let first = asked(&mut checks, false, pong(340)).await;
        assert_eq!(asked(&mut checks, false, pong(0)).await, first);
        assert_eq!(asked(&mut checks, true, pong(0)).await.score.value(), 100);
        assert_eq!(asked(&mut checks, true, None).await.score.value(), -1);
        assert_eq!(asked(&mut checks, false, pong(340)).await, first, "what was not known is asked again");
        checks.forget();
        assert_eq!(checks.fresh(), None, "it was another network's");
        assert!(checks.due.is_some(), "and this one's is measured soon");
    }

    #[tokio::test]
    async fn what_is_measured_while_the_network_changes_does_not_count_and_is_measured_again() {
        let mut checks = LineChecks::new();
        checks.measure(|| pong(340));
        checks.forget();
        checks.measure(|| unreachable!("it is being measured"));
        let Checking::Measured(measures) = checks.next().await else { panic!("it is measured") };
        let _ = checks.take(measures);
        assert_eq!(checks.fresh(), None);
        assert!(checks.due.is_some());
    }

    #[tokio::test]
    async fn whoever_asks_while_it_is_measured_waits_for_the_same() {
        let mut checks = LineChecks::new();
        let ((one, first), (other, second)) = (oneshot::channel(), oneshot::channel());
        checks.ask(false, one, || pong(340));
        checks.ask(true, other, || unreachable!("it is being measured"));
        let Checking::Measured(measures) = checks.next().await else { panic!("it is measured") };
        let check = checks.take(measures);
        assert_eq!((first.await, second.await), (Ok(check), Ok(check)));
    }
}
