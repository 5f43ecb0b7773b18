use signedcall_wire::ErrorCode;

/// Why a request could not be carried out: one code of R37, and what exactly happened.
///
/// A call that was placed and ends badly is no error: see [`EndReason`](crate::EndReason).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({detail})")]
pub struct Error {
    /// The stable name and number; what a program acts on.
    pub code: ErrorCode,
    /// What exactly happened, in English, for logs and developers. Holds no secret and no cuid.
    pub detail: String,
}

impl Error {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// Nobody is signed in, or not any more.
    pub(crate) fn signed_out() -> Self {
        Self::new(ErrorCode::NotInitialized, "signed out, or refused by the service")
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }
}
