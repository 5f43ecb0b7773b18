//! What has been handed in to be written, and is kept until it is: also while nothing can be.

use std::collections::{BTreeMap, VecDeque};

use signedcall_wire::{CallId, DeviceId};

use super::records::{Answering, Closing, Opening};
use crate::hub::KeptReport;

/// The most reports of how calls sounded that wait: those of a few minutes. Whatever else waits is bounded by the calls that there are.
const MOST_REPORTS: usize = 1024;

/// Everything but the beginnings of calls: a call that cannot be written down is refused, and not kept. Only where nobody knows whether it is written down it
/// has to be looked for, so that it does not stay open.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    answers: BTreeMap<CallId, Answering>,
    /// Where calls ring that have come to ring on more devices.
    ringing: BTreeMap<CallId, Vec<DeviceId>>,
    closings: Vec<Closing>,
    refused: Vec<Opening>,
    reports: VecDeque<Box<KeptReport>>,
}

impl Backlog {
    /// Each says everything of a call that goes on, so that the last one is enough.
    pub(super) fn answer(&mut self, answering: Answering) {
        self.answers.insert(answering.call, answering);
    }

    /// Each says all devices.
    pub(super) fn note_ringing(&mut self, call: CallId, rings_on: Vec<DeviceId>) {
        self.ringing.insert(call, rings_on);
    }

    /// An end says everything that there was to say before.
    pub(super) fn close(&mut self, closing: Closing) {
        self.answers.remove(&closing.record.call);
        self.ringing.remove(&closing.record.call);
        self.closings.push(closing);
    }

    pub(super) fn refuse(&mut self, openings: impl IntoIterator<Item = Box<Opening>>) {
        self.refused.extend(openings.into_iter().map(|opening| *opening));
    }

    pub(super) fn keep_report(&mut self, kept: Box<KeptReport>) {
        if self.reports.len() == MOST_REPORTS {
            self.reports.pop_front();
        }
        self.reports.push_back(kept);
    }

    pub(super) fn answers(&self) -> impl Iterator<Item = &Answering> {
        self.answers.values()
    }

    pub(super) fn ringing(&self) -> impl Iterator<Item = (CallId, &[DeviceId])> {
        self.ringing.iter().map(|(call, rings_on)| (*call, rings_on.as_slice()))
    }

    pub(super) fn closings(&self) -> impl Iterator<Item = &Closing> {
        self.closings.iter()
    }

    pub(super) fn refused(&self) -> impl Iterator<Item = &Opening> {
        self.refused.iter()
    }

    pub(super) fn reports(&self) -> impl Iterator<Item = &KeptReport> {
        self.reports.iter().map(|kept| &**kept)
    }

    pub(super) fn len(&self) -> usize {
        self.answers.len() + self.ringing.len() + self.closings.len() + self.refused.len() + self.reports.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
