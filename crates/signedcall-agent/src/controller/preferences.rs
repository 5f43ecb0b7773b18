//! What the user has set: from the form to the line and the disk, and tones that have been lost since.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use signedcall::{InvalidTone, SetTonesError, Tones};
use tokio::sync::Mutex;

use super::{Controller, Event, Host, Reply, Session};
use crate::sdk::{Line, Sdk};
use crate::settings::Preferences;
use crate::view::{Problem, ProblemCode};

/// What a line was last told. Held while it is told something else, so that two changes do not overtake each other.
pub(super) type OnLine = Arc<Mutex<Preferences>>;

/// What came of a change: tones that could not be kept, or why nothing was changed.
pub(crate) type Changed = Result<Vec<InvalidTone>, SetTonesError>;

impl<H: Host> Controller<H> {
    pub(super) fn set_preferences(&self, preferences: Preferences, reply: Reply) {
        let sdk = Arc::clone(&self.sdk);
        let line = match &self.session {
            Session::Open { line, on_line, .. } => Some((Arc::clone(line), Arc::clone(on_line))),
            Session::Nobody { .. } | Session::SigningIn => None,
        };
        let before = self.settings.preferences.clone();
        self.later(async move {
            let outcome = match line {
                Some((line, on_line)) => tell_line(&*sdk, &*line, &on_line, &preferences).await,
                None => check_chosen(&*sdk, &before, &preferences).await.map(|()| Vec::new()).map_err(SetTonesError::Invalid),
            };
            Event::PreferencesSet { preferences, outcome, reply }
        });
    }

    pub(super) fn preferences_set(&mut self, preferences: Preferences, outcome: Changed, reply: Reply) {
        match outcome {
            Ok(lost) => {
                let before = std::mem::replace(&mut self.settings.preferences, preferences);
                self.save_settings();
                if !before.rings_as(&self.settings.preferences) {
                    self.ringing_when_closed_changed();
                }
                self.tell_of_lost_tones(&lost);
                self.answer_to(reply, Ok(()));
            }
            Err(SetTonesError::Invalid(invalid)) => self.answer_to(reply, Err(invalid.into())),
            Err(SetTonesError::Line(error)) => self.answer_to(reply, Err(error.into())),
        }
    }

    /// Names the files in whose place the SDK's own tones are played from now on.
    pub(super) fn tell_of_lost_tones(&mut self, lost: &[InvalidTone]) {
        self.notices.retain(|notice| notice.code != ProblemCode::ToneFileLost);
        if !lost.is_empty() {
            let join = |of: fn(&InvalidTone) -> String| lost.iter().map(of).collect::<Vec<_>>().join(", ");
            let detail = join(|invalid| invalid.to_string());
            self.notice(Problem::new(ProblemCode::ToneFileLost, detail).about(join(|invalid| name_of(&invalid.file))));
        }
    }
}

/// The tones that can be played now, and what is wrong with the others: a file that has been moved since must not keep the user from being called.
pub(super) async fn playable(sdk: &dyn Sdk, preferences: &Preferences) -> (Tones, Vec<InvalidTone>) {
    let Tones { mut outgoing_tone, mut ringtone } = preferences.tones();
    let mut lost = Vec::new();
    if let Err(invalid) = sdk.check_tones(&Tones { outgoing_tone: outgoing_tone.clone(), ringtone: None }).await {
        outgoing_tone = None;
        lost.push(invalid);
    }
    if let Err(invalid) = sdk.check_tones(&Tones { outgoing_tone: None, ringtone: ringtone.clone() }).await {
        ringtone = None;
        lost.push(invalid);
    }
    (Tones { outgoing_tone, ringtone }, lost)
}

/// Tells a line what is new to it. Telling it the devices again would interrupt the call that is on.
async fn tell_line(sdk: &dyn Sdk, line: &dyn Line, on_line: &Mutex<Preferences>, wanted: &Preferences) -> Changed {
    let mut told = on_line.lock().await;
    let mut lost = Vec::new();
    // Tones are the part that can be refused, so they come first and nothing is half changed.
    if !wanted.has_the_tones_of(&told) {
        check_chosen(sdk, &told, wanted).await?;
        let (tones, found) = playable(sdk, wanted).await;
        line.set_tones(tones).await?;
        lost = found;
    }
    if !wanted.has_the_voice_of(&told) {
        line.set_voice(wanted.voice()).await?;
    }
    if wanted.second_calls != told.second_calls {
        line.set_second_calls(wanted.second_calls).await?;
    }
    told.clone_from(wanted);
    Ok(lost)
}

/// Refuses a tone that was chosen just now and cannot be played. One that was chosen long ago is nothing that this change is about.
async fn check_chosen(sdk: &dyn Sdk, before: &Preferences, wanted: &Preferences) -> Result<(), InvalidTone> {
    let chosen = |before: &Option<PathBuf>, wanted: &Option<PathBuf>| wanted.clone().filter(|_| wanted != before);
    let outgoing_tone = chosen(&before.outgoing_tone, &wanted.outgoing_tone);
    let ringtone = chosen(&before.ringtone, &wanted.ringtone);
    sdk.check_tones(&Tones { outgoing_tone, ringtone }).await
}

/// What the user calls a file.
pub(crate) fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
