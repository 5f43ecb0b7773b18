//! What is asked of a token, on each side of each edge.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::testing::{Signer, encode};
use super::*;

/// The moment at which tokens are verified.
const NOW: u64 = 1_800_001_000;

struct Bench {
    verifier: TokenVerifier,
    account: AccountId,
    signer: Signer,
    key: RegisteredKey,
}

impl Bench {
    fn of(signer: Signer) -> Self {
        let keys = read_key_set(&json!({"keys": [signer.jwk("one")]}).to_string()).expect("a set");
        let verifier = TokenVerifier::new(TokenSettings::default());
        let key = keys.into_iter().next().expect("a key");
        let key = RegisteredKey { id: TokenKeyId(7), environment: Environment::Production, key };
        Self { verifier, account: AccountId("grocer".to_owned()), signer, key }
    }

    fn token(&self, claims: &Value) -> String {
        self.signer.sign(&self.header(), claims)
    }

    fn header(&self) -> Value {
        json!({"alg": self.key.key.algorithm(), "kid": "one", "typ": "JWT"})
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, WrongToken> {
        let presented = PresentedToken::read(token)?;
        let key = Some(&self.key).filter(|registered| registered.key.kid == presented.kid());
        self.verifier.verify(&presented, key, &self.account, "courier_1", at(NOW))
    }

    /// What a good token with these claims changed comes to.
    fn with(&self, changes: Value) -> Result<u64, WrongToken> {
        let mut claims = claims();
        for (name, value) in changes.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        self.verify(&self.token(&claims)).map(|verified| verified.lasts.as_secs())
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Those of a good token; each has an id of its own.
fn claims() -> Value {
    let jti = uuid::Uuid::new_v4().to_string();
    json!({"iss": "grocer", "sub": "courier_1", "aud": "signedcall", "iat": NOW, "exp": NOW + 600, "jti": jti})
}

#[test]
fn a_good_token_of_either_algorithm_is_good_until_it_expires_and_a_little_longer() {
    for signer in [Signer::ed25519(), Signer::p256()] {
        let bench = Bench::of(signer);
        let claims = claims();
        let jti = claims["jti"].as_str().expect("an id").to_owned();
        let (environment, lasts) = (Environment::Production, Duration::from_secs(630));
        assert_eq!(
            bench.verify(&bench.token(&claims)),
            Ok(VerifiedToken { key: TokenKeyId(7), environment, jti, until: NOW + 630, lasts })
        );
    }
}

#[test]
fn a_claim_is_good_to_the_second_and_no_further() {
    let bench = Bench::of(Signer::ed25519());
    let lifetime = Err(WrongToken::Lifetime { shortest: 60, longest: 600 });
    let aud = || Err(WrongToken::Audience("signedcall".to_owned()));
    let rows = [
        (json!({"exp": NOW + 600}), Ok(630)),
        (json!({"exp": NOW + 601}), lifetime.clone()),
        (json!({"exp": NOW + 60}), Ok(90)),
        (json!({"exp": NOW + 59}), lifetime.clone()),
        (json!({"exp": NOW}), lifetime.clone()),
        (json!({"exp": NOW - 1}), lifetime.clone()),
        (json!({"exp": u64::MAX}), lifetime),
        (json!({"iat": NOW - 629, "exp": NOW - 29}), Ok(1)),
        (json!({"iat": NOW - 630, "exp": NOW - 30}), Err(WrongToken::Expired)),
        (json!({"iat": NOW + 30}), Ok(630)),
        (json!({"iat": NOW + 31}), Err(WrongToken::NotYet)),
        (json!({"nbf": NOW + 30}), Ok(630)),
        (json!({"nbf": NOW + 31}), Err(WrongToken::NotYet)),
        (json!({"iss": "Grocer"}), Err(WrongToken::Issuer)),
        (json!({"sub": "courier_2"}), Err(WrongToken::Subject)),
        (json!({"aud": "delivery"}), aud()),
        (json!({"aud": ["delivery", "signedcall"]}), Ok(630)),
        (json!({"aud": []}), aud()),
        (json!({"jti": "j".repeat(128)}), Ok(630)),
        (json!({"jti": "j".repeat(129)}), Err(WrongToken::Id(128))),
        (json!({"jti": ""}), Err(WrongToken::Id(128))),
        (json!({"role": "admin"}), Ok(630)),
    ];
    for (changes, expected) in rows {
        assert_eq!(bench.with(changes.clone()), expected, "{changes}");
    }
}

#[test]
fn a_claim_that_is_missing_or_of_another_kind_is_named() {
    let bench = Bench::of(Signer::ed25519());
    for name in ["iss", "sub", "aud", "iat", "exp", "jti"] {
        let mut claims = claims();
        claims.as_object_mut().expect("claims").remove(name);
        let refused = bench.verify(&bench.token(&claims)).expect_err(name).to_string();
        assert!(refused.contains(name), "{refused}");
    }
    let rows = [
        ("exp", json!("soon")),
        ("nbf", json!("now")),
        ("nbf", json!(null)),
        ("iat", json!(-1)),
        ("exp", json!(1.5)),
        ("jti", json!(7)),
        ("aud", json!(7)),
        ("sub", json!(["courier_1"])),
    ];
    for (name, value) in rows {
        let refused = bench.with(json!({name: value})).expect_err(name).to_string();
        assert!(refused.contains(&format!("the user token's {name} has to be")), "{refused}");
    }
    assert_eq!(bench.verify(&bench.token(&json!(["iss"]))), Err(WrongToken::NoClaims));
}

#[test]
fn what_no_key_of_the_account_has_signed_is_answered_alike() {
    let bench = Bench::of(Signer::ed25519());
    let (claims, header) = (claims(), bench.header());
    let good = bench.token(&claims);
    let [head, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let with_header = |header: Value| format!("{}.{payload}.{signature}", encode(header.to_string()));
    let hs256 = {
        let signed = format!("{}.{payload}", encode(json!({"alg": "HS256", "kid": "one"}).to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(bench.signer.public()).expect("any key");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encode(mac.finalize().into_bytes()))
    };
    let mut other_claims = claims.clone();
    other_claims["sub"] = "admin_1".into();
    let mut brings_its_key = header.clone();
    brings_its_key["jwk"] = Signer::ed25519().jwk("one");
    let rows = [
        ("another's signature", Signer::ed25519().sign(&header, &claims)),
        ("another's signature, and the key to it", Signer::ed25519().sign(&brings_its_key, &claims)),
        ("no algorithm", with_header(json!({"alg": "none", "kid": "one"}))),
        ("no algorithm, and no signature", format!("{}.{payload}.", encode(json!({"alg": "none", "kid": "one"}).to_string()))),
        ("no signature", format!("{head}.{payload}.")),
        ("the public key as a secret", hs256),
        ("the algorithm of another kind of key", Signer::p256().sign(&json!({"alg": "ES256", "kid": "one"}), &claims)),
        ("an unknown key", bench.signer.sign(&json!({"alg": "EdDSA", "kid": "two"}), &claims)),
        ("no key named", bench.signer.sign(&json!({"alg": "EdDSA"}), &claims)),
        ("an extension", bench.signer.sign(&json!({"alg": "EdDSA", "kid": "one", "crit": ["exp"]}), &claims)),
        ("an extension of no name", bench.signer.sign(&json!({"alg": "EdDSA", "kid": "one", "crit": null}), &claims)),
        ("other claims", format!("{head}.{}.{signature}", encode(other_claims.to_string()))),
        ("padding", format!("{good}=")),
        ("a part too many", format!("{good}.{signature}")),
        ("no token", "token".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, token) in rows {
        assert_eq!(bench.verify(&token), Err(WrongToken::NotSigned), "{what}");
    }
    assert!(bench.verify(&good).is_ok());
    let presented = PresentedToken::read(&good).expect("a token");
    let of_nobody = bench.verifier.verify(&presented, None, &AccountId("nobody".to_owned()), "courier_1", at(NOW));
    assert_eq!(of_nobody, Err(WrongToken::NotSigned), "there is no such account");
}

#[test]
fn a_key_that_cannot_verify_tokens_is_refused_by_what_is_wrong_with_it() {
    let (ed25519, p256) = (Signer::ed25519().jwk("one"), Signer::p256().jwk("two"));
    let set = |keys: &[&Value]| read_key_set(&json!({"keys": keys}).to_string()).map(|keys| keys.len()).map_err(|error| error.to_string());
    assert_eq!((set(&[]), set(&[&ed25519, &p256])), (Ok(0), Ok(2)));
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let rows = [
        (with(&ed25519, "d", json!("secret")), "secret part"),
        (json!({"kty": "oct", "kid": "three", "k": "secret"}), "secret part"),
        (json!({"kty": "RSA", "kid": "three", "n": "AQAB", "e": "AQAB"}), "kty"),
        (with(&p256, "crv", json!("P-384")), "crv"),
        (with(&p256, "alg", json!("ES384")), "alg"),
        (with(&ed25519, "alg", json!("HS256")), "alg"),
        (with(&ed25519, "use", json!("enc")), "signatures"),
        (with(&ed25519, "kid", json!("")), "kid"),
        (with(&ed25519, "x", json!("short")), "32 bytes"),
        (with(&p256, "y", json!(null)), "32 bytes"),
        (with(&p256, "y", p256["x"].clone()), "no point of P-256"),
        (with(&ed25519, "d", json!(null)), "secret part"),
        (with(&ed25519, "x", json!(encode([0_u8; 32]))), "anybody can sign for"),
        (with(&ed25519, "x", json!(encode([[1_u8].as_slice(), &[0; 30], &[0x80]].concat()))), "anybody can sign for"),
        (with(&ed25519, "x", json!(encode([[0xec_u8].as_slice(), &[0xff; 31]].concat()))), "anybody can sign for"),
    ];
    for (key, why) in rows {
        let refused = set(&[&key]).expect_err(why);
        assert!(refused.contains(why) && !refused.contains("secret\""), "{refused}");
    }
    assert!(set(&[&ed25519, &ed25519]).expect_err("twice").contains("two keys"));
    assert!(read_key_set("[]").is_err() && read_key_set("{}").is_err());
    let many: Vec<Value> = (0..17).map(|number| with(&ed25519, "kid", json!(number.to_string()))).collect();
    assert!(set(&many.iter().collect::<Vec<_>>()).expect_err("too many").contains("16"));
}
