use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// A user's identity within an account (R14): 5 to 50 ASCII letters, digits and `_`, beginning with a letter or digit.
///
/// Case matters. Digits, one `_`, digits (`91_8899555`, a telephone number with its country code) is refused; `org_25` and `12345` are allowed.
/// `Debug` shows it: a log line below `debug` must wrap it in [`Redacted`](crate::Redacted).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cuid(String);

/// Why a text is not a [`Cuid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCuid {
    /// Nothing was given.
    #[error("the cuid is empty")]
    Empty,
    /// Fewer than [`Cuid::MIN_LENGTH`] or more than [`Cuid::MAX_LENGTH`] characters.
    #[error("a cuid has 5 to 50 characters; this one has {0}")]
    Length(usize),
    /// A character other than an ASCII letter, a digit or `_`.
    #[error("a cuid consists of the letters a–z and A–Z, digits and _; {0:?} is none of these")]
    Character(char),
    /// The first character is `_`.
    #[error("a cuid begins with a letter or a digit")]
    FirstCharacter,
    /// Digits, `_`, digits.
    #[error("a cuid must not be a telephone number (digits, _, digits)")]
    TelephoneNumber,
}

impl InvalidCuid {
    /// The error of R37 that this is reported as.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Empty => ErrorCode::CuidMissing,
            Self::Length(_) => ErrorCode::InvalidLengthCuid,
            Self::Character(_) | Self::FirstCharacter | Self::TelephoneNumber => ErrorCode::InvalidCuid,
        }
    }
}

impl Cuid {
    /// The fewest characters a cuid has.
    pub const MIN_LENGTH: usize = 5;
    /// The most characters a cuid has.
    pub const MAX_LENGTH: usize = 50;

    /// Checks `text` against every rule of R14.
    ///
    /// # Errors
    /// The first rule that `text` breaks, in the order in which [`InvalidCuid`] lists them.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidCuid> {
        let text = text.into();
        let length = text.chars().count();
        if length == 0 {
            return Err(InvalidCuid::Empty);
        }
        if !(Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&length) {
            return Err(InvalidCuid::Length(length));
        }
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
            return Err(InvalidCuid::Character(wrong));
        }
        if text.starts_with('_') {
            return Err(InvalidCuid::FirstCharacter);
        }
        if text.split_once('_').is_some_and(|(country, number)| is_digits(country) && is_digits(number)) {
            return Err(InvalidCuid::TelephoneNumber);
        }
        Ok(Self(text))
    }

    /// The cuid as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

impl TryFrom<String> for Cuid {
    type Error = InvalidCuid;

    fn try_from(text: String) -> Result<Self, InvalidCuid> {
        Self::new(text)
    }
}

impl From<Cuid> for String {
    fn from(cuid: Cuid) -> Self {
        cuid.0
    }
}

impl fmt::Display for Cuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_samples_of_the_specification_are_judged_as_it_says() {
        for allowed in ["org_25", "12345", "Alice", "a____", "1_2_3", "courier_8842", "12345_a", &"x".repeat(50)] {
            assert!(Cuid::new(allowed).is_ok(), "{allowed}");
        }
        let refused = [
            ("", InvalidCuid::Empty),
            ("abcd", InvalidCuid::Length(4)),
            ("12_3", InvalidCuid::Length(4)),
            ("_abcd", InvalidCuid::FirstCharacter),
            ("91_8899555", InvalidCuid::TelephoneNumber),
            ("a b c d", InvalidCuid::Character(' ')),
            ("अमीरा_हद्दाद", InvalidCuid::Character('अ')),
            ("name@host", InvalidCuid::Character('@')),
        ];
        for (text, why) in refused {
            assert_eq!(Cuid::new(text), Err(why), "{text}");
        }
        assert_eq!(Cuid::new("x".repeat(51)), Err(InvalidCuid::Length(51)));
    }

    #[test]
    fn each_rule_has_its_own_error_number() {
        assert_eq!(InvalidCuid::Empty.code().number(), 2006);
        assert_eq!(InvalidCuid::Length(4).code().number(), 2007);
        assert_eq!(InvalidCuid::TelephoneNumber.code().number(), 2008);
    }

    proptest! {
        #[test]
        fn a_well_formed_cuid_is_taken_unchanged(text in "[A-Za-z][A-Za-z0-9_]{4,49}") {
            prop_assert_eq!(Cuid::new(text.clone()).map(String::from), Ok(text));
        }

        #[test]
        fn all_digits_are_taken(text in "[0-9]{5,50}") {
            prop_assert!(Cuid::new(text).is_ok());
        }

        #[test]
        fn a_wrong_length_is_named_before_anything_else(text in "(.{1,4}|.{51,80})") {
            let length = text.chars().count();
            prop_assert_eq!(Cuid::new(text), Err(InvalidCuid::Length(length)));
        }

        #[test]
        fn one_foreign_character_is_found_wherever_it_stands(before in "[a-z]{1,20}", wrong in "[^A-Za-z0-9_]", after in "[a-z]{5,20}") {
            let wrong = wrong.chars().next().expect("the pattern is one character");
            prop_assert_eq!(Cuid::new(format!("{before}{wrong}{after}")), Err(InvalidCuid::Character(wrong)));
        }

        #[test]
        fn a_leading_underscore_is_refused(rest in "[A-Za-z0-9_]{4,49}") {
            prop_assert_eq!(Cuid::new(format!("_{rest}")), Err(InvalidCuid::FirstCharacter));
        }

        #[test]
        fn telephone_numbers_are_refused(country in "[0-9]{1,20}", number in "[0-9]{4,20}") {
            prop_assert_eq!(Cuid::new(format!("{country}_{number}")), Err(InvalidCuid::TelephoneNumber));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Cuid::new(text);
        }
    }
}
