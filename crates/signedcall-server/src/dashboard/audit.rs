//! What operators do is written down: who, when, what, to what, and what came of it.

use std::time::SystemTime;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use signedcall_wire::{AccountId, Environment};

use super::refused::{Refused, failed};
use super::session::SignedIn;
use super::{Dashboard, Shared};
use crate::api::Stores;
use crate::moment;
use crate::store::{Accounts, AuditEntry, AuditRow, environment_name};

/// How many rows are on a page.
const PAGE: usize = 50;

/// How many characters of what a request names are written down: more than anything has that there is.
const MOST_CHARACTERS: usize = 128;

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
    ConnectUsers,
    HangUp,
    ExportCalls,
    MakeToken,
    WithdrawTokenKey,
    SetApns,
    RemoveApns,
    TestPush,
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
            Self::ConnectUsers => "connect_users",
            Self::HangUp => "hang_up",
            Self::ExportCalls => "export_calls",
            Self::MakeToken => "make_token",
            Self::WithdrawTokenKey => "withdraw_token_key",
            Self::SetApns => "set_apns",
            Self::RemoveApns => "remove_apns",
            Self::TestPush => "test_push",
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

    /// Whether the store does it, so that it is done if and only if it is written down. Of anything else it is written down beforehand that it was asked for, and
    /// afterwards what has come of it.
    pub(super) const fn is_kept(&self) -> bool {
        !matches!(self.action, Action::ConnectUsers | Action::HangUp | Action::ExportCalls | Action::MakeToken | Action::TestPush)
    }

    pub(super) fn entry(&self, outcome: Outcome) -> AuditEntry {
        let Self { operator, action, account, environment, subject } = self.clone();
        let [account, subject] = [account, subject].map(|named| named.map(|named| named.chars().take(MOST_CHARACTERS).collect()));
        AuditEntry { operator, action: action.word(), account, environment, subject, outcome: outcome.word() }
    }
}

/// What has come of something that somebody wanted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing yet: it is about to be done, or the service has ended meanwhile.
    Asked,
    Done,
    /// It may not be done, or not so.
    Refused,
    /// The service could not do it, and has not.
    Failed,
    /// The service could not find out whether it was done.
    NotKnown,
}

impl Outcome {
    /// What follows from an answer. One that says that the service does not work may come after something was done.
    pub(super) fn of(status: StatusCode) -> Self {
        if status.is_success() {
            Self::Done
        } else if status.is_server_error() {
            Self::NotKnown
        } else {
            Self::Refused
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::NotKnown => "not_known",
        }
    }
}

/// Does something and writes it down in one transaction, so that neither is there without the other: also when whoever has asked for it has left meanwhile.
async fn carry_out<T: Send + 'static, E: Into<Refused>>(
    stores: Stores,
    mut deed: Deed,
    change: impl FnOnce(&Accounts, &mut Deed) -> Result<T, E> + Send + 'static,
) -> Result<T, Refused> {
    let all = move |accounts: &mut Accounts| {
        let done: Result<T, Refused> = accounts.together(|accounts| {
            let done = change(accounts, &mut deed).map_err(Into::<Refused>::into)?;
            accounts.audit(&deed.entry(Outcome::Done), SystemTime::now())?;
            Ok(done)
        });
        done.inspect_err(|refused| {
            let entry = deed.entry(refused.outcome());
            if let Err(error) = accounts.audit(&entry, SystemTime::now()) {
                tracing::error!(%error, ?entry, "what an operator was refused could not be written down");
            }
        })
    };
    let carried_out = tokio::spawn(async move { stores.change_alone(all).await? });
    carried_out.await.map_err(|panicked| failed(&panicked))?
}

impl Dashboard {
    /// Does something and writes it down.
    pub(super) async fn carry_out<T: Send + 'static, E: Into<Refused>>(
        &self,
        deed: Deed,
        change: impl FnOnce(&Accounts, &mut Deed) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refused> {
        carry_out(self.stores.clone(), deed, change).await
    }

    /// Writes down what has come of something that the store does not do itself.
    pub(super) async fn note(&self, deed: &Deed, outcome: Outcome) -> Result<(), Refused> {
        let entry = deed.entry(outcome);
        let noted = self.stores.change_alone(move |accounts| accounts.audit(&entry, SystemTime::now())).await?;
        Ok(noted?)
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::dashboard::refused::Code;
    use crate::store::AuditRow;

    fn stores() -> (tempfile::TempDir, Stores) {
        let data = tempfile::tempdir().expect("a directory");
        let accounts = Accounts::open(&data.path().join("store.sqlite")).expect("a new store");
        let stores = Stores::open(&accounts).expect("the same store");
        (data, stores)
    }

    /// What was done and written down, once whatever goes on is over.
    async fn known(stores: &Stores) -> (bool, Vec<AuditRow>) {
        let known =
            stores.change(|accounts| Ok((accounts.link([1; 32], SystemTime::UNIX_EPOCH)?, accounts.audit_page(None, i64::MAX, 10)?)));
        let (link, log) = known.await.expect("a store");
        (link.is_some(), log)
    }

    fn make_link(accounts: &Accounts) -> Result<(), Refused> {
        Ok(accounts.put_link("second", [1; 32], SystemTime::now())?)
    }

    #[tokio::test]
    async fn what_was_begun_is_done_and_written_down_when_whoever_has_asked_for_it_has_left() {
        let (_data, stores) = stores();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let mut leaves = Box::pin(carry_out(stores.clone(), Deed::of(Action::AddKey, "admin"), move |accounts, _| {
            begin.send(()).expect("somebody waits");
            finished.recv().expect("it is told to finish");
            make_link(accounts)
        }));
        assert!(leaves.as_mut().now_or_never().is_none(), "it is under way");
        begun.await.expect("it is under way");
        drop(leaves);
        finish.send(()).expect("it waits");
        let (is_done, log) = known(&stores).await;
        assert_eq!((is_done, log.len()), (true, 1));
        assert_eq!((log[0].action.as_str(), log[0].outcome.as_str()), ("add_key", "done"));
    }

    #[tokio::test]
    async fn what_is_refused_half_way_is_not_done_and_written_down_as_refused() {
        let (_data, stores) = stores();
        let refused = carry_out(stores.clone(), Deed::of(Action::AddKey, "admin"), |accounts, deed| {
            deed.is_to("x".repeat(1_000));
            make_link(accounts)?;
            Err::<(), _>(Refused::new(Code::TooMany))
        });
        refused.await.expect_err("it is refused");
        let (is_done, log) = known(&stores).await;
        assert_eq!((is_done, log.len()), (false, 1));
        assert_eq!(log[0].outcome, "refused");
        assert_eq!(log[0].subject.as_ref().map(String::len), Some(MOST_CHARACTERS), "what is made up is not kept as long as it is");
    }

    #[tokio::test]
    async fn what_panics_is_not_done_and_the_store_goes_on() {
        let (_data, stores) = stores();
        let panics = carry_out(stores.clone(), Deed::of(Action::AddKey, "admin"), |accounts, _| -> Result<(), Refused> {
            make_link(accounts)?;
            panic!("a bug");
        });
        panics.await.expect_err("nobody can answer");
        assert_eq!(known(&stores).await, (false, Vec::new()));
    }

    #[test]
    fn what_may_have_been_done_is_not_written_down_as_refused() {
        let words = |outcome: Outcome| outcome.word();
        for (status, word) in [(200, "done"), (202, "done"), (400, "refused"), (404, "refused"), (503, "not_known"), (504, "not_known")] {
            assert_eq!(words(Outcome::of(StatusCode::from_u16(status).expect("a status"))), word, "{status}");
        }
        for (code, word) in [
            (Code::Taken, "refused"),
            (Code::NotFound, "refused"),
            (Code::NoRoom, "failed"),
            (Code::Unavailable, "failed"),
            (Code::NotKnown, "not_known"),
        ] {
            assert_eq!(words(Refused::new(code).outcome()), word, "{code:?}");
        }
    }
}
