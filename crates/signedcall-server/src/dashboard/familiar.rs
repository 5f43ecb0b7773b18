//! Browsers in which an operator has signed in before. Their attempts are counted by themselves, so that nobody who tries passwords from elsewhere keeps the
//! operator out.
//!
//! Nothing is kept of them: the cookie has a random number, and a code of it and the operator's name that only the service can make, with what it keeps of the
//! operator's password as the key. A password that is changed makes all of them strangers.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use signedcall_wire::Redacted;

use super::links::hash_of;
use super::refused::{Refused, failed};
use crate::keys::random_secret;
use crate::store::SecretHash;

/// How long a browser stays familiar in which nobody signs in: a long leave.
pub(super) const LASTS: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a browser is given in which an operator has signed in.
pub(super) fn make(operator: &str, password_hash: &str) -> Result<String, Refused> {
    let number = random_secret().map_err(|error| failed(&error))?;
    let code = code(operator, password_hash, number.expose()).finalize().into_bytes();
    Ok(format!("{}.{}", number.expose(), BASE64_URL_SAFE_NO_PAD.encode(code)))
}

/// Which browser it is, if it was given this for that operator.
pub(super) fn browser_of(given: &Redacted<String>, operator: &str, password_hash: &str) -> Option<SecretHash> {
    let (number, said) = given.expose().split_once('.')?;
    let said = BASE64_URL_SAFE_NO_PAD.decode(said).ok()?;
    code(operator, password_hash, number).verify_slice(&said).ok()?;
    Some(hash_of(&Redacted::new(number.to_owned())))
}

fn code(operator: &str, password_hash: &str, number: &str) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(password_hash.as_bytes()).expect("HMAC takes keys of any length");
    // Neither has a space in it.
    code.update(format!("familiar {operator} {number}").as_bytes());
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_familiar_to_one_operator_until_the_password_is_another() {
        let given = Redacted::new(make("admin", "hash").expect("randomness"));
        let browser = browser_of(&given, "admin", "hash");
        assert!(browser.is_some());
        assert_ne!(browser, browser_of(&Redacted::new(make("admin", "hash").expect("randomness")), "admin", "hash"), "another browser");
        for (operator, hash) in [("second", "hash"), ("admin", "other")] {
            assert_eq!(browser_of(&given, operator, hash), None, "{operator} {hash}");
        }
        let number = given.expose().split_once('.').expect("two parts").0;
        for forged in ["", ".", "x.y", number, &format!("{number}."), &format!("{number}.AAAA"), &format!("x{}", given.expose())] {
            assert_eq!(browser_of(&Redacted::new(forged.to_owned()), "admin", "hash"), None, "{forged}");
        }
    }
}
