//! What an account has entered so that Apple takes its pushes: a key that proofs are signed with, or a certificate.

use ring::signature::EcdsaKeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use signedcall_wire::{Environment, Redacted};

use crate::push::jwt;

/// The characters of the ids that Apple gives to teams and keys.
const ID_CHARACTERS: usize = 10;
/// The most characters of a bundle id.
const MAX_BUNDLE_ID: usize = 155;

/// By what Apple knows a certificate's environment: the names of two extensions (1.2.840.113635.100.6.3.1 and .2), as they are encoded in it.
const FOR_DEVELOPMENT: [u8; 12] = [0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x63, 0x64, 0x06, 0x03, 0x01];
const FOR_PRODUCTION: [u8; 12] = [0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x63, 0x64, 0x06, 0x03, 0x02];

/// What an account shows to Apple.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApnsCredential {
    /// Which app is pushed.
    pub bundle_id: String,
    /// By what right.
    #[serde(flatten)]
    pub proof: ApnsProof,
}

/// By what right an account pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ApnsProof {
    /// A key that Apple has made for the team: a file that ends in `.p8`.
    Key {
        /// Whose key it is.
        team_id: String,
        /// What it is called.
        key_id: String,
        /// The key, in PEM.
        key: Redacted<String>,
    },
    /// A certificate for VoIP pushes to this app, with its private key.
    Certificate {
        /// Both, in PEM.
        pem: Redacted<String>,
    },
}

/// Why nothing can be sent to Apple by what was entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredential {
    /// The bundle id is none.
    #[error("bundle_id: {0:?} is not of letters, digits, - and ., as an app's bundle id is; without .voip behind it")]
    BundleId(String),
    /// An id that Apple has given is none.
    #[error("{name}: {value:?} is not of ten letters and digits, as Apple gives them out")]
    Id {
        /// Which one.
        name: &'static str,
        /// What was entered.
        value: String,
    },
    /// The key is none.
    #[error("key: it is no private key on P-256 in PEM, as Apple's .p8 files are")]
    Key,
    /// The certificate is none.
    #[error(
        "certificate: it is no certificate with its private key in PEM; a .p12 file becomes one by: openssl pkcs12 -in FILE.p12 -nodes"
    )]
    Certificate,
    /// The certificate is for another app.
    #[error("certificate: it is not for the app {0:?}")]
    OtherApp(String),
    /// The certificate belongs to the other environment (R13).
    #[error("certificate: it is for Apple's {theirs} host alone, and was entered for {entered}")]
    OtherEnvironment {
        /// What it is for.
        theirs: &'static str,
        /// What it was entered for.
        entered: &'static str,
    },
}

impl ApnsCredential {
    /// What pushes are addressed to.
    pub(crate) fn topic(&self) -> String {
        format!("{}.voip", self.bundle_id)
    }

    /// Looks whether pushes can be sent by it in an environment.
    pub(crate) fn check(&self, environment: Environment) -> Result<(), InvalidCredential> {
        let bundle_id = &self.bundle_id;
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'.';
        let is_long = bundle_id.is_empty() || bundle_id.len() > MAX_BUNDLE_ID;
        if is_long || !bundle_id.bytes().all(is_plain) || bundle_id.ends_with(".voip") {
            return Err(InvalidCredential::BundleId(bundle_id.clone()));
        }
        match &self.proof {
            ApnsProof::Key { team_id, key_id, key: _ } => {
                check_id("team_id", team_id)?;
                check_id("key_id", key_id)?;
                self.pair().map(drop).ok_or(InvalidCredential::Key)
            }
            ApnsProof::Certificate { .. } => {
                let (chain, _) = self.certificate().ok_or(InvalidCredential::Certificate)?;
                let own = chain.first().ok_or(InvalidCredential::Certificate)?;
                let has = |what: &[u8]| own.windows(what.len()).any(|bytes| bytes == what);
                if !has(bundle_id.as_bytes()) {
                    return Err(InvalidCredential::OtherApp(bundle_id.clone()));
                }
                match (environment, has(&FOR_DEVELOPMENT), has(&FOR_PRODUCTION)) {
                    (Environment::Production, true, false) => other("development", "production"),
                    (Environment::Development, false, true) => other("production", "development"),
                    (Environment::Production | Environment::Development, _, _) => Ok(()),
                }
            }
        }
    }

    /// What proofs are signed with; `None` where there is a certificate instead.
    pub(super) fn pair(&self) -> Option<EcdsaKeyPair> {
        match &self.proof {
            ApnsProof::Key { key, .. } => {
                let key = PrivatePkcs8KeyDer::from_pem_slice(key.expose().as_bytes()).ok()?;
                jwt::key_pair(key.secret_pkcs8_der())
            }
            ApnsProof::Certificate { .. } => None,
        }
    }

    /// What is shown when a connection is made; `None` where proofs are signed instead.
    pub(super) fn certificate(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        match &self.proof {
            ApnsProof::Key { .. } => None,
            ApnsProof::Certificate { pem } => {
                let pem = pem.expose().as_bytes();
                let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
                Some((chain, PrivateKeyDer::from_pem_slice(pem).ok()?))
            }
        }
    }
}

fn check_id(name: &'static str, value: &str) -> Result<(), InvalidCredential> {
    let is_one = value.len() == ID_CHARACTERS && value.bytes().all(|c| c.is_ascii_alphanumeric());
    if is_one { Ok(()) } else { Err(InvalidCredential::Id { name, value: value.to_owned() }) }
}

const fn other(theirs: &'static str, entered: &'static str) -> Result<(), InvalidCredential> {
    Err(InvalidCredential::OtherEnvironment { theirs, entered })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, KeyPair};

    use super::*;

    fn key(team_id: &str, key_id: &str, key: &str) -> ApnsCredential {
        let (team_id, key_id, key) = (team_id.to_owned(), key_id.to_owned(), Redacted::new(key.to_owned()));
        ApnsCredential { bundle_id: "com.example.courier".to_owned(), proof: ApnsProof::Key { team_id, key_id, key } }
    }

    /// A certificate for an app, good on the hosts with these numbers: 1 for development, 2 for production.
    fn certificate(hosts: &[u64]) -> String {
        let pair = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["com.example.courier".to_owned()]).expect("parameters");
        for host in hosts {
            let name = [1, 2, 840, 113_635, 100, 6, 3, *host];
            params.custom_extensions.push(CustomExtension::from_oid_content(&name, vec![5, 0]));
        }
        format!("{}{}", params.self_signed(&pair).expect("a certificate").pem(), pair.serialize_pem())
    }

    fn by(pem: &str) -> ApnsCredential {
        let bundle_id = "com.example.courier".to_owned();
        ApnsCredential { bundle_id, proof: ApnsProof::Certificate { pem: Redacted::new(pem.to_owned()) } }
    }

    #[test]
    fn a_key_with_its_names_is_good_in_both_environments() {
        let pem = KeyPair::generate().expect("a key").serialize_pem();
        for environment in [Environment::Production, Environment::Development] {
            assert_eq!(key("ABCDE12345", "KEY1234567", &pem).check(environment), Ok(()));
        }
        let named = |named: &'static str| InvalidCredential::Id { name: named, value: "short".to_owned() };
        assert_eq!(key("short", "KEY1234567", &pem).check(Environment::Production), Err(named("team_id")));
        assert_eq!(key("ABCDE12345", "short", &pem).check(Environment::Production), Err(named("key_id")));
        for no_key in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &certificate(&[])[..100]] {
            assert_eq!(key("ABCDE12345", "KEY1234567", no_key).check(Environment::Production), Err(InvalidCredential::Key));
        }
    }

    #[test]
    fn a_bundle_id_is_that_of_the_app_and_not_the_topic() {
        let pem = KeyPair::generate().expect("a key").serialize_pem();
        for wrong in ["", "com.example courier", "com.example.courier.voip", "com.example/courier", &"x".repeat(156)] {
            let credential = ApnsCredential { bundle_id: wrong.to_owned(), ..key("ABCDE12345", "KEY1234567", &pem) };
            assert_eq!(credential.check(Environment::Production), Err(InvalidCredential::BundleId(wrong.to_owned())));
        }
    }

    #[test]
    fn a_certificate_of_the_other_environment_or_app_is_refused_in_words() {
        let rows = [
            (&[][..], Environment::Production, None),
            (&[1, 2], Environment::Production, None),
            (&[1, 2], Environment::Development, None),
            (&[2], Environment::Production, None),
            (&[1], Environment::Development, None),
            (&[1], Environment::Production, Some("Apple's development host alone, and was entered for production")),
            (&[2], Environment::Development, Some("Apple's production host alone, and was entered for development")),
        ];
        for (hosts, environment, words) in rows {
            let checked = by(&certificate(hosts)).check(environment);
            assert_eq!(checked.is_err(), words.is_some(), "{hosts:?} {environment:?}");
            let said = checked.err().map(|wrong| wrong.to_string()).unwrap_or_default();
            assert!(said.contains(words.unwrap_or_default()), "{said}");
        }
        let other = ApnsCredential { bundle_id: "com.example.baker".to_owned(), ..by(&certificate(&[1, 2])) };
        assert_eq!(other.check(Environment::Production), Err(InvalidCredential::OtherApp("com.example.baker".to_owned())));
        assert_eq!(by("no certificate").check(Environment::Production), Err(InvalidCredential::Certificate));
    }
}
