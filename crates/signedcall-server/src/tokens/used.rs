//! Which tokens were used, for as long as they would be good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use signedcall_wire::AccountId;

/// The most tokens of an account that are remembered at once: those of a hundred thousand devices that sign in and stay, ten times over. Only the
/// company itself can make so many, and it shuts out its own users then.
const MOST: usize = 1 << 20;

/// A token's id, whatever its length.
type Id = [u8; 16];

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Used,
    Full,
}

/// Remembers tokens, each until it has expired.
#[derive(Debug)]
pub(super) struct UsedTokens {
    most: usize,
    accounts: Mutex<BTreeMap<AccountId, OfAccount>>,
}

#[derive(Debug, Default)]
struct OfAccount {
    ids: BTreeSet<Id>,
    /// The same, by the moment at which they expire.
    by_end: BTreeSet<(u64, Id)>,
}

impl Default for UsedTokens {
    fn default() -> Self {
        Self::remembering(MOST)
    }
}

impl UsedTokens {
    fn remembering(most: usize) -> Self {
        Self { most, accounts: Mutex::default() }
    }

    /// Uses a token up.
    pub(super) fn take(&self, account: &AccountId, jti: &str, until: u64, now: u64) -> Result<(), NotTaken> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = accounts.entry(account.clone()).or_default();
        of_account.forget_expired(now);
        let mut id = Id::default();
        id.copy_from_slice(&Sha256::digest(jti)[..size_of::<Id>()]);
        if of_account.ids.contains(&id) {
            return Err(NotTaken::Used);
        }
        if of_account.ids.len() >= self.most {
            return Err(NotTaken::Full);
        }
        of_account.ids.insert(id);
        of_account.by_end.insert((until, id));
        Ok(())
    }
}

impl OfAccount {
    fn forget_expired(&mut self, now: u64) {
        while let Some((_, id)) = self.by_end.first().filter(|(until, _)| *until <= now).copied() {
            self.by_end.pop_first();
            self.ids.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_once_until_it_would_have_expired() {
        let used = UsedTokens::remembering(2);
        let (one, other) = (AccountId("one".to_owned()), AccountId("other".to_owned()));
        assert_eq!(used.take(&one, "a", 100, 0), Ok(()));
        assert_eq!(used.take(&one, "a", 100, 99), Err(NotTaken::Used));
        assert_eq!(used.take(&other, "a", 100, 99), Ok(()), "ids are of an account");
        assert_eq!(used.take(&one, "b", 200, 99), Ok(()));
        assert_eq!(used.take(&one, "c", 200, 99), Err(NotTaken::Full));
        assert_eq!(used.take(&other, "b", 200, 99), Ok(()), "and so is the room for them");
        assert_eq!(used.take(&one, "c", 200, 100), Ok(()), "the first is forgotten once it has expired");
        assert_eq!(used.take(&one, "b", 200, 199), Err(NotTaken::Used));
    }
}
