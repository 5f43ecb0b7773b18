//! What this device's media and sound devices say.

use super::*;

impl Call {
    /// ICE and DTLS are up; the voice starts once the call is answered.
    pub(super) fn media_connected(&mut self, now: Timestamp, device: DeviceId) -> Vec<Action> {
        match &mut self.state {
            State::CalleeRings { legs, .. } => {
                set_media(legs, device, Media::Connected);
                vec![]
            }
            State::Rings { leg, .. } | State::Answering { leg, .. } => {
                set_media(std::slice::from_mut(leg), device, Media::Connected);
                vec![]
            }
            State::Connecting { leg, talk, .. } if leg.to.device == device => {
                let (peer, talk) = (leg.to, *talk);
                self.start_talking(now, peer, talk)
            }
            State::Talking { peer, flow, .. } if peer.device == device => {
                *flow = Flow::Steady;
                vec![]
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// Answered, and media is connected: microphone and speaker open unless the call is held, and the service's record learns of it.
    pub(super) fn start_talking(&mut self, now: Timestamp, peer: Endpoint, talk: Talk) -> Vec<Action> {
        self.state = State::Talking { peer, since: now, flow: Flow::Steady, talk };
        let mut actions = self.change_voice(None);
        actions.push(Action::Ask(Request::MediaConnected { call: self.card.call }));
        self.reach(Reported::InProgress, &mut actions);
        actions
    }

    pub(super) fn media_interrupted(&mut self, now: Timestamp, device: DeviceId) -> Vec<Action> {
        match &mut self.state {
            State::CalleeRings { legs, .. } => set_media(legs, device, Media::Connecting),
            State::Rings { leg, .. } | State::Answering { leg, .. } => set_media(std::slice::from_mut(leg), device, Media::Connecting),
            State::Talking { peer, flow, .. } => {
                if peer.device == device && *flow == Flow::Steady {
                    let restart_at = match self.link {
                        Link::Up => Some(now + PATH_PATIENCE),
                        Link::Lost { .. } => None,
                    };
                    *flow = Flow::Interrupted { since: now, restart_at };
                    // A link that was lost long ago has had its grace, and nothing else connects the two now.
                    return self.woken(now);
                }
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::Connecting { .. }
            | State::Ending { .. }
            | State::Over => {}
        }
        vec![]
    }

    /// This device's addresses are others now: the other side does not know them, and what was connected by the old ones is cut.
    pub(super) fn network_changed(&mut self, now: Timestamp) -> Vec<Action> {
        let call = self.card.call;
        let restart = |device| Action::Do(Command::RestartMedia { call, device });
        match &mut self.state {
            State::CalleeRings { legs, .. } => {
                legs.iter().filter(|leg| leg.media.lost().is_none()).map(|leg| restart(leg.to.device)).collect()
            }
            State::Rings { leg, .. } | State::Answering { leg, .. } | State::Connecting { leg, .. } if leg.media.lost().is_none() => {
                vec![restart(leg.to.device)]
            }
            State::Talking { peer, flow, .. } => {
                flow.restarted(now);
                vec![restart(peer.device)]
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// Nothing comes by the path that media has, though the service can be reached.
    pub(super) fn path_overdue(&mut self, now: Timestamp) -> Vec<Action> {
        let call = self.card.call;
        match &mut self.state {
            State::Talking { peer, flow, .. } => {
                flow.restarted(now);
                vec![Action::Do(Command::RestartMedia { call, device: peer.device })]
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::CalleeRings { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    pub(super) fn media_failed(&mut self, now: Timestamp, device: DeviceId) -> Vec<Action> {
        match &mut self.state {
            State::CalleeRings { legs, .. } => {
                set_media(legs, device, Media::Failed);
                vec![]
            }
            State::Rings { leg, .. } | State::Answering { leg, .. } => {
                set_media(std::slice::from_mut(leg), device, Media::Failed);
                vec![]
            }
            State::Connecting { leg, .. } if leg.to.device == device => self.hang_up(now, EndReason::MediaSetupTooSlow),
            State::Talking { peer, .. } if peer.device == device => self.hang_up(now, self.network_loss()),
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// A callee's device that does not understand the caller's is out, and leaves the call to the user's others. A caller who does not understand one of
    /// the callee's waits for another to answer.
    pub(super) fn media_mismatched(&mut self, now: Timestamp, device: DeviceId) -> Vec<Action> {
        match &mut self.state {
            State::CalleeRings { legs, .. } => {
                set_media(legs, device, Media::Mismatched);
                vec![]
            }
            State::Rings { leg, .. } if leg.to.device == device => self.decline(now, EndReason::ProtocolMismatch),
            State::Answering { leg, .. } | State::Connecting { leg, .. } if leg.to.device == device => {
                self.hang_up(now, EndReason::ProtocolMismatch)
            }
            State::Placing { .. }
            | State::Crossed { .. }
            | State::Placed { .. }
            | State::Rings { .. }
            | State::Answering { .. }
            | State::Connecting { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => vec![],
        }
    }

    /// A callee without a microphone takes only this device out while it rings, and ends the call once it has answered. That the caller has none
    /// was found out before dialling; when it fails later, it is a failure of this device.
    pub(super) fn voice_failed(&mut self, now: Timestamp, reason: EndReason) -> Vec<Action> {
        match self.state {
            State::Rings { .. } => {
                let decline = Request::Decline { call: self.card.call, reason };
                self.leave(now, reason, Some(decline))
            }
            State::Placing { .. } | State::Placed { .. } | State::CalleeRings { .. } => self.hang_up(now, EndReason::InternalError),
            State::Answering { .. } | State::Connecting { .. } | State::Talking { .. } => match self.card.direction {
                Direction::Incoming => self.hang_up(now, reason),
                Direction::Outgoing => self.hang_up(now, EndReason::InternalError),
            },
            State::Crossed { .. } | State::Ending { .. } | State::Over => vec![],
        }
    }

    pub(super) fn signal_made(&mut self, to: DeviceId, signal: Signal) -> Vec<Action> {
        let Some(endpoint) = self.media_towards(to) else { return vec![] };
        match signal {
            Signal::Offer { .. } | Signal::Answer { .. } => {
                // What follows belongs to it.
                self.candidates_sent.remove(&to);
            }
            Signal::Restart => {}
            Signal::Candidate { .. } => {
                // The service counts between two devices, so one that gathers many takes nothing from the others.
                let sent = self.candidates_sent.entry(to).or_default();
                if *sent >= MAX_CANDIDATES_PER_CALL {
                    return vec![];
                }
                *sent += 1;
            }
            Signal::Unknown => return vec![],
        }
        vec![Action::Ask(Request::Signal { call: self.card.call, to: endpoint, signal })]
    }

    pub(super) fn signal_came(&mut self, from: DeviceId, signal: Signal) -> Vec<Action> {
        if self.media_towards(from).is_none() {
            return vec![];
        }
        match signal {
            Signal::Offer { .. } | Signal::Answer { .. } => {
                if self.described.insert(from, signal.clone()).as_ref() == Some(&signal) {
                    return vec![];
                }
            }
            Signal::Restart | Signal::Candidate { .. } => {}
            Signal::Unknown => return vec![],
        }
        vec![Action::Do(Command::ApplySignal { call: self.card.call, device: from, signal })]
    }

    /// The endpoint on a device of the other side that media is prepared for.
    fn media_towards(&self, device: DeviceId) -> Option<Endpoint> {
        let endpoint = match &self.state {
            State::CalleeRings { legs, .. } => return legs.iter().map(|leg| leg.to).find(|to| to.device == device),
            State::Rings { leg, .. } | State::Answering { leg, .. } | State::Connecting { leg, .. } => leg.to,
            State::Talking { peer, .. } => *peer,
            State::Placing { .. } | State::Crossed { .. } | State::Placed { .. } | State::Ending { .. } | State::Over => return None,
        };
        Some(endpoint).filter(|to| to.device == device)
    }
}

impl Flow {
    /// When another path is to be looked for.
    pub(super) const fn restart_at(self) -> Option<Timestamp> {
        match self {
            Self::Steady => None,
            Self::Interrupted { restart_at, .. } => restart_at,
        }
    }

    /// Another path is being looked for; once more if it is not found in time.
    fn restarted(&mut self, now: Timestamp) {
        self.restart_by(Some(now + RESTART_PATIENCE));
    }

    pub(super) fn restart_by(&mut self, at: Option<Timestamp>) {
        match self {
            Self::Steady => {}
            Self::Interrupted { restart_at, .. } => *restart_at = at,
        }
    }
}

/// What has failed stays failed: a peer connection is not opened twice.
fn set_media(legs: &mut [Leg], device: DeviceId, media: Media) {
    for leg in legs.iter_mut().filter(|leg| leg.to.device == device && leg.media.lost().is_none()) {
        leg.media = media;
    }
}
