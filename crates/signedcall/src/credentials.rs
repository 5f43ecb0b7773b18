use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use signedcall_wire::Redacted;

/// By what right a user signs in (R12).
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The company's key for the chosen environment. Whoever has it may sign in as anybody.
    ApiKey(Redacted<String>),
    /// Tokens that the company's backend makes for this user, each good for minutes.
    UserTokens(UserTokens),
}

type Fetching = Pin<Box<dyn Future<Output = Result<Redacted<String>, NoUserToken>> + Send>>;

/// Where user tokens come from: the company's own backend, which knows who the user is.
///
/// ```
/// use signedcall::{Analytics, Credentials, NoUserToken, Options, Redacted, UserTokens};
///
/// async fn fetch_from_our_backend() -> Result<String, std::io::Error> {
///     // An authenticated request of the app's own.
///     # Ok(String::new())
/// }
///
/// let tokens = UserTokens::new(|| async {
///     fetch_from_our_backend().await.map(Redacted::new).map_err(|error| NoUserToken(error.to_string()))
/// });
/// let options = Options::with_user_tokens("wss://calls.example", "acme", tokens, "courier_8842").production(true).analytics(Analytics::Local);
/// ```
#[derive(Clone)]
pub struct UserTokens {
    fetch: Arc<dyn Fn() -> Fetching + Send + Sync>,
}

/// No user token could be fetched, in the embedder's own words. They may reach a log, so they hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no user token: {0}")]
pub struct NoUserToken(pub String);

impl UserTokens {
    /// `fetch` is asked whenever a session begins, before the token of a session expires, and once more when a token is refused. Each time it gives one
    /// that was not used before, within ten seconds: what `docs/accounts.md` asks of it.
    pub fn new<Fetch, Fetched>(fetch: Fetch) -> Self
    where
        Fetch: Fn() -> Fetched + Send + Sync + 'static,
        Fetched: Future<Output = Result<Redacted<String>, NoUserToken>> + Send + 'static,
    {
        Self { fetch: Arc::new(move || Box::pin(fetch())) }
    }

    pub(crate) fn fetch(&self) -> Fetching {
        (self.fetch)()
    }
}

impl fmt::Debug for UserTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserTokens")
    }
}
