//! What a token claims, and what is asked of it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use signedcall_wire::AccountId;

use super::WrongToken;

/// The longest that a token may be good, in seconds: a stolen one is of little use, and a user who is locked out by the company is out by then.
pub(crate) const LONGEST: u64 = 600;
/// The most bytes of a token's id.
const MAX_ID_BYTES: usize = 128;

/// The claims that are asked for (RFC 7519, section 4.1). All but `nbf` have to be there; others are not looked at.
pub(super) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: u64,
    exp: u64,
    nbf: Option<u64>,
    pub(super) jti: String,
}

#[derive(Deserialize)]
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
    pub(super) shortest: u64,
}

/// Reads the claims of a token whose signature is right.
pub(super) fn read(payload: &[u8]) -> Result<Claims, WrongToken> {
    const TEXT: &str = "there, and a text";
    const MOMENT: &str = "there, and whole seconds since 1970";
    let all: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| WrongToken::NoClaims)?;
    Ok(Claims {
        iss: claim(&all, "iss", TEXT)?,
        sub: claim(&all, "sub", TEXT)?,
        aud: claim(&all, "aud", "there, and a text or several in a list")?,
        iat: claim(&all, "iat", MOMENT)?,
        exp: claim(&all, "exp", MOMENT)?,
        nbf: if all.contains_key("nbf") { Some(claim(&all, "nbf", "whole seconds since 1970, if it is there")?) } else { None },
        jti: claim(&all, "jti", TEXT)?,
    })
}

fn claim<T: DeserializeOwned>(all: &Map<String, Value>, name: &'static str, kind: &'static str) -> Result<T, WrongToken> {
    all.get(name).and_then(|value| T::deserialize(value).ok()).ok_or(WrongToken::Claim { name, kind })
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
        let shortest = self.shortest.max(1);
        if claims.exp.checked_sub(claims.iat).is_none_or(|seconds| !(shortest..=LONGEST).contains(&seconds)) {
            return Err(WrongToken::Lifetime { shortest, longest: LONGEST });
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
