//! How often somebody may try to sign in. What is counted is counted in the same manner whether or not there is an operator of that name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::gate::house_of;

/// How many attempts there are to begin with: more than anybody needs who mistypes a password.
const SAVED_UP: u32 = 10;
/// How long until there is another one. A password of any strength is not found by three thousand attempts a day.
const ONE_EVERY: Duration = Duration::from_secs(30);
/// Names and addresses that are remembered: half a megabyte.
const MOST_REMEMBERED: usize = 4096;

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Name(String),
    Address(IpAddr),
}

/// How many attempts are left: by when all that were made are forgotten.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<Whose, Instant>>);

impl Attempts {
    /// Takes one attempt of a name, and of an address; or says when there is one again. This machine's own addresses are not counted: a proxy may be there, and
    /// everybody behind it.
    pub(super) fn take(&self, name: &str, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = whose(name, from);
        for whose in &whose {
            let over_at = known.get(whose).copied().unwrap_or(now).max(now) + ONE_EVERY;
            if let Some(early) = (over_at - now).checked_sub(ONE_EVERY * SAVED_UP).filter(|early| !early.is_zero()) {
                return Err(early);
            }
        }
        for whose in whose {
            let over_at = known.entry(whose).or_insert(now);
            *over_at = (*over_at).max(now) + ONE_EVERY;
        }
        if known.len() > MOST_REMEMBERED {
            known.retain(|_, over_at| *over_at > now + ONE_EVERY);
        }
        Ok(())
    }

    /// Forgets the attempts of somebody who has shown who they are.
    pub(super) fn forget(&self, name: &str, from: IpAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for whose in whose(name, from) {
            known.remove(&whose);
        }
    }
}

fn whose(name: &str, from: IpAddr) -> Vec<Whose> {
    let address = Some(house_of(from)).filter(|from| !from.is_loopback()).map(Whose::Address);
    [Whose::Name(name.to_owned())].into_iter().chain(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_name_has_ten_attempts_and_then_one_each_half_minute_from_wherever() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for attempt in 0..10_u8 {
            assert_eq!(attempts.take("admin", IpAddr::from([192, 0, 2, attempt]), now), Ok(()));
        }
        assert_eq!(attempts.take("admin", address("198.51.100.1"), now), Err(ONE_EVERY));
        assert_eq!(attempts.take("admin", address("127.0.0.1"), now + Duration::from_secs(29)), Err(Duration::from_secs(1)));
        assert_eq!(attempts.take("other", address("127.0.0.1"), now), Ok(()));
        assert_eq!(attempts.take("admin", address("127.0.0.1"), now + ONE_EVERY), Ok(()));
        assert!(attempts.take("admin", address("127.0.0.1"), now + ONE_EVERY).is_err());
    }

    #[test]
    fn an_address_has_as_many_whatever_the_names_and_this_machine_s_is_not_counted() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for attempt in 0..10 {
            assert_eq!(attempts.take(&format!("name{attempt}"), address("192.0.2.1"), now), Ok(()));
        }
        assert!(attempts.take("name10", address("192.0.2.1"), now).is_err());
        for attempt in 0..20 {
            assert_eq!(attempts.take(&format!("local{attempt}"), address("::1"), now), Ok(()));
        }
    }

    #[test]
    fn whoever_signs_in_begins_anew() {
        let (attempts, now, from) = (Attempts::default(), Instant::now(), address("192.0.2.1"));
        for _ in 0..10 {
            attempts.take("admin", from, now).expect("one is left");
        }
        attempts.forget("admin", from);
        assert_eq!(attempts.take("admin", from, now), Ok(()));
    }

    #[test]
    fn names_that_somebody_makes_up_are_forgotten() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for name in 0..2 * MOST_REMEMBERED {
            attempts.take(&name.to_string(), address("127.0.0.1"), now).expect("another name");
        }
        assert!(attempts.0.lock().expect("no bug").len() <= MOST_REMEMBERED);
    }
}
