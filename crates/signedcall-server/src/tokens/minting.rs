//! User tokens that the service signs itself, for companies whose backend has no key to sign them with.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use signedcall_wire::{AccountId, Cuid, Redacted};

use super::key_set::{TokenAlgorithm, TokenKey};
use super::unix_seconds;
use crate::keys::{NoRandomness, random_key_id, random_secret};

/// The bytes of the secret part of an Ed25519 key (RFC 8032).
const SEED_BYTES: usize = 32;

/// A key of the service's own, for one account in one environment.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    /// What it is made of, as it is stored.
    pub(crate) seed: Redacted<Vec<u8>>,
    pair: std::sync::Arc<Ed25519KeyPair>,
}

impl SigningKey {
    /// Makes another key.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let mut seed = [0; SEED_BYTES];
        OsRng.try_fill_bytes(&mut seed)?;
        let kid = format!("signedcall_{}", random_key_id()?.0);
        Ok(Self::of(kid, seed.to_vec()).expect("a seed of 32 bytes is a key"))
    }

    /// A key that was stored; `None` when no version of the service has stored it so.
    pub(crate) fn of(kid: String, seed: Vec<u8>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        Some(Self { kid, seed: Redacted::new(seed), pair: pair.into() })
    }

    /// What verifies its tokens, as if the company had registered it.
    pub(crate) fn public(&self) -> TokenKey {
        TokenKey { kid: self.kid.clone(), algorithm: TokenAlgorithm::EdDsa, public_key: self.pair.public_key().as_ref().to_vec() }
    }

    /// Signs a token for a user, good from now on.
    pub(crate) fn sign(
        &self,
        account: &AccountId,
        cuid: &Cuid,
        audience: &str,
        now: SystemTime,
        lasts: Duration,
    ) -> Result<Redacted<String>, NoRandomness> {
        let now = unix_seconds(now);
        let claims = json!({
            "iss": account.0, "sub": cuid.as_str(), "aud": audience, "iat": now, "exp": now + lasts.as_secs(),
            "jti": random_secret()?.expose(),
        });
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid});
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = encode(self.pair.sign(signed.as_bytes()).as_ref());
        Ok(Redacted::new(format!("{signed}.{signature}")))
    }
}
