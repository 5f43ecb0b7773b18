//! What a receipt says.

use std::fmt;

use serde::{Deserialize, Serialize};
use signedcall_wire::{EndReason, VoiceReport};

use crate::store::CallFacts;

/// The form of receipts. Another one has another number.
const VERSION: u32 = 1;

/// What a receipt says of a call. Its fields are in the order of their names, all numbers are whole, and what is not known is left out: so there is one text for
/// it (RFC 8785), and whoever asks for the same receipt twice gets the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<String>,
    /// `company`, where its backend has asked for the call and not the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<String>,
    call: String,
    callee: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee_quality: Option<Quality>,
    caller: String,
    caller_device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_quality: Option<Quality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_at_ms: Option<i64>,
    context: String,
    /// From the answer to the end.
    duration_ms: i64,
    end_reason: Reason,
    ended_at_ms: i64,
    environment: String,
    /// The call that this one was to lead to: the caller has not called, and was to be called then.
    #[serde(skip_serializing_if = "Option::is_none")]
    leads_to: Option<String>,
    placed_at_ms: i64,
    version: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    name: String,
    number: u8,
}

/// How a side's device says that the call sounded: what a person may want to know of a [`VoiceReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quality {
    lost_per_mille: u16,
    made_up_per_mille: u16,
    /// In hundredths.
    mos: u16,
    seconds: u32,
    worst_mos: u16,
}

impl From<VoiceReport> for Quality {
    fn from(report: VoiceReport) -> Self {
        let VoiceReport { lost_per_mille, made_up_per_mille, mos, seconds, worst_mos, .. } = report;
        Self { lost_per_mille, made_up_per_mille, mos, seconds, worst_mos }
    }
}

impl Receipt {
    /// What there is to say of a call; `None` while it goes on.
    pub(super) fn of(call: CallFacts) -> Option<Self> {
        let (reason, ended_at_ms) = (EndReason::ALL.get(usize::from(call.end_reason?))?, call.ended_at_ms?);
        Some(Self {
            account: call.account,
            answered_at_ms: call.answered_at_ms,
            answered_by: call.answered_by,
            asked_by: call.by_company.then(|| "company".to_owned()),
            call: call.call,
            callee: call.callee,
            callee_quality: call.callee_report.map(Quality::from),
            caller: call.caller,
            caller_device: call.caller_device,
            caller_quality: call.caller_report.map(Quality::from),
            connected_at_ms: call.connected_at_ms,
            context: call.context,
            duration_ms: call.answered_at_ms.map_or(0, |at| ended_at_ms.saturating_sub(at).max(0)),
            end_reason: Reason { name: reason.name().to_owned(), number: reason.number() },
            ended_at_ms,
            environment: call.environment,
            leads_to: call.leads_to,
            placed_at_ms: call.placed_at_ms,
            version: VERSION,
        })
    }

    /// Reads what a receipt of this form says.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok().filter(|receipt: &Self| receipt.version == VERSION)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("the names of its fields are texts")
    }
}

/// In words, a line for each thing that is said.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "call       {}", self.call)?;
        writeln!(f, "account    {}, {}", self.account, self.environment)?;
        match &self.leads_to {
            Some(next) => writeln!(f, "from       the company, to connect with {} by call {next}", self.caller)?,
            None => writeln!(f, "from       {} (device {})", self.caller, self.caller_device)?,
        }
        match &self.answered_by {
            Some(device) => writeln!(f, "to         {} (answered on device {device})", self.callee)?,
            None => writeln!(f, "to         {}", self.callee)?,
        }
        if let (Some(company), None) = (&self.asked_by, &self.leads_to) {
            writeln!(f, "asked by   the {company}")?;
        }
        writeln!(f, "about      {}", self.context)?;
        writeln!(f, "placed     {}", moment(self.placed_at_ms))?;
        match self.answered_at_ms {
            Some(at) => writeln!(f, "answered   {}", moment(at))?,
            None => writeln!(f, "answered   never")?,
        }
        writeln!(f, "ended      {}, {} ({})", moment(self.ended_at_ms), self.end_reason.name, self.end_reason.number)?;
        writeln!(f, "talked     {}.{:03} s", self.duration_ms / 1_000, self.duration_ms % 1_000)?;
        for (side, quality) in [("caller", &self.caller_quality), ("callee", &self.callee_quality)] {
            if let Some(Quality { lost_per_mille, mos, worst_mos, .. }) = quality {
                let (mos, worst) = (mark(*mos), mark(*worst_mos));
                writeln!(f, "{side} has heard {mos} of 4.50, at worst {worst}, with {lost_per_mille} of 1000 packets lost")?;
            }
        }
        Ok(())
    }
}

fn mark(hundredths: u16) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A moment in UTC, in the form of RFC 3339.
fn moment(unix_millis: i64) -> String {
    let (days, of_day) = (unix_millis.div_euclid(86_400_000), unix_millis.rem_euclid(86_400_000));
    // By eras of four hundred years that begin with March, so that a leap day is a year's last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of_day % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_795_000_009_123, "2026-11-18T11:06:49.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(moment(millis), text);
        }
    }
}
