//! What is shown: the view, and what follows from it for pop-up, notification, tray and the machine's sleep.

use signedcall::{ButtonTheme, CallId, SoundDevice};

use super::calls::is_on;
use super::{Controller, Host, Ringing, Session, Tray};
use crate::view::{AppView, BrandView, CallPhase, Device, Direction, SessionView, SettingsView};
use crate::words;

/// What the host was last told.
#[derive(Debug, Default)]
pub(super) struct Shown {
    ringing: Option<CallId>,
    tray: Option<Tray>,
    awake: bool,
}

/// What is shown before anything is known.
pub(super) fn blank() -> AppView {
    AppView {
        revision: 0,
        session: SessionView::SignedOut { problem: None },
        call: None,
        recent: Vec::new(),
        brand: plain_brand(),
        settings: SettingsView::default(),
        notices: Vec::new(),
    }
}

impl<H: Host> Controller<H> {
    /// Tells the windows and the host of what has changed, if anything has.
    pub(super) fn publish(&mut self) {
        let before = self.views.borrow().clone();
        let mut view = self.view();
        view.revision = before.revision;
        if view != before {
            view.revision += 1;
            self.views.send_replace(view.clone());
        }
        self.show_ringing(&view);
        self.show_tray(&view);
        let awake = view.call.as_ref().is_some_and(is_on);
        if awake != self.shown.awake {
            self.shown.awake = awake;
            self.host.keep_awake(awake);
        }
    }

    fn show_ringing(&mut self, view: &AppView) {
        let rings = |phase: &CallPhase, direction: Direction| *phase == CallPhase::Ringing && direction == Direction::Incoming;
        let call = view.call.as_ref().filter(|call| rings(&call.phase, call.direction));
        let ringing = call.and_then(|call| call.id.parse().ok()).map(CallId);
        if ringing == self.shown.ringing {
            return;
        }
        if self.shown.ringing.is_some() {
            self.host.stop_ringing();
        }
        self.shown.ringing = ringing;
        if let (Some(id), Some(call)) = (ringing, call) {
            self.host.ring(&Ringing {
                call: id,
                brand: view.brand.name.clone(),
                caller: call.peer_name.clone().unwrap_or_else(|| call.peer.clone()),
                context: call.context.clone(),
            });
        }
    }

    fn show_tray(&mut self, view: &AppView) {
        let tray = Tray {
            status: words::status(view),
            in_call: view.call.as_ref().is_some_and(is_on),
            signed_in: matches!(view.session, SessionView::Ready { .. } | SessionView::Reconnecting { .. }),
        };
        if self.shown.tray.as_ref() != Some(&tray) {
            self.host.tray(&tray);
            self.shown.tray = Some(tray);
        }
    }

    fn view(&self) -> AppView {
        AppView {
            revision: 0,
            session: self.session_view(),
            call: self.call.clone(),
            recent: self.history.view(),
            brand: self.brand(),
            settings: self.settings_view(),
            notices: self.notices.clone(),
        }
    }

    pub(super) fn brand(&self) -> BrandView {
        let branding = match &self.session {
            Session::Open { view: Some(view), .. } => view.branding.as_ref(),
            Session::Open { view: None, .. } | Session::Nobody { .. } | Session::SigningIn => None,
        };
        branding.map_or_else(plain_brand, |branding| BrandView {
            name: branding.name.clone(),
            background: String::from(branding.bg_color),
            foreground: String::from(branding.font_color),
            light_buttons: branding.button_theme == ButtonTheme::Light,
        })
    }

    fn settings_view(&self) -> SettingsView {
        let preferences = &self.settings.preferences;
        let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        SettingsView {
            service_url: self.account.service_url.clone(),
            account_id: self.account.account_id.clone(),
            has_api_key: self.key.is_some(),
            cuid: self.account.cuid.clone(),
            name: self.account.name.clone(),
            production: self.account.production,
            microphones: self.devices.microphones.iter().map(Device::from).collect(),
            speakers: self.devices.speakers.iter().map(Device::from).collect(),
            microphone: preferences.microphone.clone(),
            speaker: preferences.speaker.clone(),
            voice_processing: preferences.voice_processing,
            outgoing_tone: path(&preferences.outgoing_tone),
            ringtone: path(&preferences.ringtone),
        }
    }
}

impl From<&SoundDevice> for Device {
    fn from(device: &SoundDevice) -> Self {
        Self { id: device.id.clone(), name: device.name.clone(), is_default: device.is_default }
    }
}

/// How calls look when the account has no branding, or nobody is signed in: the app's own colours.
fn plain_brand() -> BrandView {
    BrandView { name: words::APP.to_owned(), background: "#0F3D2E".to_owned(), foreground: "#FFFFFF".to_owned(), light_buttons: true }
}
