//! The desktop around the controller: notifications, tray, the machine's sleep, and the windows, which are told what to show.

mod awake;
mod badge;
mod icons;
mod notifications;
mod tray;

use self::awake::Inhibitor;
use self::notifications::Notifier;
use self::tray::TrayIcon;
use crate::border::Instruction;
use crate::controller::{Elsewhere, Host, Inbox, Missed, Ongoing, Ringing, Tray};
use crate::pictures::Pixels;
use crate::profile::ProfileName;
use crate::windows::Windows;

/// The real desktop.
#[derive(Debug)]
pub(crate) struct Shell {
    windows: Windows,
    notifier: Notifier,
    inhibitor: Inhibitor,
    tray: TrayIcon,
}

impl Shell {
    /// Makes the desktop around an app.
    pub(crate) fn new(windows: Windows, inbox: Inbox, profile: &ProfileName, app_name: &str) -> Self {
        let notifier = Notifier::new(app_name.to_owned(), inbox.clone());
        let tray = TrayIcon::new(profile, app_name, inbox);
        Self { windows, notifier, inhibitor: Inhibitor::new(), tray }
    }
}

impl Host for Shell {
    fn show_main(&self) {
        self.windows.show(Instruction::ShowMain);
    }

    fn ring(&self, ringing: &Ringing) {
        self.windows.show(Instruction::ShowIncoming);
        self.notifier.ring(ringing);
    }

    fn show_caller(&self, picture: &Pixels) {
        self.notifier.show_caller(picture);
    }

    fn stop_ringing(&self) {
        self.windows.show(Instruction::HideIncoming);
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
        self.tray.show(tray);
    }

    fn keep_awake(&self, awake: bool) {
        self.inhibitor.set(awake);
    }

    fn hide(&self) {
        self.windows.close();
    }
}
