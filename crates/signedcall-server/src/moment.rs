//! Moments as text, in the form of RFC 3339.

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Days from the first of March of the year 0 to 1970.
const TO_1970: i64 = 719_468;
/// Days of four hundred years, after which the calendar repeats itself.
const CYCLE_DAYS: i64 = 146_097;

/// Writes down milliseconds since 1970, in UTC.
pub(crate) fn to_text(unix_millis: i64) -> String {
    let (year, month, day) = date(unix_millis.div_euclid(DAY_MS));
    let in_day = unix_millis.rem_euclid(DAY_MS);
    let (seconds, millis) = (in_day / 1_000, in_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads a moment of any time zone, in milliseconds since 1970; `None` when it is none.
pub(crate) fn from_text(text: &str) -> Option<i64> {
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let days = days(year, month, day);
    if date(days) != (year, month, day) {
        return None;
    }
    let rest = rest.strip_prefix(['T', 't'])?;
    let (time, rest) = (rest.get(..8)?, rest.get(8..)?);
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let (millis, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, zone) = rest.split_at(digits);
            // What is shorter than a millisecond is left out.
            let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
            (if digits == 0 { return None } else { millis.parse().ok()? }, zone)
        }
    };
    let ahead = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, zone) = if let Some(zone) = zone.strip_prefix('+') { (1, zone) } else { (-1, zone.strip_prefix('-')?) };
            let [hours, minutes] = numbers(zone, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    // A leap second is the last one of its minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3_600 + (minute - ahead) * 60 + second.min(59);
    Some(days * DAY_MS + seconds * 1_000 + millis)
}

/// Numbers of so many digits each, with a mark between them.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970 of a day in the Gregorian calendar, whose year is counted from March here, so that it ends with the leap day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * CYCLE_DAYS + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - TO_1970
}

/// The inverse: year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + TO_1970;
    let (cycle, of_cycle) = (days.div_euclid(CYCLE_DAYS), days.rem_euclid(CYCLE_DAYS));
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * from_march + 2) / 5 + 1, (from_march + 2) % 12 + 1);
    (year + cycle * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_date_does() {
        // From `date -u -d @SECONDS +%FT%T`.
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_764_238_128_007, "2025-11-27T10:08:48.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(to_text(millis), text);
            assert_eq!(from_text(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_hundred_years_is_read_as_it_was_written() {
        for day in -146_097..146_097 {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn moments_of_other_zones_are_read_and_what_is_none_is_not() {
        let noon = from_text("2026-11-27T12:00:00Z");
        assert!(noon.is_some());
        for text in ["2026-11-27T17:30:00+05:30", "2026-11-27t09:00:00.000000-03:00", "2026-11-27T12:00:00.0009z"] {
            assert_eq!(from_text(text), noon, "{text}");
        }
        for text in [
            "",
            "2026-11-27",
            "2026-11-27T12:00:00",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-11-27T24:00:00Z",
            "2026-11-27T12:60:00Z",
            "2026-11-27T12:00:00.Z",
            "2026-11-27T12:00:00 05:30",
            "2026-11-27T12:00:00+24:00",
            "2026-11-27T12:00:00Z ",
            "+026-11-27T12:00:00Z",
            "ａ026-11-27T12:00:00Z",
        ] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
