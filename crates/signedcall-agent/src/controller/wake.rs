//! Calls that come while the app is closed: where pushes go, what they bring, and when an app that one has started ends again.

use std::sync::Arc;
use std::time::Duration;

use signedcall::{LinkState, PushKeys, PushService, Redacted};

use super::{Controller, Event, Host, Session};
use crate::sdk::Sdk;
use crate::view::{CallView, DistributorView, ProblemCode, WakeView};
use crate::wake::{NotRegistered, Registration, choose, keys_owner, shown_name};

/// How many pushes wait until somebody is signed in. Each is for a call that rings now.
const PUSHES_KEPT: usize = 16;
/// How long it is until a distributor that has refused is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// How long an app that a push has started stays when there is nothing to do: longer than a call rings, and short enough for a program that nobody has
/// asked for.
const LINGER: Duration = Duration::from_secs(60);

/// What happens to the way by which pushes come.
#[derive(Debug)]
pub(crate) enum WakeEvent {
    /// The keys of the registration that an earlier start has left.
    KeysRead(Option<PushKeys>),
    /// Who can be registered with, and by which keys pushes will be read; `None` where no keyring keeps them.
    Found { session: u64, distributors: Vec<String>, keys: Option<PushKeys> },
    /// What the distributor has answered.
    Registered { session: u64, outcome: Result<(), NotRegistered> },
    /// What the service has answered to where pushes go.
    Told { session: u64, outcome: Result<(), signedcall::Error> },
    /// It is time to ask a distributor again.
    AskAgain { session: u64 },
    /// A distributor says where pushes go from now on.
    Endpoint { token: Redacted<String>, endpoint: Redacted<String> },
    /// A distributor hands a push over.
    Push { token: Redacted<String>, sealed: Vec<u8> },
    /// A distributor takes no pushes any more.
    Unregistered { token: Redacted<String> },
    /// It is time to see whether there is anything left to do.
    Rest,
}

/// Whether the service knows where pushes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Telling {
    #[default]
    Not,
    UnderWay,
    Done,
    /// It is told again when the link has been restored.
    Failed,
}

/// Where registering stands.
#[derive(Debug, Default)]
pub(super) struct Wake {
    /// The session and the service's key that it was begun for.
    begun: Option<(u64, String)>,
    keys: Option<PushKeys>,
    /// Keys are being read: whatever has come waits for them.
    reading_keys: bool,
    endpoint: Option<Redacted<String>>,
    telling: Telling,
    /// The session in which a registration was renewed that the distributor had given up.
    renewed: Option<u64>,
    /// What has come and nobody has taken yet.
    came: Vec<Vec<u8>>,
    state: WakeView,
}

impl<H: Host> Controller<H> {
    /// Reads what an earlier start has left, since a push may have caused this one.
    pub(super) fn begin_to_take_pushes(&mut self) {
        if self.woken.is_some() {
            tracing::info!("started for a push");
            self.rest_later();
        }
        if !self.settings.preferences.ring_when_closed {
            // Another computer with the same home folder may have turned it off.
            return self.withdraw_wake();
        }
        let Some(registration) = &self.of_computer.registration else { return };
        self.wake.reading_keys = true;
        let (sdk, owner) = (Arc::clone(&self.sdk), registration.keys_owner(&self.profile));
        self.later(async move {
            let kept = sdk.load_key(&owner).await.unwrap_or_default();
            Event::Wake(WakeEvent::KeysRead(kept.and_then(|kept| PushKeys::from_secret(&kept))))
        });
    }

    pub(super) fn wake_event(&mut self, event: WakeEvent) {
        match event {
            WakeEvent::KeysRead(keys) => {
                self.wake.reading_keys = false;
                self.wake.keys = self.wake.keys.take().or(keys);
            }
            WakeEvent::Found { session, distributors, keys } if session == self.attempt => self.register(&distributors, keys),
            WakeEvent::Registered { session, outcome } if session == self.attempt => self.registered(session, outcome),
            WakeEvent::Told { session, outcome } if session == self.attempt => self.told_where(outcome),
            WakeEvent::AskAgain { session } if session == self.attempt => self.wake.begun = None,
            WakeEvent::Found { .. } | WakeEvent::Registered { .. } | WakeEvent::Told { .. } | WakeEvent::AskAgain { .. } => {}
            WakeEvent::Endpoint { token, endpoint } => {
                if self.is_registered_by(&token) {
                    (self.wake.endpoint, self.wake.telling) = (Some(endpoint), Telling::Not);
                }
            }
            WakeEvent::Push { token, sealed } => self.push_came(&token, sealed),
            WakeEvent::Unregistered { token } => self.unregistered(&token),
            WakeEvent::Rest => self.rest(),
        }
    }

    /// Brings everything about pushes as far as it goes by now. Called after each event, and does nothing most of the time.
    pub(super) fn tend_wake(&mut self) {
        if let Some(begun) = self.to_be_registered()
            && self.wake.begun.as_ref() != Some(&begun)
        {
            self.begin_to_register(begun);
        }
        self.tell_where();
        self.hand_pushes_in();
    }

    /// The session and the service's key, where this user wants calls to ring when the app is closed and the next start could sign in by itself.
    fn to_be_registered(&self) -> Option<(u64, String)> {
        let wanted = self.settings.preferences.ring_when_closed && self.signs_in_by_itself();
        match &self.session {
            Session::Open { view: Some(view), leaving: false, .. } if wanted => Some((self.attempt, view.push_key.clone()?)),
            Session::Open { .. } | Session::Nobody { .. } | Session::SigningIn => None,
        }
    }

    fn begin_to_register(&mut self, begun: (u64, String)) {
        let session = begun.0;
        self.wake = Wake {
            begun: Some(begun),
            keys: self.wake.keys.take(),
            came: std::mem::take(&mut self.wake.came),
            reading_keys: self.wake.reading_keys,
            renewed: self.wake.renewed,
            state: WakeView::Asking,
            ..Wake::default()
        };
        let owner = keys_owner(&self.profile, &self.account.account_id, &self.account.cuid);
        let (sdk, distributors) = (Arc::clone(&self.sdk), Arc::clone(&self.distributors));
        self.later(async move {
            let keys = match sdk.load_key(&owner).await {
                Ok(kept) => match kept.and_then(|kept| PushKeys::from_secret(&kept)) {
                    Some(keys) => Some(keys),
                    None => make_keys(&*sdk, &owner).await,
                },
                Err(_) => None,
            };
            Event::Wake(WakeEvent::Found { session, distributors: distributors.list().await, keys })
        });
    }

    fn register(&mut self, found: &[String], keys: Option<PushKeys>) {
        self.choices = found.to_vec();
        let Some((session, vapid)) = self.wake.begun.clone() else { return };
        let Some(keys) = keys else {
            self.wake.state = WakeView::NotKept;
            return;
        };
        self.wake.keys = Some(keys);
        let Some(distributor) = choose(found, self.settings.preferences.distributor.as_deref()) else {
            tracing::info!("calls do not ring when the app is closed: there is no session bus");
            self.wake.state = WakeView::NoDistributor;
            return;
        };
        let before = self.of_computer.registration.take();
        let (registration, given_up) = match before {
            Some(before) if before.serves(distributor, &vapid, &self.account) => (before, None),
            before => (Registration::new(distributor.clone(), vapid, &self.account), before),
        };
        self.of_computer.registration = Some(registration.clone());
        // Before the distributor hears of it, whose answers name the token.
        self.save_of_computer();
        if let Err(error) = self.activation.install() {
            tracing::warn!(%error, "the session bus cannot start the app");
            self.wake.state = WakeView::Refused;
            return;
        }
        let (distributors, app_name) = (Arc::clone(&self.distributors), self.app_name.clone());
        self.later(async move {
            if let Some(given_up) = given_up {
                distributors.unregister(&given_up).await;
            }
            Event::Wake(WakeEvent::Registered { session, outcome: distributors.register(&registration, &app_name).await })
        });
    }

    fn registered(&mut self, session: u64, outcome: Result<(), NotRegistered>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "calls do not ring when the app is closed");
            self.wake.state = WakeView::Refused;
            self.later(async move {
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
                Event::Wake(WakeEvent::AskAgain { session })
            });
        }
    }

    /// Tells the service where pushes go, once it can be reached.
    fn tell_where(&mut self) {
        let Session::Open { line, view: Some(view), leaving: false, .. } = &self.session else { return };
        if view.link != LinkState::Ready {
            if self.wake.telling == Telling::Failed {
                self.wake.telling = Telling::Not;
            }
            return;
        }
        let (Some(endpoint), Some(keys), Telling::Not) = (&self.wake.endpoint, &self.wake.keys, self.wake.telling) else { return };
        let (line, session) = (Arc::clone(line), self.attempt);
        let target = keys.target(PushService::WebPush { endpoint: endpoint.clone() });
        self.wake.telling = Telling::UnderWay;
        self.later(async move { Event::Wake(WakeEvent::Told { session, outcome: line.set_push(Some(target)).await }) });
    }

    fn told_where(&mut self, outcome: Result<(), signedcall::Error>) {
        // Another endpoint has come meanwhile: it is told by itself.
        if self.wake.telling != Telling::UnderWay {
            return;
        }
        match outcome {
            Ok(()) => {
                tracing::info!("calls ring when the app is closed");
                let by = self.of_computer.registration.as_ref().and_then(|registration| shown_name(&registration.distributor));
                (self.wake.telling, self.wake.state) = (Telling::Done, WakeView::Works { by: by.map(str::to_owned) });
            }
            Err(error) => {
                tracing::warn!(%error, "the service does not send pushes to this device");
                (self.wake.telling, self.wake.state) = (Telling::Failed, WakeView::Refused);
            }
        }
    }

    fn is_registered_by(&self, token: &Redacted<String>) -> bool {
        self.of_computer.registration.as_ref().is_some_and(|registration| registration.token == *token)
    }

    fn push_came(&mut self, token: &Redacted<String>, sealed: Vec<u8>) {
        if !self.is_registered_by(token) {
            tracing::info!(outcome = "nobody is registered by its token", "a push has come");
        } else if self.wake.came.len() < PUSHES_KEPT {
            self.wake.came.push(sealed);
        } else {
            tracing::info!(outcome = "too many wait", "a push has come");
        }
    }

    /// Hands what has come to the line, which says what becomes of each; or says why nobody takes it (R36).
    fn hand_pushes_in(&mut self) {
        if self.wake.came.is_empty() || self.wake.reading_keys {
            return;
        }
        let why = match (&self.session, &self.wake.keys) {
            (Session::SigningIn, _) => return,
            // It is tried again, and a push that has waited too long does not ring.
            (Session::Nobody { problem: Some(problem) }, _) if problem.code == ProblemCode::NetworkNotAvailable => return,
            (Session::Nobody { .. }, _) => "nobody is signed in",
            (Session::Open { .. }, None) => "its keys are not in the keyring",
            (Session::Open { line, .. }, Some(keys)) => {
                for sealed in std::mem::take(&mut self.wake.came) {
                    // What cannot be opened is nothing that could be read.
                    let (line, payload) = (Arc::clone(line), keys.open(&sealed).unwrap_or_default());
                    tokio::spawn(async move { line.handle_push(&payload).await });
                }
                return;
            }
        };
        for _ in self.wake.came.drain(..) {
            tracing::info!(outcome = why, "a push has come");
        }
    }

    /// The distributor has forgotten the registration. Whoever wants to stay registered registers again, which is tried once in a session.
    fn unregistered(&mut self, token: &Redacted<String>) {
        if !self.is_registered_by(token) {
            return;
        }
        tracing::info!("a distributor takes no pushes any more");
        self.of_computer.registration = None;
        self.save_of_computer();
        (self.wake.endpoint, self.wake.state) = (None, WakeView::Refused);
        if self.wake.renewed != Some(self.attempt) {
            (self.wake.renewed, self.wake.begun) = (Some(self.attempt), None);
        }
    }

    /// Lets no push start the app any more, and forgets by what it could be read.
    pub(super) fn withdraw_wake(&mut self) {
        self.wake = Wake { came: std::mem::take(&mut self.wake.came), ..Wake::default() };
        let Some(registration) = self.of_computer.registration.take() else { return };
        self.save_of_computer();
        if let Err(error) = self.activation.remove() {
            tracing::warn!(%error, "the session bus goes on to start the app");
        }
        let (sdk, distributors, owner) = (Arc::clone(&self.sdk), Arc::clone(&self.distributors), registration.keys_owner(&self.profile));
        tokio::spawn(async move {
            distributors.unregister(&registration).await;
            if let Err(error) = sdk.forget_key(&owner).await {
                tracing::debug!(%error, "the keys of pushes stay in the keyring");
            }
        });
    }

    /// The user has changed whether calls ring when the app is closed, or by way of whom.
    pub(super) fn ringing_when_closed_changed(&mut self) {
        if self.settings.preferences.ring_when_closed {
            // Whoever is to be registered with is looked for anew.
            self.wake.begun = None;
            return;
        }
        if let Session::Open { line, leaving: false, .. } = &self.session
            && self.of_computer.registration.is_some()
        {
            let line = Arc::clone(line);
            // Pushes that come nevertheless are nobody's.
            tokio::spawn(async move { line.set_push(None).await });
        }
        self.withdraw_wake();
    }

    /// Whether the service is to call this device by push once the app is closed.
    pub(super) fn is_called_when_closed(&self) -> bool {
        let registration = self.of_computer.registration.as_ref();
        self.settings.preferences.ring_when_closed && registration.is_some_and(|registration| registration.is_of(&self.account))
    }

    pub(super) fn wake_view(&self) -> WakeView {
        if !self.settings.preferences.ring_when_closed {
            return WakeView::Off;
        }
        match &self.session {
            Session::Open { .. } if !self.signs_in_by_itself() => WakeView::NotKept,
            Session::Open { .. } => self.wake.state.clone(),
            Session::Nobody { .. } | Session::SigningIn => WakeView::Asking,
        }
    }

    /// Who can take pushes, where there is something to choose.
    pub(super) fn distributor_views(&self) -> Vec<DistributorView> {
        if !self.settings.preferences.ring_when_closed || self.choices.len() < 2 {
            return Vec::new();
        }
        self.choices.iter().map(|id| DistributorView { id: id.clone(), name: shown_name(id).map(str::to_owned) }).collect()
    }

    fn rest_later(&self) {
        self.later(async {
            tokio::time::sleep(LINGER).await;
            Event::Wake(WakeEvent::Rest)
        });
    }

    /// Ends an app that a push has started, unless there is something left to do. The user's next call starts it again.
    fn rest(&self) {
        let Some(missed) = self.woken else { return };
        let is_on = |call: &Option<CallView>| call.as_ref().is_some_and(CallView::is_on);
        // Whoever was missed can be called back from the notification.
        let has_news = self.history.missed() > missed;
        if has_news || self.dialling || is_on(&self.call) || is_on(&self.other) || matches!(self.session, Session::SigningIn) {
            return self.rest_later();
        }
        tracing::info!("nothing is left to do for the push");
        self.inbox.send(Event::Quit);
    }
}

/// Makes keys and has the keyring keep them: pushes come when nothing but the keyring knows them.
async fn make_keys(sdk: &dyn Sdk, owner: &signedcall::secrets::SecretOwner) -> Option<PushKeys> {
    let keys = PushKeys::make()?;
    sdk.save_key(owner, &keys.to_secret()).await.ok().map(|()| keys)
}
