//! What was promised: what each side reports of a call, what the service says of it, and what its record holds.

mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signedcall_core::{Command, Event, PushOutcome, StatusReport};
use signedcall_server::hub::CloseRecord;
use signedcall_wire::{
    CallId, CallSnapshot, CallStatus, DeviceId, Direction, EndReason, Endpoint, ErrorCode, ServiceEvent, ServiceMessage, Transferred,
};

use self::verdict::{check_parts, check_words};
use crate::device::Place;
use crate::weather::Weather;
use crate::world::{Broken, name_of};

/// How long two devices may talk on after the time of their call is over: a line waits 5 s for the service's word, and may have heard of the answer some
/// time after it was said.
const TOLD_LATE_AT_MOST: Duration = Duration::from_millis(5_000 + 1_300);

/// One run of one device.
pub(crate) type Run = (Place, u64);

/// How much has happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// How many ends of calls were reported, by reason.
    pub(crate) ends: BTreeMap<EndReason, u64>,
    /// Calls in which both sides talked.
    pub(crate) talks: u64,
    /// Calls that crossed another, and were answered in its place.
    pub(crate) crossings: u64,
    /// How often somebody was told to be held.
    pub(crate) holds: u64,
    /// How often somebody turned from one call to another.
    pub(crate) swaps: u64,
    /// How often somebody handed the other side of a call over.
    pub(crate) transfers: u64,
    /// How often somebody whom the company connects with somebody else has answered, and the other was called.
    pub(crate) connected: u64,
    pub(crate) cuts: u64,
    pub(crate) crashes: u64,
    /// Devices that rang again after their program had started anew.
    pub(crate) rung_again: u64,
    pub(crate) restarts: u64,
    /// How often the service said that it is about to stop.
    pub(crate) drains: u64,
    /// Calls that a service was started again with.
    pub(crate) outlived: u64,
    /// Pushes that came before the socket said the same.
    pub(crate) pushes_that_ring: u64,
    /// Pushes of the service whose devices ring.
    pub(crate) pushes_brought: u64,
    /// How often somebody changed whether a second call may wait.
    pub(crate) changes_of_mind: u64,
    /// Records that came later than the service waits for them.
    pub(crate) late_records: u64,
    /// Answers that both sides were told of, and that were lost with the service.
    pub(crate) lost_answers: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        for (reason, ends) in &other.ends {
            *self.ends.entry(*reason).or_default() += ends;
        }
        self.talks += other.talks;
        self.crossings += other.crossings;
        self.holds += other.holds;
        self.swaps += other.swaps;
        self.transfers += other.transfers;
        self.connected += other.connected;
        self.cuts += other.cuts;
        self.crashes += other.crashes;
        self.rung_again += other.rung_again;
        self.restarts += other.restarts;
        self.drains += other.drains;
        self.outlived += other.outlived;
        self.pushes_that_ring += other.pushes_that_ring;
        self.pushes_brought += other.pushes_brought;
        self.changes_of_mind += other.changes_of_mind;
        self.late_records += other.late_records;
        self.lost_answers += other.lost_answers;
    }
}

/// All calls.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) summary: Summary,
    parts: BTreeMap<(CallId, Run), Part>,
    /// Pushes that were handed in and not settled.
    pushes: BTreeSet<u64>,
    /// How many wishes to transfer a call wait for an answer.
    transfers: BTreeMap<(CallId, Run), u64>,
    calls: BTreeMap<CallId, Record>,
}

/// A call as one run of a device reports it.
#[derive(Debug, Default)]
struct Part {
    direction: Option<Direction>,
    statuses: Vec<CallStatus>,
    dialled: bool,
    /// It took the place of another, which the other side had transferred.
    transferred: bool,
    placed: bool,
    refused: Option<ErrorCode>,
    /// The program has died; nothing more is to be expected of it.
    abandoned: bool,
}

/// A call as the service and its store have it.
#[derive(Debug, Default)]
struct Record {
    durable: bool,
    closed: Option<CloseRecord>,
    /// What the caller was told to ring.
    ringing: BTreeSet<Endpoint>,
    winner: Option<DeviceId>,
    /// A user has asked for its end, whether or not the service has heard of it.
    unwanted: bool,
    /// The service has said that it is answered, and died before the store had that.
    lost_answer: bool,
    /// When the service first said that it is answered.
    answered_at: Option<u64>,
    /// How long it may last.
    limit: Option<Duration>,
    /// What the service has told each device of the end.
    told: BTreeMap<Place, EndReason>,
}

impl Part {
    fn is_caller(&self) -> bool {
        self.dialled || self.transferred
    }

    fn end(&self) -> Option<EndReason> {
        self.statuses.iter().find_map(|status| match status {
            CallStatus::Ended(reason) => Some(*reason),
            CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered | CallStatus::InProgress => None,
        })
    }
}

impl Ledger {
    fn part(&mut self, run: Run, call: CallId) -> &mut Part {
        self.parts.entry((call, run)).or_default()
    }

    pub(crate) fn dialled(&mut self, run: Run, call: CallId) {
        self.part(run, call).dialled = true;
    }

    pub(crate) fn placed(&mut self, run: Run, call: CallId) -> Result<(), Broken> {
        let part = self.part(run, call);
        if !part.dialled || part.refused.is_some() || !part.statuses.is_empty() || std::mem::replace(&mut part.placed, true) {
            return Err(format!("{call} is said to be placed, after {part:?}"));
        }
        Ok(())
    }

    pub(crate) fn not_placed(&mut self, run: Run, call: CallId, error: ErrorCode) -> Result<(), Broken> {
        let part = self.part(run, call);
        if !part.dialled || part.placed || !part.statuses.is_empty() || part.refused.replace(error).is_some() {
            return Err(format!("{call} is said not to be placed, after {part:?}"));
        }
        Ok(())
    }

    pub(crate) fn report(&mut self, run: Run, report: &StatusReport) -> Result<(), Broken> {
        let call = report.call;
        let part = self.part(run, call);
        part.direction = Some(report.direction);
        let in_order = match (part.statuses.last(), report.status) {
            (None, CallStatus::Placed)
            | (Some(CallStatus::Placed), CallStatus::Ringing)
            | (Some(CallStatus::Ringing), CallStatus::Answered)
            | (Some(CallStatus::Answered), CallStatus::InProgress)
            | (Some(CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered | CallStatus::InProgress), CallStatus::Ended(_)) => {
                true
            }
            (_, CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered | CallStatus::InProgress | CallStatus::Ended(_)) => false,
        };
        if !in_order {
            return Err(format!("{} reports {:?} of {call}, after {part:?}", name_of(run.0), report.status));
        }
        if report.direction == Direction::Outgoing && !part.placed && !part.transferred {
            return Err(format!("{} reports {:?} of {call}, and whoever dialled has no answer", name_of(run.0), report.status));
        }
        let is_elsewhere = matches!(report.status, CallStatus::Ended(EndReason::AnsweredElsewhere | EndReason::DeclinedElsewhere));
        if report.other_device.is_some() && !is_elsewhere {
            return Err(format!("{} reports {:?} of {call} on another device", name_of(run.0), report.status));
        }
        part.statuses.push(report.status);
        if let CallStatus::Ended(reason) = report.status {
            *self.summary.ends.entry(reason).or_default() += 1;
        }
        Ok(())
    }

    pub(crate) fn pushed(&mut self, number: u64) {
        self.pushes.insert(number);
    }

    pub(crate) fn push_handled(&mut self, number: u64, outcome: PushOutcome) -> Result<(), Broken> {
        self.summary.pushes_that_ring += u64::from(outcome == PushOutcome::Rings);
        if self.pushes.remove(&number) { Ok(()) } else { Err(format!("push {number} is settled twice")) }
    }

    /// A device's program dies with what it had begun.
    pub(crate) fn forget_push(&mut self, number: u64) {
        self.pushes.remove(&number);
    }

    pub(crate) fn transfer(&mut self, run: Run, call: CallId) {
        *self.transfers.entry((call, run)).or_default() += 1;
    }

    pub(crate) fn transfer_is_settled(&mut self, run: Run, call: CallId, is_done: bool) -> Result<(), Broken> {
        self.summary.transfers += u64::from(is_done);
        let waiting = self.transfers.entry((call, run)).or_default();
        *waiting = waiting.checked_sub(1).ok_or_else(|| format!("{} is told twice of a transfer of {call}", name_of(run.0)))?;
        Ok(())
    }

    /// The service has put one call in the place of another.
    pub(crate) fn transferred(&mut self, transferred: &Transferred, place: Place) -> Result<(), Broken> {
        let old = self.calls.entry(transferred.instead_of).or_default();
        let talked = old.closed.as_ref().and_then(|closed| Some(closed.ended_at.since(closed.answered.as_ref()?.at)));
        let left = old.limit.zip(talked).map(|(limit, talked)| limit.saturating_sub(talked));
        self.calls.entry(transferred.call).or_default().limit = left;
        self.told(transferred.instead_of, place, EndReason::Transferred)
    }

    /// A line that hears the service's last word, and reports an end then, reports that.
    pub(crate) fn heard(&mut self, run: Run, event: &Event, commands: &[Command]) -> Result<(), Broken> {
        for transferred in transfers_in(event) {
            self.part(run, transferred.call).transferred = true;
        }
        let Event::Received(ServiceMessage::Event { event: ServiceEvent::Ended { call, reason, .. }, .. }) = event else { return Ok(()) };
        for command in commands {
            if let Command::Report(StatusReport { call: reported, status: CallStatus::Ended(other), .. }) = command
                && reported == call
                && other != reason
            {
                return Err(format!("{} hears that {call} ended with {reason:?}, and reports {other:?}", name_of(run.0)));
            }
        }
        Ok(())
    }

    pub(crate) fn abandon(&mut self, run: Run) {
        self.parts.iter_mut().filter(|((_, of), _)| *of == run).for_each(|(_, part)| part.abandoned = true);
        self.transfers.retain(|(_, of), _| *of != run);
    }

    pub(crate) fn opened(call: CallId, is_new: bool) -> Result<(), Broken> {
        if is_new { Ok(()) } else { Err(format!("the record of {call} is opened twice")) }
    }

    pub(crate) fn durable(&mut self, call: CallId) {
        self.calls.entry(call).or_default().durable = true;
    }

    pub(crate) fn closed(&mut self, close: CloseRecord) -> Result<(), Broken> {
        let call = close.call;
        let record = self.calls.entry(call).or_default();
        if !record.durable {
            return Err(format!("the record of {call} is closed, but is not open: {record:?}"));
        }
        if let (Some(limit), Some(answered)) = (record.limit, &close.answered)
            && close.ended_at.since(answered.at) > limit
        {
            return Err(format!("{call} has outlived its limit of {limit:?}: {close:?}"));
        }
        // Nobody has heard of it when both were cut off.
        if record.winner.is_some() && close.answered.as_ref().map(|answered| answered.device.id) != record.winner {
            return Err(format!("the record of {call} says {:?}, and {:?} was told to have won", close.answered, record.winner));
        }
        match record.closed.replace(close) {
            None => Ok(()),
            Some(_) => Err(format!("the record of {call} is closed twice")),
        }
    }

    pub(crate) fn is_unwanted(&mut self, call: CallId) {
        self.calls.entry(call).or_default().unwanted = true;
    }

    /// The service is started again, and does not know what it has told one device alone of a call that goes on.
    pub(crate) fn forget_words(&mut self) {
        self.calls.values_mut().filter(|record| record.closed.is_none()).for_each(|record| record.told.clear());
    }

    /// The service has died before the store had the answer to a call: it rings again, if anybody was told otherwise.
    pub(crate) fn lost_answer(&mut self, call: CallId) {
        let record = self.calls.entry(call).or_default();
        if record.winner.take().is_some() {
            record.answered_at = None;
            record.lost_answer = true;
            self.summary.lost_answers += 1;
        }
    }

    pub(crate) fn rings(&mut self, call: CallId, by: Endpoint) {
        let ringing = &mut self.calls.entry(call).or_default().ringing;
        let again = ringing.iter().any(|rang| rang.device == by.device);
        self.summary.rung_again += u64::from(ringing.insert(by) && again);
    }

    pub(crate) fn limited(&mut self, call: CallId, limit: Duration) {
        self.calls.entry(call).or_default().limit = Some(limit);
    }

    /// Two devices talk with each other: not for longer than they may, and the time for a line to notice when it does not hear from the service.
    pub(crate) fn talks_on(&self, call: CallId, now: u64) -> Result<(), Broken> {
        let Some(Record { limit: Some(limit), answered_at: Some(answered_at), .. }) = self.calls.get(&call) else { return Ok(()) };
        let over = Duration::from_millis(now - answered_at).checked_sub(*limit);
        match over {
            Some(over) if over > TOLD_LATE_AT_MOST => Err(format!("{call} goes on for {over:?} after its time is over")),
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn won(&mut self, call: CallId, device: DeviceId, now: u64) -> Result<(), Broken> {
        let record = self.calls.entry(call).or_default();
        record.answered_at.get_or_insert(now);
        match record.winner.replace(device) {
            Some(other) if other != device => Err(format!("{call} is given to {other} and to {device}")),
            Some(_) | None => Ok(()),
        }
    }

    /// Another device of the same user is told that this one has answered.
    pub(crate) fn has_answered(&self, call: CallId, device: DeviceId) -> Result<(), Broken> {
        match self.calls.get(&call).and_then(|record| record.winner) {
            Some(winner) if winner != device => Err(format!("{call} is said to be answered by {device}, and was given to {winner}")),
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn told(&mut self, call: CallId, place: Place, reason: EndReason) -> Result<(), Broken> {
        match self.calls.entry(call).or_default().told.insert(place, reason) {
            Some(other) if other != reason => Err(format!("{} is told {other:?} and {reason:?} of {call}", name_of(place))),
            Some(_) | None => Ok(()),
        }
    }

    /// All is quiet.
    pub(crate) fn finish(&mut self, weather: &Weather) -> Result<Summary, Broken> {
        for ((call, (place, _)), part) in self.parts.iter().filter(|(_, part)| !part.abandoned) {
            let name = name_of(*place);
            if !part.statuses.is_empty() && part.end().is_none() {
                return Err(format!("{name} never reports how {call} ended: {part:?}"));
            }
            if part.dialled && !part.placed && part.refused.is_none() {
                return Err(format!("{name} never says whether {call} is placed"));
            }
        }
        if let Some(number) = self.pushes.first() {
            return Err(format!("nobody says what has become of push {number}"));
        }
        if let Some(((call, (place, _)), _)) = self.transfers.iter().find(|(_, waiting)| **waiting > 0) {
            return Err(format!("{} never says whether {call} is transferred", name_of(*place)));
        }
        for (call, record) in &self.calls {
            if record.durable && record.closed.is_none() {
                return Err(format!("the record of {call} is left open"));
            }
            let parts: Vec<(Place, &Part)> =
                self.parts.range((*call, (0, 0))..=(*call, (Place::MAX, u64::MAX))).map(|((_, (place, _)), part)| (*place, part)).collect();
            check_words(*call, record)?;
            check_parts(*call, record, &parts, weather)?;
            let talked = parts.iter().filter(|(_, part)| part.statuses.contains(&CallStatus::InProgress)).count();
            self.summary.talks += u64::from(talked >= 2);
        }
        Ok(self.summary.clone())
    }
}

/// The transfers that a device learns of: as it is told, or in a new session.
fn transfers_in(event: &Event) -> Vec<&Transferred> {
    if let Event::Received(ServiceMessage::Event { event: ServiceEvent::Transferred(transferred), .. }) = event {
        return vec![transferred];
    }
    let Event::Received(ServiceMessage::Welcome(welcome)) = event else { return vec![] };
    let callers = welcome.calls.iter().filter_map(|call| match call {
        CallSnapshot::Caller { transferred, .. } => transferred.as_ref(),
        CallSnapshot::Callee { .. } | CallSnapshot::Unknown => None,
    });
    callers.collect()
}
