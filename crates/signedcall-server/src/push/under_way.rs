//! Which pushes are being sent, and which of those that are due come next.

use std::collections::{BTreeMap, BTreeSet};

use signedcall_wire::PushService;
use url::Url;

use crate::hub::User;
use crate::store::{DuePush, Most};

/// Pushes at the same time: each may hold one of the files that the process may have open, which devices need as well.
const MOST_AT_ONCE: usize = 256;
/// Of those, to one user: all devices that may be reached, for one call.
const MOST_OF_USER: usize = 8;
/// Of one account in one environment: whatever its users have said where they are, there is room for others.
const MOST_OF_ACCOUNT: usize = 128;
/// To one host of Web Push services. Those of browsers have one host for all, and answer in a tenth of a second.
const MOST_OF_HOST: usize = 64;

/// The pushes that are worth looking at: what is under way is due still, where a file is the store.
pub(super) const WORTH_A_LOOK: Most = Most { of_user: 2 * MOST_OF_USER as u32, of_account: 2 * MOST_OF_ACCOUNT as u32 };

/// What is being sent, or was sent and is not written down.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    places: Places,
    sent: BTreeSet<i64>,
    /// What could not be written down, and until when its call rings: it is not sent again meanwhile.
    unwritten: BTreeMap<i64, i64>,
}

#[derive(Clone, Debug, Default)]
struct Places {
    all: usize,
    of_users: BTreeMap<User, usize>,
    of_accounts: BTreeMap<Whose, usize>,
    of_hosts: BTreeMap<String, usize>,
}

/// An account in one environment.
type Whose = (String, &'static str);

impl UnderWay {
    /// The pushes that are not to be sent once more now.
    pub(super) fn numbers(&self) -> BTreeSet<i64> {
        self.sent.iter().chain(self.unwritten.keys()).copied().collect()
    }

    /// Chooses from what is due what there is room for. Accounts take turns, and within each its users: those with the fewest pushes under way come
    /// first, whatever has been due for longer.
    pub(super) fn choose(&self, due: Vec<DuePush>) -> Vec<DuePush> {
        let mut of_users = self.places.of_users.clone();
        let mut by_user: Vec<_> = due.into_iter().map(|due| (turn(&mut of_users, due.user.clone()), due)).collect();
        by_user.sort_by_key(|(turn, _)| *turn);
        let mut of_accounts = self.places.of_accounts.clone();
        let mut by_account: Vec<_> = by_user.into_iter().map(|(_, due)| (turn(&mut of_accounts, whose(&due.user)), due)).collect();
        by_account.sort_by_key(|(turn, _)| *turn);
        let mut places = self.places.clone();
        by_account.into_iter().map(|(_, due)| due).filter(|due| places.take(due)).collect()
    }

    /// A push is sent.
    pub(super) fn send(&mut self, due: &DuePush) {
        self.places.take(due);
        self.sent.insert(due.number);
    }

    /// It has come to something, which is written down or could not be.
    pub(super) fn come_to(&mut self, due: &DuePush, is_written: bool) {
        self.places.give_back(due);
        self.sent.remove(&due.number);
        if !is_written {
            self.unwritten.insert(due.number, due.expires_at_ms);
        }
    }

    /// What was not written down is forgotten once its call rings no more: it is not due any more either.
    pub(super) fn forget_over(&mut self, now_ms: i64) {
        self.unwritten.retain(|_, expires_at_ms| *expires_at_ms > now_ms);
    }
}

impl Places {
    /// Takes a place for a push, if there is one.
    fn take(&mut self, due: &DuePush) -> bool {
        let (user, account, host) = (&due.user, whose(&due.user), host(&due.target.by));
        let is_free = self.all < MOST_AT_ONCE
            && has_room(&self.of_users, user, MOST_OF_USER)
            && has_room(&self.of_accounts, &account, MOST_OF_ACCOUNT)
            && host.as_ref().is_none_or(|host| has_room(&self.of_hosts, host, MOST_OF_HOST));
        if is_free {
            self.all += 1;
            *self.of_users.entry(user.clone()).or_default() += 1;
            *self.of_accounts.entry(account).or_default() += 1;
            if let Some(host) = host {
                *self.of_hosts.entry(host).or_default() += 1;
            }
        }
        is_free
    }

    fn give_back(&mut self, due: &DuePush) {
        self.all -= 1;
        give_back(&mut self.of_users, &due.user);
        give_back(&mut self.of_accounts, &whose(&due.user));
        if let Some(host) = host(&due.target.by) {
            give_back(&mut self.of_hosts, &host);
        }
    }
}

/// Counts one more, and says how many there were.
fn turn<K: Ord>(counts: &mut BTreeMap<K, usize>, of: K) -> usize {
    let count = counts.entry(of).or_default();
    *count += 1;
    *count - 1
}

fn has_room<K: Ord>(counts: &BTreeMap<K, usize>, of: &K, most: usize) -> bool {
    counts.get(of).is_none_or(|count| *count < most)
}

fn give_back<K: Ord>(counts: &mut BTreeMap<K, usize>, of: &K) {
    if let Some(count) = counts.get_mut(of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(of);
        }
    }
}

fn whose((account, environment, _): &User) -> Whose {
    (account.0.clone(), crate::store::environment_name(*environment))
}

/// The host of a Web Push service. Apple's is reached over a connection of the account's.
fn host(by: &PushService) -> Option<String> {
    match by {
        PushService::WebPush { endpoint } => Url::parse(endpoint.expose()).ok()?.host_str().map(str::to_owned),
        PushService::Apns { .. } | PushService::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{AccountId, Cuid, DeviceId, Environment, PushTarget, Redacted};
    use uuid::Uuid;

    use super::*;

    fn push(number: i64, account: &str, cuid: &str, host: &str) -> DuePush {
        let by = PushService::WebPush { endpoint: Redacted::new(format!("https://{host}/{number}")) };
        DuePush {
            number,
            call: String::new(),
            user: (AccountId(account.to_owned()), Environment::Production, Cuid::new(cuid).expect("a cuid")),
            device: DeviceId(Uuid::nil()),
            target: PushTarget { by, p256dh: String::new(), auth: Redacted::default() },
            expires_at_ms: 1_000,
            tries: 0,
        }
    }

    fn numbers(chosen: &[DuePush]) -> Vec<i64> {
        chosen.iter().map(|due| due.number).collect()
    }

    #[test]
    fn one_user_has_eight_places_whatever_else_is_free() {
        let due: Vec<_> = (0..20).map(|number| push(number, "acme", "user_1", &format!("{number}.example"))).collect();
        assert_eq!(numbers(&UnderWay::default().choose(due)), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn one_host_has_a_quarter_of_the_places_and_one_account_half() {
        let to_host = (0..200).map(|number| push(number, &format!("of_{number}"), "user_1", "slow.example")).collect();
        assert_eq!(UnderWay::default().choose(to_host).len(), 64);
        let of_account = (0..200).map(|number| push(number, "acme", &format!("user_{number}"), &format!("{number}.example"))).collect();
        assert_eq!(UnderWay::default().choose(of_account).len(), 128);
        let of_all = (0..400).map(|number| push(number, &format!("of_{number}"), "user_1", &format!("{number}.example"))).collect();
        assert_eq!(UnderWay::default().choose(of_all).len(), 256);
    }

    #[test]
    fn accounts_and_their_users_take_turns() {
        let due = vec![
            push(1, "acme", "user_1", "a.example"),
            push(2, "acme", "user_1", "a.example"),
            push(3, "acme", "user_2", "a.example"),
            push(4, "bolt", "user_1", "a.example"),
        ];
        let mut under_way = UnderWay::default();
        assert_eq!(numbers(&under_way.choose(due.clone())), [1, 4, 3, 2]);
        under_way.send(&due[0]);
        assert_eq!(numbers(&under_way.choose(due[1..].to_vec())), [4, 3, 2]);
        under_way.send(&due[3]);
        assert_eq!(numbers(&under_way.choose(due[1..3].to_vec())), [3, 2]);
    }

    #[test]
    fn a_try_that_is_over_gives_its_place_back_and_is_not_sent_again_before_it_is_written_down() {
        let mut under_way = UnderWay::default();
        let due: Vec<_> = (0..8).map(|number| push(number, "acme", "user_1", "a.example")).collect();
        due.iter().for_each(|due| under_way.send(due));
        let next = vec![push(8, "acme", "user_1", "a.example")];
        assert!(under_way.choose(next.clone()).is_empty());
        under_way.come_to(&due[0], false);
        assert_eq!(numbers(&under_way.choose(next)), [8]);
        assert!(under_way.numbers().contains(&0));
        under_way.forget_over(999);
        assert!(under_way.numbers().contains(&0));
        under_way.forget_over(1_000);
        under_way.come_to(&due[1], true);
        assert_eq!(under_way.numbers(), (2..8).collect());
    }
}
