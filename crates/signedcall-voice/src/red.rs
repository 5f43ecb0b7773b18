//! Redundant copies: RFC 2198, in which a packet carries earlier ones as well.
//!
//! A packet begins with a header for each copy (payload type, how much earlier it began, its length) and one for the packet itself, and what
//! the headers announce follows in the same order.

use signedcall_opus::packet;

use crate::codec::MAX_PAYLOAD_BYTES;

/// The most copies in a packet.
pub(crate) const MOST_COPIES: usize = 5;

/// The most copies that are read of a packet: three times as many as are ever written here, and more than any other sender is known to write. A packet of
/// the longest kind could name three hundred, each of which would be looked for a place.
const MOST_READ: usize = 16;

/// The most bytes of a packet with its copies: what passes every tunnel on the way without being divided.
const MOST_BYTES: usize = 1_200;

/// How far back a copy may lie, in samples: the header has 14 bits for it.
const FARTHEST_BACK: u32 = (1 << 14) - 1;

/// The longest copy: the header has 10 bits for its length.
const LONGEST_COPY: usize = (1 << 10) - 1;

/// Bytes of a copy's header.
const COPY_HEADER: usize = 4;

/// A packet's predecessors, kept to be sent again.
#[derive(Debug)]
pub(crate) struct History {
    past: [Past; Self::PACKETS],
    sent: usize,
}

#[derive(Debug, Default)]
struct Past {
    timestamp: u32,
    payload: Vec<u8>,
}

impl History {
    /// How many packets back a copy may lie at most, and one more.
    pub(crate) const PACKETS: usize = 16;

    pub(crate) fn new() -> Self {
        Self { past: std::array::from_fn(|_| Past { timestamp: 0, payload: Vec::with_capacity(MAX_PAYLOAD_BYTES) }), sent: 0 }
    }

    /// Forgets all: packets that follow are not of the length of those before, so copies could not be told apart by their time.
    pub(crate) fn clear(&mut self) {
        self.sent = 0;
    }

    /// Takes note of a packet that is being sent.
    pub(crate) fn keep(&mut self, timestamp: u32, payload: &[u8]) {
        let past = &mut self.past[self.sent % Self::PACKETS];
        past.timestamp = timestamp;
        past.payload.clear();
        past.payload.extend_from_slice(payload);
        // What it describes of the time before it has been sent with it, and would be most of the copy.
        if let Ok(length) = packet::strip(&mut past.payload) {
            past.payload.truncate(length);
        }
        self.sent += 1;
    }

    /// The packet `back` packets before the next one.
    fn before(&self, back: usize) -> Option<&Past> {
        (back > 0 && back < Self::PACKETS && back <= self.sent).then(|| &self.past[(self.sent - back) % Self::PACKETS])
    }

    /// Writes a packet with copies of those that lie `backs` packets before it, as far as there are any and they fit in.
    pub(crate) fn write(&self, payload_type: u8, timestamp: u32, payload: &[u8], backs: impl Iterator<Item = usize>, into: &mut Vec<u8>) {
        into.clear();
        let mut bytes = 1 + payload.len();
        let mut copies: [Option<&Past>; MOST_COPIES] = [None; MOST_COPIES];
        for (copy, past) in copies.iter_mut().zip(backs.filter_map(|back| self.before(back))) {
            let fits = bytes + COPY_HEADER + past.payload.len() <= MOST_BYTES;
            let can_be_said = past.payload.len() <= LONGEST_COPY && timestamp.wrapping_sub(past.timestamp) <= FARTHEST_BACK;
            if fits && can_be_said {
                bytes += COPY_HEADER + past.payload.len();
                *copy = Some(past);
            }
        }
        let payload_type = payload_type & 0x7f;
        // The earliest first, as the RFC shows it.
        for past in copies.iter().rev().flatten() {
            let fields = timestamp.wrapping_sub(past.timestamp) << 10 | past.payload.len() as u32;
            into.push(0x80 | payload_type);
            into.extend_from_slice(&fields.to_be_bytes()[1..]);
        }
        into.push(payload_type);
        for past in copies.iter().rev().flatten() {
            into.extend_from_slice(&past.payload);
        }
        into.extend_from_slice(payload);
    }
}

/// A packet with copies, as it came from the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Redundant<'a> {
    /// The headers of the copies.
    headers: &'a [u8],
    /// What follows all headers.
    blocks: &'a [u8],
    /// The payload type of the packet itself.
    pub(crate) payload_type: u8,
    /// The packet itself.
    pub(crate) payload: &'a [u8],
}

/// An earlier packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Earlier<'a> {
    /// How many samples before the packet that brought it.
    pub(crate) back: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> Redundant<'a> {
    /// Reads a packet with copies; nothing if it is none, or names more than anybody sends.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut at = 0;
        let mut copied = 0;
        while bytes.get(at)? & 0x80 != 0 {
            copied += header(bytes.get(at..at + COPY_HEADER)?)?.length;
            at += COPY_HEADER;
            if at > MOST_READ * COPY_HEADER {
                return None;
            }
        }
        let (headers, rest) = bytes.split_at(at);
        let (payload_type, blocks) = rest.split_first()?;
        let payload = blocks.get(copied..).filter(|payload| !payload.is_empty())?;
        Some(Self { headers, blocks, payload_type: *payload_type, payload })
    }

    /// The copies. Those of another codec than the packet's are left out.
    pub(crate) fn copies(self) -> impl Iterator<Item = Earlier<'a>> {
        let mut from = 0;
        self.headers.chunks_exact(COPY_HEADER).filter_map(header).filter_map(move |header| {
            let payload = self.blocks.get(from..from + header.length)?;
            from += header.length;
            (header.payload_type == self.payload_type && header.back > 0).then_some(Earlier { back: header.back, payload })
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct CopyHeader {
    payload_type: u8,
    back: u32,
    length: usize,
}

fn header(bytes: &[u8]) -> Option<CopyHeader> {
    let &[first, high, middle, low] = bytes else { return None };
    let fields = u32::from_be_bytes([0, high, middle, low]);
    Some(CopyHeader { payload_type: first & 0x7f, back: fields >> 10, length: fields as usize & LONGEST_COPY })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPUS: u8 = 111;

    /// The packets before the one at `timestamp`, each of 960 samples and filled with its number: a frame whose length needs no saying.
    fn history(packets: usize, lengths: usize) -> History {
        let mut history = History::new();
        for packet in 0..packets {
            history.keep(packet as u32 * 960, &filled(packet, lengths));
        }
        history
    }

    /// The smallest packet of one frame that says which it is.
    fn filled(packet: usize, length: usize) -> Vec<u8> {
        [&[0b0000_1000][..], &vec![packet as u8; length - 1]].concat()
    }

    fn written(history: &History, packet: usize, payload: &[u8], backs: &[usize]) -> Vec<u8> {
        let mut into = Vec::new();
        history.write(OPUS, packet as u32 * 960, payload, backs.iter().copied(), &mut into);
        into
    }

    #[test]
    fn what_is_written_is_what_the_standard_shows() {
        let bytes = written(&history(10, 3), 10, &[0xaa, 0xbb], &[2]);
        // F=1 and 111; 1,920 samples back in 14 bits, 3 bytes in 10; F=0 and 111.
        assert_eq!(bytes, [0xef, 0x1e, 0x00, 0x03, 0x6f, 0b0000_1000, 8, 8, 0xaa, 0xbb]);
    }

    #[test]
    fn a_packet_that_names_more_copies_than_anybody_sends_is_none() {
        let naming = |copies: usize| {
            let mut bytes = [0x80 | OPUS, 0x0f, 0x00, 0x01].repeat(copies);
            bytes.push(OPUS);
            bytes.extend(vec![0; copies + 10]);
            bytes
        };
        assert_eq!(Redundant::read(&naming(MOST_READ)).map(|read| read.copies().count()), Some(MOST_READ));
        assert_eq!(Redundant::read(&naming(MOST_READ + 1)), None);
    }

    #[test]
    fn copies_come_back_as_they_were() {
        let bytes = written(&history(10, 60), 10, &[9; 70], &[2, 4, 6]);
        let read = Redundant::read(&bytes).unwrap();
        assert_eq!(read.payload, [9; 70]);
        let copies: Vec<Earlier<'_>> = read.copies().collect();
        let expected = [6, 4, 2].map(|back| (back * 960, 10 - back as usize));
        assert_eq!(copies.len(), 3);
        for (copy, (back, number)) in copies.iter().zip(expected) {
            assert_eq!((copy.back, copy.payload), (back, &filled(number, 60)[..]));
        }
    }

    #[test]
    fn at_the_beginning_there_are_fewer_copies() {
        let bytes = written(&history(3, 60), 3, &[9; 70], &[2, 4, 6]);
        assert_eq!(Redundant::read(&bytes).unwrap().copies().count(), 1);
    }

    #[test]
    fn a_cleared_history_has_no_copies() {
        let mut history = history(10, 60);
        history.clear();
        assert_eq!(written(&history, 10, &[9; 70], &[2]), [&[OPUS][..], &[9; 70]].concat());
    }

    #[test]
    fn copies_that_do_not_fit_are_left_out() {
        let bytes = written(&history(10, 500), 10, &[9; 500], &[2, 4, 6]);
        assert!(bytes.len() <= MOST_BYTES);
        assert_eq!(Redundant::read(&bytes).unwrap().copies().map(|copy| copy.back).collect::<Vec<_>>(), [1_920]);
        let too_long = written(&history(10, 1_100), 10, &[9; 5], &[2]);
        assert_eq!(Redundant::read(&too_long).unwrap().copies().count(), 0);
    }

    #[test]
    fn what_is_cut_short_or_promises_too_much_is_none() {
        for bytes in [&[][..], &[0x6f], &[0xef], &[0xef, 0, 0, 3], &[0xef, 0, 0, 3, 0x6f], &[0xef, 0, 0, 3, 0x6f, 1, 2, 3]] {
            assert_eq!(Redundant::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn copies_of_another_codec_and_of_no_time_are_left_out() {
        // 1,920 samples back but of payload type 0, and of the right type but 0 samples back.
        let bytes = [0x80, 0x1e, 0x00, 0x01, 0xef, 0x00, 0x00, 0x01, 0x6f, 1, 2, 3];
        let read = Redundant::read(&bytes).unwrap();
        assert_eq!(read.payload, [3]);
        assert_eq!(read.copies().count(), 0);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(read) = Redundant::read(&bytes) {
                let copied: usize = read.copies().map(|copy| copy.payload.len()).sum();
                prop_assert!(copied + read.payload.len() < bytes.len());
            }
        }

        #[test]
        fn whatever_is_written_is_read_back(
            payload in proptest::collection::vec(any::<u8>(), 1..400),
            backs in proptest::collection::vec(0_usize..20, 0..4),
            before in 0_usize..30,
        ) {
            let bytes = written(&history(before, 40), before, &payload, &backs);
            let read = Redundant::read(&bytes).expect("it was written here");
            prop_assert_eq!(read.payload, &payload[..]);
            prop_assert!(read.copies().all(|copy| copy.payload == filled(usize::from(copy.payload[1]), 40)));
        }
    }
}
