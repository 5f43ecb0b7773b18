//! Hours in which users are not called.

use std::collections::BTreeMap;

use signedcall_wire::{AccountId, Cuid, Environment, Timestamp};

use super::{Hub, Turn, User};

/// The minutes of a day.
const DAY: i64 = 24 * 60;

/// A part of each day. Minutes are counted from midnight, of a clock that is so far ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// The first minute.
    pub from: u16,
    /// The first minute that is none of it any more; on the next day where it is not after `from`.
    pub to: u16,
    /// How far the clock is ahead, in minutes; negative where it is behind.
    pub ahead: i16,
}

impl QuietHours {
    fn include(self, wall: Timestamp) -> bool {
        let minute = i64::try_from(wall.as_millis() / 60_000).unwrap_or_default();
        let since = |moment: u16| (minute + i64::from(self.ahead) - i64::from(moment)).rem_euclid(DAY);
        // As long ago as the beginning was, the end was longer ago.
        since(self.from) < since(self.to)
    }
}

/// Who is not called when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Users who have hours of their own.
    pub users: BTreeMap<(AccountId, Environment, Cuid), QuietHours>,
    /// All other users of an account.
    pub accounts: BTreeMap<(AccountId, Environment), QuietHours>,
}

impl Quiet {
    fn includes(&self, user: &User, wall: Timestamp) -> bool {
        let (account, environment, _) = user;
        let hours = self.users.get(user).or_else(|| self.accounts.get(&(account.clone(), *environment)));
        hours.is_some_and(|hours| hours.include(wall))
    }
}

impl Hub {
    /// Whether a user is not called at this hour, by the clock on the wall.
    pub(super) fn is_quiet(&self, turn: &Turn, user: &User) -> bool {
        self.quiet.includes(user, turn.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64, minute: u64) -> Timestamp {
        // Some day after 1970.
        Timestamp::from_millis(((20_000 * 24 + hour) * 60 + minute) * 60_000)
    }

    #[test]
    fn hours_begin_and_end_to_the_minute_also_across_midnight_and_in_another_zone() {
        let hours = |from: (u16, u16), to: (u16, u16), ahead| QuietHours { from: from.0 * 60 + from.1, to: to.0 * 60 + to.1, ahead };
        let noon = hours((12, 0), (13, 30), 0);
        let night = hours((22, 0), (7, 0), 0);
        let night_in_kolkata = hours((22, 0), (7, 0), 330);
        let night_in_new_york = hours((22, 0), (7, 0), -300);
        let rows = [
            (noon, at(11, 59), false),
            (noon, at(12, 0), true),
            (noon, at(13, 29), true),
            (noon, at(13, 30), false),
            (night, at(21, 59), false),
            (night, at(22, 0), true),
            (night, at(0, 0), true),
            (night, at(6, 59), true),
            (night, at(7, 0), false),
            (night_in_kolkata, at(16, 29), false),
            (night_in_kolkata, at(16, 30), true),
            (night_in_kolkata, at(1, 29), true),
            (night_in_kolkata, at(1, 30), false),
            (night_in_new_york, at(2, 59), false),
            (night_in_new_york, at(3, 0), true),
            (night_in_new_york, at(11, 59), true),
            (night_in_new_york, at(12, 0), false),
        ];
        for (hours, now, quiet) in rows {
            assert_eq!(hours.include(now), quiet, "{hours:?} {now:?}");
        }
        assert!(!hours((7, 0), (7, 0), 0).include(at(7, 0)), "from a minute to the same is no time");
    }

    #[test]
    fn hours_of_a_user_s_own_take_the_place_of_the_account_s() {
        let user = |cuid: &str, environment| (AccountId("grocer".to_owned()), environment, Cuid::new(cuid).expect("a cuid"));
        let (own, other) = (user("courier_1", Environment::Production), user("courier_2", Environment::Production));
        let noon = QuietHours { from: 720, to: 780, ahead: 0 };
        let night = QuietHours { from: 1_320, to: 420, ahead: 0 };
        let quiet = Quiet {
            users: [(own.clone(), noon)].into(),
            accounts: [((AccountId("grocer".to_owned()), Environment::Production), night)].into(),
        };
        assert!(quiet.includes(&own, at(12, 0)) && !quiet.includes(&own, at(23, 0)));
        assert!(!quiet.includes(&other, at(12, 0)) && quiet.includes(&other, at(23, 0)));
        assert!(!quiet.includes(&user("courier_2", Environment::Development), at(23, 0)));
    }
}
