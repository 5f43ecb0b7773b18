//! The app's truth: who is signed in, which call is on, what was set, what has been. One loop owns it; everything else sends it events.
//!
//! It knows neither windows nor sound nor network: those are behind [`Host`] and [`Sdk`].

mod account;
mod calls;
mod devices;
mod dialling;
mod event;
mod follow;
mod gallery;
mod host;
mod links;
mod preferences;
mod setup;
mod show;
#[cfg(test)]
mod tests;
mod trial;
mod wake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use signedcall::{CallId, Cuid, LineView, SoundDevices};
use tokio::sync::{mpsc, watch};

pub(crate) use self::event::{Event, Inbox, Reply, inbox};
pub(crate) use self::host::{Elsewhere, Host, Missed, Ongoing, Ringing, Tray};
pub(crate) use self::preferences::name_of;
pub(crate) use self::wake::WakeEvent;
use crate::arguments::Prefill;
use crate::autostart::Autostart;
use crate::doctor::Surroundings;
use crate::history::History;
use crate::pictures::Pictures;
use crate::profile::{Folders, ProfileName};
use crate::sdk::{Line, Sdk};
use crate::settings::{Account, OfThisComputer, Settings};
use crate::stored::{self, ReadError};
use crate::view::{AppView, CallView, LinkView, Problem, ProblemCode, SetupView};
use crate::wake::{Activation, Distributors};

/// Where a new session stands.
#[derive(Debug)]
enum Session {
    Nobody {
        problem: Option<Problem>,
    },
    SigningIn,
    /// `leaving` from the moment on when the user wants to sign out.
    Open {
        line: Arc<dyn Line>,
        view: Option<Box<LineView>>,
        on_line: preferences::OnLine,
        kept: bool,
        leaving: bool,
    },
}

/// What a call has been so far, for its line in the history.
#[derive(Debug)]
struct Facts {
    began: SystemTime,
    talking_since: Option<SystemTime>,
    /// What the views have said of an outgoing call's other side; its events do not.
    peer_name: Option<String>,
    /// Who has brought it about by a transfer.
    transferred_by: Option<Cuid>,
    /// Whether neither side has called, and the company connects them.
    is_by_company: bool,
    /// Whom this user wants to transfer the other side to.
    transfer_to: Option<String>,
    /// The same of an earlier wish that the service never answered.
    transfer_in_doubt: Option<String>,
    devices: devices::CallDevices,
    /// Once the user has changed it, in parts of a hundred.
    volume: Option<u32>,
    /// Whether this user has ended it.
    left: bool,
}

pub(crate) struct Controller<H> {
    host: H,
    app_name: String,
    sdk: Arc<dyn Sdk>,
    pictures: Arc<dyn Pictures>,
    surroundings: Arc<dyn Surroundings>,
    autostart: Autostart,
    distributors: Arc<dyn Distributors>,
    activation: Activation,
    /// As of the last look: the desktop has a switch of its own for it.
    starts_with_session: bool,
    profile: ProfileName,
    folders: Folders,
    inbox: Inbox,
    events: mpsc::UnboundedReceiver<Event>,
    views: watch::Sender<AppView>,

    settings: Settings,
    of_computer: OfThisComputer,
    prefill: Prefill,
    /// Who is signed in, or would be: the settings' account behind what the environment says.
    account: Account,
    /// The key of this session, so that signing in again asks no keyring.
    key: Option<account::Key>,
    /// Counts attempts to sign in and sessions; what an older one still says is not heard.
    attempt: u64,
    session: Session,
    devices: SoundDevices,
    notices: Vec<Problem>,
    warned_of_notifications: bool,

    call: Option<CallView>,
    /// The call beside it.
    other: Option<CallView>,
    /// Calls that are not over, by what was heard of them.
    facts: BTreeMap<CallId, Facts>,
    dialling: bool,
    /// The call whose ended screen the user has put away before the service confirmed the end.
    put_away: Option<String>,
    history: History,
    gallery: gallery::Gallery,
    setup: SetupView,
    link: Option<LinkView>,
    trial: Option<trial::Trial>,
    /// Counts trials; what an earlier one still says is not heard.
    trials: u64,
    wake: wake::Wake,
    /// The distributors that were there when they were last looked for.
    choices: Vec<String>,
    /// How many missed calls there were when a push has started the app, until the user wants to see it.
    woken: Option<u32>,

    /// Whether the user has closed the main window.
    main_put_away: bool,
    shown: show::Shown,
}

/// What a controller is made of.
pub(crate) struct Parts<H> {
    pub(crate) host: H,
    pub(crate) app_name: String,
    pub(crate) sdk: Arc<dyn Sdk>,
    pub(crate) pictures: Arc<dyn Pictures>,
    pub(crate) surroundings: Arc<dyn Surroundings>,
    pub(crate) autostart: Autostart,
    pub(crate) distributors: Arc<dyn Distributors>,
    pub(crate) activation: Activation,
    /// Whether a push has started the app, so that it ends again by itself.
    pub(crate) for_push: bool,
    pub(crate) profile: ProfileName,
    pub(crate) folders: Folders,
    pub(crate) prefill: Prefill,
}

impl<H: Host> Controller<H> {
    /// Reads what the profile keeps.
    pub(crate) fn new(parts: Parts<H>, inbox: Inbox, events: mpsc::UnboundedReceiver<Event>) -> Self {
        let Parts { host, app_name, sdk, pictures, surroundings, autostart, distributors, activation, for_push, profile, folders, prefill } =
            parts;
        let mut notices = Vec::new();
        let settings: Settings = read_or_begin_anew(&folders.config.join("settings.json"), ProblemCode::SettingsDamaged, &mut notices);
        let of_computer: OfThisComputer = read_or_begin_anew(&folders.device, ProblemCode::SettingsDamaged, &mut notices);
        let history: History = read_or_begin_anew(&folders.data.join("history.json"), ProblemCode::HistoryDamaged, &mut notices);
        let missed = history.missed();
        let account = prefill.over(&settings.account.clone().unwrap_or_default());
        let mut controller = Self {
            host,
            app_name,
            sdk,
            pictures,
            surroundings,
            starts_with_session: autostart.is_on(),
            autostart,
            distributors,
            activation,
            profile,
            folders,
            inbox,
            events,
            views: watch::channel(show::blank()).0,
            settings,
            of_computer,
            prefill,
            account,
            key: None,
            attempt: 0,
            session: Session::Nobody { problem: None },
            devices: SoundDevices::default(),
            notices,
            warned_of_notifications: false,
            call: None,
            other: None,
            facts: BTreeMap::new(),
            dialling: false,
            put_away: None,
            history,
            gallery: gallery::Gallery::default(),
            setup: SetupView::default(),
            link: None,
            trial: None,
            trials: 0,
            wake: wake::Wake::default(),
            choices: Vec::new(),
            woken: for_push.then_some(missed),
            main_put_away: false,
            shown: show::Shown::default(),
        };
        controller.publish();
        controller
    }

    /// Every view from now on, and the latest.
    pub(crate) fn views(&self) -> watch::Receiver<AppView> {
        self.views.subscribe()
    }

    /// Signs in if it can, and carries out events until the app is closed.
    pub(crate) async fn run(mut self) {
        // The device has its id from its first start on.
        self.save_of_computer();
        self.save_settings();
        self.list_devices(None);
        self.begin_to_take_pushes();
        self.sign_in_at_start();
        self.publish();
        while let Some(event) = self.events.recv().await {
            if matches!(event, Event::Quit) {
                break;
            }
            self.handle(event);
            self.end_trial_in_call();
            self.tend_wake();
            self.publish();
        }
        self.host.hide();
        self.leave().await;
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::SignIn(form, reply) => self.sign_in(&form, reply),
            Event::SignOut(reply) => self.sign_out(reply),
            Event::SetPreferences(preferences, reply) => self.set_preferences(preferences, reply),
            Event::Dial { cuid, context, reply } => self.dial(cuid, context, reply),
            Event::Answer(call, how, reply) => self.answer(call, how, reply),
            Event::Decline(call, reply) => self.ask_line(reply, async move |line| line.decline(call).await),
            Event::HangUp(call, reply) => self.hang_up(call, reply),
            Event::HangUpCurrent => self.hang_up_current(),
            Event::Mute(call, muted, reply) => self.ask_line(reply, async move |line| line.mute(call, muted).await),
            Event::SetVolume(call, volume, reply) => self.set_volume(call, volume, reply),
            Event::Hold(call, on, reply) => self.ask_line(reply, async move |line| line.hold(call, on).await),
            Event::Swap(reply) => self.ask_line(reply, async move |line| line.swap().await),
            Event::Transfer { call, to, reply } => self.transfer(call, to, reply),
            Event::CallAgain(reply) => self.call_again(reply),
            Event::CallBack { cuid, context } => {
                self.show_main();
                self.dial(cuid, context, Reply::nobody());
            }
            Event::SeeMissed(reply) => self.see_missed(reply),
            Event::DismissCall(reply) => self.dismiss_call(reply),
            Event::DismissNotice(code, reply) => {
                self.notices.retain(|notice| notice.code != code);
                self.answer_to(reply, Ok(()));
            }
            Event::RefreshDevices(reply) => {
                self.starts_with_session = self.autostart.is_on();
                self.list_devices(Some(reply));
            }
            Event::BeginTrial(reply) => self.begin_trial(reply),
            Event::EndTrial(reply) => self.end_trial(reply),
            Event::CheckSetup(reply) => self.check_setup(reply),
            Event::SetAutostart(on, reply) => self.set_autostart(on, reply),
            Event::Link(text) => self.follow_link(&text),
            Event::DismissLink(reply) => self.dismiss_link(reply),
            Event::ShowMain(reply) => {
                self.show_main();
                self.answer_to(reply, Ok(()));
            }
            Event::MainPutAway => {
                self.main_put_away = true;
                self.trial = None;
            }
            Event::Noticed(problem) => self.notice(problem),
            Event::Quit => {}

            Event::SignedIn(signed_in) => self.signed_in(*signed_in),
            Event::TryAgain { attempt, tries } => self.try_again(attempt, tries),
            Event::Kept { session, outcome } => self.key_kept(session, outcome),
            Event::SignedOut { session, outcome, reply } => self.signed_out(session, outcome, reply),
            Event::Line { session, change } => self.line_changed(session, change),
            Event::Dialled { dialled, outcome, reply } => self.dialled(dialled, outcome, reply),
            Event::TransferAsked { call, outcome, reply } => self.transfer_asked(call, outcome, reply),
            Event::Asked { outcome, reply } => self.answer_to(reply, outcome.map_err(|error| error.into())),
            Event::PreferencesSet { preferences, outcome, reply } => self.preferences_set(preferences, outcome, reply),
            Event::DevicesListed { devices, reply } => {
                self.devices = devices;
                self.answer_to_some(reply, Ok(()));
            }
            Event::Trial { number, view } => self.trial_went_on(number, view),
            Event::SetupLooked(facts, score) => self.setup_looked(*facts, score),
            Event::PictureCame { request, picture } => self.picture_came(&request, picture),
            Event::Wake(event) => self.wake_event(event),
        }
    }

    fn show_main(&mut self) {
        self.main_put_away = false;
        self.woken = None;
        self.host.show_main();
    }

    /// Tells whoever asked; a problem that nobody waits for becomes a notice.
    fn answer_to(&mut self, reply: Reply, outcome: Result<(), Problem>) {
        if let Some(problem) = reply.give(outcome) {
            self.notice(problem);
        }
    }

    fn answer_to_some(&mut self, reply: Option<Reply>, outcome: Result<(), Problem>) {
        if let Some(reply) = reply {
            self.answer_to(reply, outcome);
        }
    }

    /// Tells the user of something that stops nothing, in the place of what was said of the same kind before.
    fn notice(&mut self, problem: Problem) {
        if problem.code == ProblemCode::NotificationsAbsent {
            if self.warned_of_notifications {
                return;
            }
            self.warned_of_notifications = true;
        }
        log_problem(&problem, "the user is told of a problem");
        self.notices.retain(|notice| notice.code != problem.code);
        self.notices.push(problem);
    }

    /// Lets something that takes time happen elsewhere; what comes of it is an event.
    fn later(&self, work: impl Future<Output = Event> + Send + 'static) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let event = work.await;
            // Nobody is left to tell when the app has been closed meanwhile.
            inbox.send(event);
        });
    }

    /// Asks something of the line, if somebody is signed in.
    fn ask_line<F>(&mut self, reply: Reply, ask: impl FnOnce(Arc<dyn Line>) -> F)
    where
        F: Future<Output = Result<(), signedcall::Error>> + Send + 'static,
    {
        let Session::Open { line, .. } = &self.session else {
            return self.answer_to(reply, Err(nobody_is_signed_in()));
        };
        let asked = ask(Arc::clone(line));
        self.later(async move { Event::Asked { outcome: asked.await, reply } });
    }

    fn list_devices(&self, reply: Option<Reply>) {
        let sdk = Arc::clone(&self.sdk);
        self.later(async move { Event::DevicesListed { devices: sdk.devices().await, reply } });
    }

    fn save_settings(&mut self) {
        if let Err(error) = stored::write(&self.folders.config.join("settings.json"), &self.settings) {
            self.notice(Problem::new(ProblemCode::NotSaved, format!("settings.json: {error}")));
        }
    }

    fn save_of_computer(&mut self) {
        if let Err(error) = stored::write(&self.folders.device, &self.of_computer) {
            self.notice(Problem::new(ProblemCode::NotSaved, format!("what this computer alone has: {error}")));
        }
    }

    fn save_history(&mut self) {
        if let Err(error) = stored::write(&self.folders.data.join("history.json"), &self.history) {
            self.notice(Problem::new(ProblemCode::NotSaved, format!("history.json: {error}")));
        }
    }
}

/// The code for everybody; what exactly happened may hold a path or the service's words, which are nobody else's business.
fn log_problem(problem: &Problem, what: &'static str) {
    tracing::warn!(code = ?problem.code, "{what}");
    tracing::debug!(detail = problem.detail);
}

fn nobody_is_signed_in() -> Problem {
    Problem::new(ProblemCode::NotInitialized, "nobody is signed in")
}

/// Reads a file, or begins anew and says why.
fn read_or_begin_anew<T: serde::de::DeserializeOwned + Default>(
    path: &std::path::Path,
    damaged: ProblemCode,
    notices: &mut Vec<Problem>,
) -> T {
    match stored::read(path) {
        Ok(found) => found.unwrap_or_default(),
        Err(ReadError::SetAside(name)) => {
            notices.push(Problem::new(damaged, "it could not be read").about(name));
            T::default()
        }
        Err(error @ ReadError::Io(_)) => {
            notices.push(Problem::new(damaged, error.to_string()));
            T::default()
        }
    }
}
