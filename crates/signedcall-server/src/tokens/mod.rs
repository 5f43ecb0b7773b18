//! User tokens: what a company's own backend signs for one of its users, for minutes, instead of giving an api key to every device.
//!
//! A token is a JWT (RFC 7519) in its compact form. Which algorithm it is verified by is said by the key that the company has registered, and never by
//! the token: a token can only name a key. `docs/accounts.md` lists what is asked of a token, and what each wrong one is answered.

mod claims;
mod key_set;
mod minting;
mod signed;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signedcall_wire::{AccountId, Environment};

pub(crate) use self::claims::LONGEST as LONGEST_TOKEN_SECONDS;
use self::claims::Rules;
pub use self::key_set::{InvalidKeySet, TokenKey};
pub(crate) use self::key_set::{TokenAlgorithm, read_key_set};
pub(crate) use self::minting::SigningKey;
pub(crate) use self::signed::SignedToken;
use crate::hub::TokenKeyId;
use crate::store::RegisteredKey;

/// The most bytes of a token: one with all that is asked of it has under five hundred.
pub(crate) const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// What is asked of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Whom a token has to be for, its `aud`: a company may sign tokens for others with the same keys.
    pub audience: String,
    /// How far the clocks of a company's backend and of this service may be apart.
    pub leeway: Duration,
    /// How long a token has to be good at least: with less, devices do little else than to renew them.
    pub shortest: Duration,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { audience: "signedcall".to_owned(), leeway: Duration::from_secs(30), shortest: Duration::from_secs(60) }
    }
}

/// Why a token lets nobody in. The words reach whoever has the token; until its signature is right, they say nothing of the account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongToken {
    #[error("the user token is not signed by a key of this account")]
    NotSigned,
    #[error("the user token's payload is no JSON object")]
    NoClaims,
    #[error("the user token's {name} has to be {kind}")]
    Claim { name: &'static str, kind: &'static str },
    #[error("the user token is of another issuer: its iss has to be the account id")]
    Issuer,
    #[error("the user token is for others: its aud has to be {0:?}")]
    Audience(String),
    #[error("the user token is for another user: its sub has to be the cuid")]
    Subject,
    #[error("the user token is good from iat to exp, which has to be {shortest} to {longest} seconds")]
    Lifetime { shortest: u64, longest: u64 },
    #[error("the user token is not good yet; the clock of whoever made it may be wrong")]
    NotYet,
    #[error("the user token has expired")]
    Expired,
    #[error("the user token's jti has to have 1 to {0} bytes")]
    Id(usize),
    #[error("the user token was used before; each is good for one sign-in")]
    Used,
}

/// A token that is what it should be, and may have been used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedToken {
    /// What has signed it.
    pub(crate) key: TokenKeyId,
    /// That of this key.
    pub(crate) environment: Environment,
    /// What tells it from all others of its account.
    pub(crate) jti: String,
    /// The moment until which it is good, in seconds since 1970.
    pub(crate) until: u64,
    /// How long that is.
    pub(crate) lasts: Duration,
}

/// A token that names a key. Nothing of it is known to be true.
pub(crate) struct PresentedToken<'a>(SignedToken<'a>);

impl<'a> PresentedToken<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, WrongToken> {
        SignedToken::read(text).map(Self).ok_or(WrongToken::NotSigned)
    }

    /// The name of the key that has signed it.
    pub(crate) fn kid(&self) -> &str {
        self.0.kid()
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub(crate) struct TokenVerifier {
    rules: Rules,
}

impl TokenVerifier {
    pub(crate) fn new(settings: TokenSettings) -> Self {
        let TokenSettings { audience, leeway, shortest } = settings;
        Self { rules: Rules { audience, leeway: leeway.as_secs(), shortest: shortest.as_secs() } }
    }

    /// Verifies a token with the key that it names, if the account has it. Whether it was used before is for the store to say.
    pub(crate) fn verify(
        &self,
        token: &PresentedToken<'_>,
        key: Option<&RegisteredKey>,
        account: &AccountId,
        cuid: &str,
        now: SystemTime,
    ) -> Result<VerifiedToken, WrongToken> {
        // Also without a key there is something to verify with: how long the answer takes says nothing of the account.
        let payload = token.0.verify(key.map(|registered| &registered.key));
        let (Some(payload), Some(registered)) = (payload, key) else {
            return Err(WrongToken::NotSigned);
        };
        let now = unix_seconds(now);
        let claims = claims::read(&payload)?;
        let until = self.rules.check(&claims, account, cuid, now)?;
        let (key, environment, lasts) = (registered.id, registered.environment, Duration::from_secs(until - now));
        Ok(VerifiedToken { key, environment, jti: claims.jti, until, lasts })
    }
}

/// The moments of tokens.
pub(crate) fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
