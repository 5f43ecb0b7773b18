//! How often somebody may try to sign in. What is counted is counted in the same manner whether or not there is an operator of that name.
//!
//! Whoever tries passwords from one address has used up what that address may do long before the operator's name is: they keep nobody out who comes from
//! elsewhere. Nor do many addresses together keep an operator out of a browser in which they have signed in before (`familiar`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::gate::house_of;
use crate::store::SecretHash;

/// Names, addresses and browsers that are remembered: a megabyte.
const MOST_REMEMBERED: usize = 4096;

/// How many attempts there are to begin with, and how long until there is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    saved_up: u32,
    one_every: Duration,
}

/// More than anybody needs who mistypes a password, and then three thousand a day.
const FROM_ONE_PLACE: Allowance = Allowance { saved_up: 10, one_every: Duration::from_secs(30) };
/// What more than a handful of places use up together. No password of any strength is found by twenty thousand attempts a day.
const FROM_EVERYWHERE: Allowance = Allowance { saved_up: 100, one_every: Duration::from_secs(4) };

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    /// Of a name, from wherever.
    Name(String),
    /// Of a name, from an address. It may be this machine's own.
    NameFrom(String, IpAddr),
    /// From an address, of whatever names.
    Address(IpAddr),
    /// Of a browser that has shown before who uses it, or of a session.
    Familiar(SecretHash),
}

impl Whose {
    const fn allowance(&self) -> Allowance {
        match self {
            Self::Name(_) => FROM_EVERYWHERE,
            Self::NameFrom(..) | Self::Address(_) | Self::Familiar(_) => FROM_ONE_PLACE,
        }
    }
}

/// Who makes an attempt.
#[derive(Clone, Debug)]
pub(super) enum Who<'a> {
    Stranger { name: &'a str, from: IpAddr },
    Familiar(SecretHash),
}

impl Who<'_> {
    /// This machine's own addresses are not counted by themselves: a proxy may be there, and everybody behind it.
    fn all(&self) -> Vec<Whose> {
        match self {
            Self::Familiar(browser) => vec![Whose::Familiar(*browser)],
            Self::Stranger { name, from } => {
                let (name, from) = ((*name).to_owned(), house_of(*from));
                let address = Some(from).filter(|from| !from.is_loopback()).map(Whose::Address);
                [Whose::Name(name.clone()), Whose::NameFrom(name, from)].into_iter().chain(address).collect()
            }
        }
    }
}

/// How many attempts are left: by when all that were made are forgotten.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<Whose, Instant>>);

impl Attempts {
    /// Takes one attempt, or says when there is one again.
    pub(super) fn take(&self, who: &Who<'_>, now: Instant) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = who.all();
        for whose in &all {
            let Allowance { saved_up, one_every } = whose.allowance();
            let over_at = known.get(whose).copied().unwrap_or(now).max(now) + one_every;
            if let Some(early) = (over_at - now).checked_sub(one_every * saved_up).filter(|early| !early.is_zero()) {
                return Err(early);
            }
        }
        for whose in all {
            let one_every = whose.allowance().one_every;
            let over_at = known.entry(whose).or_insert(now);
            *over_at = (*over_at).max(now) + one_every;
        }
        if known.len() > MOST_REMEMBERED {
            known.retain(|whose, over_at| *over_at > now + whose.allowance().one_every);
        }
        if known.len() > MOST_REMEMBERED {
            // Whoever makes names up by the thousand has them forgotten, and not those who are guessed at again and again.
            let mut over_at: Vec<_> = known.values().copied().collect();
            let (_, middle, _) = over_at.select_nth_unstable(MOST_REMEMBERED / 2);
            let middle = *middle;
            known.retain(|_, over_at| *over_at > middle);
        }
        Ok(())
    }

    /// Forgets the attempts of somebody who has shown who they are; not those of everybody together with their name.
    pub(super) fn forget(&self, who: &Who<'_>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for whose in who.all() {
            if !matches!(whose, Whose::Name(_)) {
                known.remove(&whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    fn stranger<'a>(name: &'a str, from: &str) -> Who<'a> {
        Who::Stranger { name, from: from.parse().expect("an address") }
    }

    #[test]
    fn an_address_has_ten_attempts_and_then_one_each_half_minute_whatever_the_names() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for attempt in 0..10 {
            assert_eq!(attempts.take(&stranger(&format!("name{attempt}"), "192.0.2.1"), now), Ok(()));
        }
        assert_eq!(attempts.take(&stranger("name10", "192.0.2.1"), now), Err(HALF_A_MINUTE));
        assert_eq!(attempts.take(&stranger("name10", "192.0.2.1"), now + Duration::from_secs(29)), Err(Duration::from_secs(1)));
        assert_eq!(attempts.take(&stranger("name10", "192.0.2.2"), now), Ok(()));
        assert_eq!(attempts.take(&stranger("name10", "192.0.2.1"), now + HALF_A_MINUTE), Ok(()));
        assert!(attempts.take(&stranger("name10", "192.0.2.1"), now + HALF_A_MINUTE).is_err());
    }

    #[test]
    fn whoever_tries_from_one_address_for_ever_keeps_nobody_out_who_comes_from_another() {
        let (attempts, begun) = (Attempts::default(), Instant::now());
        for second in 0..3_600 {
            let _ = attempts.take(&stranger("admin", "192.0.2.1"), begun + Duration::from_secs(second));
        }
        let now = begun + Duration::from_secs(3_600);
        for attempt in 0..10 {
            assert_eq!(attempts.take(&stranger("admin", "198.51.100.1"), now), Ok(()), "{attempt}");
        }
    }

    #[test]
    fn many_addresses_together_have_a_hundred_for_a_name_and_keep_nobody_out_of_a_familiar_browser() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for attempt in 0..100 {
            assert_eq!(attempts.take(&stranger("admin", &format!("192.0.2.{attempt}")), now), Ok(()));
        }
        assert_eq!(attempts.take(&stranger("admin", "198.51.100.1"), now), Err(Duration::from_secs(4)));
        assert_eq!(attempts.take(&stranger("other", "198.51.100.1"), now), Ok(()));
        let familiar = Who::Familiar([1; 32]);
        for _ in 0..10 {
            assert_eq!(attempts.take(&familiar, now), Ok(()));
        }
        assert_eq!(attempts.take(&familiar, now), Err(HALF_A_MINUTE), "a stolen one has as many as an address");
        assert_eq!(attempts.take(&Who::Familiar([2; 32]), now), Ok(()));
    }

    #[test]
    fn a_name_has_as_many_from_this_machine_itself_and_the_machine_as_many_as_it_has_names() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for name in 0..20 {
            assert_eq!(attempts.take(&stranger(&format!("name{name}"), "::1"), now), Ok(()));
        }
        for _ in 0..10 {
            assert_eq!(attempts.take(&stranger("admin", "127.0.0.1"), now), Ok(()));
        }
        assert_eq!(attempts.take(&stranger("admin", "127.0.0.1"), now), Err(HALF_A_MINUTE));
    }

    #[test]
    fn whoever_signs_in_begins_anew_and_the_name_s_attempts_from_everywhere_are_not_forgotten() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..10 {
            for _ in 0..10 {
                attempts.take(&stranger("admin", "192.0.2.1"), now).expect("one is left");
            }
            attempts.forget(&stranger("admin", "192.0.2.1"));
        }
        assert_eq!(attempts.take(&stranger("admin", "192.0.2.1"), now), Err(Duration::from_secs(4)));
    }

    #[test]
    fn names_that_somebody_makes_up_are_forgotten() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for name in 0..2 * MOST_REMEMBERED {
            for _ in 0..2 {
                attempts.take(&stranger(&name.to_string(), "127.0.0.1"), now).expect("another name");
            }
        }
        assert!(attempts.0.lock().expect("no bug").len() <= MOST_REMEMBERED);
    }
}
