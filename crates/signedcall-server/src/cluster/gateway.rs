//! What takes the place of a partition's switchboard on a node that has sockets for it, while another node has the partition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::{Receiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::numbers::opened_ago;
use super::said::{Answer, Asked, Down, Link, Question, ToGateway, ToOwner, Up, questions, read, to_gateway, to_json, to_owner};
use super::{BEAT_EVERY, ClusterFigures, MOVED_WITHIN};
use crate::bus::Bus;
use crate::hub::{HubEvent, SocketId};
use crate::store::owners::{Epoch, NodeId, Partition};
use crate::switchboard::{Note, Outbox, goaway};

/// How long whoever has a partition may take to answer a question.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// What can be said of a gateway before it is there.
#[derive(Debug)]
pub(super) struct GatewayTo {
    pub(super) bus: Bus,
    pub(super) node: NodeId,
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) link: Link,
    pub(super) figures: Arc<ClusterFigures>,
}

/// The gateway to one tenure of a partition.
#[derive(Debug)]
pub(super) struct Gateway {
    to: GatewayTo,
    sockets: BTreeMap<SocketId, Outbox>,
    /// How much was said.
    said: u64,
    /// The number of what was heard last.
    heard: u64,
    /// Nothing goes over the link any more.
    is_broken: bool,
    leaving: Option<(Instant, Option<oneshot::Sender<()>>)>,
}

impl Gateway {
    pub(super) fn new(to: GatewayTo) -> Self {
        Self { to, sockets: BTreeMap::new(), said: 0, heard: 0, is_broken: false, leaving: None }
    }

    /// Passes on what sockets say and are told, until it is asked to stop, or something is missing: then it says so in `broken`, and sends its devices to
    /// another socket.
    pub(super) async fn run(mut self, mut notes: Receiver<Note>, broken: UnboundedSender<(Partition, Link)>) {
        let mut told = self.to.bus.subscribe(&to_gateway(self.to.link)).await.ok();
        if told.is_none() {
            self.break_off(&broken);
        }
        let mut ticks = interval(BEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.leaving.as_ref().is_none_or(|(until, _)| !self.sockets.is_empty() && Instant::now() < *until) {
            let until = self.leaving.as_ref().map_or_else(|| Instant::now() + BEAT_EVERY, |(until, _)| *until);
            let heard = async {
                match told.as_mut().filter(|_| !self.is_broken) {
                    Some(told) => told.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                note = notes.recv() => match note {
                    Some(note) => self.take(note).await,
                    None => break,
                },
                message = heard => {
                    if !message.as_ref().and_then(read).is_some_and(|told| self.hear(told)) {
                        self.break_off(&broken);
                    }
                }
                _ = ticks.tick() => self.tally().await,
                () = sleep_until(until.into()) => {}
            }
        }
        // What is missing is missing, and whoever has the partition is to know at once that nothing more comes. If it does not hear of it, it notices.
        self.publish(self.said, Up::Bye).await;
        if let Some((_, Some(done))) = self.leaving.take() {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    async fn take(&mut self, note: Note) {
        match note {
            // Whoever comes too late comes again.
            Note::Opened { .. } if self.leaving.is_some() => {}
            Note::Opened { socket, outbox } => {
                self.to.figures.forwarded.fetch_add(1, Ordering::Relaxed);
                self.sockets.insert(socket, outbox);
                let ago_ms = u64::try_from(opened_ago(socket).as_millis()).unwrap_or(u64::MAX);
                self.say(Up::Opened { socket: socket.0, ago_ms }).await;
            }
            Note::Event(event) => self.take_event(*event).await,
            Note::Presence { user, tell } => self.ask(Asked::Presence { user }, |answer| {
                if let Answer::Presence { devices, last_seen } = answer {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send((devices, last_seen.and_then(|ago| SystemTime::now().checked_sub(ago))));
                }
            }),
            Note::HangUp { account, environment, call, tell } => self.ask(Asked::HangUp { account, environment, call }, |answer| {
                if let Answer::HungUp(went_on) = answer {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send(went_on);
                }
            }),
            Note::Connect { connect, tell } => self.ask(Asked::Connect(connect), |answer| {
                if let Answer::Connected(outcome) = answer {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send(outcome);
                }
            }),
            Note::Drain { within, done, next: _ } => self.leave(within, Some(done)),
            // These are asked of the switchboards of this node.
            Note::KeysInUse(_) | Note::Figures(_) | Note::Ping(_) => {}
        }
    }

    async fn take_event(&mut self, event: HubEvent) {
        if let HubEvent::SocketLost { socket } = event
            && !self.lose(socket)
        {
            return;
        }
        if let Some(asked) = Asked::of(&event) {
            self.ask(asked, |_| {});
        } else if let Some(what) = Up::of(event) {
            self.say(what).await;
        }
    }

    /// Takes what sockets are told. Says whether nothing is missing.
    fn hear(&mut self, ToGateway { number, what }: ToGateway) -> bool {
        match what {
            Down::Refused => return false,
            Down::Tally => return number == self.heard,
            Down::Message { .. } | Down::Closed { .. } if number != self.heard + 1 => {
                tracing::warn!(missing = number.saturating_sub(self.heard + 1), "the bus has lost what sockets are told");
                return false;
            }
            Down::Message { socket, message } => {
                let socket = SocketId(socket);
                if self.sockets.get(&socket).is_some_and(|outbox| outbox.try_send(message).is_err()) {
                    // Its task learns that nothing follows, and says that it ends.
                    self.close(socket);
                }
            }
            Down::Closed { socket } => self.close(SocketId(socket)),
        }
        self.heard = number;
        true
    }

    /// Says whether it was there.
    fn lose(&mut self, socket: SocketId) -> bool {
        let was_there = self.sockets.remove(&socket).is_some();
        self.to.figures.forwarded.fetch_sub(usize::from(was_there), Ordering::Relaxed);
        was_there
    }

    /// The socket's task writes what is in its outbox, closes the socket, and says so.
    fn close(&mut self, socket: SocketId) {
        if let Some(outbox) = self.sockets.get_mut(&socket) {
            *outbox = Outbox::Closed;
        }
    }

    async fn say(&mut self, what: Up) {
        if !self.is_broken {
            self.said += 1;
            self.publish(self.said, what).await;
        }
    }

    /// Says how much was said, so that whoever has the partition notices when the last is missing, or nothing more comes.
    async fn tally(&self) {
        if !self.is_broken && self.said > 0 {
            self.publish(self.said, Up::Tally).await;
        }
    }

    /// What is lost here is missing in the next.
    async fn publish(&self, number: u64, what: Up) -> bool {
        let GatewayTo { bus, node, partition, epoch, link, .. } = &self.to;
        let said = ToOwner { link: *link, node: node.clone(), epoch: *epoch, number, what };
        bus.publish(&to_owner(*partition), to_json(&said)).await.is_ok()
    }

    fn ask(&self, what: Asked, take: impl FnOnce(Answer) + Send + 'static) {
        let (bus, subject) = (self.to.bus.clone(), questions(self.to.partition));
        let question = to_json(&Question { epoch: self.to.epoch, what });
        tokio::spawn(async move {
            let answer = bus.request(&subject, question, ANSWERED_WITHIN).await.map_err(|error| error.to_string());
            match answer.and_then(|answer| serde_json::from_slice(&answer).map_err(|error| error.to_string())) {
                Ok(answer) => take(answer),
                // Whoever waits for it is told by that there is nothing.
                Err(error) => tracing::warn!(error, "the node that has these calls does not answer"),
            }
        });
    }

    fn break_off(&mut self, broken: &UnboundedSender<(Partition, Link)>) {
        self.is_broken = true;
        // Nobody makes another while the node stops.
        let _ = broken.send((self.to.partition, self.to.link));
        match &mut self.leaving {
            None => self.leave(MOVED_WITHIN, None),
            // What its sockets say goes nowhere by now.
            Some((until, _)) => *until = (*until).min(Instant::now() + MOVED_WITHIN),
        }
    }

    fn leave(&mut self, within: Duration, done: Option<oneshot::Sender<()>>) {
        for outbox in self.sockets.values() {
            // A socket that is too slow even for this learns of it when it is closed.
            let _ = outbox.try_send(Box::new(goaway(within)));
        }
        self.leaving = Some((Instant::now() + within, done));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.to.figures.forwarded.fetch_sub(self.sockets.len(), Ordering::Relaxed);
    }
}
