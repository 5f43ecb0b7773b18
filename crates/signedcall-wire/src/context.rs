use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Why somebody calls (R17), shown to the callee before answering: 1 to 64 letters, combining marks, digits and single spaces in any script.
///
/// A character is a Unicode scalar value. A space may not begin, end or follow another space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Context(String);

/// Why a text is not a [`Context`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContext {
    /// None, or more than [`Context::MAX_LENGTH`] characters.
    #[error("the reason for a call has 1 to 64 characters; this one has {0}")]
    Length(usize),
    /// A character that is no letter, combining mark, digit or space: punctuation, a symbol, an emoji, a control character.
    #[error("the reason for a call consists of letters, digits and spaces; {0:?} is none of these")]
    Character(char),
    /// A space at the beginning, at the end, or after another.
    #[error("the reason for a call has single spaces, between words only")]
    Space,
}

impl Context {
    /// The most characters a context has.
    pub const MAX_LENGTH: usize = 64;

    /// Checks `text` against R17.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidContext> {
        let text = text.into();
        let length = text.chars().count();
        if !(1..=Self::MAX_LENGTH).contains(&length) {
            return Err(InvalidContext::Length(length));
        }
        if let Some(wrong) = text.chars().find(|c| *c != ' ' && !is_word_character(*c)) {
            return Err(InvalidContext::Character(wrong));
        }
        if text.split(' ').any(str::is_empty) {
            return Err(InvalidContext::Space);
        }
        Ok(Self(text))
    }

    /// The context as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word_character(c: char) -> bool {
    use unicode_properties::GeneralCategory::DecimalNumber;

    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark) || c.general_category() == DecimalNumber
}

impl TryFrom<String> for Context {
    type Error = InvalidContext;

    fn try_from(text: String) -> Result<Self, InvalidContext> {
        Self::new(text)
    }
}

impl From<Context> for String {
    fn from(context: Context) -> Self {
        context.0
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_digits_of_any_script_are_taken() {
        let samples = [
            "Delivery partner is calling",
            "Order 4711 question",
            "आपका डिलीवरी पार्टनर कॉल कर रहा है",
            "मंदिर १२३",
            "شريك التوصيل يتصل بك",
            "مُنْدُوب ٤٥",
            "配達員からの電話",
            "Ужин готов",
            "Lucía Marín",
            "e\u{301}",
            "x",
        ];
        for text in samples {
            assert_eq!(Context::new(text).map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn punctuation_symbols_and_emoji_are_refused_by_name() {
        for (text, wrong) in [("Hello!", '!'), ("Pizza 🍕", '🍕'), ("👩‍🚀", '👩'), ("a\tb", '\t'), ("a\u{200d}b", '\u{200d}'), ("½ off", '½')]
        {
            assert_eq!(Context::new(text), Err(InvalidContext::Character(wrong)));
        }
    }

    #[test]
    fn spaces_stand_single_and_between_words() {
        for text in [" a", "a ", "a  b", " "] {
            assert_eq!(Context::new(text), Err(InvalidContext::Space), "{text:?}");
        }
    }

    #[test]
    fn sixty_four_characters_are_the_most() {
        assert!(Context::new("ध".repeat(64)).is_ok());
        assert_eq!(Context::new("ध".repeat(65)), Err(InvalidContext::Length(65)));
        assert_eq!(Context::new(""), Err(InvalidContext::Length(0)));
    }

    proptest! {
        #[test]
        fn letters_marks_and_digits_are_always_taken(text in r"[\p{L}\p{M}\p{Nd}]{1,64}") {
            prop_assert!(Context::new(text).is_ok());
        }

        #[test]
        fn any_other_assigned_character_is_always_refused(before in "[a-z]{0,20}", wrong in r"[^\p{L}\p{M}\p{Nd}\p{Cn} ]", after in "[a-z]{0,20}") {
            let refused = Context::new(format!("{before}{wrong}{after}"));
            prop_assert!(matches!(refused, Err(InvalidContext::Character(_))), "{refused:?}");
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Context::new(text);
        }
    }
}
