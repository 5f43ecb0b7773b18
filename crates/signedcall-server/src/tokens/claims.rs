//! What a token claims, and what is asked of it.

use serde::Deserialize;
use signedcall_wire::AccountId;

use super::WrongToken;

/// The longest that a token may be good, in seconds: a stolen one is of little use, and a user who is locked out by the company is out by then.
pub(super) const LONGEST: u64 = 600;
/// The most bytes of a token's id.
pub(super) const MAX_ID_BYTES: usize = 128;

/// The claims that are asked for (RFC 7519, section 4.1). All but `nbf` have to be there; others are not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: u64,
    exp: u64,
    #[serde(default)]
    nbf: Option<u64>,
    pub(super) jti: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn includes(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// What is asked of the tokens of this service. Moments are seconds since 1970.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) audience: String,
    pub(super) leeway: u64,
}

/// Reads the claims of a token whose signature is right.
pub(super) fn read(payload: &[u8]) -> Result<Claims, WrongToken> {
    serde_json::from_slice(payload).map_err(|error| WrongToken::Claims(error.to_string()))
}

impl Rules {
    /// Gives the moment until which the token is good, the leeway included.
    pub(super) fn check(&self, claims: &Claims, account: &AccountId, cuid: &str, now: u64) -> Result<u64, WrongToken> {
        if claims.iss != account.0 {
            return Err(WrongToken::Issuer);
        }
        if !claims.aud.includes(&self.audience) {
            return Err(WrongToken::Audience(self.audience.clone()));
        }
        if claims.sub != cuid {
            return Err(WrongToken::Subject);
        }
        if !(1..=MAX_ID_BYTES).contains(&claims.jti.len()) {
            return Err(WrongToken::Id(MAX_ID_BYTES));
        }
        if claims.exp.checked_sub(claims.iat).is_none_or(|seconds| !(1..=LONGEST).contains(&seconds)) {
            return Err(WrongToken::Lifetime(LONGEST));
        }
        let latest = now.saturating_add(self.leeway);
        if claims.iat > latest || claims.nbf.is_some_and(|from| from > latest) {
            return Err(WrongToken::NotYet);
        }
        let until = claims.exp.saturating_add(self.leeway);
        if until <= now {
            return Err(WrongToken::Expired);
        }
        Ok(until)
    }
}
