//! An app to try: its controller runs, everything around it is the test's.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use signedcall::{
    Branding, ButtonTheme, CallEvent, CallId, CallStatus, Channel, Context, Cuid, Direction, LineView, OtherCall, Phase, Redacted,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::arguments::Prefill;
use crate::autostart::Autostart;
use crate::controller::{Controller, Event, Inbox, Parts, Reply, inbox};
use crate::pictures::Pictures;
use crate::profile::{Folders, ProfileName};
use crate::sdk::{LineChange, Sdk};
use crate::testing::{FakeDistributors, FakeLine, FakePictures, FakeSdk, FakeSurroundings, Folder, RecordingHost, Told, nothing_heard};
use crate::view::{AppView, Problem, ProblemCode, SessionView, SignInForm};
use crate::wake::{Activation, Distributors};

/// Longer than anything here takes on a machine that is busy with other things; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const KEY: &str = "key-that-only-the-keyring-holds";

/// What lies on the disk and in the environment before the app starts.
pub(super) struct Before {
    pub(super) folder: Folder,
    pub(super) sdk: Arc<FakeSdk>,
    pub(super) pictures: Arc<FakePictures>,
    pub(super) distributors: Arc<FakeDistributors>,
    pub(super) prefill: Prefill,
    for_push: bool,
}

impl Before {
    pub(super) fn new() -> Self {
        Self {
            folder: Folder::new(),
            sdk: Arc::default(),
            pictures: Arc::default(),
            distributors: Arc::default(),
            prefill: Prefill::default(),
            for_push: false,
        }
    }

    /// Somebody was signed in when the app was last closed.
    pub(super) fn signed_in_before() -> Self {
        let before = Self::new();
        before.write(
            "config/settings.json",
            r#"{"account": {"service_url": "ws://127.0.0.1:7443", "account_id": "demo", "cuid": "courier_8842", "name": "Ravi"}}"#,
        );
        before.sdk.keep_key("demo", "courier_8842", KEY);
        before
    }

    /// The environment says whom to sign in.
    pub(super) fn prefilled() -> Self {
        let text = |text: &str| Some(text.to_owned());
        let prefill = Prefill {
            service_url: text("ws://127.0.0.1:7443"),
            account_id: text("demo"),
            api_key: Some(Redacted::new(KEY.to_owned())),
            cuid: text("courier_8842"),
            name: text("Ravi"),
            production: Some(false),
        };
        Self { prefill, ..Self::new() }
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the test's own folder");
        std::fs::write(path, text).expect("the test's own folder");
    }

    /// A push starts the app.
    pub(super) fn for_push(self) -> Self {
        Self { for_push: true, ..self }
    }

    pub(super) fn start(self) -> Bench {
        let Self { folder, sdk, pictures, distributors, prefill, for_push } = self;
        let (host, told) = RecordingHost::new();
        let of = |name| folder.path().join(name);
        let folders = Folders {
            config: of("config"),
            device: of("config/device.json"),
            data: of("data"),
            state: of("state"),
            cache: of("cache"),
            runtime: of("runtime"),
            autostart: of("autostart"),
            services: of("services"),
        };
        let (inbox, events) = inbox();
        let profile: ProfileName = "default".parse().expect("the name of every profile that nobody names");
        let parts = Parts {
            host,
            app_name: "Signed Call".to_owned(),
            sdk: Arc::clone(&sdk) as Arc<dyn Sdk>,
            pictures: Arc::clone(&pictures) as Arc<dyn Pictures>,
            surroundings: Arc::new(FakeSurroundings),
            autostart: Autostart::new(&folders.autostart, Path::new("/usr/bin/signedcall-desktop"), "Signed Call", &profile),
            distributors: Arc::clone(&distributors) as Arc<dyn Distributors>,
            activation: Activation::new(&folders.services, Path::new("/usr/bin/signedcall-agent"), "Signed Call", &profile),
            for_push,
            profile,
            folders,
            prefill,
        };
        let controller = Controller::new(parts, inbox.clone(), events);
        let views = controller.views();
        let app = tokio::spawn(controller.run());
        Bench { folder, sdk, pictures, distributors, inbox, views, told, app }
    }
}

/// A running app.
pub(super) struct Bench {
    pub(super) folder: Folder,
    pub(super) sdk: Arc<FakeSdk>,
    pub(super) pictures: Arc<FakePictures>,
    pub(super) distributors: Arc<FakeDistributors>,
    pub(super) inbox: Inbox,
    views: watch::Receiver<AppView>,
    told: mpsc::UnboundedReceiver<Told>,
    app: JoinHandle<()>,
}

impl Bench {
    /// An app with somebody signed in.
    pub(super) async fn ready() -> Self {
        let mut bench = Before::signed_in_before().start();
        bench.until_ready().await;
        bench.told_so_far().await;
        bench
    }

    pub(super) async fn until_ready(&mut self) -> AppView {
        self.until(|view| matches!(view.session, SessionView::Ready { .. })).await
    }

    /// Asks as a window does, and waits for the answer.
    pub(super) async fn ask(&self, event: impl FnOnce(Reply) -> Event) -> Result<(), Problem> {
        let (reply, answer) = Reply::new();
        assert!(self.inbox.send(event(reply)), "the app runs");
        in_time("an answer", answer).await.expect("each request is answered")
    }

    /// The code of the problem that the answer is.
    pub(super) async fn refused(&self, event: impl FnOnce(Reply) -> Event) -> ProblemCode {
        self.ask(event).await.expect_err("it is refused").code
    }

    /// The first view from now on that is as wanted.
    pub(super) async fn until(&mut self, wanted: impl Fn(&AppView) -> bool) -> AppView {
        let found = tokio::time::timeout(PATIENCE, self.views.wait_for(|view| wanted(view))).await;
        let found = found.map(|found| found.expect("the app runs").clone());
        found.unwrap_or_else(|_| panic!("the view stays {:#?}", self.views.borrow()))
    }

    /// What is shown once everything that was sent before has been dealt with.
    pub(super) async fn view(&self) -> AppView {
        self.ask(|reply| Event::DismissNotice(ProblemCode::ServerFailure, reply)).await.expect("there is no such notice");
        self.views.borrow().clone()
    }

    pub(super) fn views(&self) -> watch::Receiver<AppView> {
        self.views.clone()
    }

    /// What the host has been told since the last look, but for the tray.
    pub(super) async fn told_so_far(&mut self) -> Vec<Told> {
        self.view().await;
        self.told_until_now()
    }

    pub(super) fn told_until_now(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Ok(one) = self.told.try_recv() {
            if !matches!(one, Told::Tray(_)) {
                told.push(one);
            }
        }
        told
    }

    /// The next menu of the tray.
    pub(super) async fn next_tray(&mut self) -> crate::controller::Tray {
        loop {
            if let Told::Tray(tray) = in_time("a tray", self.told.recv()).await.expect("the app runs") {
                return tray;
            }
        }
    }

    /// The menu that the tray has now.
    pub(super) fn last_tray(&mut self) -> crate::controller::Tray {
        let mut last = None;
        while let Ok(told) = self.told.try_recv() {
            if let Told::Tray(tray) = told {
                last = Some(tray);
            }
        }
        last.expect("the tray has changed")
    }

    pub(super) fn line(&self) -> Arc<FakeLine> {
        self.sdk.line()
    }

    /// The line now shows this call.
    pub(super) fn show(&self, call: signedcall::CallView) {
        self.line().tell(LineChange::View(LineView { call: Some(call), ..nothing_heard() }));
    }

    /// The line now shows these two, and what the user does in the first is heard.
    pub(super) fn show_both(&self, call: signedcall::CallView, other: signedcall::CallView) {
        let other = Some(Box::new(OtherCall { call: other, talking_since: Some(SystemTime::now()), ends_at: None }));
        let talking_since = Some(SystemTime::now());
        self.line().tell(LineChange::View(LineView { call: Some(call), talking_since, other, ..nothing_heard() }));
    }

    /// The line shows no call any more.
    pub(super) fn show_nothing(&self) {
        self.line().tell(LineChange::View(nothing_heard()));
    }

    pub(super) fn happened(&self, event: CallEvent) {
        self.line().tell(LineChange::Call(event));
    }

    /// Somebody calls.
    pub(super) fn is_called(&self, call: CallId) {
        self.show(seen(call, Direction::Incoming, Phase::Ringing));
        self.happened(heard(call, Direction::Incoming, CallStatus::Placed));
        self.happened(heard(call, Direction::Incoming, CallStatus::Ringing));
    }

    /// A call has been answered and both sides talk, for `seconds` already.
    pub(super) fn talks(&self, call: CallId, direction: Direction, seconds: u64) {
        let talking = Phase::Talking { since: Default::default(), interrupted: false };
        let since = SystemTime::now() - Duration::from_secs(seconds);
        let view = LineView { call: Some(seen(call, direction, talking)), talking_since: Some(since), ..nothing_heard() };
        self.happened(heard(call, direction, CallStatus::Answered));
        self.line().tell(LineChange::View(view));
        self.happened(CallEvent { time: since, ..heard(call, direction, CallStatus::InProgress) });
    }

    /// A call is over, as the service says.
    pub(super) fn ends(&self, call: CallId, direction: Direction, reason: signedcall::EndReason) {
        self.happened(heard(call, direction, CallStatus::Ended(reason)));
        self.show_nothing();
    }

    /// Waits until the app has ended.
    pub(super) async fn until_quit(&mut self) -> Vec<Told> {
        in_time("the end", &mut self.app).await.expect("the controller does not panic");
        self.told_until_now()
    }

    /// What this app, which has ended, leaves to the next start.
    pub(super) fn again(self) -> Before {
        let Self { folder, sdk, pictures, distributors, .. } = self;
        Before { folder, sdk, pictures, distributors, ..Before::new() }
    }

    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Everything that lies in the profile's folders.
    pub(super) fn everything_written(&self) -> Vec<(PathBuf, String)> {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the test's own folder") {
                let path = entry.expect("the test's own folder").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).expect("the test's own folder");
                    found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
        found
    }
}

/// Waits, but not for ever.
pub(super) async fn in_time<T>(what: impl Debug, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what:?} does not come"),
    }
}

/// Waits until `wanted` holds, looking again whenever other tasks have had their turn.
pub(super) async fn until_true(what: &str, wanted: impl Fn() -> bool) {
    in_time(what, async {
        while !wanted() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(super) fn form() -> SignInForm {
    SignInForm {
        service_url: "ws://127.0.0.1:7443".to_owned(),
        account_id: "demo".to_owned(),
        api_key: KEY.to_owned(),
        cuid: "courier_8842".to_owned(),
        name: "Ravi".to_owned(),
        production: false,
    }
}

pub(super) fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

fn cuid(text: &str) -> Cuid {
    Cuid::new(text).expect("it is valid")
}

fn context() -> Context {
    Context::new("Your order 4711").expect("it is valid")
}

/// A call with Anna as the line shows it.
pub(super) fn seen(call: CallId, direction: Direction, phase: Phase) -> signedcall::CallView {
    signedcall::CallView {
        call,
        direction,
        peer: cuid("org_25"),
        peer_name: Some("Anna".to_owned()),
        context: context(),
        peer_image: None,
        phase,
        muted: false,
        transferred_by: None,
        is_by_company: false,
        holding: signedcall::Holding::Nobody,
        ends_at: None,
    }
}

/// Both sides can talk.
pub(super) fn talking() -> Phase {
    Phase::Talking { since: Default::default(), interrupted: false }
}

/// A call with Anna that this user holds.
pub(super) fn held(call: CallId) -> signedcall::CallView {
    signedcall::CallView { holding: signedcall::Holding::ThisSide, ..seen(call, Direction::Incoming, talking()) }
}

/// A call of Bella's that rings here.
pub(super) fn waits(call: CallId) -> signedcall::CallView {
    let peer_name = Some("Bella".to_owned());
    signedcall::CallView { peer: cuid("bella_7"), peer_name, ..seen(call, Direction::Incoming, Phase::Ringing) }
}

/// What the line reports of it.
pub(super) fn heard_of_bella(call: CallId, status: CallStatus) -> CallEvent {
    let caller_name = Some("Bella".to_owned());
    CallEvent { caller: cuid("bella_7"), caller_name, ..heard(call, Direction::Incoming, status) }
}

/// How the calls of a company look.
pub(super) fn branding() -> Branding {
    let colour = |text: &str| text.to_owned().try_into().expect("a colour");
    Branding {
        name: "Parcelo".to_owned(),
        bg_color: colour("#0F3D2E"),
        font_color: colour("#FFFFFF"),
        logo: None,
        button_theme: ButtonTheme::Dark,
    }
}

/// What the line reports of a call with Anna.
pub(super) fn heard(call: CallId, direction: Direction, status: CallStatus) -> CallEvent {
    let (caller, caller_name, callee) = match direction {
        Direction::Incoming => ("org_25", "Anna", "courier_8842"),
        Direction::Outgoing => ("courier_8842", "Ravi", "org_25"),
    };
    CallEvent {
        call_id: call,
        direction,
        status,
        caller: cuid(caller),
        caller_name: Some(caller_name.to_owned()),
        callee: cuid(callee),
        context: context(),
        initiator_image: None,
        receiver_image: None,
        channel: Channel::Socket,
        other_device: None,
        time: SystemTime::now(),
    }
}
