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
}

impl History {
    /// Puts a call in front, and forgets the oldest one when there are too many.
    pub(crate) fn add(&mut self, call: PastCall) {
        self.0.insert(0, call);
        self.0.truncate(MOST);
    }

    /// Whether this call is over already.
    pub(crate) fn contains(&self, id: CallId) -> bool {
        self.0.iter().any(|call| call.id == id)
    }

    /// What the windows show of it.
    pub(crate) fn view(&self) -> Vec<RecentCall> {
        self.0.iter().map(PastCall::view).collect()
    }
}

impl PastCall {
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
        }
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
    fn history_survives_being_written_and_read() {
        let mut history = History::default();
        history.add(call(1));
        let text = serde_json::to_string(&history).expect("plain data");
        assert_eq!(serde_json::from_str::<History>(&text).expect("its own text"), history);
    }
}
