//! What the other side passes, and why it may be of no use.

use std::fmt;

use signedcall_wire::{MAX_SDP_BYTES, Redacted};
use webrtc::error::Error;
use webrtc::peer_connection::RTCSessionDescription;

/// Why something that the other side has passed cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It is a session description that this side does not understand: the two have no protocol of media in common.
    #[error("no session description that is understood here: {0}")]
    Incomprehensible(#[from] Incomprehensible),
    /// It could not be carried out.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Why a session description says nothing to this side.
#[derive(Debug, thiserror::Error)]
pub(super) enum Incomprehensible {
    #[error("it is too long")]
    TooLong,
    #[error("it knows no Opus")]
    NoOpus,
    #[error("{}", Kind(.0))]
    Refused(Error),
}

/// Reads a session description, an offer or an answer as `kind` has it.
pub(super) fn understand(
    sdp: Redacted<String>,
    kind: impl FnOnce(String) -> Result<RTCSessionDescription, Error>,
) -> Result<RTCSessionDescription, Incomprehensible> {
    let sdp = sdp.into_inner();
    if sdp.len() > MAX_SDP_BYTES {
        return Err(Incomprehensible::TooLong);
    }
    let has_opus = sdp.lines().any(is_of_opus);
    let description = kind(sdp).map_err(Incomprehensible::Refused)?;
    // The library takes a description without a codec that both know, and connects what nobody can hear.
    if has_opus { Ok(description) } else { Err(Incomprehensible::NoOpus) }
}

/// Whether a line of a session description says that Opus is known (RFC 7587, section 7).
fn is_of_opus(line: &str) -> bool {
    let codec = line.trim_end().strip_prefix("a=rtpmap:").and_then(|map| map.split_once(' '));
    codec.is_some_and(|(_, codec)| codec.eq_ignore_ascii_case("opus/48000/2"))
}

/// The kind of an error of the WebRTC library, without the words that may quote an address.
pub(super) struct Kind<'a>(pub(super) &'a Error);

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let debug = format!("{:?}", self.0);
        f.write_str(debug.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("Error"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_is_known_by_its_line_and_by_nothing_else() {
        for (line, expected) in [
            ("a=rtpmap:111 opus/48000/2", true),
            ("a=rtpmap:96 OPUS/48000/2\r", true),
            ("a=rtpmap:0 PCMU/8000", false),
            ("a=rtpmap:111 multiopus/48000/6", false),
            ("s=opus/48000/2", false),
        ] {
            assert_eq!(is_of_opus(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_too_long_or_no_description_is_not_understood() {
        let read = |sdp: String| understand(Redacted::new(sdp), RTCSessionDescription::offer).map(drop);
        assert!(matches!(read("v".repeat(MAX_SDP_BYTES + 1)), Err(Incomprehensible::TooLong)));
        assert!(matches!(read("Good morning".to_owned()), Err(Incomprehensible::Refused(_))));
        let silent = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
        assert!(matches!(read(silent), Err(Incomprehensible::NoOpus)));
    }
}
