//! What companies' backends may ask for, asked by an operator in the place of a company: by the same code, which learns from here whose it is instead of from an
//! api key.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::any;
use axum::{Router, http};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use signedcall_wire::AccountId;

use super::audit::{Action, Deed, Outcome};
use super::refused::{Code, Refused, failed};
use super::session::SignedIn;
use super::{Dashboard, Shared, environment_of};
use crate::api::{Fate, OnBehalfOf, Record};
use crate::store::Scope;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/accounts/{account}/environments/{environment}/v1/{*path}", any(ask))
}

async fn ask(
    State(dashboard): State<Shared>,
    who: SignedIn,
    Path((id, environment, path)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let scope = Scope { account: AccountId(id), environment: environment_of(&environment)? };
    let of = scope.account.clone();
    if dashboard.stores.known(move |accounts| accounts.find(&of)).await?.is_none() {
        return Err(Refused::new(Code::NotFound));
    }
    let deed = deed_of(request.method(), &path).map(|(action, subject)| {
        let deed = Deed::of(action, &who.operator).in_account(&scope.account).in_environment(scope.environment);
        subject.iter().fold(deed, |deed, subject| deed.to(&**subject))
    });
    let Some(deed) = deed else {
        // What nobody would know how to write down is not done, however it is spelt.
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return Err(Refused::new(Code::NotFound));
        }
        return Ok(dashboard.ask_api(on_behalf_of(OnBehalfOf { scope, record: None }, request)?).await);
    };
    let record = deed.is_kept().then(|| Record::new(deed.entry(Outcome::Done)));
    let asked = on_behalf_of(OnBehalfOf { scope, record: record.clone() }, request)?;
    // Goes on when whoever asked has left, so that nothing is done that is not written down.
    let answered = tokio::spawn(async move { dashboard.ask_and_note(asked, deed, record).await });
    answered.await.map_err(|panicked| failed(&panicked))?
}

impl Dashboard {
    async fn ask_api(&self, asked: http::Request<Body>) -> Response {
        let Ok(answer) = TowerToHyperService::new(self.api.clone()).call(asked).await;
        answer
    }

    async fn ask_and_note(&self, asked: http::Request<Body>, deed: Deed, record: Option<Record>) -> Result<Response, Refused> {
        if !deed.is_kept() {
            self.note(&deed, Outcome::Asked).await?;
        }
        let answer = self.ask_api(asked).await;
        match record.and_then(|record| record.fate()) {
            Some(Fate::Written) => {}
            Some(Fate::NoRoom) => return Err(Refused::new(Code::NoRoom)),
            None => {
                if let Err(error) = self.note(&deed, Outcome::of(answer.status())).await {
                    tracing::error!(?error, ?deed, status = %answer.status(), "what has come of an operator's request could not be written down");
                }
            }
        }
        Ok(answer)
    }
}

/// The same request as a company's backend makes it.
fn on_behalf_of(whom: OnBehalfOf, request: Request) -> Result<http::Request<Body>, Refused> {
    let (parts, body) = request.into_parts();
    let whole = parts.uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    // As it came, so that whatever is escaped stays so. Neither ids of accounts nor names of environments have a slash in them.
    let rest = whole.splitn(7, '/').nth(6).ok_or(Refused::new(Code::NotFound))?;
    let uri: Uri = format!("/{rest}").parse().map_err(|_| Refused::new(Code::NotFound))?;
    let mut asked = http::Request::new(body);
    (*asked.method_mut(), *asked.uri_mut(), *asked.headers_mut()) = (parts.method, uri, parts.headers);
    asked.extensions_mut().insert(whom);
    Ok(asked)
}

/// What a request does, where it is more than looking: every way to change something, and to take calls out.
fn deed_of(method: &Method, path: &str) -> Option<(Action, Option<String>)> {
    let about = |text: &str| Some(text.to_owned());
    let parts: Vec<&str> = path.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("PUT", ["branding"]) => Some((Action::SetBranding, None)),
        ("PUT", ["blocked", cuid]) => Some((Action::BlockUser, about(cuid))),
        ("DELETE", ["blocked", cuid]) => Some((Action::LetUserIn, about(cuid))),
        ("DELETE", ["users", cuid]) => Some((Action::EraseUser, about(cuid))),
        ("POST", ["calls"]) => Some((Action::ConnectUsers, None)),
        ("POST", ["calls", call, "hangup"]) => Some((Action::HangUp, about(call))),
        ("GET", ["calls.csv"]) => Some((Action::ExportCalls, None)),
        ("POST", ["tokens"]) => Some((Action::MakeToken, None)),
        ("PUT", ["push", "apns"]) => Some((Action::SetApns, None)),
        ("DELETE", ["push", "apns"]) => Some((Action::RemoveApns, None)),
        ("POST", ["push", "devices", cuid, _, "test"]) => Some((Action::TestPush, about(cuid))),
        ("DELETE", ["tokens", "key"]) => Some((Action::WithdrawTokenKey, None)),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::everything_that_changes_something;

    #[test]
    fn whatever_a_backend_can_change_is_written_down_when_an_operator_does() {
        let all = everything_that_changes_something();
        assert!(all.len() >= 9, "{all:?}");
        for (method, path) in all {
            let path = path.strip_prefix("/v1/").expect("all are there").replace(['{', '}'], "");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            assert!(deed_of(&method, &path).is_some(), "{method} {path}");
        }
    }
}
