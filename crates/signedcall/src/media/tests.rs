//! Two ends on this machine, and what they pass to each other.

use std::time::Duration;

use bytes::Bytes;
use signedcall_voice::PayloadFormat;
use uuid::Uuid;

use super::*;

const CALL: CallId = CallId(Uuid::from_u128(1));
const CALLER: DeviceId = DeviceId(Uuid::from_u128(2));
const CALLEE: DeviceId = DeviceId(Uuid::from_u128(3));
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The two ends of one call.
struct Ends {
    caller: Media,
    callee: Media,
    /// The generations of the offers and answers that were passed on.
    offered: Vec<u32>,
    answered: Vec<u32>,
}

impl Ends {
    async fn connect() -> Self {
        let mut ends =
            Self { caller: Media::new(Reach::Loopback), callee: Media::new(Reach::Loopback), offered: Vec::new(), answered: Vec::new() };
        ends.callee.prepare(CALL, CALLER, Role::Answerer);
        ends.caller.prepare(CALL, CALLEE, Role::Offerer);
        ends.pass_on_until_connected(2).await;
        ends
    }

    /// Passes signals on, until so many times an end has said that it is connected.
    async fn pass_on_until_connected(&mut self, times: usize) {
        let mut connected = 0;
        while connected < times {
            let passed = tokio::time::timeout(PATIENCE, self.pass_on()).await.expect("the ends connect");
            connected += usize::from(passed);
        }
    }

    /// Passes one thing on; whether an end is connected.
    async fn pass_on(&mut self) -> bool {
        let (news, to, from) = tokio::select! {
            event = self.caller.next() => (event.news, &self.callee, CALLER),
            event = self.callee.next() => (event.news, &self.caller, CALLEE),
        };
        match news {
            MediaNews::Signal(signal) => {
                match &signal {
                    Signal::Offer { generation, .. } => self.offered.push(*generation),
                    Signal::Answer { generation, .. } => self.answered.push(*generation),
                    Signal::Restart | Signal::Candidate { .. } | Signal::Unknown => {}
                }
                to.apply(CALL, from, signal);
                false
            }
            MediaNews::Connected => true,
            MediaNews::Interrupted => false,
            MediaNews::Failed | MediaNews::Mismatched => panic!("an end has failed"),
        }
    }

    /// Says this to the callee until it is heard, while signals are passed on.
    async fn hears(&mut self, outgoing: &mpsc::Sender<OutgoingPacket>, incoming: &Incoming, what: &'static [u8]) {
        let mut every = tokio::time::interval(Duration::from_millis(20));
        let mut timestamp = 0;
        let heard = async {
            loop {
                tokio::select! {
                    _ = every.tick() => {
                        let _ = outgoing.try_send(OutgoingPacket { timestamp, format: PayloadFormat::Opus, payload: Bytes::from_static(what) });
                        timestamp += 960;
                        if incoming.packets.try_iter().any(|packet| packet.payload == what) {
                            return;
                        }
                    }
                    _ = self.pass_on() => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("the voice is heard");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_finds_another_path_and_the_voice_goes_on() {
    let mut ends = Ends::connect().await;
    let (said, _) = ends.caller.open_path(CALL, CALLEE).expect("the caller's path");
    let (heard, _) = ends.callee.open_path(CALL, CALLER).expect("the callee's path");
    ends.hears(&said.outgoing, &heard.incoming, b"first path").await;

    ends.caller.restart(CALL, CALLEE);
    ends.pass_on_until_connected(2).await;
    ends.hears(&said.outgoing, &heard.incoming, b"second path").await;

    ends.callee.restart(CALL, CALLER);
    ends.pass_on_until_connected(2).await;
    ends.hears(&said.outgoing, &heard.incoming, b"third path").await;
    assert_eq!((ends.offered, ends.answered), (vec![0, 1, 2], vec![0, 1, 2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_looks_for_another_path_at_once_the_later_counts() {
    let mut ends = Ends::connect().await;
    let (said, _) = ends.caller.open_path(CALL, CALLEE).expect("the caller's path");
    let (heard, _) = ends.callee.open_path(CALL, CALLER).expect("the callee's path");
    ends.caller.restart(CALL, CALLEE);
    ends.callee.restart(CALL, CALLER);
    ends.caller.restart(CALL, CALLEE);
    while ends.answered.last() != Some(&3) {
        tokio::time::timeout(PATIENCE, ends.pass_on()).await.expect("the last offer is answered");
    }
    ends.hears(&said.outgoing, &heard.incoming, b"last path").await;
}
