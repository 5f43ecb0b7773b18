use signedcall_wire::ErrorCode;

/// Why a request could not be carried out: one code of R37, and what exactly happened.
///
/// A call that was placed and ends badly is no error: see [`EndReason`](crate::EndReason).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code} ({detail})")]
pub struct Error {
    /// The stable name and number; what a program acts on.
    pub code: ErrorCode,
    /// What exactly happened, in English, for logs and developers. Holds no secret and no cuid.
    pub detail: String,
}
