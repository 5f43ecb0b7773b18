//! What operators do is written down: who, when, what, to what, and what came of it.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::{AccountId, Environment};

use super::refused::{Refused, failed};
use super::session::SignedIn;
use super::{Dashboard, Shared};
use crate::moment;
use crate::store::{Accounts, AuditEntry, AuditRow, environment_name};

/// How many rows are on a page.
const PAGE: usize = 50;

/// Something that an operator can do. A word that is there once means the same for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    SignIn,
    UseLink,
    ChangePassword,
    AddAccount,
    SetPolicy,
    AddKey,
    RevokeKey,
    SetTokenKeys,
    SetQuietHours,
    RemoveQuietHours,
    AddWebhook,
    RemoveWebhook,
    RotateWebhook,
    Redeliver,
    SetBranding,
    BlockUser,
    LetUserIn,
    EraseUser,
    HangUp,
    ExportCalls,
    MakeToken,
    WithdrawTokenKey,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::UseLink => "use_link",
            Self::ChangePassword => "change_password",
            Self::AddAccount => "add_account",
            Self::SetPolicy => "set_policy",
            Self::AddKey => "add_key",
            Self::RevokeKey => "revoke_key",
            Self::SetTokenKeys => "set_token_keys",
            Self::SetQuietHours => "set_quiet_hours",
            Self::RemoveQuietHours => "remove_quiet_hours",
            Self::AddWebhook => "add_webhook",
            Self::RemoveWebhook => "remove_webhook",
            Self::RotateWebhook => "rotate_webhook",
            Self::Redeliver => "redeliver",
            Self::SetBranding => "set_branding",
            Self::BlockUser => "block_user",
            Self::LetUserIn => "let_user_in",
            Self::EraseUser => "erase_user",
            Self::HangUp => "hang_up",
            Self::ExportCalls => "export_calls",
            Self::MakeToken => "make_token",
            Self::WithdrawTokenKey => "withdraw_token_key",
        }
    }
}

/// What somebody is about to do.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    operator: String,
    action: Action,
    account: Option<String>,
    environment: Option<&'static str>,
    subject: Option<String>,
}

impl Deed {
    pub(super) fn of(action: Action, operator: &str) -> Self {
        Self { operator: operator.to_owned(), action, account: None, environment: None, subject: None }
    }

    pub(super) fn in_account(self, account: &AccountId) -> Self {
        Self { account: Some(account.0.clone()), ..self }
    }

    pub(super) fn in_environment(self, environment: Environment) -> Self {
        Self { environment: Some(environment_name(environment)), ..self }
    }

    pub(super) fn to(mut self, subject: impl Into<String>) -> Self {
        self.is_to(subject);
        self
    }

    /// Says to what, where that is known only once it is done.
    pub(super) fn is_to(&mut self, subject: impl Into<String>) {
        self.subject = Some(subject.into());
    }

    fn entry(self, is_done: bool) -> AuditEntry {
        let Self { operator, action, account, environment, subject } = self;
        let outcome = if is_done { "done" } else { "refused" }.to_owned();
        AuditEntry { operator, action: action.word(), account, environment, subject, outcome }
    }
}

impl Dashboard {
    /// Does something and writes it down, in one go: also when whoever has asked for it has left meanwhile.
    pub(super) async fn carry_out<T: Send + 'static, E: Into<Refused> + Send + 'static>(
        self: &Arc<Self>,
        mut deed: Deed,
        change: impl FnOnce(&Accounts, &mut Deed) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refused> {
        let dashboard = Arc::clone(self);
        let carried_out = tokio::spawn(async move {
            let outcome = dashboard.stores.change(move |accounts| {
                let outcome = change(accounts, &mut deed);
                accounts.audit(&deed.entry(outcome.is_ok()), SystemTime::now())?;
                Ok(outcome)
            });
            outcome.await?.map_err(Into::into)
        });
        carried_out.await.map_err(|panicked| failed(&panicked))?
    }

    /// Writes down what was done.
    pub(super) async fn note(&self, deed: Deed) -> Result<(), Refused> {
        self.note_outcome(deed, true).await
    }

    /// Writes down what was done, or was not.
    pub(super) async fn note_outcome(&self, deed: Deed, is_done: bool) -> Result<(), Refused> {
        Ok(self.stores.change(move |accounts| accounts.audit(&deed.entry(is_done), SystemTime::now())).await?)
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/audit", get(list))
}

/// A page of what was done, the newest first.
#[derive(Debug, Serialize)]
struct Page {
    entries: Vec<Entry>,
    /// What leads to the next page, as `before`; null when there is none.
    next: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Entry {
    number: i64,
    at: String,
    operator: String,
    action: String,
    account: Option<String>,
    environment: Option<String>,
    subject: Option<String>,
    outcome: String,
}

async fn list(State(dashboard): State<Shared>, _who: SignedIn, RawQuery(query): RawQuery) -> Result<Json<Page>, Refused> {
    let query = query.unwrap_or_default();
    let (mut before, mut account) = (i64::MAX, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "before" => before = value.parse().map_err(|_| Refused::field("before"))?,
            "account" => account = Some(value.into_owned()),
            _ => return Err(Refused::field("query")),
        }
    }
    // One more than there is room for says whether there is another page.
    let mut rows = dashboard.stores.known(move |accounts| accounts.audit_page(account.as_deref(), before, PAGE + 1)).await?;
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| has_more).map(|row| row.number);
    Ok(Json(Page { entries: rows.into_iter().map(Entry::from).collect(), next }))
}

impl From<AuditRow> for Entry {
    fn from(row: AuditRow) -> Self {
        let AuditRow { number, at_ms, operator, action, account, environment, subject, outcome } = row;
        Self { number, at: moment::to_text(at_ms), operator, action, account, environment, subject, outcome }
    }
}
