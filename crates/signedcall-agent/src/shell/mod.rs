//! The desktop around the controller: windows, notifications, tray, and the machine's sleep.

mod awake;
mod badge;
#[cfg(target_os = "linux")]
mod leftovers;
mod notifications;
mod placement;
mod presence;
mod tray;
mod windows;

use tauri::AppHandle;
use tauri_specta::Event as _;
use tokio::sync::watch;

use self::awake::Inhibitor;
use self::notifications::Notifier;
use self::tray::TrayOptions;
use crate::bridge::ViewChanged;
use crate::controller::{Elsewhere, Event, Host, Inbox, Missed, Ongoing, Reply, Ringing, Tray};
use crate::pictures::Pixels;
use crate::view::{AppView, Problem, ProblemCode};

pub(crate) use self::windows::{WindowOptions, Windows, gone, show_main};

/// What the commands speak to: the controller's inbox, and the latest view.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    inbox: Inbox,
    views: watch::Receiver<AppView>,
}

impl Desk {
    /// Makes the way from the web view to the controller.
    pub(crate) fn new(inbox: Inbox, views: watch::Receiver<AppView>) -> Self {
        Self { inbox, views }
    }

    /// Gives the latest view.
    pub(crate) fn view(&self) -> AppView {
        self.views.borrow().clone()
    }

    /// Tells the controller of something and waits for its answer.
    pub(crate) async fn ask(&self, event: impl FnOnce(Reply) -> Event) -> Result<(), Problem> {
        let (reply, answer) = Reply::new();
        let closing = || Problem::new(ProblemCode::NotInitialized, "the app is closing");
        if !self.inbox.send(event(reply)) {
            return Err(closing());
        }
        answer.await.map_err(|_| closing())?
    }
}

/// Sends every view to the windows until the controller is gone.
pub(crate) async fn send_views(app: AppHandle, mut views: watch::Receiver<AppView>) {
    while views.changed().await.is_ok() {
        let view = views.borrow_and_update().clone();
        if let Err(error) = ViewChanged(view).emit(&app) {
            tracing::warn!(%error, "a view did not reach the windows");
        }
    }
}

/// The real desktop.
#[derive(Debug)]
pub(crate) struct Shell {
    app: AppHandle,
    inbox: Inbox,
    notifier: Notifier,
    inhibitor: Inhibitor,
    tray: TrayOptions,
}

impl Shell {
    /// Makes the desktop around an app.
    pub(crate) fn new(app: AppHandle, inbox: Inbox, options: &WindowOptions) -> Self {
        let notifier = Notifier::new(options.app_name.clone(), app.default_window_icon(), inbox.clone());
        let tray = TrayOptions { app_name: options.app_name.clone(), folder: options.state.join("tray") };
        Self { app, inbox, notifier, inhibitor: Inhibitor::new(), tray }
    }
}

impl Host for Shell {
    fn show_main(&self) {
        windows::show_main(&self.app);
    }

    fn ring(&self, ringing: &Ringing) {
        windows::show_incoming(&self.app);
        self.notifier.ring(ringing);
    }

    fn show_caller(&self, picture: &Pixels) {
        self.notifier.show_caller(picture);
    }

    fn stop_ringing(&self) {
        windows::hide_incoming(&self.app);
        self.notifier.stop_ringing();
    }

    fn remind(&self, ongoing: &Ongoing) {
        self.notifier.remind(ongoing);
    }

    fn stop_reminding(&self) {
        self.notifier.stop_reminding();
    }

    fn missed(&self, missed: &Missed) {
        self.notifier.missed(missed);
    }

    fn taken_elsewhere(&self, elsewhere: &Elsewhere) {
        self.notifier.taken_elsewhere(elsewhere);
    }

    fn tray(&self, tray: &Tray) {
        let (app, inbox, options, tray) = (self.app.clone(), self.inbox.clone(), self.tray.clone(), tray.clone());
        // Menus belong to the main thread.
        if let Err(error) = self.app.run_on_main_thread(move || tray::show(&app, &inbox, &options, &tray)) {
            tracing::warn!(%error, "the tray was not changed");
        }
    }

    fn keep_awake(&self, awake: bool) {
        self.inhibitor.set(awake);
    }

    fn hide(&self) {
        windows::hide_all(&self.app);
    }

    fn quit(&self) {
        self.app.exit(0);
    }
}
