//! The API by which a company's own backend works with the service: HTTP under `/v1/`, with an api key of the account. `docs/api.md` says how.
//!
//! Each module has the requests of one subject: what may be asked, how it is checked, and what is answered.

mod blocked;
mod body;
mod branding;
mod budgets;
mod calls;
mod company;
mod connect;
mod csv;
mod etag;
mod openapi;
mod operation;
mod problem;
mod push;
mod push_trial;
mod query;
mod stores;
mod tokens;
mod users;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use signedcall_wire::AccountId;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

pub(crate) use self::body::Members;
use self::budgets::Budgets;
pub(crate) use self::calls::reason_word;
use self::company::Company;
pub(crate) use self::company::OnBehalfOf;
pub(crate) use self::etag::{Etag, IfMatch};
use self::openapi::with_document;
use self::operation::Operation;
pub(crate) use self::problem::Problem;
pub(crate) use self::stores::{Fate, Record, Stores};
use crate::admission::Admission;
use crate::cluster::Exchange;
use crate::metrics::Metrics;
use crate::push::PushTrials;
use crate::switchboard::Note;
use crate::tokens::TokenSettings;

/// The most bytes of what a request brings along: the longest that makes sense has under four thousand.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// What companies' backends may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// How many requests the backends of an account may make in a minute, in each environment. What was not used is saved up for one minute.
    pub requests_per_minute: NonZeroU32,
    /// How long a request may take until its answer begins, also when it comes in slowly.
    pub answer_within: Duration,
}

impl Default for ApiSettings {
    fn default() -> Self {
        const TEN_A_SECOND: NonZeroU32 = NonZeroU32::new(600).expect("it is not zero");
        Self { requests_per_minute: TEN_A_SECOND, answer_within: Duration::from_secs(10) }
    }
}

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Api {
    admission: Arc<Admission>,
    stores: Stores,
    exchange: Exchange,
    budgets: Budgets,
    answer_within: Duration,
    tokens: TokenSettings,
    trials: PushTrials,
    /// Held while somebody changes how calls look.
    branding: Mutex<()>,
}

type Shared = Arc<Api>;

impl Api {
    pub(crate) fn new(
        settings: ApiSettings,
        tokens: TokenSettings,
        admission: Arc<Admission>,
        stores: Stores,
        exchange: Exchange,
        trials: PushTrials,
    ) -> Self {
        let ApiSettings { requests_per_minute, answer_within } = settings;
        let budgets = Budgets::new(requests_per_minute);
        Self { admission, stores, exchange, budgets, answer_within, tokens, trials, branding: Mutex::default() }
    }

    /// Asks the hub that has an account's calls.
    async fn ask_hub<T>(&self, account: &AccountId, note: impl FnOnce(oneshot::Sender<T>) -> Note) -> Result<T, Problem> {
        let (tell, told) = oneshot::channel();
        self.tell_hub(account, note(tell)).await?;
        told.await.map_err(|_| self.no_hub())
    }

    /// Tells it something.
    async fn tell_hub(&self, account: &AccountId, note: Note) -> Result<(), Problem> {
        let hub = self.exchange.of(account).await.ok_or_else(|| self.no_hub())?;
        hub.send(note).await.map_err(|_| self.no_hub())
    }

    fn no_hub(&self) -> Problem {
        if self.exchange.cluster().is_some() { Problem::no_node() } else { Problem::unavailable() }
    }
}

/// Routes every request there is, and tells whoever asks for something else.
pub(crate) fn router(api: Api, metrics: Arc<Metrics>) -> Router {
    let within = api.answer_within;
    let operations = with_document(operations());
    metrics.api.know(operations.iter().map(|operation| (operation.method, operation.path)));
    let mut router = Router::new().route("/v1/{*path}", any(unknown));
    for Operation { path, route, .. } in operations {
        router = router.route(path, route);
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(move |request, next| bound(within, request, next)))
        .layer(from_fn(move |request, next| count(Arc::clone(&metrics), request, next)))
        .with_state(Arc::new(api))
}

/// Everything that may be asked, in the order of the document.
fn operations() -> Vec<Operation> {
    [
        calls::operations(),
        connect::operations(),
        users::operations(),
        blocked::operations(),
        branding::operations(),
        push::operations(),
        push_trial::operations(),
        tokens::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every way to change something: its method, in lower case, and its path.
#[cfg(test)]
pub(crate) fn everything_that_changes_something() -> Vec<(&'static str, &'static str)> {
    operations().iter().filter(|operation| operation.method != "get").map(|operation| (operation.method, operation.path)).collect()
}

async fn unknown() -> Problem {
    Problem::not_found("there is nothing at this path")
}

async fn wrong_method() -> Problem {
    Problem::wrong_method()
}

/// Notes what is answered, and how long that takes.
async fn count(metrics: Arc<Metrics>, request: Request, next: Next) -> Response {
    let (begun, method, path) = (Instant::now(), request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let response = next.run(request).await;
    metrics.api.observe(method.as_str(), path.as_ref().map(MatchedPath::as_str), response.status().as_u16(), begun.elapsed());
    response
}

/// Bounds how long a request takes. What is answered is for whoever asked, and for nobody's cache.
pub(crate) async fn bound(within: Duration, request: Request, next: Next) -> Response {
    let mut response = match timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::too_slow().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
