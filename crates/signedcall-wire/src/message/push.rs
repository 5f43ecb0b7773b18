use serde::{Deserialize, Serialize};

use crate::{CallId, Cuid};

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
