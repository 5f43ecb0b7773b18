//! Earlier calls, as `history.json` keeps them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use signedcall::CallId;

use crate::view::{Direction, EndReason, RecentCall};

/// How many calls are kept: more than anybody scrolls through, and a file that is written in a millisecond.
const MOST: usize = 100;

/// Earlier calls, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct History(Vec<PastCall>);

/// One earlier call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PastCall {
    pub(crate) id: CallId,
    pub(crate) direction: Direction,
    pub(crate) peer: String,
    pub(crate) peer_name: Option<String>,
    pub(crate) context: String,
    /// When it began.
    pub(crate) at: SystemTime,
    /// Seconds of talk, when it was answered.
    pub(crate) seconds: Option<u32>,
    pub(crate) reason: EndReason,
    /// Whether it was missed and nobody has looked since.
    #[serde(default)]
    pub(crate) is_new: bool,
    /// Who had brought it about by a transfer, as this user knows them.
    #[serde(default)]
    pub(crate) transferred_by: Option<String>,
    /// Whom this user has transferred the other side to.
    #[serde(default)]
    pub(crate) transferred_to: Option<String>,
    /// Which other device of this user has answered or declined it, where that is known.
    #[serde(default)]
    pub(crate) other_device: Option<String>,
}

impl History {
    /// Puts a call in front, and forgets the oldest one when there are too many.
    pub(crate) fn add(&mut self, call: PastCall) {
        self.0.insert(0, PastCall { is_new: call.is_missed(), ..call });
        self.0.truncate(MOST);
    }

    /// Whether this call is over already.
    pub(crate) fn contains(&self, id: CallId) -> bool {
        self.0.iter().any(|call| call.id == id)
    }

    /// How many calls were missed since anybody looked.
    pub(crate) fn missed(&self) -> u32 {
        u32::try_from(self.0.iter().filter(|call| call.is_new).count()).unwrap_or(u32::MAX)
    }

    /// Notes that somebody has looked. Says whether there was anything to see.
    pub(crate) fn see_missed(&mut self) -> bool {
        let seen = self.0.iter_mut().filter(|call| call.is_new).map(|call| call.is_new = false).count();
        seen > 0
    }

    /// What somebody was last called.
    pub(crate) fn name_of(&self, peer: &str) -> Option<String> {
        self.0.iter().filter(|call| call.peer == peer).find_map(|call| call.peer_name.clone())
    }

    /// Whether this user has ever talked with somebody.
    pub(crate) fn has_talked_with(&self, peer: &str) -> bool {
        self.0.iter().any(|call| call.peer == peer && call.seconds.is_some())
    }

    /// What the windows show of it.
    pub(crate) fn view(&self) -> Vec<RecentCall> {
        self.0.iter().map(PastCall::view).collect()
    }
}

impl PastCall {
    /// Whether somebody called in vain.
    pub(crate) fn is_missed(&self) -> bool {
        self.direction == Direction::Incoming && self.seconds.is_none() && was_never_taken(self.reason)
    }

    fn view(&self) -> RecentCall {
        RecentCall {
            id: self.id.to_string(),
            direction: self.direction,
            peer: self.peer.clone(),
            peer_name: self.peer_name.clone(),
            context: self.context.clone(),
            at: unix_milliseconds(self.at),
            seconds: self.seconds,
            reason: self.reason,
            is_missed: self.is_missed(),
            transferred_by: self.transferred_by.clone(),
            transferred_to: self.transferred_to.clone(),
            other_device: self.other_device.clone(),
        }
    }
}

/// Whether an incoming call that ended so was never taken by anybody.
fn was_never_taken(reason: EndReason) -> bool {
    match reason {
        EndReason::Cancelled | EndReason::Missed | EndReason::RingTimeout | EndReason::Busy | EndReason::PoorNetwork => true,
        EndReason::HungUp
        | EndReason::Declined
        | EndReason::LoggedOut
        | EndReason::NotificationsDisabled
        | EndReason::MicrophoneRefused
        | EndReason::InternalError
        | EndReason::LocalNetworkLoss
        | EndReason::RemoteNetworkLoss
        | EndReason::ProtocolMismatch
        | EndReason::MediaSetupTooSlow
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours
        | EndReason::HandedOver
        | EndReason::NotPlaced { .. } => false,
    }
}

/// Unix time in milliseconds, as the views have it; whole milliseconds are exact in an `f64` for 285,000 years.
pub(crate) fn unix_milliseconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_millis() as f64)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::view::ProblemCode;

    fn call(number: u128) -> PastCall {
        PastCall {
            id: CallId(Uuid::from_u128(number)),
            direction: Direction::Outgoing,
            peer: "org_25".to_owned(),
            peer_name: None,
            context: "Order 4711".to_owned(),
            at: UNIX_EPOCH,
            seconds: None,
            reason: EndReason::NotPlaced { code: ProblemCode::ContactNotReachable },
            is_new: false,
            transferred_by: None,
            transferred_to: None,
            other_device: None,
        }
    }

    #[test]
    fn the_latest_hundred_are_kept() {
        let mut history = History::default();
        (0..=100).for_each(|number| history.add(call(number)));
        let view = history.view();
        assert_eq!((view.len(), view[0].id.as_str()), (100, call(100).id.to_string().as_str()));
        assert!(!history.contains(call(0).id) && history.contains(call(1).id));
    }

    #[test]
    fn a_missed_call_is_new_until_somebody_looks() {
        let missed = |number| PastCall { direction: Direction::Incoming, reason: EndReason::RingTimeout, ..call(number) };
        let mut history = History::default();
        history.add(missed(1));
        history.add(missed(2));
        history.add(call(3));
        history.add(PastCall { seconds: Some(0), ..missed(4) });
        assert_eq!(history.missed(), 2);
        assert!(history.see_missed() && !history.see_missed());
        assert_eq!(history.missed(), 0);
    }

    #[test]
    fn a_list_of_an_older_version_is_read() {
        let newer = ",\"is_new\":false,\"transferred_by\":null,\"transferred_to\":null,\"other_device\":null";
        let text = serde_json::to_string(&[call(1)]).expect("plain data").replace(newer, "");
        assert!(!text.contains("is_new") && !text.contains("transferred") && !text.contains("other_device"), "{text}");
        assert_eq!(serde_json::from_str::<History>(&text).expect("a list"), History(vec![call(1)]));
    }

    #[test]
    fn history_survives_being_written_and_read() {
        let mut history = History::default();
        history.add(call(1));
        let text = serde_json::to_string(&history).expect("plain data");
        assert_eq!(serde_json::from_str::<History>(&text).expect("its own text"), history);
    }
}
