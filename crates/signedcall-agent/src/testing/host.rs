//! A desktop that only writes down what it is told.

use tokio::sync::mpsc;

use crate::controller::{Elsewhere, Host, Missed, Ongoing, Ringing, Tray};
use crate::pictures::Pixels;

/// What a controller has told its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    ShowMain,
    Ring(Ringing),
    ShowCaller,
    StopRinging,
    Remind(Ongoing),
    StopReminding,
    Missed(Missed),
    TakenElsewhere(Elsewhere),
    Tray(Tray),
    KeepAwake(bool),
    Hide,
}

/// Passes on everything that it is told.
#[derive(Debug)]
pub(crate) struct RecordingHost(mpsc::UnboundedSender<Told>);

impl RecordingHost {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Told>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    fn tell(&self, told: Told) {
        // A test that has seen enough hears no more.
        let _ = self.0.send(told);
    }
}

impl Host for RecordingHost {
    fn show_main(&self) {
        self.tell(Told::ShowMain);
    }

    fn ring(&self, ringing: &Ringing) {
        self.tell(Told::Ring(ringing.clone()));
    }

    fn show_caller(&self, _: &Pixels) {
        self.tell(Told::ShowCaller);
    }

    fn stop_ringing(&self) {
        self.tell(Told::StopRinging);
    }

    fn remind(&self, ongoing: &Ongoing) {
        self.tell(Told::Remind(ongoing.clone()));
    }

    fn stop_reminding(&self) {
        self.tell(Told::StopReminding);
    }

    fn missed(&self, missed: &Missed) {
        self.tell(Told::Missed(missed.clone()));
    }

    fn taken_elsewhere(&self, elsewhere: &Elsewhere) {
        self.tell(Told::TakenElsewhere(elsewhere.clone()));
    }

    fn tray(&self, tray: &Tray) {
        self.tell(Told::Tray(tray.clone()));
    }

    fn keep_awake(&self, awake: bool) {
        self.tell(Told::KeepAwake(awake));
    }

    fn hide(&self) {
        self.tell(Told::Hide);
    }
}
