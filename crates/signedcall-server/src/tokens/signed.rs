//! The compact form of a JWS (RFC 7515), and its signature.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::UnparsedPublicKey;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::key_set::{TokenAlgorithm, TokenKey};

/// Points that are keys of nobody, to verify with where there is no key: the base points of the two curves (RFC 8032, FIPS 186-4).
const NOBODYS_ED25519: [u8; 32] = {
    let mut point = [0x66; 32];
    point[0] = 0x58;
    point
};
const NOBODYS_P256: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
    0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
    0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// What a token says of itself before anything is known to be true. Keys that it may bring along are not looked at.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    /// Whether extensions are named that have to be understood: none is, and naming them wrongly is no way round that.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// Whether there is a field, whatever it is.
pub(super) fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A token whose signature has not been looked at. It may be good, so it has no `Debug`.
pub(crate) struct SignedToken<'a> {
    kid: String,
    algorithm: TokenAlgorithm,
    /// What is signed: header and payload.
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> SignedToken<'a> {
    /// Takes a token apart; `None` when it is none that could ever be good.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let algorithm = TokenAlgorithm::named(&header.alg)?;
        if header.crit || payload.contains('.') {
            return None;
        }
        Some(Self { kid: header.kid, algorithm, signed, payload, signature: BASE64_URL_SAFE_NO_PAD.decode(signature).ok()? })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// Gives the payload if this key has signed it, by the algorithm that the key is for. Without a key it takes as long, and gives nothing.
    pub(crate) fn verify(&self, key: Option<&TokenKey>) -> Option<Vec<u8>> {
        let own = key.filter(|key| key.algorithm == self.algorithm);
        let nobodys: &[u8] = match self.algorithm {
            TokenAlgorithm::EdDsa => &NOBODYS_ED25519,
            TokenAlgorithm::Es256 => &NOBODYS_P256,
        };
        let public = own.map_or(nobodys, |key| key.public_key.as_slice());
        let is_right =
            UnparsedPublicKey::new(self.algorithm.verification(), public).verify(self.signed.as_bytes(), &self.signature).is_ok();
        if own.is_some() && is_right { BASE64_URL_SAFE_NO_PAD.decode(self.payload).ok() } else { None }
    }
}
