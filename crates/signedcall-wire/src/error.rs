use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$attribute:meta])* $variant:ident $name:literal $number:literal $message:literal $remedy:literal)*) => {
        /// Every way in which a request can be refused (R37), with a stable name and number.
        ///
        /// A call that was placed and ends badly is no error but an [`EndReason`](crate::EndReason). On the wire a code is its name; a name from a
        /// newer peer is read as [`ErrorCode::ServerFailure`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(#[doc = $message] $(#[$attribute])* #[serde(rename = $name)] $variant,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of R37, `ERR_…`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number of R37. Once shipped it is never reused.
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// What is wrong, in one English sentence.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// What to do about it, in one English sentence.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

error_codes! {
    NetworkNotAvailable "ERR_NETWORK_NOT_AVAILABLE" 1000
        "The service cannot be reached." "Check the network connection and the service URL."
    CallContextInvalid "ERR_CALL_CONTEXT_INVALID" 2000
        "The reason for the call is not valid." "Use 1 to 64 letters, digits and single spaces."
    ClevertapInstanceRequired "ERR_CLEVERTAP_INSTANCE_REQUIRED" 2001
        "No analytics sink was given." "Pass an analytics sink when initialising."
    ClevertapUrlNotAvailable "ERR_CLEVERTAP_URL_NOT_AVAILABLE" 2002
        "The analytics sink has no region or base URL." "Give the sink its region or base URL."
    NotInitialized "ERR_SIGNEDCALLSDK_NOT_INITIALIZED" 2003
        "Nobody is signed in." "Sign in first."
    AccountIdRequired "ERR_ACCOUNTID_REQUIRED" 2004
        "The account id is missing." "Enter the account id that the service's operator gave you."
    ApiKeyRequired "ERR_APIKEY_REQUIRED" 2005
        "The api key or user token is missing, or is not the account's." "Check the account id, and enter its api key or have a new token made for this user."
    CuidMissing "ERR_CUID_MISSING" 2006
        "The user id (cuid) is missing." "Enter a user id."
    InvalidLengthCuid "ERR_INVALID_LENGTH_CUID" 2007
        "The user id (cuid) is too short or too long." "Use 5 to 50 characters."
    InvalidCuid "ERR_INVALID_CUID" 2008
        "The user id (cuid) is not valid." "Use letters a to z, digits and underscores, beginning with a letter or digit, and not a telephone number."
    InvalidNameLength "ERR_INVALID_NAME_LENGTH" 2009
        "The display name is too long." "Use at most 50 characters."
    ProductionFieldRequired "ERR_PRODUCTION_FIELD_REQUIRED" 2011
        "The environment is missing, or is not the one that the credentials belong to." "Choose the environment that the api key was made for."
    ContactRegistrationFailed "ERR_CONTACT_REGISTRATION_FAILED" 2012
        "The service did not register this user." "Ask the account's operator whether this user is blocked, and check the name."
    VoipServiceFailedToRegister "ERR_VOIP_SERVICE_FAILED_TO_REGISTER" 2013
        "The calling service did not start." "Restart the app; if it happens again, look into its log."
    MicrophonePermissionNotGranted "ERR_MICROPHONE_PERMISSION_NOT_GRANTED" 5001
        "There is no microphone, or its use is refused." "Connect a microphone, or allow its use in the system's settings."
    ContactNotReachable "ERR_CONTACT_NOT_REACHABLE" 5002
        "The other side cannot be reached." "They are not signed in anywhere; try again later."
    CanNotCallSelf "ERR_CAN_NOT_CALL_SELF" 5003
        "One cannot call oneself." "Enter somebody else's user id."
    CuidAlreadyConnectedElsewhere "ERR_CUID_ALREADY_CONNECTED_ELSEWHERE" 5004
        "This user is signed in on another device." "Sign out there first."
    FailureInMakeCall "ERR_FAILURE_IN_MAKE_CALL" 5005
        "The call could not be placed." "Try again."
    FeatureNotAvailable "ERR_FEATURE_NOT_AVAILABLE" 5006
        "The service does not offer this." "Ask the operator of the service."
    StopRetry "ERR_STOP_RETRY" 5007
        "This was asked for too often in a short time." "Wait a minute before trying again."
    NetworkLatency "ERR_NETWORK_LATENCY" 5008
        "The network is not good enough for a call." "Try again on a better network."
    OngoingCall "ERR_ONGOING_CALL" 5009
        "There is a call already." "End it first."
    SignallingSocketConnection "ERR_SIGNALLING_SOCKET_CONNECTION" 5012
        "The connection for calls is closed." "Sign in again."
    #[serde(other)]
    ServerFailure "ERR_SERVER_FAILURE" 1001
        "The service failed to carry out the request." "Try again; if it happens again, tell the operator of the service."
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {} {}", self.name(), self.number(), self.message(), self.remedy())
    }
}

impl std::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_numbers_are_unique() {
        let names: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        let numbers: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!((names.len(), numbers.len()), (ErrorCode::ALL.len(), ErrorCode::ALL.len()));
    }

    #[test]
    fn a_code_travels_as_its_name() {
        for code in ErrorCode::ALL {
            let text = serde_json::to_string(code).expect("a unit variant serialises");
            assert_eq!(text, format!("{:?}", code.name()));
            assert_eq!(serde_json::from_str::<ErrorCode>(&text).expect("its own name"), *code);
        }
    }

    #[test]
    fn a_code_of_a_newer_service_is_a_server_failure() {
        assert_eq!(serde_json::from_str::<ErrorCode>("\"ERR_OF_THE_FUTURE\"").expect("a text"), ErrorCode::ServerFailure);
    }
}
