use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// What a user's other devices call this one, such as the name of its host: 1 to 64 characters, none of which [disturbs](disturbs_its_surroundings) what
/// is written beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName(String);

/// Why a text is not a [`DeviceName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeviceName {
    /// Nothing that can be seen, or more than [`DeviceName::MAX_LENGTH`] characters.
    #[error("the name of a device has 1 to 64 characters; this one has {0}")]
    Length(usize),
    /// A character that changes what is written beside the name.
    #[error("the name of a device has no control characters; {0:?} is one")]
    Character(char),
}

impl DeviceName {
    /// The most characters of a name: those of the longest host name on Linux.
    pub const MAX_LENGTH: usize = 64;

    /// Checks `text`.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidDeviceName> {
        let text = text.into();
        let length = text.chars().count();
        if length > Self::MAX_LENGTH || text.trim().is_empty() {
            return Err(InvalidDeviceName::Length(length));
        }
        if let Some(wrong) = text.chars().find(|c| disturbs_its_surroundings(*c)) {
            return Err(InvalidDeviceName::Character(wrong));
        }
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a name that may be absent. One that breaks a rule counts as absent: no call depends on it, and a newer service may take others.
pub(crate) fn read_if_valid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DeviceName>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.and_then(|name| DeviceName::new(name).ok()))
}

/// Whether a character controls something, breaks the line, or turns the text around a name: what stands beside it on a screen would seem to say something
/// else. The marks that right-to-left names need are no such characters.
pub fn disturbs_its_surroundings(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl TryFrom<String> for DeviceName {
    type Error = InvalidDeviceName;

    fn try_from(text: String) -> Result<Self, InvalidDeviceName> {
        Self::new(text)
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_and_machines_call_a_device_is_taken() {
        for name in ["desk", "Ann's laptop", "मेरा फ़ोन", "هاتف\u{200f} العمل", "debian-12.example.org", "☎"] {
            assert_eq!(DeviceName::new(name).map(String::from), Ok(name.to_owned()));
        }
    }

    #[test]
    fn a_name_has_one_to_sixty_four_characters_of_which_one_can_be_seen() {
        assert!(DeviceName::new("ध".repeat(64)).is_ok());
        assert_eq!(DeviceName::new("ध".repeat(65)), Err(InvalidDeviceName::Length(65)));
        assert_eq!(DeviceName::new(""), Err(InvalidDeviceName::Length(0)));
        assert_eq!(DeviceName::new("  "), Err(InvalidDeviceName::Length(2)));
    }

    #[test]
    fn what_would_change_the_text_beside_it_is_refused_by_name() {
        for (name, wrong) in
            [("a\nb", '\n'), ("a\u{0}", '\u{0}'), ("\u{202e}ksed", '\u{202e}'), ("a\u{2066}", '\u{2066}'), ("\u{2028}b", '\u{2028}')]
        {
            assert_eq!(DeviceName::new(name), Err(InvalidDeviceName::Character(wrong)));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_that_disturbs_is_taken(text in any::<String>()) {
            let taken = DeviceName::new(text.clone()).is_ok();
            prop_assert!(!(taken && text.chars().any(disturbs_its_surroundings)));
        }
    }
}
