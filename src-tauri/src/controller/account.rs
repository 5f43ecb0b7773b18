//! Signing in and out, and the api key's way to the keyring and back.

use std::sync::Arc;
use std::time::Duration;

use signedcall::secrets::{SecretError, SecretOwner};
use signedcall::{ErrorCode, LinkState, Options, Redacted};

use super::{Controller, Event, Host, Reply, Session, nobody_is_signed_in};
use crate::sdk::{Line, Sdk};
use crate::settings::Account;
use crate::view::{Problem, ProblemCode, SessionView, SignInForm};

/// How long closing the app waits for the service to confirm that the user has left: longer looks like an app that hangs.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);
/// How long an app that was started without a network waits before it tries again, at most: the first tries are quicker.
const SLOWEST_RETRY: Duration = Duration::from_secs(30);

/// What the keyring did.
pub(crate) type Keyring = Result<(), SecretError>;

/// What came of an attempt to sign in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    attempt: u64,
    account: Account,
    outcome: Result<(Arc<dyn Line>, Redacted<String>), Problem>,
    origin: Origin,
}

/// Who wanted to sign in.
#[derive(Debug)]
enum Origin {
    /// The form. `entered` when it brought a key, which the keyring is to keep.
    User { entered: bool, reply: Reply },
    /// The app at its start, for the time after this many tries.
    Start { tries: u32 },
}

/// Where the key comes from.
enum KeySource {
    Given(Redacted<String>),
    Keyring(SecretOwner),
}

impl<H: Host> Controller<H> {
    /// Signs in whoever the environment says, or who was signed in when the app was last closed.
    pub(super) fn sign_in_at_start(&mut self) {
        if self.account.is_complete() {
            self.begin_at_start(0);
        }
    }

    fn begin_at_start(&mut self, tries: u32) {
        let source = match self.key.clone().or_else(|| self.prefill.api_key.clone()) {
            Some(key) => KeySource::Given(key),
            None => KeySource::Keyring(self.secret_owner(&self.account)),
        };
        self.begin(self.account.clone(), source, Origin::Start { tries });
    }

    pub(super) fn try_again(&mut self, attempt: u64, tries: u32) {
        // The user may have signed in, or tried to, meanwhile.
        if attempt == self.attempt && matches!(self.session, Session::Nobody { .. }) {
            self.begin_at_start(tries);
        }
    }

    pub(super) fn sign_in(&mut self, form: &SignInForm, reply: Reply) {
        if self.is_in_call() {
            return self.answer_to(reply, Err(Problem::new(ProblemCode::OngoingCall, "the call has to end first")));
        }
        let account = match Account::try_from(form) {
            Ok(account) => account,
            Err(problem) => return self.answer_to(reply, Err(problem)),
        };
        let entered = !form.api_key.is_empty();
        let same_user = (&account.account_id, &account.cuid) == (&self.account.account_id, &self.account.cuid);
        let source = match self.key.clone().filter(|_| same_user) {
            _ if entered => KeySource::Given(Redacted::new(form.api_key.clone())),
            Some(key) => KeySource::Given(key),
            None => KeySource::Keyring(self.secret_owner(&account)),
        };
        self.begin(account, source, Origin::User { entered, reply });
    }

    fn begin(&mut self, account: Account, source: KeySource, origin: Origin) {
        self.attempt += 1;
        let attempt = self.attempt;
        let before = match std::mem::replace(&mut self.session, Session::SigningIn) {
            Session::Open { line, .. } => Some(line),
            Session::Nobody { .. } | Session::SigningIn => None,
        };
        let (sdk, settings) = (Arc::clone(&self.sdk), self.settings.clone());
        self.later(async move {
            if let Some(line) = before {
                line.log_out().await;
            }
            let outcome = match key_from(&*sdk, source).await {
                Ok(key) => {
                    let options = Options {
                        name: account.shown_name(),
                        production: Some(account.production),
                        device: Some(settings.device),
                        tones: settings.preferences.tones(),
                        voice: settings.preferences.voice(),
                        ..Options::new(&account.service_url, &account.account_id, key.expose(), &account.cuid)
                    };
                    sdk.sign_in(options).await.map(|line| (line, key)).map_err(Problem::from)
                }
                Err(problem) => Err(problem),
            };
            Event::SignedIn(Box::new(SignedIn { attempt, account, outcome, origin }))
        });
    }

    pub(super) fn signed_in(&mut self, signed_in: SignedIn) {
        let SignedIn { attempt, account, outcome, origin } = signed_in;
        if attempt != self.attempt {
            // Another attempt has begun since, or the user has signed out: this line is nobody's.
            if let Ok((line, _)) = outcome {
                tokio::spawn(async move { line.log_out().await });
            }
            if let Origin::User { reply, .. } = origin {
                self.answer_to(reply, Err(nobody_is_signed_in()));
            }
            return;
        }
        match outcome {
            Ok((line, key)) => self.open(line, key, account, origin),
            Err(problem) => self.refused(problem, origin),
        }
    }

    fn open(&mut self, line: Arc<dyn Line>, key: Redacted<String>, account: Account, origin: Origin) {
        tracing::info!("signed in");
        let (session, inbox) = (self.attempt, self.inbox.clone());
        line.follow(Arc::new(move |change| inbox.send(Event::Line { session, change })));
        self.session = Session::Open { line, view: None, kept: true };
        self.account = account;
        self.key = Some(key.clone());
        self.notices.retain(|notice| !matches!(notice.code, ProblemCode::KeyringAbsent | ProblemCode::KeyringLocked));
        if let Origin::User { entered, reply } = origin {
            self.settings.account = Some(self.account.clone());
            self.save_settings();
            if entered {
                let (sdk, owner) = (Arc::clone(&self.sdk), self.secret_owner(&self.account));
                self.later(async move { Event::Kept { session, outcome: sdk.save_key(&owner, &key).await } });
            }
            self.answer_to(reply, Ok(()));
        }
    }

    fn refused(&mut self, problem: Problem, origin: Origin) {
        tracing::warn!(code = ?problem.code, detail = problem.detail, "not signed in");
        self.session = Session::Nobody { problem: Some(problem.clone()) };
        match origin {
            Origin::User { reply, .. } => self.answer_to(reply, Err(problem)),
            // A computer that has just been switched on may get its network later than its apps.
            Origin::Start { tries } if problem.code == ProblemCode::NetworkNotAvailable => {
                let attempt = self.attempt;
                let wait = Duration::from_secs(1 << tries.min(5)).min(SLOWEST_RETRY);
                self.later(async move {
                    tokio::time::sleep(wait).await;
                    Event::TryAgain { attempt, tries: tries + 1 }
                });
            }
            Origin::Start { .. } => {}
        }
    }

    pub(super) fn key_kept(&mut self, session: u64, outcome: Keyring) {
        let Err(error) = outcome else { return };
        if let Session::Open { kept, .. } = &mut self.session
            && session == self.attempt
        {
            *kept = false;
            self.notice(error.into());
        }
    }

    pub(super) fn sign_out(&mut self, reply: Reply) {
        let Session::Open { line, .. } = &self.session else {
            // An attempt that is under way is given up.
            self.attempt += 1;
            self.session = Session::Nobody { problem: None };
            return self.answer_to(reply, Ok(()));
        };
        // The line is followed until it has closed, so that a call's end is still told and written down.
        let (line, sdk, session, owner) = (Arc::clone(line), Arc::clone(&self.sdk), self.attempt, self.secret_owner(&self.account));
        self.later(async move {
            line.log_out().await;
            Event::SignedOut { session, outcome: sdk.forget_key(&owner).await, reply }
        });
    }

    pub(super) fn signed_out(&mut self, session: u64, outcome: Keyring, reply: Reply) {
        if session == self.attempt {
            tracing::info!("signed out");
            self.attempt += 1;
            self.session = Session::Nobody { problem: None };
            self.key = None;
            self.settings.account = None;
            self.save_settings();
            self.close_call();
        }
        // Where there is no keyring, nothing was kept that could have been forgotten.
        let forgotten = match outcome {
            Ok(()) | Err(SecretError::KeyringAbsent(_)) => Ok(()),
            Err(error @ SecretError::KeyringLocked) => Err(error.into()),
        };
        self.answer_to(reply, forgotten);
    }

    /// The service has closed the line for good.
    pub(super) fn line_closed(&mut self) {
        tracing::warn!("the service has closed the line");
        self.attempt += 1;
        let problem = Problem::new(ProblemCode::SignallingSocketConnection, "the service has closed the line");
        self.session = Session::Nobody { problem: Some(problem) };
        self.close_call();
    }

    /// Ends calls and connection when the app is closed; the user stays signed in for the next start.
    pub(super) async fn leave(&self) {
        if let Session::Open { line, .. } = &self.session {
            // The service notices by itself, only later.
            let _ = tokio::time::timeout(GOODBYE_PATIENCE, line.log_out()).await;
        }
    }

    pub(super) fn session_view(&self) -> SessionView {
        match &self.session {
            Session::Nobody { problem } => SessionView::SignedOut { problem: problem.clone() },
            Session::SigningIn => SessionView::SigningIn,
            Session::Open { view, kept, .. } => {
                let (cuid, name, kept) = (self.account.cuid.clone(), self.account.shown_name(), *kept);
                match view.as_ref().map_or(LinkState::Ready, |view| view.link) {
                    LinkState::Ready => SessionView::Ready { cuid, name, kept },
                    LinkState::Reconnecting | LinkState::Closed => SessionView::Reconnecting { cuid, name, kept },
                }
            }
        }
    }

    fn secret_owner(&self, account: &Account) -> SecretOwner {
        SecretOwner { service: self.profile.keyring_service(), account_id: account.account_id.clone(), cuid: account.cuid.clone() }
    }
}

async fn key_from(sdk: &dyn Sdk, source: KeySource) -> Result<Redacted<String>, Problem> {
    match source {
        KeySource::Given(key) => Ok(key),
        KeySource::Keyring(owner) => match sdk.load_key(&owner).await {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(Problem::new(ProblemCode::ApiKeyRequired, ErrorCode::ApiKeyRequired.message())),
            Err(error) => Err(error.into()),
        },
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        let code = match &error {
            SecretError::KeyringAbsent(_) => ProblemCode::KeyringAbsent,
            SecretError::KeyringLocked => ProblemCode::KeyringLocked,
        };
        Self::new(code, error.to_string())
    }
}
