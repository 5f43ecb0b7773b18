//! Calls that two devices of one user answer at once, while nodes come and go: one of them wins.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use signedcall_wire::{CallId, EndReason, Environment, Request};

use super::guest::{Guest, Key};
use super::nodes::Ways;
use super::{Bench, hang_up};

/// Who calls, and the two devices of the user who is called.
pub(super) struct Contest {
    caller: Guest,
    devices: [Guest; 2],
}

impl Contest {
    pub(super) async fn begin(ways: Ways, account: &(String, Key), number: usize) -> Result<Self> {
        let sign_in = |cuid: String| Guest::sign_in(ways.clone(), account, Environment::Development, cuid);
        let caller = sign_in(format!("contest_caller_{number}")).await?;
        let callee = format!("contest_callee_{number}");
        let devices = [sign_in(callee.clone()).await?, sign_in(callee).await?];
        Ok(Self { caller, devices })
    }

    pub(super) fn guests(&self) -> impl Iterator<Item = &Guest> {
        [&self.caller].into_iter().chain(&self.devices)
    }

    async fn ring(&self) -> Result<CallId> {
        let call = self.caller.call(self.devices[0].cuid()).await?;
        for device in &self.devices {
            device.until("the invitation", |seen| seen.knows(call)).await?;
        }
        Ok(call)
    }

    /// Makes sure that all three have been told of the same winner, and ends the call.
    async fn finish(&self, call: CallId) -> Result<()> {
        let winner = self.caller.until("the answer", |seen| seen.winner(call)).await?;
        let (won, lost): (Vec<_>, Vec<_>) = self.devices.iter().partition(|device| device.device() == winner);
        let ([won], [lost]) = (won.as_slice(), lost.as_slice()) else { anyhow::bail!("{call} was answered by somebody else") };
        let told = won.until("the answer", |seen| seen.winner(call)).await?;
        ensure!(told == winner, "two devices have won {call}");
        let reason = lost.until("the end", |seen| seen.end_of(call)).await?;
        ensure!(reason == EndReason::AnsweredElsewhere, "{call} has ended for {reason:?} where it was not answered");
        hang_up(&self.caller, won, call).await
    }
}

impl Bench<'_> {
    pub(super) async fn ring_contests(&self) -> Result<Vec<CallId>> {
        try_join_all(self.contests.iter().map(Contest::ring)).await
    }

    pub(super) fn answer_contests(&self, rung: &[CallId]) {
        for (contest, call) in self.contests.iter().zip(rung) {
            for device in &contest.devices {
                device.ask(Request::Accept { call: *call });
            }
        }
    }

    pub(super) async fn finish_contests(&mut self, rung: Vec<CallId>) -> Result<()> {
        try_join_all(self.contests.iter().zip(&rung).map(|(contest, call)| contest.finish(*call))).await?;
        self.figures.add("calls_answered_twice_at_once", "1", rung.len() as f64);
        self.placed.extend(rung.iter().map(CallId::to_string));
        Ok(())
    }
}
