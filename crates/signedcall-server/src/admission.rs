//! Who may sign in: everything that is checked of a `hello` before the hub hears of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use signedcall_wire::{Cuid, DeviceName, Endpoint, ErrorCode, Hello, PROTOCOL_VERSION, Refusal, SessionId, disturbs_its_surroundings};
use uuid::Uuid;

use crate::hub::{Right, SignIn, SocketId};
use crate::keys::{KeyVerifier, random_secret};
use crate::store::{Account, Accounts, Credential};

/// The most characters of a display name.
const MAX_NAME_LENGTH: usize = 50;
/// The most bytes of a key that are hashed: ours have under sixty.
const MAX_KEY_BYTES: usize = 256;
/// When a device that could not be verified may come back: a queue of sign-ins has moved on by then.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Decides who may sign in.
#[derive(Debug)]
pub(crate) struct Admission {
    accounts: Arc<Accounts>,
    keys: KeyVerifier,
}

impl Admission {
    pub(crate) const fn new(accounts: Arc<Accounts>, keys: KeyVerifier) -> Self {
        Self { accounts, keys }
    }

    /// Verifies a `hello`, and makes what the hub needs for a session of it.
    pub(crate) async fn admit(&self, socket: SocketId, hello: Hello) -> Result<SignIn, Refusal> {
        check_version(hello.version)?;
        let cuid = Cuid::new(hello.cuid.as_str()).map_err(|wrong| refusal(wrong.code(), wrong.to_string()))?;
        let name = check_name(hello.name.clone())?;
        if hello.account_id.0.is_empty() {
            return Err(refusal(ErrorCode::AccountIdRequired, "the account id is empty"));
        }
        if hello.api_key.expose().is_empty() || hello.api_key.expose().len() > MAX_KEY_BYTES {
            return Err(refusal(ErrorCode::ApiKeyRequired, format!("an api key has 1 to {MAX_KEY_BYTES} bytes")));
        }
        let Some((account, credentials)) = self.find(&hello).await? else {
            return Err(refusal(ErrorCode::ContactRegistrationFailed, "this service has no account of that id"));
        };
        let hashes = credentials.iter().map(|credential| credential.key_hash.clone()).collect();
        let found = self.keys.find(&hello.api_key, hashes).await.map_err(|busy| come_back(busy.to_string()))?;
        let Some(credential) = found.and_then(|index| credentials.get(index)) else {
            return Err(refusal(ErrorCode::ApiKeyRequired, "the api key is not the account's"));
        };
        if credential.environment != hello.environment {
            let detail = format!("the api key belongs to {:?}, and the device asked for {:?}", credential.environment, hello.environment);
            return Err(refusal(ErrorCode::ProductionFieldRequired, detail));
        }
        self.note_use(credential.clone());
        let resume_token = random_secret().map_err(|error| come_back(error.to_string()))?;
        Ok(SignIn {
            socket,
            account: account.id,
            environment: credential.environment,
            cuid,
            right: Right::ApiKey(credential.id.clone()),
            name,
            endpoint: Endpoint { device: hello.device, run: hello.run },
            // A device without a name that can be shown is as good as any other.
            device_name: DeviceName::new(hello.device_name).ok(),
            second_calls: hello.second_calls,
            session: SessionId(Uuid::new_v4()),
            resume_token,
            max_call: account.max_call,
            single_device: account.single_device,
            relay_only: account.relay_only,
            branding: Some(account.branding),
        })
    }

    /// Nobody waits for the store to have written it.
    fn note_use(&self, credential: Credential) {
        let accounts = Arc::clone(&self.accounts);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = accounts.note_use(&credential, SystemTime::now()) {
                tracing::warn!(%error, "when a key was last used is not known");
            }
        });
    }

    async fn find(&self, hello: &Hello) -> Result<Option<(Account, Vec<Credential>)>, Refusal> {
        let (accounts, id) = (Arc::clone(&self.accounts), hello.account_id.clone());
        let found = tokio::task::spawn_blocking(move || accounts.find(&id)).await;
        let failed = match found {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        tracing::error!(error = failed, "an account could not be looked up");
        Err(come_back("the service cannot look accounts up at the moment"))
    }
}

/// Refuses a device that speaks another version of the protocol.
pub(crate) fn check_version(version: u32) -> Result<(), Refusal> {
    if version == PROTOCOL_VERSION {
        return Ok(());
    }
    let detail = format!("this service speaks version {PROTOCOL_VERSION} of the protocol, and the device version {version}");
    Err(refusal(ErrorCode::FeatureNotAvailable, detail))
}

fn check_name(name: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let length = name.chars().count();
    if length > MAX_NAME_LENGTH {
        return Err(refusal(
            ErrorCode::InvalidNameLength,
            format!("a name has at most {MAX_NAME_LENGTH} characters; this one has {length}"),
        ));
    }
    if let Some(wrong) = name.chars().find(|c| disturbs_its_surroundings(*c)) {
        return Err(refusal(ErrorCode::ContactRegistrationFailed, format!("the name has the control character {wrong:?}")));
    }
    Ok(Some(name))
}

pub(crate) fn refusal(code: ErrorCode, detail: impl Into<String>) -> Refusal {
    Refusal { code, detail: detail.into(), retry_after_ms: None }
}

fn come_back(detail: impl Into<String>) -> Refusal {
    let retry_after_ms = u64::try_from(BUSY_RETRY_AFTER.as_millis()).ok();
    Refusal { retry_after_ms, ..refusal(ErrorCode::ServerFailure, detail) }
}
