//! Signing in and out, and the api key's way to the keyring and back.

use std::sync::Arc;
use std::time::Duration;

use signedcall::secrets::{SecretError, SecretOwner};
use signedcall::{Analytics, ErrorCode, InvalidTone, LinkState, Options, Redacted};

use tokio::sync::Mutex;

use super::preferences::playable;
use super::{Controller, Event, Host, Reply, Session, log_problem, nobody_is_signed_in};
use crate::sdk::{Line, Sdk};
use crate::settings::{Account, Preferences};
use crate::view::{Problem, ProblemCode, SessionView, SignInForm};

/// How long closing the app waits for the service to confirm that the user has left: longer looks like an app that hangs.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);
/// How long an app that was started without a network waits before it tries again, at most: the first tries are quicker.
const SLOWEST_RETRY: Duration = Duration::from_secs(30);

/// What the keyring did.
pub(crate) type Keyring = Result<(), SecretError>;

/// The key of a session.
#[derive(Clone, Debug)]
pub(super) struct Key {
    secret: Redacted<String>,
    /// Whether the keyring has it.
    kept: bool,
}

/// What came of an attempt to sign in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    attempt: u64,
    account: Account,
    preferences: Preferences,
    outcome: Result<(Arc<dyn Line>, Key), Problem>,
    /// Tones that cannot be played any more; the SDK's own are used then.
    lost_tones: Vec<InvalidTone>,
    origin: Origin,
}

/// Who wanted to sign in.
#[derive(Debug)]
enum Origin {
    /// The form.
    User(Reply),
    /// The app by itself when it was started, after this many tries.
    App { tries: u32 },
}

/// Where the key comes from.
enum KeySource {
    Given(Key),
    Keyring(SecretOwner),
}

impl<H: Host> Controller<H> {
    /// Signs in whoever the environment says, or who was signed in when the app was last closed.
    pub(super) fn sign_in_at_start(&mut self) {
        if self.account.is_complete() {
            self.begin_by_itself(0);
        }
    }

    fn begin_by_itself(&mut self, tries: u32) {
        if let Err(problem) = self.account.check_address() {
            self.session = Session::Nobody { problem: Some(problem) };
            return;
        }
        let given = self.prefill.api_key.clone().map(|secret| Key { secret, kept: false });
        let source = self.key.clone().or(given).map_or_else(|| KeySource::Keyring(self.secret_owner(&self.account)), KeySource::Given);
        self.begin(self.account.clone(), source, Origin::App { tries });
    }

    pub(super) fn try_again(&mut self, attempt: u64, tries: u32) {
        // The user may have signed in, or tried to, meanwhile.
        if attempt == self.attempt && matches!(self.session, Session::Nobody { .. }) {
            self.begin_by_itself(tries);
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
        let same_user = (&account.account_id, &account.cuid) == (&self.account.account_id, &self.account.cuid);
        let source = match self.key.clone().filter(|_| same_user) {
            _ if !form.api_key.is_empty() => KeySource::Given(Key { secret: Redacted::new(form.api_key.clone()), kept: false }),
            Some(key) => KeySource::Given(key),
            None => KeySource::Keyring(self.secret_owner(&account)),
        };
        self.begin(account, source, Origin::User(reply));
    }

    fn begin(&mut self, account: Account, source: KeySource, origin: Origin) {
        self.attempt += 1;
        let attempt = self.attempt;
        // A try in the background leaves the form to the user, who may be filling it in.
        let meanwhile = match origin {
            Origin::App { tries: 1.. } => None,
            Origin::App { tries: 0 } | Origin::User(_) => Some(Session::SigningIn),
        };
        let before = match meanwhile.map(|meanwhile| std::mem::replace(&mut self.session, meanwhile)) {
            Some(Session::Open { line, .. }) => Some(line),
            Some(Session::Nobody { .. } | Session::SigningIn) | None => None,
        };
        if before.is_some() {
            self.close_call();
        }
        let (sdk, device, preferences) = (Arc::clone(&self.sdk), self.of_computer.device, self.settings.preferences.clone());
        let (app_name, data) = (self.app_name.clone(), self.folders.data.clone());
        self.later(async move {
            if let Some(line) = before {
                line.log_out().await;
            }
            let (tones, lost_tones) = playable(&*sdk, &preferences).await;
            let outcome = match key_from(&*sdk, source).await {
                Ok(key) => {
                    let options = Options {
                        name: account.shown_name(),
                        production: Some(account.production),
                        app_name: Some(app_name),
                        analytics: Some(Analytics::Local),
                        analytics_folder: Some(data),
                        device: Some(device),
                        second_calls: preferences.second_calls,
                        tones,
                        voice: preferences.voice(),
                        ..Options::new(&account.service_url, &account.account_id, key.secret.expose(), &account.cuid)
                    };
                    sdk.sign_in(options).await.map(|line| (line, key)).map_err(Problem::from)
                }
                Err(problem) => Err(problem),
            };
            Event::SignedIn(Box::new(SignedIn { attempt, account, preferences, outcome, lost_tones, origin }))
        });
    }

    pub(super) fn signed_in(&mut self, signed_in: SignedIn) {
        let SignedIn { attempt, account, preferences, outcome, lost_tones, origin } = signed_in;
        if attempt != self.attempt {
            // Another attempt has begun since, or the user has signed out: this line is nobody's.
            if let Ok((line, _)) = outcome {
                tokio::spawn(async move { line.log_out().await });
            }
            if let Origin::User(reply) = origin {
                self.answer_to(reply, Err(nobody_is_signed_in()));
            }
            return;
        }
        match outcome {
            Ok((line, key)) => {
                let changed_meanwhile = preferences != self.settings.preferences;
                self.open(line, key, account, preferences, origin);
                self.tell_of_lost_tones(&lost_tones);
                if changed_meanwhile {
                    self.set_preferences(self.settings.preferences.clone(), Reply::nobody());
                }
            }
            Err(problem) => self.refused(problem, origin),
        }
    }

    fn open(&mut self, line: Arc<dyn Line>, key: Key, account: Account, preferences: Preferences, origin: Origin) {
        tracing::info!("signed in");
        let (session, inbox) = (self.attempt, self.inbox.clone());
        line.follow(Arc::new(move |change| inbox.send(Event::Line { session, change })));
        self.session = Session::Open { line, view: None, on_line: Arc::new(Mutex::new(preferences)), kept: true, leaving: false };
        self.account = account;
        // Somebody else's calls ring here no more.
        if matches!(origin, Origin::User(_)) && self.of_computer.registration.as_ref().is_some_and(|earlier| !earlier.is_of(&self.account))
        {
            self.withdraw_wake();
        }
        self.notices.retain(|notice| !matches!(notice.code, ProblemCode::KeyringAbsent | ProblemCode::KeyringLocked));
        if let Origin::User(reply) = origin {
            self.settings.account = Some(self.account.clone());
            self.save_settings();
            if !key.kept {
                let (sdk, owner, secret) = (Arc::clone(&self.sdk), self.secret_owner(&self.account), key.secret.clone());
                self.later(async move { Event::Kept { session, outcome: sdk.save_key(&owner, &secret).await } });
            }
            self.answer_to(reply, Ok(()));
        }
        self.key = Some(key);
    }

    fn refused(&mut self, problem: Problem, origin: Origin) {
        log_problem(&problem, "not signed in");
        self.session = Session::Nobody { problem: Some(problem.clone()) };
        match origin {
            Origin::User(reply) => self.answer_to(reply, Err(problem)),
            // A computer that has just been switched on may get its network later than its apps.
            Origin::App { tries } if problem.code == ProblemCode::NetworkNotAvailable => self.retry(tries),
            Origin::App { .. } => {}
        }
    }

    fn retry(&self, tries: u32) {
        let attempt = self.attempt;
        let wait = Duration::from_secs(1 << tries.min(5)).min(SLOWEST_RETRY);
        self.later(async move {
            tokio::time::sleep(wait).await;
            Event::TryAgain { attempt, tries: tries + 1 }
        });
    }

    pub(super) fn key_kept(&mut self, session: u64, outcome: Keyring) {
        if session != self.attempt {
            return;
        }
        if let Some(key) = &mut self.key {
            key.kept = outcome.is_ok();
        }
        if let Session::Open { kept, .. } = &mut self.session {
            *kept = outcome.is_ok();
        }
        if let Err(error) = outcome {
            self.notice(error.into());
        }
    }

    pub(super) fn sign_out(&mut self, reply: Reply) {
        let line = match &mut self.session {
            Session::Open { line, leaving, .. } => {
                // The line is followed until it has closed, so that a call's end is still told and written down.
                *leaving = true;
                Arc::clone(line)
            }
            Session::Nobody { .. } | Session::SigningIn => {
                // An attempt that is under way is given up.
                self.attempt += 1;
                self.session = Session::Nobody { problem: None };
                return self.answer_to(reply, Ok(()));
            }
        };
        let (sdk, session, owner) = (Arc::clone(&self.sdk), self.attempt, self.secret_owner(&self.account));
        self.key = None;
        self.settings.account = None;
        self.save_settings();
        self.withdraw_wake();
        self.later(async move {
            line.log_out().await;
            Event::SignedOut { session, outcome: sdk.forget_key(&owner).await, reply }
        });
    }

    pub(super) fn signed_out(&mut self, session: u64, outcome: Keyring, reply: Reply) {
        if session == self.attempt {
            self.line_closed();
        }
        // Where there is no keyring, nothing was kept that could have been forgotten.
        let forgotten = match outcome {
            Ok(()) | Err(SecretError::KeyringAbsent(_)) => Ok(()),
            Err(error @ SecretError::KeyringLocked) => Err(error.into()),
        };
        self.answer_to(reply, forgotten);
    }

    /// The line has ended for good: as the user wanted, or since the service closed it.
    pub(super) fn line_closed(&mut self) {
        let problem = match &self.session {
            Session::Open { leaving: false, .. } => {
                tracing::warn!("the service has closed the line");
                Some(Problem::new(ProblemCode::SignallingSocketConnection, "the service has closed the line"))
            }
            Session::Open { leaving: true, .. } | Session::Nobody { .. } | Session::SigningIn => {
                tracing::info!("signed out");
                None
            }
        };
        self.attempt += 1;
        self.session = Session::Nobody { problem };
        self.close_call();
    }

    /// Ends calls and connection when the app is closed; the user stays signed in for the next start.
    pub(super) async fn leave(&mut self) {
        // The service notices by itself, only later.
        let _ = tokio::time::timeout(GOODBYE_PATIENCE, self.say_goodbye()).await;
    }

    async fn say_goodbye(&mut self) {
        let Session::Open { line, leaving, .. } = &mut self.session else { return };
        *leaving = true;
        let line = Arc::clone(line);
        let stays_reachable = self.is_called_when_closed();
        if stays_reachable {
            // What a push brings from now on is the next start's, which waits until this program has ended.
            self.distributors.retire().await;
        }
        let calls = self.calls_taken_part_in();
        for call in calls.clone() {
            // The other side is told that the call is over, and not that this user has vanished.
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.hang_up(call).await });
        }
        self.hear_until(|controller| !calls.iter().any(|call| controller.facts.contains_key(call))).await;
        tokio::spawn(async move {
            // Whoever has signed out is called by nothing; whoever has closed the connection is called by push.
            if !stays_reachable || line.go_idle().await.is_err() {
                line.log_out().await;
            }
        });
        // What is heard until then is written down: a call that this ends has its line in the history.
        self.hear_until(|controller| !matches!(controller.session, Session::Open { .. })).await;
    }

    async fn hear_until(&mut self, heard: impl Fn(&Self) -> bool) {
        while !heard(self) {
            let Some(event) = self.events.recv().await else { break };
            self.handle(event);
            self.publish();
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

    /// Whether the next start can sign in without being told anything.
    pub(super) fn signs_in_by_itself(&self) -> bool {
        self.settings.account.is_some() && self.key.as_ref().is_some_and(|key| key.kept)
    }

    fn secret_owner(&self, account: &Account) -> SecretOwner {
        SecretOwner { service: self.profile.keyring_service(), account_id: account.account_id.clone(), cuid: account.cuid.clone() }
    }
}

async fn key_from(sdk: &dyn Sdk, source: KeySource) -> Result<Key, Problem> {
    match source {
        KeySource::Given(key) => Ok(key),
        KeySource::Keyring(owner) => match sdk.load_key(&owner).await {
            Ok(Some(secret)) => Ok(Key { secret, kept: true }),
            Ok(None) => Err(Problem::new(ProblemCode::ApiKeyMissing, ErrorCode::ApiKeyRequired.message())),
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
