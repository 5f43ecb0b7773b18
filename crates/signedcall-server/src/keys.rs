//! Api keys: how they are made, what of them is stored, and how they are verified without stalling anybody.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::hub::KeyId;
use crate::turns::Turns;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use signedcall_wire::{Environment, Redacted};

/// Verifications for devices at the same time: each takes 19 MiB and a core for some 20 ms, and the service has other things to do.
const MOST_VERIFICATIONS: usize = 2;
/// The same for companies' backends, of which there are few. Whoever tries keys there keeps no device from signing in, and whoever tries them from one address
/// nobody at another.
const MOST_FOR_BACKENDS: usize = 1;
/// How long a sign-in queues for a verification before it is asked to come back: within the time that a device waits for its first answer.
const VERIFY_WITHIN: Duration = Duration::from_secs(5);
/// Verified keys that are remembered: every key of a service with a thousand accounts, in 128 KiB.
const MOST_REMEMBERED: usize = 4096;

/// The operating system has no randomness to give. Nothing that needs a secret can go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandomness(#[from] rand::rand_core::OsError);

/// Makes a secret of 256 bits, as text that fits into a URL, a shell and a TOML file.
pub(crate) fn random_secret() -> Result<Redacted<String>, NoRandomness> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(Redacted::new(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

/// Makes an api key, which says which environment it is for to whoever finds it, and which of the account's keys it is to whoever verifies it.
pub(crate) fn random_key(environment: Environment, id: &KeyId) -> Result<Redacted<String>, NoRandomness> {
    Ok(Redacted::new(format!("{}{}_{}", prefix(environment), id.0, random_secret()?.expose())))
}

const fn prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "sc_production_",
        Environment::Development => "sc_development_",
    }
}

/// The bytes of a key's id, each written as two digits.
const ID_BYTES: usize = 6;

/// Makes what a key is called: short enough to be typed, and said nothing of the key's secret by.
pub(crate) fn random_key_id() -> Result<KeyId, NoRandomness> {
    let mut bytes = [0; ID_BYTES];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(KeyId(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Which environment a key says that it is for. One that somebody has chosen says nothing.
pub(crate) fn environment_in(key: &Redacted<String>) -> Option<Environment> {
    [Environment::Production, Environment::Development].into_iter().find(|of| key.expose().starts_with(prefix(*of)))
}

/// What a key says that it is called. Those that were made before keys had names in them, and those that somebody has chosen, say nothing.
pub(crate) fn id_in(key: &Redacted<String>) -> Option<KeyId> {
    let rest = key.expose().strip_prefix(prefix(environment_in(key)?))?;
    let (id, secret) = rest.split_at_checked(2 * ID_BYTES)?;
    let is_id = id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    // A secret of 256 bits has 43 characters, which a key without a name has and no more.
    let is_named = is_id && secret.strip_prefix('_').is_some_and(|secret| secret.len() == 43);
    is_named.then(|| KeyId(id.to_owned()))
}

/// What is stored of a key: Argon2 with a salt of its own, in the PHC format.
#[expect(clippy::unwrap_in_result, reason = "neither the salt's length nor the default parameters depend on what anybody gave us")]
pub(crate) fn hash(key: &Redacted<String>) -> Result<String, NoRandomness> {
    let mut salt = [0; 16];
    OsRng.try_fill_bytes(&mut salt)?;
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt of the allowed length");
    let hash = Argon2::default().hash_password(key.expose().as_bytes(), &salt).expect("the default parameters are valid for any key");
    Ok(hash.to_string())
}

/// Whether a stored hash is this key's. Takes a core for some 20 ms.
pub(crate) fn is_key_of(key: &Redacted<String>, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(key.expose().as_bytes(), &hash).is_ok())
}

/// Who shows a key. Those of one kind queue for verifications of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownBy {
    /// A user's device.
    Device,
    /// A company's backend.
    Backend,
}

/// Too many sign-ins with keys that have not been seen before.
#[derive(Debug, thiserror::Error)]
#[error("too many sign-ins at once")]
pub(crate) struct TooBusy;

/// Verifies keys off the asynchronous threads, a few at a time, and remembers those that were right, so that a storm of reconnecting
/// devices costs a MAC each.
#[derive(Debug)]
pub(crate) struct KeyVerifier {
    for_devices: Arc<Turns>,
    for_backends: Arc<Turns>,
    queue_for: Duration,
    /// The hash of a key that nobody has, to verify with where there is no other: how long an answer takes says nothing of the account.
    nobodys: String,
    /// Of this process alone: what is remembered is of no use to whoever reads it elsewhere.
    memory_key: Redacted<String>,
    remembered: Mutex<BTreeSet<[u8; 32]>>,
}

impl KeyVerifier {
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        Ok(Self {
            for_devices: Turns::new(MOST_VERIFICATIONS),
            for_backends: Turns::new(MOST_FOR_BACKENDS),
            queue_for: VERIFY_WITHIN,
            nobodys: hash(&random_secret()?)?,
            memory_key: random_secret()?,
            remembered: Mutex::new(BTreeSet::new()),
        })
    }

    /// Finds the first of some stored hashes that is this key's, which is shown from an address. With fewer than `at_least` it takes as long as with so many.
    pub(crate) async fn find(
        &self,
        (shown_by, from): (ShownBy, IpAddr),
        key: &Redacted<String>,
        hashes: Vec<String>,
        at_least: usize,
    ) -> Result<Option<usize>, TooBusy> {
        if let Some(known) = hashes.iter().position(|hash| self.remembers(self.fingerprint(key, hash))) {
            return Ok(Some(known));
        }
        let turns = match shown_by {
            ShownBy::Device => &self.for_devices,
            ShownBy::Backend => &self.for_backends,
        };
        let Ok(turn) = tokio::time::timeout(self.queue_for, turns.take(from)).await else {
            return Err(TooBusy);
        };
        let fingerprints: Vec<_> = hashes.iter().map(|hash| self.fingerprint(key, hash)).collect();
        let (key, tried) = (key.clone(), self.pad(hashes, at_least));
        let verified = tokio::task::spawn_blocking(move || {
            // Whoever has shown the key may have left: its turn is over once the work is done, not before.
            let _turn = turn;
            tried.iter().position(|hash| is_key_of(&key, hash))
        });
        let Ok(found) = verified.await else {
            return Err(TooBusy);
        };
        let Some((index, fingerprint)) = found.and_then(|index| Some((index, *fingerprints.get(index)?))) else {
            return Ok(None);
        };
        self.remember(fingerprint);
        Ok(Some(index))
    }

    fn pad(&self, mut hashes: Vec<String>, at_least: usize) -> Vec<String> {
        hashes.resize(hashes.len().max(at_least), self.nobodys.clone());
        hashes
    }

    /// Names the stored hash too, so that a key that has been replaced is no longer known.
    fn fingerprint(&self, key: &Redacted<String>, hash: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.memory_key.expose().as_bytes()).expect("a MAC takes a key of any length");
        mac.update(hash.as_bytes());
        mac.update(&[0]);
        mac.update(key.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn remembers(&self, fingerprint: [u8; 32]) -> bool {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).contains(&fingerprint)
    }

    fn remember(&self, fingerprint: [u8; 32]) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::turns::Turn;

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Takes all turns that there are.
    async fn take_all(turns: &Arc<Turns>, number: usize) -> Vec<Turn> {
        let mut all = Vec::new();
        for _ in 0..number {
            all.push(turns.take(FROM).await);
        }
        all
    }

    #[tokio::test]
    async fn a_key_is_found_among_hashes_and_remembered_until_it_is_replaced() {
        let verifier = KeyVerifier::new().expect("randomness");
        let key = random_secret().expect("randomness");
        let other = hash(&random_secret().expect("randomness")).expect("randomness");
        let own = hash(&key).expect("randomness");
        assert_eq!(verifier.find((ShownBy::Device, FROM), &key, vec![other.clone(), own.clone()], 2).await.ok(), Some(Some(1)));
        assert!(verifier.remembers(verifier.fingerprint(&key, &own)));
        assert!(!verifier.remembers(verifier.fingerprint(&key, &other)), "the key has been replaced");
        assert_eq!(verifier.find((ShownBy::Device, FROM), &key, vec![other], 2).await.ok(), Some(None));
        let known = take_all(&verifier.for_devices, MOST_VERIFICATIONS).await;
        assert_eq!(
            verifier.find((ShownBy::Device, FROM), &key, vec![own], 2).await.ok(),
            Some(Some(0)),
            "a known key needs no verification"
        );
        drop(known);
    }

    #[test]
    fn a_key_says_what_it_is_called_unless_it_is_older_than_that_or_chosen() {
        let (id, secret) = (random_key_id().expect("randomness"), random_secret().expect("randomness"));
        for environment in [Environment::Production, Environment::Development] {
            assert_eq!(id_in(&random_key(environment, &id).expect("randomness")), Some(id.clone()));
            assert_eq!(id_in(&Redacted::new(format!("{}{}", prefix(environment), secret.expose()))), None);
        }
        let short = "a".repeat(42);
        for other in ["", "chosen", "sc_production_", "sc_production_0123456789ab", &format!("sc_production_0123456789ab_{short}")] {
            assert_eq!(id_in(&Redacted::new(other.to_owned())), None, "{other}");
        }
        assert_eq!(id_in(&Redacted::new(format!("sc_production_0123456789AB_{short}a"))), None);
    }

    #[test]
    fn a_key_is_tried_as_often_where_there_are_few_as_where_there_are_many() {
        let verifier = KeyVerifier::new().expect("randomness");
        let hashes = |number: usize| vec!["hash".to_owned(); number];
        let tried = |number, at_least| verifier.pad(hashes(number), at_least).len();
        assert_eq!([tried(0, 1), tried(1, 1), tried(0, 2), tried(1, 2), tried(2, 2)], [1, 1, 2, 2, 2]);
        assert_eq!(verifier.pad(hashes(1), 2), ["hash".to_owned(), verifier.nobodys.clone()]);
    }

    #[tokio::test]
    async fn a_sign_in_that_cannot_be_verified_in_time_is_sent_away() {
        let verifier = KeyVerifier { queue_for: Duration::ZERO, ..KeyVerifier::new().expect("randomness") };
        let all = take_all(&verifier.for_devices, MOST_VERIFICATIONS).await;
        let key = Redacted::new("key".to_owned());
        assert!(verifier.find((ShownBy::Device, FROM), &key, vec![], 1).await.is_err());
        assert_eq!(verifier.find((ShownBy::Backend, FROM), &key, vec![], 1).await.ok(), Some(None), "a backend does not wait for devices");
        drop(all);
        let all = take_all(&verifier.for_backends, MOST_FOR_BACKENDS).await;
        assert!(verifier.find((ShownBy::Backend, FROM), &key, vec![], 1).await.is_err());
        assert_eq!(verifier.find((ShownBy::Device, FROM), &key, vec![], 1).await.ok(), Some(None), "nor a device for backends");
        drop(all);
    }

    #[test]
    fn what_is_stored_is_neither_the_key_nor_twice_the_same() {
        let key = Redacted::new("a key".to_owned());
        let (one, two) = (hash(&key).expect("randomness"), hash(&key).expect("randomness"));
        assert!(one != two && !one.contains("a key") && one.starts_with("$argon2id$"));
        assert!(is_key_of(&key, &one) && is_key_of(&key, &two));
        assert!(!is_key_of(&key, "no hash"));
    }
}
