//! The one question of STUN that every relay answers without knowing who asks: from where it came (RFC 8489, binding).

/// What marks a message of STUN.
const COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
/// Every message has this much; a question has nothing more.
const HEADER: usize = 20;

/// What the questions of one burst have in common and nobody else knows.
pub(super) type Key = [u8; 10];

/// The question of this number.
pub(super) fn question(key: Key, number: u16) -> [u8; HEADER] {
    let mut message = [0; HEADER];
    message[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
    message[4..8].copy_from_slice(&COOKIE);
    message[8..18].copy_from_slice(&key);
    message[18..].copy_from_slice(&number.to_be_bytes());
    message
}

/// Which question a datagram answers, if it answers one. That it is refused is an answer as well.
pub(super) fn answered(datagram: &[u8], key: Key) -> Option<u16> {
    let header: &[u8; HEADER] = datagram.first_chunk()?;
    let [kind_high, kind_low, _, _, cookie @ .., high, low] = header;
    let is_answer = matches!(u16::from_be_bytes([*kind_high, *kind_low]), BINDING_SUCCESS | BINDING_ERROR);
    (is_answer && cookie[..4] == COOKIE && cookie[4..] == key).then(|| u16::from_be_bytes([*high, *low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 10];

    fn answer(kind: u16, to: u16) -> Vec<u8> {
        let mut message = question(KEY, to).to_vec();
        message[..2].copy_from_slice(&kind.to_be_bytes());
        message.extend([0x00, 0x20, 0x00, 0x08, 0, 1, 2, 3, 4, 5, 6, 7]);
        message
    }

    #[test]
    fn a_question_is_what_the_standard_shows() {
        assert_eq!(question(KEY, 0x0102), [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 2]);
    }

    #[test]
    fn an_answer_says_to_which_question_it_belongs() {
        assert_eq!(answered(&answer(BINDING_SUCCESS, 300), KEY), Some(300));
        assert_eq!(answered(&answer(BINDING_ERROR, 5), KEY), Some(5));
    }

    #[test]
    fn what_is_no_answer_to_us_is_none() {
        assert_eq!(answered(&answer(BINDING_SUCCESS, 5), [8; 10]), None, "somebody else's");
        assert_eq!(answered(&answer(BINDING_REQUEST, 5), KEY), None, "a question");
        assert_eq!(answered(&answer(BINDING_SUCCESS, 5)[..19], KEY), None, "cut off");
        let mut other = answer(BINDING_SUCCESS, 5);
        other[4] = 0;
        assert_eq!(answered(&other, KEY), None, "not STUN");
        assert_eq!(answered(&[], KEY), None);
    }
}
