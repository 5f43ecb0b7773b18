//! What proves to a webhook's receiver that a delivery comes from this service, and that nobody has changed it.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use signedcall_wire::Redacted;

/// The header that a signature is in.
pub(super) const HEADER: &str = "signed-call-signature";

/// Signs a body, with each of some secrets: the moment goes in, so that a delivery that somebody has kept is not new again later.
pub(super) fn signature(secrets: &[Redacted<String>], unix_seconds: i64, body: &str) -> String {
    let mut header = format!("t={unix_seconds}");
    for secret in secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("a secret of any length will do");
        mac.update(format!("{unix_seconds}.").as_bytes());
        mac.update(body.as_bytes());
        let bytes = mac.finalize().into_bytes();
        header.push_str(",v1=");
        header.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_any_other_tool_makes_of_the_same() {
        // printf '1795000000.{"id":"1"}' | openssl dgst -sha256 -hmac scw_secret
        let of = |secret: &str| Redacted::new(secret.to_owned());
        let one = signature(&[of("scw_secret")], 1_795_000_000, "{\"id\":\"1\"}");
        assert_eq!(one, "t=1795000000,v1=67fb08b170e50620fc16a0b3aaeb06bc3cf717abb1cac9413579ed188a3b02d9");
        let two = signature(&[of("scw_secret"), of("scw_before")], 1_795_000_000, "{\"id\":\"1\"}");
        assert!(two.starts_with(&format!("{one},v1=")) && two.matches("v1=").count() == 2, "{two}");
    }
}
