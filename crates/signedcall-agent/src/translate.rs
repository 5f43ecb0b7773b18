//! The SDK's words as the views have them.

use crate::controller::name_of;
use crate::view::{AnswerHow, Direction, EndReason, Holding, LineNotice, MicrophoneNote, Problem, ProblemCode, Quality};

impl From<signedcall::Error> for Problem {
    fn from(error: signedcall::Error) -> Self {
        Self::new(error.code.into(), error.detail)
    }
}

impl From<signedcall::InvalidTone> for Problem {
    fn from(invalid: signedcall::InvalidTone) -> Self {
        Self::new(ProblemCode::InvalidToneFile, invalid.to_string()).about(name_of(&invalid.file))
    }
}

impl From<signedcall::ErrorCode> for ProblemCode {
    fn from(code: signedcall::ErrorCode) -> Self {
        use signedcall::ErrorCode as Code;

        match code {
            Code::NetworkNotAvailable => Self::NetworkNotAvailable,
            Code::NetworkLatency => Self::NetworkLatency,
            Code::CallContextInvalid => Self::CallContextInvalid,
            Code::NotInitialized => Self::NotInitialized,
            Code::AccountIdRequired => Self::AccountIdRequired,
            Code::ApiKeyRequired => Self::ApiKeyRequired,
            Code::CuidMissing => Self::CuidMissing,
            Code::InvalidLengthCuid => Self::InvalidLengthCuid,
            Code::InvalidCuid => Self::InvalidCuid,
            Code::InvalidNameLength => Self::InvalidNameLength,
            Code::ProductionFieldRequired => Self::ProductionFieldRequired,
            Code::ContactRegistrationFailed => Self::ContactRegistrationFailed,
            // What starts with the line and can be refused are the user's tones.
            Code::VoipServiceFailedToRegister => Self::InvalidToneFile,
            Code::MicrophonePermissionNotGranted => Self::MicrophonePermissionNotGranted,
            Code::ContactNotReachable => Self::ContactNotReachable,
            Code::CanNotCallSelf => Self::CanNotCallSelf,
            Code::CuidAlreadyConnectedElsewhere => Self::CuidAlreadyConnectedElsewhere,
            Code::FailureInMakeCall => Self::FailureInMakeCall,
            Code::FeatureNotAvailable => Self::FeatureNotAvailable,
            Code::OngoingCall => Self::OngoingCall,
            Code::SignallingSocketConnection => Self::SignallingSocketConnection,
            Code::StopRetry => Self::CallingTooOften,
            Code::ClevertapInstanceRequired | Code::ClevertapUrlNotAvailable | Code::ServerFailure => Self::ServerFailure,
        }
    }
}

impl From<signedcall::EndReason> for EndReason {
    fn from(reason: signedcall::EndReason) -> Self {
        use signedcall::EndReason as Reason;

        match reason {
            // A newer service may end a call for a reason without words here: it is over.
            Reason::HungUp | Reason::Unknown => Self::HungUp,
            Reason::Cancelled => Self::Cancelled,
            Reason::Declined => Self::Declined,
            Reason::Missed => Self::Missed,
            Reason::RingTimeout => Self::RingTimeout,
            Reason::Busy => Self::Busy,
            Reason::LoggedOut => Self::LoggedOut,
            Reason::NotificationsDisabled => Self::NotificationsDisabled,
            Reason::MicrophoneRefused => Self::MicrophoneRefused,
            Reason::InternalError => Self::InternalError,
            Reason::LocalNetworkLoss => Self::LocalNetworkLoss,
            Reason::RemoteNetworkLoss => Self::RemoteNetworkLoss,
            Reason::ProtocolMismatch => Self::ProtocolMismatch,
            Reason::MediaSetupTooSlow => Self::MediaSetupTooSlow,
            Reason::AnsweredElsewhere => Self::AnsweredElsewhere,
            Reason::DeclinedElsewhere => Self::DeclinedElsewhere,
            Reason::MaxDuration => Self::MaxDuration,
            Reason::Transferred => Self::Transferred,
            Reason::PoorNetwork => Self::PoorNetwork,
            Reason::QuietHours => Self::QuietHours,
        }
    }
}

impl From<signedcall::Direction> for Direction {
    fn from(direction: signedcall::Direction) -> Self {
        match direction {
            signedcall::Direction::Incoming => Self::Incoming,
            signedcall::Direction::Outgoing => Self::Outgoing,
        }
    }
}

impl From<signedcall::Holding> for Holding {
    fn from(holding: signedcall::Holding) -> Self {
        match holding {
            signedcall::Holding::Nobody => Self::Nobody,
            signedcall::Holding::ThisSide => Self::ThisSide,
            signedcall::Holding::OtherSide => Self::OtherSide,
            signedcall::Holding::Both => Self::Both,
        }
    }
}

impl From<AnswerHow> for signedcall::AnswerHow {
    fn from(how: AnswerHow) -> Self {
        match how {
            AnswerHow::HoldCurrent => Self::HoldCurrent,
            AnswerHow::EndCurrent => Self::EndCurrent,
        }
    }
}

impl From<signedcall::Quality> for Quality {
    fn from(quality: signedcall::Quality) -> Self {
        match quality {
            signedcall::Quality::Poor => Self::Poor,
            signedcall::Quality::Weak => Self::Weak,
            signedcall::Quality::Good => Self::Good,
        }
    }
}

impl From<signedcall::LineNotice> for LineNotice {
    fn from(notice: signedcall::LineNotice) -> Self {
        match notice {
            signedcall::LineNotice::LosingPackets => Self::LosingPackets,
            signedcall::LineNotice::NotAllIsHeard => Self::NotAllIsHeard,
            signedcall::LineNotice::Late => Self::Late,
            signedcall::LineNotice::Unsteady => Self::Unsteady,
        }
    }
}

impl From<signedcall::MicrophoneNote> for MicrophoneNote {
    fn from(note: signedcall::MicrophoneNote) -> Self {
        match note {
            signedcall::MicrophoneNote::TalkingWhileMuted => Self::TalkingWhileMuted,
            signedcall::MicrophoneNote::Silent => Self::Silent,
            signedcall::MicrophoneNote::Clipping => Self::Clipping,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_calls_too_often_is_not_told_that_the_service_has_failed() {
        assert_eq!(ProblemCode::from(signedcall::ErrorCode::StopRetry), ProblemCode::CallingTooOften);
        assert_eq!(ProblemCode::from(signedcall::ErrorCode::ServerFailure), ProblemCode::ServerFailure);
    }
}
