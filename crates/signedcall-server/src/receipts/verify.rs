//! Telling whether something is a receipt of a service whose public keys are known. It needs nothing else of that service.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{Receipt, TYPE};
use crate::tokens::{InvalidKeySet, SignedToken, TokenAlgorithm, read_key_set};

/// The most bytes of a receipt: one has under three thousand.
const MAX_RECEIPT_BYTES: usize = 16 * 1024;

/// Why something is not known to be a receipt.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] InvalidKeySet),
    /// It is something else, or a part of one.
    #[error("this is no receipt: {0}")]
    NoReceipt(&'static str),
    /// It says that it is signed in another way than by the key that it names.
    #[error("it says that it is signed by {0:?}; receipts are signed by EdDSA with an Ed25519 key, and by nothing else")]
    Algorithm(String),
    /// It names a key that is not among the keys.
    #[error("it is signed by a key {0:?}, which is not among these")]
    OtherKey(String),
    /// The signature is not that key's for this text.
    #[error("it was altered after it was signed, or was not signed by the key that it names")]
    Altered,
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    typ: String,
    #[serde(default)]
    alg: String,
    #[serde(default)]
    kid: String,
}

/// Reads a receipt that was signed by one of some keys, which are given as a JWK set.
///
/// # Errors
/// What is wrong with it, in words.
pub fn verify(keys: &str, receipt: &str) -> Result<Receipt, VerifyError> {
    let (keys, receipt) = (read_key_set(keys)?, receipt.trim());
    let header = read_header(receipt)?;
    let Some(key) = keys.iter().find(|key| key.kid == header.kid) else { return Err(VerifyError::OtherKey(header.kid)) };
    // The key decides: what is said must fit it, and there is one algorithm that keys of receipts are for.
    if key.algorithm != TokenAlgorithm::EdDsa || header.alg != key.algorithm() {
        return Err(VerifyError::Algorithm(header.alg));
    }
    let signed = SignedToken::read(receipt).ok_or(VerifyError::NoReceipt("it asks for what is not understood"))?;
    let payload = signed.verify(Some(key)).ok_or(VerifyError::Altered)?;
    Receipt::read(&payload).ok_or(VerifyError::NoReceipt("its key has signed something else"))
}

fn read_header(receipt: &str) -> Result<Header, VerifyError> {
    let wrong = VerifyError::NoReceipt;
    if receipt.len() > MAX_RECEIPT_BYTES {
        return Err(wrong("it is too long"));
    }
    let parts: Vec<_> = receipt.split('.').collect();
    let [header, _, _] = parts.as_slice() else { return Err(wrong("it has not three parts with a full stop between them")) };
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).map_err(|_| wrong("it does not begin with base64url"))?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| wrong("it does not begin with a header"))?;
    if header.typ == TYPE { Ok(header) } else { Err(wrong("it says that it is something else")) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use signedcall_wire::AccountId;

    use super::*;
    use crate::account;
    use crate::demo::demo_account;
    use crate::receipts::issue::{issue, keys};
    use crate::store::{Accounts, CallFacts};
    use crate::tokens::testing::Signer;

    fn facts() -> CallFacts {
        let text = str::to_owned;
        CallFacts {
            call: text("3b0c"),
            account: demo_account().id.0,
            environment: text("production"),
            caller: text("courier_1"),
            caller_device: text("d1"),
            callee: text("customer_1"),
            context: text("Ihre \u{201e}Bestellung\u{201c}"),
            instead_of: None,
            by_company: false,
            leads_to: None,
            placed_at_ms: 1_795_000_001_000,
            answered_by: Some(text("d2")),
            answered_at_ms: Some(1_795_000_004_000),
            connected_at_ms: Some(1_795_000_004_100),
            ended_at_ms: Some(1_795_000_009_050),
            end_reason: Some(1),
            caller_report: None,
            callee_report: Some(signedcall_wire::VoiceReport { seconds: 5, mos: 430, worst_mos: 405, ..Default::default() }),
        }
    }

    fn service() -> (tempfile::TempDir, Accounts) {
        let data = tempfile::tempdir().expect("a directory");
        let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a new store");
        account::add(&accounts, &demo_account()).expect("a new account");
        (data, accounts)
    }

    #[test]
    fn a_receipt_says_in_words_what_was_signed() {
        let (_data, accounts) = service();
        let receipt = issue(&accounts, facts()).expect("it is over");
        assert_eq!(issue(&accounts, facts()).expect("it is over"), receipt, "the same each time");
        let keys = keys(&accounts, &demo_account().id).expect("an account");
        let payload = BASE64_URL_SAFE_NO_PAD.decode(receipt.split('.').nth(1).expect("a payload")).expect("base64url");
        let payload = String::from_utf8(payload).expect("text");
        let expected = r#"{"account":"demo","answered_at_ms":1795000004000,"answered_by":"d2","call":"3b0c","callee":"customer_1","callee_quality":{"lost_per_mille":0,"made_up_per_mille":0,"mos":430,"seconds":5,"worst_mos":405},"caller":"courier_1","caller_device":"d1","connected_at_ms":1795000004100,"context":"Ihre „Bestellung“","duration_ms":5050,"end_reason":{"name":"CALL_OVER","number":1},"ended_at_ms":1795000009050,"environment":"production","placed_at_ms":1795000001000,"version":1}"#;
        assert_eq!(payload, expected);
        let words = verify(&keys, &format!("{receipt}\n")).expect("a receipt").to_string();
        let lines = [
            "call       3b0c",
            "account    demo, production",
            "from       courier_1 (device d1)",
            "to         customer_1 (answered on device d2)",
            "about      Ihre \u{201e}Bestellung\u{201c}",
            "placed     2026-11-18T11:06:41.000Z",
            "answered   2026-11-18T11:06:44.000Z",
            "ended      2026-11-18T11:06:49.050Z, CALL_OVER (1)",
            "talked     5.050 s",
            "callee has heard 4.30 of 4.50, at worst 4.05, with 0 of 1000 packets lost",
        ];
        assert_eq!(words.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn environments_and_accounts_have_keys_of_their_own() {
        let (_data, accounts) = service();
        let (_other_data, others) = service();
        let receipt = issue(&accounts, facts()).expect("it is over");
        let set: Value = serde_json::from_str(&keys(&accounts, &demo_account().id).expect("an account")).expect("JSON");
        assert_eq!(set["keys"].as_array().map(Vec::len), Some(2));
        let of = |number: usize| json!({"keys": [set["keys"][number]]}).to_string();
        assert!(verify(&of(0), &receipt).is_ok());
        assert!(matches!(verify(&of(1), &receipt), Err(VerifyError::OtherKey(_))), "that of the other environment");
        let elsewhere = keys(&others, &demo_account().id).expect("an account");
        assert!(matches!(verify(&elsewhere, &receipt), Err(VerifyError::OtherKey(_))));
        assert!(keys(&accounts, &AccountId("nobody".to_owned())).is_err());
    }

    #[test]
    fn what_is_no_receipt_of_these_keys_is_refused_in_words() {
        let (_data, accounts) = service();
        let good = issue(&accounts, facts()).expect("it is over");
        let set: Value = serde_json::from_str(&keys(&accounts, &demo_account().id).expect("an account")).expect("JSON");
        let kid = set["keys"][0]["kid"].as_str().expect("a name").to_owned();
        let (ours, theirs) = (Signer::ed25519(), Signer::p256());
        // With the keys of the service: two whose secrets the test has.
        let known = json!({"keys": [set["keys"][0], ours.jwk("ours"), theirs.jwk("theirs")]}).to_string();
        let parts: Vec<&str> = good.split('.').collect();
        let [header, payload, signature] = parts[..] else { panic!("{good}") };
        let payload_json: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON");
        let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let said = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": TYPE});
        let mut longer = payload_json.clone();
        longer["duration_ms"] = json!(3_600_000);
        let altered = encode(longer);
        let later = json!({"version": 2});
        let rows = [
            (format!("{header}.{altered}.{signature}"), "altered"),
            (format!("{header}.{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 64])), "altered"),
            (format!("{header}.{payload}."), "altered"),
            (format!("{}.{payload}.", encode(said("none", &kid))), "signed by \"none\""),
            (format!("{}.{payload}.{signature}", encode(said("HS256", &kid))), "signed by \"HS256\""),
            (format!("{}.{payload}.{signature}", encode(said("ES256", &kid))), "signed by \"ES256\""),
            (theirs.sign(&said("ES256", "theirs"), &payload_json), "signed by \"ES256\""),
            (theirs.sign(&said("EdDSA", "theirs"), &payload_json), "signed by \"EdDSA\""),
            (ours.sign(&said("EdDSA", &kid), &payload_json), "altered"),
            (ours.sign(&said("EdDSA", "nobody's"), &payload_json), "\"nobody's\""),
            (ours.sign(&json!({"alg": "EdDSA", "kid": "ours", "typ": "JWT"}), &payload_json), "something else"),
            (ours.sign(&json!({"alg": "EdDSA", "kid": "ours"}), &payload_json), "something else"),
            (ours.sign(&json!({"alg": "EdDSA", "kid": "ours", "typ": TYPE, "crit": ["exp"]}), &payload_json), "not understood"),
            (ours.sign(&said("EdDSA", "ours"), &later), "something else"),
            (format!("{good}.{signature}"), "three parts"),
            (format!("{header}.{payload}"), "three parts"),
            (String::new(), "three parts"),
            ("!.e30.AA".to_owned(), "base64url"),
            ("AA.e30.AA".to_owned(), "a header"),
            ("x".repeat(MAX_RECEIPT_BYTES + 1), "too long"),
        ];
        for (text, words) in rows {
            let refused = verify(&known, &text).expect_err(&text).to_string();
            assert!(refused.contains(words), "{text}: {refused}");
        }
        assert!(
            verify(&known, &ours.sign(&said("EdDSA", "ours"), &payload_json)).is_ok(),
            "the rows differ from what is good by what they say"
        );
        assert!(matches!(verify("[]", &good), Err(VerifyError::Keys(_))));
    }
}
