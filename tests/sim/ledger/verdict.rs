//! Whether what was reported, said and written down of one call fits together.

use signedcall_wire::{CallId, CallStatus, EndReason};

use super::{Part, Record};
use crate::device::{Place, place_of};
use crate::weather::Weather;
use crate::world::{Broken, name_of};

/// What the service tells the devices of one call fits together, and its record says the same.
pub(super) fn check_words(call: CallId, record: &Record) -> Result<(), Broken> {
    let Some(closed) = &record.closed else { return Ok(()) };
    for (place, told) in &record.told {
        let has_won = record.winner.is_none_or(|winner| place_of(winner) == Some(*place));
        if !fits(closed.reason, *told, has_won) {
            return Err(format!("{} is told {told:?} of {call}, whose record says {:?}", name_of(*place), closed.reason));
        }
    }
    Ok(())
}

/// What the devices of one call report fits together.
pub(super) fn check_parts(call: CallId, record: &Record, parts: &[(Place, &Part)], weather: &Weather) -> Result<(), Broken> {
    let caller = parts.iter().find(|(_, part)| part.is_caller());
    let has_won = |place| record.winner.and_then(place_of) == Some(place);
    // A device that has begun anew while it rang has rung in both runs.
    let winner = parts.iter().rfind(|(place, part)| !part.is_caller() && !part.statuses.is_empty() && has_won(*place));
    let talked = |part: &Part| part.statuses.contains(&CallStatus::InProgress);
    if record.closed.as_ref().and_then(|closed| closed.answered.as_ref()).is_some_and(|answered| answered.connected_at.is_some())
        && ![caller, winner].into_iter().flatten().all(|(_, part)| talked(part) || part.abandoned)
    {
        return Err(format!("the record of {call} says that both sides had media: {parts:?}"));
    }
    if record.lost_answer {
        check_that_it_was_answered_again(call, record, parts)?;
    }
    if weather.keeps_calls {
        check_that_it_was_kept(call, record, parts)?;
    }
    if !weather.gentle {
        return Ok(());
    }
    if weather.failed_media == 0.0 && record.told.values().any(|told| *told == EndReason::MediaSetupTooSlow) {
        return Err(format!("media of {call} does not connect: {parts:?}"));
    }
    for (place, part) in parts {
        let (reported, told) = (part.end(), record.told.get(place).copied());
        if reported.is_some() && reported != told {
            return Err(format!("{} reports {reported:?} of {call}, and was told {told:?}", name_of(*place)));
        }
    }
    // One who had left when it was transferred takes no part.
    if let (Some((_, caller)), Some((_, winner))) = (caller, winner)
        && !caller.statuses.is_empty()
        && caller.statuses.contains(&CallStatus::Answered) != winner.statuses.contains(&CallStatus::Answered)
    {
        return Err(format!("only one side of {call} reports its answer: {parts:?}"));
    }
    if let (Some((place, part)), Some(closed)) = (caller, &record.closed)
        && part.end().is_some_and(|reported| reported != closed.reason)
    {
        return Err(format!("{} reports {:?} of {call}, whose record says {:?}", name_of(*place), part.end(), closed.reason));
    }
    Ok(())
}

/// A call that outlives the service ends as its users want, and not for want of the network. A side that hangs up while the service is away cannot say so:
/// to the other, its network is gone. What was under way to set media up when the service died is lost, and such a call may end for that.
fn check_that_it_was_kept(call: CallId, record: &Record, parts: &[(Place, &Part)]) -> Result<(), Broken> {
    let is_loss = |end: EndReason| matches!(end, EndReason::LocalNetworkLoss | EndReason::RemoteNetworkLoss | EndReason::InternalError);
    let ends: Vec<EndReason> = parts.iter().filter_map(|(_, part)| part.end()).collect();
    // One side alone may have called somebody who signed out meanwhile, and could not say so.
    if !record.unwanted && ends.len() > 1 && ends.into_iter().all(is_loss) && !parts.iter().any(|(_, part)| part.abandoned) {
        return Err(format!("{call} is lost: {parts:?}"));
    }
    Ok(())
}

/// Both sides were told of an answer that died with the service: they say so to the next one, unless a program has died as well.
fn check_that_it_was_answered_again(call: CallId, record: &Record, parts: &[(Place, &Part)]) -> Result<(), Broken> {
    let heard = |of_caller| parts.iter().any(|(_, part)| part.is_caller() == of_caller && part.statuses.contains(&CallStatus::Answered));
    let is_left = parts.iter().any(|(_, part)| part.abandoned);
    if heard(true) && heard(false) && !is_left && record.closed.as_ref().is_some_and(|closed| is_of_ringing(closed.reason)) {
        return Err(format!("{call} was answered, and its record says {:?}: {parts:?}", record.closed));
    }
    Ok(())
}

/// Whether only a call that nobody has answered ends so.
fn is_of_ringing(reason: EndReason) -> bool {
    matches!(reason, EndReason::Declined | EndReason::Missed | EndReason::RingTimeout | EndReason::Cancelled)
}

/// Whether a device may be told this when the caller is told that.
fn fits(caller: EndReason, told: EndReason, may_have_won: bool) -> bool {
    if caller == told {
        return true;
    }
    match told {
        // Each side sees the other's network from its own.
        EndReason::LocalNetworkLoss => caller == EndReason::RemoteNetworkLoss,
        EndReason::RemoteNetworkLoss => caller == EndReason::LocalNetworkLoss,
        EndReason::DeclinedElsewhere => caller == EndReason::Declined,
        EndReason::AnsweredElsewhere => !may_have_won,
        // It alone is out, and the call goes on at others.
        EndReason::Busy | EndReason::MicrophoneRefused | EndReason::LoggedOut | EndReason::Missed | EndReason::ProtocolMismatch => true,
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::RingTimeout
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::InternalError
        | EndReason::MediaSetupTooSlow
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours => false,
    }
}
