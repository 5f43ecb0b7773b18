//! Times of day and zones, as they are typed and printed.

use std::fmt;
use std::str::FromStr;

/// A minute of the day: `07:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(pub u16);

/// How far a clock is ahead of UTC, in minutes: `+05:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub i16);

/// Why a text is no time of day and no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHours {
    /// It is no time of day.
    #[error("a time of day is written as HH:MM, from 00:00 to 23:59")]
    Time,
    /// It is no offset.
    #[error("an offset from UTC is written as +HH:MM or -HH:MM, up to 14 hours")]
    Offset,
}

impl FromStr for TimeOfDay {
    type Err = InvalidHours;

    fn from_str(text: &str) -> Result<Self, InvalidHours> {
        minutes(text).filter(|minute| *minute < 24 * 60).map(Self).ok_or(InvalidHours::Time)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for UtcOffset {
    type Err = InvalidHours;

    fn from_str(text: &str) -> Result<Self, InvalidHours> {
        let (sign, rest) =
            if let Some(rest) = text.strip_prefix('-') { (-1, rest) } else { (1, text.strip_prefix('+').unwrap_or_default()) };
        let ahead = minutes(rest).filter(|minutes| *minutes <= 14 * 60).and_then(|minutes| i16::try_from(minutes).ok());
        ahead.map(|ahead| Self(sign * ahead)).ok_or(InvalidHours::Offset)
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.0 < 0 { '-' } else { '+' }, TimeOfDay(self.0.unsigned_abs()))
    }
}

/// Two digits, a colon, and two digits below sixty.
fn minutes(text: &str) -> Option<u16> {
    let number =
        |text: &str| if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u16>().ok() } else { None };
    let (hours, minutes) = text.split_once(':')?;
    Some(number(hours)? * 60 + number(minutes).filter(|minutes| *minutes < 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_printed() {
        for text in ["00:00", "07:30", "23:59"] {
            assert_eq!(text.parse::<TimeOfDay>().map(|time| time.to_string()), Ok(text.to_owned()));
        }
        for text in ["+00:00", "+05:30", "-09:30", "+14:00", "-14:00"] {
            assert_eq!(text.parse::<UtcOffset>().map(|offset| offset.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(("07:30".parse(), "-09:30".parse()), (Ok(TimeOfDay(450)), Ok(UtcOffset(-570))));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "7:30", "24:00", "07:60", "07.30", "0730", "+7:30", "07:3O", "١٢:٠٠"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(InvalidHours::Time), "{text}");
        }
        for text in ["", "00:00", "+24:00", "+14:01", "UTC", "+0530", "--05:30", "+-5:30"] {
            assert_eq!(text.parse::<UtcOffset>(), Err(InvalidHours::Offset), "{text}");
        }
    }
}
