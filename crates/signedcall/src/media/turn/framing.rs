//! Where messages of TURN end on a stream (RFC 8489, section 6.2.2; RFC 8656, section 12.5).

/// What every message has at least: the first two bytes say what it is, the next two how long.
pub(super) const PREFIX: usize = 4;
/// The header of STUN, of which [`PREFIX`] is the beginning.
const STUN_HEADER: usize = 20;
/// The longest that a message can be, with its padding.
pub(super) const LONGEST: usize = STUN_HEADER + u16::MAX as usize + 1;

/// How much room a message takes on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The message itself, which is also what a datagram holds of it.
    pub(super) message: usize,
    /// What follows on a stream, so that the next one begins at a multiple of four bytes.
    pub(super) padding: usize,
}

/// Reads how long the message is that begins with this; `None` if it is neither STUN nor channel data.
pub(super) fn extent([first, _, high, low]: [u8; PREFIX]) -> Option<Extent> {
    let length = usize::from(u16::from_be_bytes([high, low]));
    match first {
        // What the first byte may be is divided up in RFC 7983. A STUN message is padded by itself.
        0..=3 if length.is_multiple_of(4) => Some(Extent { message: STUN_HEADER + length, padding: 0 }),
        64..=79 => {
            let message = PREFIX + length;
            Some(Extent { message, padding: message.next_multiple_of(4) - message })
        }
        _ => None,
    }
}

/// How a datagram goes on a stream: the message in it, and how many bytes of padding follow. A datagram may be padded already, and then the padding
/// is not its message's.
pub(super) fn on_stream(datagram: &[u8]) -> Option<(&[u8], usize)> {
    let extent = extent(*datagram.first_chunk()?)?;
    let rest = datagram.len().checked_sub(extent.message)?;
    (rest <= extent.padding).then_some((&datagram[..extent.message], extent.padding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_its_kind_says() {
        let is = |prefix: [u8; PREFIX], message, padding| assert_eq!(extent(prefix), Some(Extent { message, padding }), "{prefix:02x?}");
        is([0x00, 0x03, 0x00, 0x00], 20, 0);
        is([0x01, 0x13, 0x00, 0x50], 100, 0);
        is([0x40, 0x00, 0x00, 0x00], 4, 0);
        is([0x40, 0x01, 0x00, 0x01], 5, 3);
        is([0x4f, 0xff, 0x00, 0x03], 7, 1);
        is([0x4f, 0xff, 0xff, 0xff], 65_539, 1);
        assert!(65_539 < LONGEST && STUN_HEADER + usize::from(u16::MAX) <= LONGEST, "the longest has room");
        // No STUN, no channel, and DTLS and RTP, which are not for a relay.
        for prefix in [[0x01, 0x13, 0x00, 0x51], [0x50, 0x00, 0x00, 0x00], [0x16, 0xfe, 0xfd, 0x00], [0x80, 0x6f, 0x00, 0x00]] {
            assert_eq!(extent(prefix), None, "{prefix:02x?}");
        }
    }

    #[test]
    fn a_datagram_is_one_message_or_nothing() {
        let padded = [0x40, 0x01, 0x00, 0x02, 7, 8, 0, 0];
        for datagram in [&padded[..6], &padded] {
            assert_eq!(on_stream(datagram), Some((&padded[..6], 2)), "{datagram:02x?}");
        }
        for datagram in [&padded[..5], &padded[..3], &[0x40, 0x01, 0x00, 0x00, 1], &[]] {
            assert_eq!(on_stream(datagram), None, "{datagram:02x?}");
        }
    }
}
