//! What the controller asks of the desktop around it.

use signedcall::CallId;

use crate::pictures::Pixels;
use crate::view::Answering;

/// The windows, the notification and the tray.
pub(crate) trait Host: Send + 'static {
    /// Brings the main window to front.
    fn show_main(&self);
    /// Shows the pop-up and the notification of a call that rings here.
    fn ring(&self, ringing: &Ringing);
    /// Puts the caller's picture, which has come later than the call, on the notification of the call that rings.
    fn show_caller(&self, picture: &Pixels);
    /// Takes both away.
    fn stop_ringing(&self);
    /// Tells that a call goes on though its window was put away.
    fn remind(&self, ongoing: &Ongoing);
    /// Takes that away.
    fn stop_reminding(&self);
    /// Tells of a call that was not answered.
    fn missed(&self, missed: &Missed);
    /// Tells, in passing, why a call rings no more that another device of this user has dealt with.
    fn taken_elsewhere(&self, elsewhere: &Elsewhere);
    /// Changes the tray's menu.
    fn tray(&self, tray: &Tray);
    /// Keeps the machine from suspending, or no longer.
    fn keep_awake(&self, awake: bool);
    /// Puts every window away.
    fn hide(&self);
}

/// A call that rings here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ringing {
    pub(crate) call: CallId,
    /// What there is to choose between.
    pub(crate) answering: Answering,
    /// The company's name and the app's.
    pub(crate) whose: String,
    /// Who calls: the name, or the cuid.
    pub(crate) caller: String,
    /// Why.
    pub(crate) context: String,
    /// Who has put the caller through to this user: the name, or the cuid.
    pub(crate) transferred_by: Option<String>,
    /// The company that connects this user with the caller, where neither has called.
    pub(crate) connected_by: Option<String>,
    /// The caller's face, or the company's symbol.
    pub(crate) picture: Option<Pixels>,
}

/// A call that goes on while the main window is put away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ongoing {
    pub(crate) call: CallId,
    pub(crate) whose: String,
    /// The other side: the name, or the cuid.
    pub(crate) peer: String,
    pub(crate) context: String,
    pub(crate) picture: Option<Pixels>,
}

/// A call that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) whose: String,
    /// Who called: the name, or the cuid.
    pub(crate) caller: String,
    /// Who is called back.
    pub(crate) peer: String,
    pub(crate) context: String,
    pub(crate) picture: Option<Pixels>,
}

/// A call that another device of this user has answered or declined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) whose: String,
    /// Who called: the name, or the cuid.
    pub(crate) caller: String,
    pub(crate) context: String,
    /// Answered, or else declined.
    pub(crate) answered: bool,
    /// What that device is called, where it is known.
    pub(crate) device: Option<String>,
    pub(crate) picture: Option<Pixels>,
}

/// What the tray's menu offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tray {
    pub(crate) status: &'static str,
    /// Calls that were missed since anybody looked.
    pub(crate) missed: u32,
    /// The company's symbol, in place of the app's icon.
    pub(crate) symbol: Option<Pixels>,
    /// "Return to call" and "Hang up" are offered.
    pub(crate) in_call: bool,
    /// "Sign out" is offered.
    pub(crate) signed_in: bool,
}
