//! Who the service is to Web Push services (RFC 8292): a key of its own, made once and kept in the store.

use std::time::{Duration, SystemTime};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use url::Url;

use super::jwt;
use crate::tokens::unix_seconds;

/// How long what is signed is good. RFC 8292 allows a day, and push services have clocks of their own.
const GOOD_FOR: Duration = Duration::from_secs(12 * 3600);

/// The key. It has no `Debug` that shows it.
pub(crate) struct VapidKey {
    pair: EcdsaKeyPair,
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VapidKey").field("public", &self.public()).finish()
    }
}

impl VapidKey {
    /// Makes a key, in the form of PKCS #8; `None` when there is no randomness.
    pub(crate) fn make() -> Option<Vec<u8>> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).ok()?;
        Some(pkcs8.as_ref().to_vec())
    }

    /// A key that was kept; `None` for what is none.
    pub(crate) fn of(pkcs8: &[u8]) -> Option<Self> {
        Some(Self { pair: jwt::key_pair(pkcs8)? })
    }

    /// Its public part, uncompressed, in base64url: what devices show to push services when they subscribe.
    pub(crate) fn public(&self) -> String {
        jwt::encode(self.pair.public_key().as_ref())
    }

    /// What goes into the header `Authorization` of a push to an endpoint. `contact` is whom the push service writes to when something is wrong.
    pub(crate) fn authorization(&self, endpoint: &Url, contact: Option<&str>, now: SystemTime) -> Option<String> {
        let mut claims = json!({"aud": endpoint.origin().ascii_serialization(), "exp": unix_seconds(now + GOOD_FOR)});
        if let Some(contact) = contact {
            claims["sub"] = contact.into();
        }
        let token = jwt::sign(&self.pair, &json!({"alg": "ES256", "typ": "JWT"}), &claims)?;
        Some(format!("vapid t={token}, k={}", self.public()))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_is_signed_names_the_push_service_alone_and_can_be_verified() {
        let key = VapidKey::of(&VapidKey::make().expect("randomness")).expect("a key");
        let endpoint = Url::parse("https://push.example:8443/device/1?x=y").expect("a URL");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let said = key.authorization(&endpoint, Some("mailto:ops@example.com"), now).expect("randomness");
        let (token, public) = said.strip_prefix("vapid t=").and_then(|said| said.split_once(", k=")).expect("two parts");
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let (signed, signature) = token.rsplit_once('.').expect("a JWT");
        let point = decode(public);
        assert_eq!((point.len(), point[0]), (65, 4));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &decode(signature)).expect("its signature");
        let claims: serde_json::Value = serde_json::from_slice(&decode(signed.split('.').nth(1).expect("claims"))).expect("JSON");
        assert_eq!(claims, json!({"aud": "https://push.example:8443", "exp": 44_200, "sub": "mailto:ops@example.com"}));
    }
}
