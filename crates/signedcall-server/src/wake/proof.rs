//! Whether a push is of this service: what push services are shown (RFC 8292), read from the other side.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;

use crate::tokens::unix_seconds;

/// What of the claims counts.
#[derive(Deserialize)]
struct Claims {
    /// The origin of the endpoint for which it was said.
    aud: String,
    exp: u64,
}

/// For which origin the header `Authorization` was signed by the owner of a public key (uncompressed, in base64url), where it still counts.
pub(super) fn audience(authorization: &str, public: &str, now: SystemTime) -> Option<String> {
    verified(authorization, public).filter(|claims| claims.exp > unix_seconds(now)).map(|claims| claims.aud)
}

fn verified(authorization: &str, public: &str) -> Option<Claims> {
    let (token, shown) = authorization.strip_prefix("vapid t=")?.split_once(", k=")?;
    if shown != public {
        return None;
    }
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let (signed, signature) = token.rsplit_once('.')?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(public)?).verify(signed.as_bytes(), &decode(signature)?).ok()?;
    serde_json::from_slice(&decode(signed.split_once('.')?.1)?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::push::VapidKey;

    fn key() -> VapidKey {
        VapidKey::of(&VapidKey::make().expect("randomness")).expect("a key")
    }

    #[test]
    fn only_what_the_service_has_signed_counts_and_only_for_half_a_day() {
        let (ours, theirs) = (key(), key());
        let endpoint = Url::parse("https://calls.example/v1/wake/line").expect("a URL");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let said = ours.authorization(&endpoint, None, now).expect("randomness");
        let stolen = theirs.authorization(&endpoint, None, now).expect("randomness").replace(&theirs.public(), &ours.public());
        let public = ours.public();
        assert_eq!(audience(&said, &public, now).as_deref(), Some("https://calls.example"));
        assert_eq!(audience(&said, &public, now + Duration::from_secs(24 * 3600)), None, "it is too old");
        assert_eq!(audience(&said, &theirs.public(), now), None, "it is for another service");
        assert_eq!(audience(&stolen, &public, now), None, "it was signed by somebody else");
        for length in 0..said.len() {
            assert_eq!(audience(&said[..length], &public, now), None, "{length}");
        }
    }
}
