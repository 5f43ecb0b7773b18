use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One call, from the first invite to its record. Chosen by the caller's device, so that repeating a request cannot place a second call.
    CallId
}
id! {
    /// One installation of the app or SDK. A `cuid` may be signed in on several.
    DeviceId
}
id! {
    /// One run of the program on a device, chosen at random when it begins. Sockets and sessions of a run come and go; its media ends with it.
    RunId
}
id! {
    /// One request of a client. The service keeps (session, request) → answer, so repeating a request is safe.
    RequestId
}
id! {
    /// One sign-in of a device. It outlives the socket it began on.
    SessionId
}

/// Where media of a call leads to. A device whose program has started again is another endpoint: what was prepared towards the last run leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The installation.
    pub device: DeviceId,
    /// The run of its program.
    pub run: RunId,
}

/// The company that a user belongs to, as given by the service's operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
