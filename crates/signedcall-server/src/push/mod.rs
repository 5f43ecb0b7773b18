//! How devices are called by push (R25): where each is reached, is written down as it says so, and who it is that calls, a push does not say.
//!
//! ```text
//!   hub ── KeepPush, RenewPush, ForgetPush, Push, PushSettled ──▶ keeper ──▶ store ──▶ sender ──▶ web_push │ apns
//!    ◀──────────────────────────────── PushKept, PushFailed ───────┴ ◀─ what became of it ─┘
//! ```
//!
//! A push is put down in the store before it is sent, once for each call and device: a service that is started again sends what is left, and nothing that
//! was brought or given up. The keeper alone writes, in the order in which it is told, and so the hub learns of everything in that order. `encrypt` seals what it carries for the device alone, `vapid` and `apns` prove who sends it, `schedule` decides what follows from the answer.
//! `docs/push.md` is for whoever operates the service.

mod apns;
mod encrypt;
mod jwt;
mod keeper;
mod parts;
mod schedule;
mod sender;
mod trial;
mod under_way;
mod vapid;
mod web_push;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use signedcall_wire::{AccountId, Environment, PushService, PushTarget};
use url::Url;

pub use self::apns::{ApnsCredential, ApnsProof, InvalidCredential};
use self::encrypt::DeviceKeys;
pub(crate) use self::keeper::{PushJobs, PushKeeper, PushThread};
pub(crate) use self::parts::PushParts;
pub use self::parts::StartPushError;
pub(crate) use self::schedule::Next;
pub(crate) use self::sender::{send_pushes, tell_failed};
pub(crate) use self::trial::{PushTrials, Trial, Verdict};
pub(crate) use self::vapid::VapidKey;
use crate::outward::{Answer, NoAnswer, Outward, Trust, check};
use crate::store::{Accounts, DuePush, StoreError};

/// Apple's host for apps that were installed from its store.
const APNS_PRODUCTION: &str = "https://api.push.apple.com";
/// Apple's host for apps that are being developed.
const APNS_DEVELOPMENT: &str = "https://api.sandbox.push.apple.com";
/// The most digits of a device's token; Apple says that they vary, and those of today have 64.
const MAX_TOKEN_DIGITS: usize = 200;

/// How pushes are brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSettings {
    /// Whether push services may lie on this machine or in its own network.
    pub to_private_addresses: bool,
    /// Whom a push service writes to when something is wrong with what it gets: a `mailto:` or `https:` URL.
    pub contact: Option<String>,
    /// Certificates that vouch for push services besides those that this computer trusts, in PEM.
    pub certificates: Option<PathBuf>,
    /// Where Apple's pushes go, for the environment production.
    pub apns_production: Url,
    /// Where they go for the environment development.
    pub apns_development: Url,
    /// How long it may take to find a push service and to be connected to it.
    pub connect_within: Duration,
    /// How long it may take from then to its answer.
    pub answer_within: Duration,
}

impl Default for PushSettings {
    fn default() -> Self {
        let url = |text| Url::parse(text).expect("a URL of its own");
        Self {
            to_private_addresses: false,
            contact: None,
            certificates: None,
            apns_production: url(APNS_PRODUCTION),
            apns_development: url(APNS_DEVELOPMENT),
            connect_within: Duration::from_secs(3),
            answer_within: Duration::from_secs(5),
        }
    }
}

impl PushSettings {
    fn apns(&self, environment: Environment) -> &Url {
        match environment {
            Environment::Production => &self.apns_production,
            Environment::Development => &self.apns_development,
        }
    }

    fn outward(&self) -> Outward {
        Outward::new(self.to_private_addresses, self.connect_within)
    }

    /// Whom push services are believed by. Reads files.
    pub(crate) fn trust(&self) -> Result<Trust, CertificatesError> {
        let Some(path) = &self.certificates else { return Ok(Trust::of_this_computer(Vec::new())) };
        let failed = |why: String| CertificatesError { path: path.clone(), why };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
        let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| failed(error.to_string()))?;
        if certificates.is_empty() {
            return Err(failed("it has no certificate".to_owned()));
        }
        Ok(Trust::of_this_computer(certificates))
    }
}

/// Why the certificates that vouch for push services cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("push_certificates {path}: {why}", path = .path.display())]
pub struct CertificatesError {
    path: PathBuf,
    why: String,
}

/// Why nothing was answered to a push.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("nothing can be encrypted for the device: {0}")]
    NotSealed(#[from] encrypt::EncryptError),
    #[error("the account has entered nothing that Apple would take its pushes by, or not for this app")]
    NoCredential,
    #[error("what is sent could not be signed")]
    NotSigned,
    #[error("this service has a bug")]
    Bug,
}

/// One who brings pushes to devices.
#[async_trait]
trait PushSender: Send + Sync + std::fmt::Debug {
    /// Brings a push, which is sealed already.
    async fn send(&self, push: &DuePush, sealed: Vec<u8>) -> Result<Answer, SendError>;
}

/// Why pushes cannot go somewhere.
#[derive(Debug, thiserror::Error)]
enum InvalidTarget {
    #[error(transparent)]
    Keys(#[from] encrypt::EncryptError),
    #[error("its endpoint is not one that can be sent to: {0}")]
    Endpoint(&'static str),
    #[error("its token is not of hexadecimal digits")]
    Token,
    #[error("the account has entered nothing that Apple would take its pushes by")]
    NoCredential,
    #[error("the account's pushes are for {ours}, and the device's topic is {theirs:?}")]
    Topic { ours: String, theirs: String },
}

/// Looks whether pushes could go somewhere. `apns` is what the account has entered.
fn check_target(target: &PushTarget, settings: &PushSettings, apns: Option<&ApnsCredential>) -> Result<(), InvalidTarget> {
    DeviceKeys::of(target)?;
    match &target.by {
        PushService::WebPush { endpoint } => {
            check(endpoint.expose(), settings.to_private_addresses).map_err(|invalid| InvalidTarget::Endpoint(invalid.why))?;
        }
        PushService::Apns { token, topic, environment: _ } => {
            let token = token.expose();
            if token.is_empty() || token.len() > MAX_TOKEN_DIGITS || !token.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(InvalidTarget::Token);
            }
            let ours = apns.ok_or(InvalidTarget::NoCredential)?.topic();
            if *topic != ours {
                return Err(InvalidTarget::Topic { ours, theirs: topic.clone() });
            }
        }
        PushService::Unknown => return Err(InvalidTarget::Endpoint("its kind is not known")),
    }
    Ok(())
}

/// Why what an account shows to Apple is not kept, or not there.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It cannot be used.
    #[error(transparent)]
    Invalid(#[from] InvalidCredential),
    /// There is no such account.
    #[error("there is no account {0:?}")]
    UnknownAccount(AccountId),
    /// There is nothing to remove.
    #[error("the account {0:?} has entered nothing for Apple's pushes in this environment")]
    NoCredential(AccountId),
    /// The service has never been started on this data.
    #[error("the service makes its key when it is started for the first time")]
    NoKey,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps what an account shows to Apple in one environment, in place of what it has shown before.
///
/// # Errors
/// It cannot be used, or not in this environment; there is no such account; the store failed.
pub fn set_apns(accounts: &Accounts, account: &AccountId, environment: Environment, credential: &ApnsCredential) -> Result<(), PushError> {
    credential.check(environment)?;
    if accounts.set_apns(account, environment, credential)? { Ok(()) } else { Err(PushError::UnknownAccount(account.clone())) }
}

/// What an account shows to Apple in one environment, if it has entered something.
///
/// # Errors
/// The store failed.
pub fn apns(accounts: &Accounts, account: &AccountId, environment: Environment) -> Result<Option<ApnsCredential>, PushError> {
    Ok(accounts.apns(account, environment)?)
}

/// Forgets what an account shows to Apple in one environment: its devices are not pushed there any more.
///
/// # Errors
/// There is nothing to forget; the store failed.
pub fn remove_apns(accounts: &Accounts, account: &AccountId, environment: Environment) -> Result<(), PushError> {
    if accounts.remove_apns(account, environment)? { Ok(()) } else { Err(PushError::NoCredential(account.clone())) }
}

/// The public key by which the service signs what it gives to Web Push services (RFC 8292), in base64url.
///
/// # Errors
/// It was not made yet; the store failed.
pub fn web_push_key(accounts: &Accounts) -> Result<String, PushError> {
    let key = accounts.push_key()?.and_then(|kept| VapidKey::of(&kept)).ok_or(PushError::NoKey)?;
    Ok(key.public())
}
