//! How a socket ends.

use axum::extract::ws::close_code;
use tokio_tungstenite::tungstenite;

/// Why a socket's task ends.
pub(super) enum End {
    /// The socket failed, or the device closed it.
    Lost,
    /// We close it, and say why.
    Close(u16, &'static str),
}

/// What a socket ends with that cannot be read from any more: whoever broke a rule is told which.
pub(super) fn end_after(error: axum::Error) -> End {
    let Ok(error) = error.into_inner().downcast::<tungstenite::Error>() else { return End::Lost };
    if let tungstenite::Error::Capacity(_) = *error {
        End::Close(close_code::SIZE, "this message is too long")
    } else if let tungstenite::Error::Utf8(_) = *error {
        End::Close(close_code::INVALID, "text is UTF-8")
    } else if let tungstenite::Error::Protocol(_) = *error {
        End::Close(close_code::PROTOCOL, "this is no WebSocket frame")
    } else {
        End::Lost
    }
}
