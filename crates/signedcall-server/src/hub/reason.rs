//! What is told of a call to each side, when a device gives a reason to leave it.

use signedcall_wire::EndReason;

/// Whether a reason to decline says something of one device only, so that the user's others go on ringing.
pub(super) const fn concerns_one_device(reason: EndReason) -> bool {
    match reason {
        EndReason::Busy
        | EndReason::MicrophoneRefused
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::ProtocolMismatch
        | EndReason::LoggedOut
        | EndReason::InternalError => true,
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::LocalNetworkLoss
        | EndReason::RemoteNetworkLoss
        | EndReason::MediaSetupTooSlow
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours => false,
    }
}

/// What the caller who ends a call that rings is told, and the other side.
///
/// A reason that belongs to an answered call is of one who was told that it is, by a service that has died since.
pub(super) const fn reasons_before_answer(reason: EndReason) -> (EndReason, EndReason) {
    match reason {
        EndReason::HungUp
        | EndReason::ProtocolMismatch
        | EndReason::MediaSetupTooSlow
        | EndReason::RemoteNetworkLoss
        | EndReason::MaxDuration => reasons_after_answer(reason),
        EndReason::Unknown
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::Busy
        | EndReason::MicrophoneRefused
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::LoggedOut
        | EndReason::InternalError
        | EndReason::LocalNetworkLoss
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::Transferred
        | EndReason::QuietHours => (EndReason::Cancelled, EndReason::Cancelled),
    }
}

/// What the side that ends an answered call is told, and the other.
///
/// A reason that belongs to an unanswered call has crossed the answer on the wire: to both, somebody hung up. That the time is over, or the
/// other side transferred, is for the hub to say.
pub(super) const fn reasons_after_answer(reason: EndReason) -> (EndReason, EndReason) {
    match reason {
        EndReason::LocalNetworkLoss => (EndReason::LocalNetworkLoss, EndReason::RemoteNetworkLoss),
        EndReason::RemoteNetworkLoss => (EndReason::RemoteNetworkLoss, EndReason::LocalNetworkLoss),
        EndReason::MicrophoneRefused | EndReason::InternalError | EndReason::ProtocolMismatch | EndReason::MediaSetupTooSlow => {
            (reason, reason)
        }
        EndReason::Unknown
        | EndReason::HungUp
        | EndReason::Cancelled
        | EndReason::Declined
        | EndReason::Missed
        | EndReason::RingTimeout
        | EndReason::Busy
        | EndReason::LoggedOut
        | EndReason::NotificationsDisabled
        | EndReason::PoorNetwork
        | EndReason::AnsweredElsewhere
        | EndReason::DeclinedElsewhere
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::QuietHours => (EndReason::HungUp, EndReason::HungUp),
    }
}
