//! The public keys that a company signs tokens with, as it registers them: a JWK set (RFC 7517).

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, VerificationAlgorithm};
use serde::Deserialize;

use super::signed::is_there;

/// The most keys of a set: one that signs, one that is about to, and those of several backends.
const MAX_KEYS: usize = 16;
/// The most bytes of a key's name.
const MAX_KID_BYTES: usize = 128;
/// The bytes of an Ed25519 key, and of a coordinate on P-256.
const KEY_BYTES: usize = 32;

/// How a token is signed. What is not here is never accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518).
    Es256,
}

impl TokenAlgorithm {
    const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// The name in a token's header and in a key set.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EdDsa => &ED25519,
            Self::Es256 => &ECDSA_P256_SHA256_FIXED,
        }
    }
}

/// A public key that tokens are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// What a token names it by.
    pub kid: String,
    pub(crate) algorithm: TokenAlgorithm,
    /// Of Ed25519 the key itself, of P-256 the uncompressed point.
    pub(crate) public_key: Vec<u8>,
}

impl TokenKey {
    /// The name of the algorithm that it verifies.
    pub const fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }
}

/// Why a text is no set of keys that tokens could be verified with.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// It is no JWK set at all.
    #[error("this is no JWK set: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It has more keys than are taken.
    #[error("a set has at most {MAX_KEYS} keys")]
    TooMany,
    /// Two keys have the same name.
    #[error("two keys have the kid {0:?}")]
    Twice(String),
    /// A key cannot be used.
    #[error("the key {kid:?}: {why}")]
    Key {
        /// Its name, which may be missing.
        kid: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    d: bool,
    #[serde(default, deserialize_with = "is_there")]
    k: bool,
}

/// Reads a set. An empty one is a set as well: it verifies nothing.
///
/// # Errors
/// What is wrong with it, or with the first key that cannot be used.
pub(crate) fn read_key_set(text: &str) -> Result<Vec<TokenKey>, InvalidKeySet> {
    let Set { keys } = serde_json::from_str(text)?;
    if keys.len() > MAX_KEYS {
        return Err(InvalidKeySet::TooMany);
    }
    let mut names = BTreeSet::new();
    let mut read = Vec::new();
    for jwk in keys {
        if !names.insert(jwk.kid.clone()) {
            return Err(InvalidKeySet::Twice(jwk.kid));
        }
        let (algorithm, public_key) = read_key(&jwk).map_err(|why| InvalidKeySet::Key { kid: jwk.kid.clone(), why })?;
        read.push(TokenKey { kid: jwk.kid, algorithm, public_key });
    }
    Ok(read)
}

fn read_key(jwk: &Jwk) -> Result<(TokenAlgorithm, Vec<u8>), &'static str> {
    if jwk.d || jwk.k {
        return Err("it has its secret part, which belongs to whoever signs and to nobody else");
    }
    if !(1..=MAX_KID_BYTES).contains(&jwk.kid.len()) || jwk.kid.chars().any(char::is_control) {
        return Err("its kid has to have 1 to 128 bytes, and none that controls anything");
    }
    if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err("it is not for signatures");
    }
    let algorithm = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", Some("Ed25519")) => TokenAlgorithm::EdDsa,
        ("EC", Some("P-256")) => TokenAlgorithm::Es256,
        _ => return Err("it has to be of kty OKP and crv Ed25519, or of kty EC and crv P-256"),
    };
    if jwk.alg.as_deref().is_some_and(|alg| alg != algorithm.name()) {
        return Err("its alg is not that of its curve: EdDSA for Ed25519, ES256 for P-256");
    }
    let x = coordinate(jwk.x.as_deref())?;
    let public_key = match algorithm {
        TokenAlgorithm::EdDsa if is_of_small_order(&x) => {
            return Err("it is one of the few points of Ed25519 that anybody can sign for");
        }
        TokenAlgorithm::EdDsa => x,
        TokenAlgorithm::Es256 => [vec![0x04], x, coordinate(jwk.y.as_deref())?].concat(),
    };
    match algorithm {
        TokenAlgorithm::Es256 if !is_on_p256(&public_key) => Err("it is no point of P-256"),
        TokenAlgorithm::EdDsa | TokenAlgorithm::Es256 => Ok((algorithm, public_key)),
    }
}

/// Each way to write a point of the curve whose order divides eight, without the bit that is the sign of x: with such a key, a signature can be made that
/// fits many messages.
const SMALL_ORDER: [[u8; KEY_BYTES]; 7] = {
    const fn close_to_the_field_s_end(lowest: u8) -> [u8; KEY_BYTES] {
        let mut y = [0xff; KEY_BYTES];
        (y[0], y[KEY_BYTES - 1]) = (lowest, 0x7f);
        y
    }
    let mut one = [0; KEY_BYTES];
    one[0] = 1;
    [
        [0; KEY_BYTES],
        one,
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3,
            0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c,
            0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        close_to_the_field_s_end(0xec),
        close_to_the_field_s_end(0xed),
        close_to_the_field_s_end(0xee),
    ]
};

fn is_of_small_order(public_key: &[u8]) -> bool {
    let mut y = public_key.to_owned();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.iter().any(|small| small[..] == y)
}

/// Agrees on a key with it, which fails for anything that is no point of the curve.
fn is_on_p256(public_key: &[u8]) -> bool {
    let key = agreement::UnparsedPublicKey::new(&ECDH_P256, public_key);
    EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).is_ok_and(|own| agreement::agree_ephemeral(own, &key, |_| ()).is_ok())
}

fn coordinate(text: Option<&str>) -> Result<Vec<u8>, &'static str> {
    let bytes = text.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    bytes.filter(|bytes| bytes.len() == KEY_BYTES).ok_or("its x, and for P-256 its y, has to be 32 bytes in base64url without padding")
}
