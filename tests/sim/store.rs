//! The service's store: what is durable, and what is still being written when the service dies.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::rngs::StdRng;
use signedcall_server::hub::{CloseRecord, KeptAnswer, KeptEnd, OpenRecord};
use signedcall_wire::{CallId, DeviceId};

/// The store. What is asked of it is done in order.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// It takes each id once.
    taken: BTreeSet<CallId>,
    opening: BTreeMap<CallId, OpenRecord>,
    open: BTreeMap<CallId, (OpenRecord, Option<KeptAnswer>)>,
    answering: BTreeMap<u64, Answering>,
    ended: Vec<KeptEnd>,
}

#[derive(Debug)]
struct Answering {
    call: CallId,
    answer: KeptAnswer,
}

/// What comes of that which a service was writing when it died.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// Calls whose records are there, of which nobody was told.
    pub(crate) durable: Vec<CallId>,
    /// Calls whose answer is not there, of which both sides may have been told.
    pub(crate) unanswered: Vec<CallId>,
}

impl Store {
    /// Begins to write a record down; says whether the id is a new one.
    pub(crate) fn begin(&mut self, record: OpenRecord) -> bool {
        let is_new = self.taken.insert(record.invite.call);
        if is_new {
            self.opening.insert(record.invite.call, record);
        }
        is_new
    }

    /// A record is durable, or never will be.
    pub(crate) fn settle(&mut self, call: CallId, durable: bool) {
        if let Some(record) = self.opening.remove(&call).filter(|_| durable) {
            self.open.insert(call, (record, None));
        }
    }

    pub(crate) fn note_ringing(&mut self, call: CallId, rings_on: Vec<DeviceId>) {
        if let Some((record, _)) = self.open.get_mut(&call) {
            record.rings_on = rings_on;
        }
    }

    pub(crate) fn answer(&mut self, number: u64, call: CallId, answer: KeptAnswer) {
        self.answering.insert(number, Answering { call, answer });
    }

    pub(crate) fn is_writing_answer(&self, call: CallId) -> bool {
        self.answering.values().any(|answering| answering.call == call)
    }

    /// This answer is durable, and with it those that were asked for before.
    pub(crate) fn settle_answers(&mut self, until: u64) {
        let later = self.answering.split_off(&(until + 1));
        for Answering { call, answer } in std::mem::replace(&mut self.answering, later).into_values() {
            if let Some((_, kept)) = self.open.get_mut(&call) {
                *kept = Some(answer);
            }
        }
    }

    pub(crate) fn close(&mut self, close: &CloseRecord) {
        let Some((record, _)) = self.open.remove(&close.call) else { return };
        self.ended.push(KeptEnd {
            call: close.call,
            account: record.account,
            environment: record.environment,
            caller: (record.invite.from, record.invite.endpoint.device),
            callee: record.callee,
            answered_by: close.answered.as_ref().map(|answered| answered.device.clone()),
            declined_by: close.declined_by.clone(),
            ended_at: close.ended_at,
            reason: close.reason,
        });
    }

    /// The calls that have ended within a minute.
    pub(crate) fn ended(&self, now: u64) -> Vec<KeptEnd> {
        self.ended.iter().filter(|ended| ended.ended_at.as_millis() + 60_000 >= now).cloned().collect()
    }

    /// The service dies: some of what it was writing is there, and some is not.
    pub(crate) fn lose_what_is_under_way(&mut self, rng: &mut StdRng) -> Remains {
        let mut remains = Remains::default();
        let kept = rng.random_range(0..=self.answering.len());
        if let Some(until) = self.answering.keys().take(kept).copied().max() {
            self.settle_answers(until);
        }
        let lost = std::mem::take(&mut self.answering).into_values().map(|answering| answering.call);
        remains.unanswered = lost.filter(|call| self.open.get(call).is_some_and(|(_, answer)| answer.is_none())).collect();
        for call in self.opening.keys().copied().collect::<Vec<_>>() {
            let is_there = rng.random_bool(0.5);
            self.settle(call, is_there);
            if is_there {
                remains.durable.push(call);
            } else {
                self.taken.remove(&call);
            }
        }
        remains
    }

    /// The calls that go on.
    pub(crate) fn open(&self) -> Vec<(OpenRecord, Option<KeptAnswer>)> {
        self.open.values().cloned().collect()
    }
}
