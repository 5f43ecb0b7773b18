//! What is shown: the view, and what follows from it for pop-up, notification, tray and the machine's sleep.

use signedcall::{Branding, ButtonTheme, CallId, SoundDevice};

use super::{Controller, Host, Ongoing, Ringing, Tray};
use crate::pictures::Pixels;
use crate::view::{Answering, AppView, BrandView, CallView, Device, SessionView, SettingsView, SetupView};
use crate::words;

/// What the host was last told.
#[derive(Debug, Default)]
pub(super) struct Shown {
    ringing: Option<(CallId, Answering)>,
    /// The face on its notification.
    caller: Option<Pixels>,
    reminder: Option<CallId>,
    tray: Option<Tray>,
    awake: bool,
}

/// What is shown before anything is known.
pub(super) fn blank() -> AppView {
    AppView {
        revision: 0,
        session: SessionView::SignedOut { problem: None },
        call: None,
        other: None,
        recent: Vec::new(),
        brand: plain_brand(words::APP),
        settings: SettingsView::default(),
        notices: Vec::new(),
        missed: 0,
        setup: SetupView::default(),
        link: None,
        trial: None,
    }
}

impl<H: Host> Controller<H> {
    /// Tells the windows and the host of what has changed, if anything has.
    pub(super) fn publish(&mut self) {
        self.want_pictures();
        let before = self.views.borrow().clone();
        let mut view = self.view();
        view.revision = before.revision;
        if view != before {
            view.revision += 1;
            self.views.send_replace(view.clone());
        }
        self.show_ringing(&view);
        self.show_reminder(&view);
        self.show_tray(&view);
        let awake = view.call.as_ref().is_some_and(CallView::is_on);
        if awake != self.shown.awake {
            self.shown.awake = awake;
            self.host.keep_awake(awake);
        }
    }

    fn show_ringing(&mut self, view: &AppView) {
        let call = [&view.call, &view.other].into_iter().flatten().find(|call| call.rings_here());
        let ringing = call.and_then(|call| Some((CallId(call.id.parse().ok()?), call.answering?)));
        let caller = call.and_then(|call| self.gallery.face(call)).map(|face| face.pixels.clone());
        if ringing == self.shown.ringing {
            if let Some(picture) = caller.filter(|_| ringing.is_some() && self.shown.caller.is_none()) {
                self.host.show_caller(&picture);
                self.shown.caller = Some(picture);
            }
            return;
        }
        if self.shown.ringing.is_some() {
            self.host.stop_ringing();
        }
        self.shown.ringing = ringing;
        self.shown.caller = caller;
        if let (Some((id, answering)), Some(call)) = (ringing, call) {
            self.host.ring(&Ringing {
                call: id,
                answering,
                whose: self.whose(),
                caller: call.shown_name(),
                context: call.context.clone(),
                transferred_by: call.transferred_by.clone(),
                connected_by: call.connected_by.clone(),
                picture: self.picture_of(call),
            });
        }
    }

    /// Leads back to a call whose window was put away: not every desktop has a tray.
    fn show_reminder(&mut self, view: &AppView) {
        let call = view.call.as_ref().filter(|call| self.main_put_away && call.is_on() && !call.rings_here());
        let wanted = call.and_then(|call| call.id.parse().ok()).map(CallId);
        if wanted == self.shown.reminder {
            return;
        }
        if self.shown.reminder.is_some() {
            self.host.stop_reminding();
        }
        self.shown.reminder = wanted;
        if let (Some(id), Some(call)) = (wanted, call) {
            let (whose, peer, context, picture) = (self.whose(), call.shown_name(), call.context.clone(), self.picture_of(call));
            self.host.remind(&Ongoing { call: id, whose, peer, context, picture });
        }
    }

    fn show_tray(&mut self, view: &AppView) {
        let tray = Tray {
            status: words::status(view),
            missed: view.missed,
            symbol: self.symbol(),
            in_call: view.call.as_ref().is_some_and(CallView::is_on),
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
            call: self.call.as_ref().map(|call| self.with_face(call)),
            other: self.other.as_ref().map(|call| self.with_face(call)),
            recent: self.history.view(),
            brand: self.brand(),
            settings: self.settings_view(),
            notices: self.notices.clone(),
            missed: self.history.missed(),
            setup: self.setup.clone(),
            link: self.link.clone(),
            trial: self.trial_view(),
        }
    }

    fn brand(&self) -> BrandView {
        let Some(branding) = self.branding() else { return plain_brand(&self.app_name) };
        BrandView {
            name: branding.name.clone(),
            app: self.app_name.clone(),
            logo: self.gallery.logo().map(|logo| logo.data_url.to_text()),
            background: String::from(branding.bg_color),
            foreground: String::from(branding.font_color),
            light_buttons: branding.button_theme == ButtonTheme::Light,
        }
    }

    pub(super) fn branding(&self) -> Option<&Branding> {
        self.line_seen()?.branding.as_ref()
    }

    /// Whose calls these are: the company's name, or the app's where there is none.
    pub(super) fn company(&self) -> String {
        let named = self.branding().map(|branding| branding.name.clone()).filter(|name| !name.is_empty());
        named.unwrap_or_else(|| self.app_name.clone())
    }

    /// The company's name and the app's.
    pub(super) fn whose(&self) -> String {
        words::whose(self.branding().map_or("", |branding| &branding.name), &self.app_name)
    }

    /// What a notification of a call shows: the other side's face, or the company's symbol.
    pub(super) fn picture_of(&self, call: &CallView) -> Option<Pixels> {
        self.gallery.face(call).map(|face| face.pixels.clone()).or_else(|| self.symbol())
    }

    fn with_face(&self, call: &CallView) -> CallView {
        CallView { image: self.gallery.face(call).map(|face| face.data_url.to_text()), ..call.clone() }
    }

    fn symbol(&self) -> Option<Pixels> {
        self.gallery.symbol().cloned()
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
            ring_speaker: preferences.ring_speaker.clone(),
            echo_cancellation: preferences.echo_cancellation,
            noise_suppression: preferences.noise_suppression,
            gain_control: preferences.gain_control,
            outgoing_tone: path(&preferences.outgoing_tone),
            ringtone: path(&preferences.ringtone),
            second_calls: preferences.second_calls,
            autostart: self.starts_with_session,
            wake: self.wake_view(),
            distributors: self.distributor_views(),
            distributor: preferences.distributor.clone(),
        }
    }
}

impl From<&SoundDevice> for Device {
    fn from(device: &SoundDevice) -> Self {
        Self { id: device.id.clone(), name: device.name.clone(), is_default: device.is_default }
    }
}

/// How calls look when the account has no branding, or nobody is signed in: the app's own colours.
fn plain_brand(app: &str) -> BrandView {
    BrandView {
        name: app.to_owned(),
        app: app.to_owned(),
        logo: None,
        background: "#0F3D2E".to_owned(),
        foreground: "#FFFFFF".to_owned(),
        light_buttons: true,
    }
}
