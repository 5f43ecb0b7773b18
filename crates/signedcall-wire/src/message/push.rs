use serde::{Deserialize, Serialize};

use crate::{CallId, Cuid, Environment, Redacted};

/// The most bytes of what a device says of where its pushes go, member by member: browsers' endpoints have under 600.
pub const MAX_PUSH_MEMBER_BYTES: usize = 2 * 1024;

/// What a push carries, encrypted (R25): that there is a call. Who calls, and why, is told on the socket that the push opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushPayload {
    /// The call.
    pub call: CallId,
    /// Who is called: somebody else may have signed in on the device since.
    pub to: Cuid,
    /// When it stops ringing, in milliseconds since 1970. A push that arrives later rings nobody.
    pub expires_at_ms: u64,
}

/// Where the pushes of a device go, and what they are encrypted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTarget {
    /// Who brings them.
    #[serde(flatten)]
    pub by: PushService,
    /// The device's public key on P-256, uncompressed, in base64url (RFC 8291).
    pub p256dh: String,
    /// What it has made the pushes' key from besides: 16 bytes, in base64url (RFC 8291).
    pub auth: Redacted<String>,
}

/// Who brings pushes to a device. Whoever knows where may send some, so neither address is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum PushService {
    /// A service of the device's own choice that takes Web Push (RFC 8030), such as a UnifiedPush distributor's.
    WebPush {
        /// Its URL for this device.
        endpoint: Redacted<String>,
    },
    /// Apple's, as VoIP pushes.
    Apns {
        /// The device's token, in hexadecimal digits.
        token: Redacted<String>,
        /// The bundle id of the app, with `.voip` behind it.
        topic: String,
        /// Which of Apple's hosts knows the token: an app that was not installed from the store has one for development.
        environment: Environment,
    },
    /// One of a newer device.
    #[serde(other)]
    Unknown,
}

impl PushTarget {
    /// Whether all of it is short enough to be kept.
    pub fn is_bounded(&self) -> bool {
        let address = match &self.by {
            PushService::WebPush { endpoint } => endpoint.expose().len(),
            PushService::Apns { token, topic, environment: _ } => token.expose().len().max(topic.len()),
            PushService::Unknown => 0,
        };
        address.max(self.p256dh.len()).max(self.auth.expose().len()) <= MAX_PUSH_MEMBER_BYTES
    }
}
