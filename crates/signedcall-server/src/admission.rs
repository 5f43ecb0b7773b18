//! Who may sign in: everything that is checked of a `hello` before the hub hears of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rand::Rng;
use signedcall_wire::{
    AccountId, Credential, Cuid, DeviceName, Endpoint, Environment, ErrorCode, Hello, PROTOCOL_VERSION, Redacted, Refusal, Renew,
    disturbs_its_surroundings,
};
use tokio::time::timeout;

use crate::cluster::new_session;
use crate::hub::{HubEvent, Right, SignIn, SocketId, blocked};
use crate::key_use::KeyUse;
use crate::keys::{KeyVerifier, ShownBy, id_in, random_secret};
use crate::store::{self, Account, Accounts, StoreError, UsedTokens};
use crate::tokens::{MAX_TOKEN_BYTES, PresentedToken, TokenVerifier, VerifiedToken, WrongToken, unix_seconds};
use crate::turns::Turns;

/// The most characters of a display name.
const MAX_NAME_LENGTH: usize = 50;
/// The most bytes of a key that are hashed: ours have under eighty.
const MAX_KEY_BYTES: usize = 256;
/// When a device that could not be verified may come back: a queue of sign-ins has moved on by then.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);
/// Over how long those come back whom a crowd has kept from signing in, so that they do not meet again.
const CROWD_SPREAD: Duration = Duration::from_secs(6);
/// Accounts that are looked up at once. They take turns at the store anyway, and each holds a thread meanwhile.
const LOOK_UPS: usize = 16;
/// How long a sign-in waits to be looked up before it is asked to come back: within the time that a device waits for its first answer.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);

/// Decides who may sign in.
#[derive(Debug)]
pub(crate) struct Admission {
    accounts: Arc<Accounts>,
    key_use: Arc<KeyUse>,
    keys: KeyVerifier,
    tokens: TokenVerifier,
    used_tokens: UsedTokens,
    look_ups: Arc<Turns>,
    look_up_within: Duration,
}

/// What a credential has come to.
struct Entry {
    account: Account,
    environment: Environment,
    right: Right,
}

impl Admission {
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        (keys, key_use): (KeyVerifier, Arc<KeyUse>),
        (tokens, used_tokens): (TokenVerifier, UsedTokens),
    ) -> Self {
        Self { accounts, key_use, keys, tokens, used_tokens, look_ups: Turns::new(LOOK_UPS), look_up_within: LOOK_UP_WITHIN }
    }

    /// Verifies a `hello` that comes from an address, and makes what the hub needs for a session of it.
    pub(crate) async fn admit(&self, (socket, from): (SocketId, IpAddr), hello: Hello) -> Result<SignIn, Refusal> {
        check_version(hello.version)?;
        let cuid = check_cuid(&hello.cuid)?;
        let name = check_name(hello.name.clone())?;
        if hello.account_id.0.is_empty() {
            return Err(refusal(ErrorCode::AccountIdRequired, "the account id is empty"));
        }
        let (entry, credential) = match &hello.credential {
            Credential::ApiKey(key) => (self.admit_by_key(from, &hello.account_id, key).await?, "api key"),
            Credential::UserToken(token) => (self.admit_by_token(from, (&hello.account_id, &cuid), token).await?, "user token"),
        };
        let Entry { account, environment, right } = entry;
        if environment != hello.environment {
            let detail = format!("the {credential} belongs to {environment:?}, and the device asked for {:?}", hello.environment);
            return Err(refusal(ErrorCode::ProductionFieldRequired, detail));
        }
        let (id, user) = (account.id.clone(), cuid.clone());
        if self.look_up(from, move |accounts| accounts.is_blocked(&id, environment, &user)).await? {
            return Err(blocked());
        }
        let resume_token = random_secret().map_err(|error| come_back(error.to_string(), BUSY_RETRY_AFTER))?;
        let session = new_session(&account.id);
        Ok(SignIn {
            socket,
            account: account.id,
            environment,
            cuid,
            right,
            name,
            endpoint: Endpoint { device: hello.device, run: hello.run },
            // A device without a name that can be shown is as good as any other.
            device_name: DeviceName::new(hello.device_name).ok(),
            second_calls: hello.second_calls,
            session,
            resume_token,
            max_call: account.max_call,
            single_device: account.single_device,
            relay_only: account.relay_only,
            branding: Some(account.branding),
        })
    }

    /// Verifies the api key of a company's backend at an address, which says no account: the key says what it is called, and its name whose it is. One that says
    /// nothing of itself is good for devices only.
    ///
    /// The store is asked each time, so that a key that is revoked is good for nothing more; what is remembered is that the secret is right.
    pub(crate) async fn admit_backend(&self, from: IpAddr, key: &Redacted<String>) -> Result<(Account, Environment), Refusal> {
        if key.expose().is_empty() || key.expose().len() > MAX_KEY_BYTES {
            return Err(refusal(ErrorCode::ApiKeyRequired, format!("an api key has 1 to {MAX_KEY_BYTES} bytes")));
        }
        let found = match id_in(key) {
            Some(id) => self.look_up(from, move |accounts| accounts.find_key(&id)).await?,
            None => None,
        };
        let hash = found.iter().map(|(_, credential)| credential.key_hash.clone()).collect();
        // Also without such a key there is one to verify with, and the answer is the same.
        let right = self.keys.find((ShownBy::Backend, from), key, hash, 1).await.map_err(|busy| too_many(busy.to_string()))?;
        let Some((account, credential)) = found.filter(|_| right.is_some()) else {
            return Err(refusal(ErrorCode::ApiKeyRequired, "the api key is wrong"));
        };
        let environment = credential.environment;
        self.key_use.note(credential);
        Ok((account, environment))
    }

    /// Verifies another token for the session on a socket, and makes what the hub needs to go on with that.
    pub(crate) async fn renew(&self, (socket, from): (SocketId, IpAddr), renew: Renew) -> Result<HubEvent, Refusal> {
        let Renew { account_id: account, cuid, user_token } = renew;
        let cuid = check_cuid(&cuid)?;
        let VerifiedToken { key, environment, lasts, .. } = self.take_token(from, (&account, &cuid), &user_token).await?;
        Ok(HubEvent::TokenRenewed { socket, account, environment, cuid, key, lasts })
    }

    async fn admit_by_key(&self, from: IpAddr, id: &AccountId, key: &Redacted<String>) -> Result<Entry, Refusal> {
        if key.expose().is_empty() || key.expose().len() > MAX_KEY_BYTES {
            return Err(refusal(ErrorCode::ApiKeyRequired, format!("an api key has 1 to {MAX_KEY_BYTES} bytes")));
        }
        let (account, credentials) = self.find(from, id).await?.unzip();
        let candidates = store::Credential::that_could_be(key, credentials.unwrap_or_default());
        let hashes = candidates.iter().map(|credential| credential.key_hash.clone()).collect();
        // Also without an account there is as much to verify with, and the answer is the same.
        let at_least = store::Credential::most_that_could_be(key);
        let found = self.keys.find((ShownBy::Device, from), key, hashes, at_least).await.map_err(|busy| too_many(busy.to_string()))?;
        let Some((account, credential)) = account.zip(found.and_then(|index| candidates.into_iter().nth(index))) else {
            return Err(refusal(ErrorCode::ApiKeyRequired, "the account id or the api key is wrong"));
        };
        let (environment, right) = (credential.environment, Right::ApiKey(credential.id.clone()));
        self.key_use.note(credential);
        Ok(Entry { account, environment, right })
    }

    async fn admit_by_token(&self, from: IpAddr, (id, cuid): (&AccountId, &Cuid), token: &Redacted<String>) -> Result<Entry, Refusal> {
        let VerifiedToken { key, environment, lasts, .. } = self.take_token(from, (id, cuid), token).await?;
        let Some((account, _)) = self.find(from, id).await? else {
            return Err(come_back("the account has just been removed", BUSY_RETRY_AFTER));
        };
        Ok(Entry { account, environment, right: Right::UserToken { key, lasts } })
    }

    /// Verifies a token, and uses it up.
    async fn take_token(
        &self,
        from: IpAddr,
        (account, cuid): (&AccountId, &Cuid),
        token: &Redacted<String>,
    ) -> Result<VerifiedToken, Refusal> {
        let token = token.expose();
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
            return Err(refusal(ErrorCode::ApiKeyRequired, format!("a user token has 1 to {MAX_TOKEN_BYTES} bytes")));
        }
        let token = PresentedToken::read(token).map_err(refuse_token)?;
        let (id, kid) = (account.clone(), token.kid().to_owned());
        let key = self.look_up(from, move |accounts| accounts.token_key(&id, &kid)).await?;
        let now = SystemTime::now();
        let verified = self.tokens.verify(&token, key.as_ref(), account, cuid.as_str(), now).map_err(refuse_token)?;
        let is_unused = self.used_tokens.take(account, &verified.jti, verified.until, unix_seconds(now)).await;
        if is_unused.map_err(|error| too_many(error.to_string()))? { Ok(verified) } else { Err(refuse_token(WrongToken::Used)) }
    }

    async fn find(&self, from: IpAddr, id: &AccountId) -> Result<Option<(Account, Vec<store::Credential>)>, Refusal> {
        let id = id.clone();
        self.look_up(from, move |accounts| accounts.find(&id)).await
    }

    async fn look_up<T: Send + 'static>(
        &self,
        from: IpAddr,
        look: impl FnOnce(&Accounts) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Ok(_turn) = timeout(self.look_up_within, self.look_ups.take(from)).await else {
            return Err(too_many("too many sign-ins at once"));
        };
        let accounts = Arc::clone(&self.accounts);
        let failed = match tokio::task::spawn_blocking(move || look(&accounts)).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        tracing::error!(error = failed, "an account could not be looked up");
        Err(come_back("the service cannot look accounts up at the moment", BUSY_RETRY_AFTER))
    }
}

fn check_cuid(cuid: &str) -> Result<Cuid, Refusal> {
    Cuid::new(cuid).map_err(|wrong| refusal(wrong.code(), wrong.to_string()))
}

fn refuse_token(wrong: WrongToken) -> Refusal {
    refusal(ErrorCode::ApiKeyRequired, wrong.to_string())
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

/// One of a crowd may come back when most of it has been dealt with: each at another moment.
fn too_many(detail: impl Into<String>) -> Refusal {
    come_back(detail, BUSY_RETRY_AFTER + rand::rng().random_range(Duration::ZERO..=CROWD_SPREAD))
}

/// What is not so now may be so after a while.
pub(crate) fn come_back(detail: impl Into<String>, after: Duration) -> Refusal {
    let retry_after_ms = u64::try_from(after.as_millis()).ok();
    Refusal { retry_after_ms, ..refusal(ErrorCode::ServerFailure, detail) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use signedcall_wire::{DeviceId, RunId};
    use uuid::Uuid;

    use super::*;
    use crate::keys::hash;
    use crate::settings::Settings;
    use crate::store::make_earlier;
    use crate::tokens::TokenSettings;
    use crate::{STORE_FILE, open_accounts, serve};

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn one_of_a_crowd_is_told_when_to_come_back_each_at_another_moment() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().join(STORE_FILE);
        let accounts = Arc::new(Accounts::open(&path).expect("a new store"));
        let tokens = (TokenVerifier::new(TokenSettings::default()), UsedTokens::start(&path).expect("a good store"));
        let look_up_within = Duration::ZERO;
        let keys = (KeyVerifier::new().expect("randomness"), KeyUse::open(&accounts).expect("the same store"));
        let admission = Admission { look_up_within, ..Admission::new(accounts, keys, tokens) };
        let mut all = Vec::new();
        for _ in 0..LOOK_UPS {
            all.push(admission.look_ups.take(FROM).await);
        }
        let key = Redacted::new("key".to_owned());
        let mut moments = std::collections::BTreeSet::new();
        for _ in 0..8 {
            let refused = admission.admit((SocketId(1), FROM), hello("grocer", &key, Environment::Production)).await.expect_err("a crowd");
            let after = Duration::from_millis(refused.retry_after_ms.expect("a moment"));
            assert_eq!(refused.code, ErrorCode::ServerFailure);
            assert!((BUSY_RETRY_AFTER..=BUSY_RETRY_AFTER + CROWD_SPREAD).contains(&after), "{after:?}");
            moments.insert(after);
        }
        assert!(moments.len() > 1, "they would meet again");
        drop(all);
    }

    /// A key of the form that they had before there were ids in them.
    fn earlier_key(environment: &str) -> Redacted<String> {
        Redacted::new(format!("sc_{environment}_{}", random_secret().expect("randomness").expose()))
    }

    fn hello(account: &str, key: &Redacted<String>, environment: Environment) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId(account.to_owned()),
            credential: Credential::ApiKey(key.clone()),
            cuid: "courier_1".to_owned(),
            name: None,
            environment,
            device: DeviceId(Uuid::new_v4()),
            run: RunId(Uuid::new_v4()),
            device_name: String::new(),
            second_calls: false,
        }
    }

    #[tokio::test]
    async fn keys_of_a_store_that_is_brought_up_to_date_let_in_as_before_those_of_the_demo_account_as_well() {
        let data = tempfile::tempdir().expect("a directory");
        let [production, development, demo, wrong] = ["production", "development", "development", "production"].map(earlier_key);
        let earlier = make_earlier(&data.path().join(STORE_FILE), 7).expect("a new file");
        for (account, environment, key) in
            [("grocer", "production", &production), ("grocer", "development", &development), ("demo", "development", &demo)]
        {
            let add = "INSERT OR IGNORE INTO accounts VALUES (?, ?, '#000000', '#FFFFFF', NULL, 'light', 0, 1, NULL, 0)";
            earlier.execute(add, [account, account]).expect("an account");
            let give = "INSERT INTO credentials VALUES (?, ?, ?, 1)";
            earlier.execute(give, [account, environment, &hash(key).expect("randomness")]).expect("a key");
        }
        drop(earlier);
        std::fs::write(data.path().join("demo.key"), demo.expose()).expect("a file");

        let service = serve(Settings::on_loopback(data.path().to_owned()), None).await.expect("a service");
        assert_eq!(service.demo_key(), Some(&demo), "the demo account keeps its key");
        service.shutdown().await;

        let accounts = Arc::new(open_accounts(&Settings::on_loopback(data.path().to_owned())).expect("a good store"));
        let keys = (KeyVerifier::new().expect("randomness"), KeyUse::open(&accounts).expect("the same store"));
        let used_tokens = UsedTokens::start(&data.path().join(STORE_FILE)).expect("a good store");
        let tokens = (TokenVerifier::new(TokenSettings::default()), used_tokens);
        let admission = Admission::new(accounts, keys, tokens);
        for (account, key, environment) in [
            ("grocer", &production, Environment::Production),
            ("grocer", &development, Environment::Development),
            ("demo", &demo, Environment::Development),
        ] {
            let admitted = admission.admit((SocketId(1), FROM), hello(account, key, environment)).await.expect("a good key");
            assert_eq!((admitted.account.0.as_str(), admitted.environment), (account, environment));
        }
        for (account, key) in [("grocer", &wrong), ("demo", &production), ("nobody", &production)] {
            let refused =
                admission.admit((SocketId(1), FROM), hello(account, key, Environment::Production)).await.expect_err("it is none of them");
            assert_eq!(refused, refusal(ErrorCode::ApiKeyRequired, "the account id or the api key is wrong"), "{account}");
        }
    }
}
