//! What the user has set, as `settings.json` keeps it, and what this computer is to the service. The api key is not in here: it lies in the keyring.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use signedcall::{DeviceId, Tones, VoiceOptions};
use url::Url;
use uuid::Uuid;

use crate::view::{PreferencesForm, Problem, ProblemCode, SignInForm};
use crate::wake::Registration;

/// Everything that `settings.json` holds. A field that an older version did not write has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Who signs in at the next start; nobody when `None`.
    pub(crate) account: Option<Account>,
    #[serde(deserialize_with = "read_preferences")]
    pub(crate) preferences: Preferences,
}

/// What a computer alone has of a profile: two that share a home folder are two devices, and each takes its own pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OfThisComputer {
    /// This installation of this profile, so that a second start is the same device and not another one.
    pub(crate) device: DeviceId,
    /// Where pushes are taken for this device.
    pub(crate) registration: Option<Registration>,
}

impl Default for OfThisComputer {
    fn default() -> Self {
        Self { device: DeviceId(Uuid::new_v4()), registration: None }
    }
}

/// Who signs in, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    pub(crate) service_url: String,
    pub(crate) account_id: String,
    pub(crate) cuid: String,
    pub(crate) name: String,
    pub(crate) production: bool,
}

impl Account {
    /// Whether this is a whole user, so that signing in is worth trying.
    pub(crate) fn is_complete(&self) -> bool {
        ![&self.service_url, &self.account_id, &self.cuid].iter().any(|field| field.is_empty())
    }

    /// Refuses what is no service's URL: the SDK would say of it that there is no network.
    pub(crate) fn check_address(&self) -> Result<(), Problem> {
        let url = Url::parse(&self.service_url).map_err(|error| Problem::new(ProblemCode::InvalidServiceUrl, error.to_string()))?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host().is_none() {
            return Err(Problem::new(ProblemCode::InvalidServiceUrl, "the service URL is no ws:// or wss:// URL"));
        }
        Ok(())
    }

    /// Whether the service runs on this machine.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        let Ok(url) = Url::parse(&self.service_url) else { return false };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// What other users see, when it was given.
    pub(crate) fn shown_name(&self) -> Option<String> {
        Some(self.name.clone()).filter(|name| !name.is_empty())
    }
}

impl TryFrom<&SignInForm> for Account {
    type Error = Problem;

    fn try_from(form: &SignInForm) -> Result<Self, Problem> {
        let account = Self {
            service_url: form.service_url.trim().to_owned(),
            account_id: form.account_id.trim().to_owned(),
            cuid: form.cuid.trim().to_owned(),
            name: form.name.trim().to_owned(),
            production: form.production,
        };
        account.check_address().map(|()| account)
    }
}

/// What the settings screen may change while signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Preferences {
    /// Chosen ids; `None` follows the system.
    pub(crate) microphone: Option<String>,
    pub(crate) speaker: Option<String>,
    /// The speaker that rings; `None` is the same.
    pub(crate) ring_speaker: Option<String>,
    pub(crate) echo_cancellation: bool,
    pub(crate) noise_suppression: bool,
    pub(crate) gain_control: bool,
    pub(crate) outgoing_tone: Option<PathBuf>,
    pub(crate) ringtone: Option<PathBuf>,
    /// Whether a second call waits, instead of being busy.
    pub(crate) second_calls: bool,
    /// Whether calls that come while the app is closed start it.
    pub(crate) ring_when_closed: bool,
    /// The distributor that is to take pushes, where several are installed: its name on the session bus. `None`: the first.
    pub(crate) distributor: Option<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            microphone: None,
            speaker: None,
            ring_speaker: None,
            echo_cancellation: true,
            noise_suppression: true,
            gain_control: true,
            outgoing_tone: None,
            ringtone: None,
            second_calls: true,
            ring_when_closed: false,
            distributor: None,
        }
    }
}

impl Preferences {
    pub(crate) fn voice(&self) -> VoiceOptions {
        VoiceOptions {
            echo_cancellation: self.echo_cancellation,
            noise_suppression: self.noise_suppression,
            gain_control: self.gain_control,
            input: self.microphone.clone(),
            output: self.speaker.clone(),
            ring_output: self.ring_speaker.clone(),
            ..VoiceOptions::default()
        }
    }

    pub(crate) fn tones(&self) -> Tones {
        Tones { outgoing_tone: self.outgoing_tone.clone(), ringtone: self.ringtone.clone() }
    }

    /// Whether the same files are played.
    pub(crate) fn has_the_tones_of(&self, other: &Self) -> bool {
        (&self.outgoing_tone, &self.ringtone) == (&other.outgoing_tone, &other.ringtone)
    }

    /// Whether calls ring when the app is closed as by these, and by way of the same program.
    pub(crate) fn rings_as(&self, other: &Self) -> bool {
        (self.ring_when_closed, &self.distributor) == (other.ring_when_closed, &other.distributor)
    }

    /// Whether the voice goes the same way.
    pub(crate) fn has_the_voice_of(&self, other: &Self) -> bool {
        let devices = (&self.microphone, &self.speaker, &self.ring_speaker);
        let processing = (self.echo_cancellation, self.noise_suppression, self.gain_control);
        devices == (&other.microphone, &other.speaker, &other.ring_speaker)
            && processing == (other.echo_cancellation, other.noise_suppression, other.gain_control)
    }
}

/// Reads preferences as any version wrote them: the first ones had a single switch, `voice_processing`, for what are three now.
fn read_preferences<'de, D: Deserializer<'de>>(source: D) -> Result<Preferences, D::Error> {
    #[derive(Deserialize)]
    struct Written {
        voice_processing: Option<bool>,
        #[serde(flatten)]
        preferences: Preferences,
    }

    let Written { voice_processing, preferences } = Written::deserialize(source)?;
    Ok(match voice_processing {
        Some(false) => Preferences { echo_cancellation: false, noise_suppression: false, gain_control: false, ..preferences },
        Some(true) | None => preferences,
    })
}

impl From<PreferencesForm> for Preferences {
    fn from(form: PreferencesForm) -> Self {
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Self {
            microphone: filled(form.microphone),
            speaker: filled(form.speaker),
            ring_speaker: filled(form.ring_speaker),
            echo_cancellation: form.echo_cancellation,
            noise_suppression: form.noise_suppression,
            gain_control: form.gain_control,
            outgoing_tone: filled(form.outgoing_tone).map(PathBuf::from),
            ringtone: filled(form.ringtone).map(PathBuf::from),
            second_calls: form.second_calls,
            ring_when_closed: form.ring_when_closed,
            distributor: filled(form.distributor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_being_written_and_read() {
        let settings = Settings {
            account: Some(Account { cuid: "courier_8842".to_owned(), ..Account::default() }),
            preferences: Preferences { microphone: Some("usb".to_owned()), noise_suppression: false, ..Preferences::default() },
        };
        let text = serde_json::to_string(&settings).expect("plain data");
        assert_eq!(serde_json::from_str::<Settings>(&text).expect("its own text"), settings);
    }

    #[test]
    fn what_an_older_version_did_not_write_has_its_default() {
        let settings: Settings = serde_json::from_str(r#"{"preferences":{"speaker":"hdmi"},"of a newer version":1}"#).expect("an object");
        assert_eq!(switches(&settings.preferences), [true; 3]);
        assert!(settings.preferences.second_calls);
        assert_eq!(settings.preferences.speaker.as_deref(), Some("hdmi"));
        assert_eq!(settings.preferences.voice().ring_output, None, "it rings where the other side is heard");
    }

    /// Echo, noise and gain.
    fn switches(preferences: &Preferences) -> [bool; 3] {
        [preferences.echo_cancellation, preferences.noise_suppression, preferences.gain_control]
    }

    #[test]
    fn the_one_switch_of_an_older_version_is_all_three() {
        for wanted in [false, true] {
            let text = format!(r#"{{"preferences":{{"speaker":"hdmi","voice_processing":{wanted},"second_calls":false}}}}"#);
            let preferences = serde_json::from_str::<Settings>(&text).expect("an object").preferences;
            assert_eq!((switches(&preferences), preferences.speaker.as_deref()), ([wanted; 3], Some("hdmi")));
            assert!(!preferences.second_calls, "the others are as they were written");
        }
    }

    #[test]
    fn each_switch_is_kept_and_reaches_the_voice_by_itself() {
        for off in 0..3 {
            let wanted = [0, 1, 2].map(|switch| switch != off);
            let [echo_cancellation, noise_suppression, gain_control] = wanted;
            let preferences = Preferences { echo_cancellation, noise_suppression, gain_control, ..Preferences::default() };
            assert!(!preferences.has_the_voice_of(&Preferences::default()), "a call that goes on is told");
            let text = serde_json::to_string(&Settings { preferences, ..Settings::default() }).expect("plain data");
            let voice = serde_json::from_str::<Settings>(&text).expect("its own text").preferences.voice();
            assert_eq!([voice.echo_cancellation, voice.noise_suppression, voice.gain_control], wanted);
        }
    }

    #[test]
    fn a_service_is_on_this_machine_when_its_address_says_so() {
        let is_here = |url: &str| Account { service_url: url.to_owned(), ..Account::default() }.is_on_this_machine();
        for url in ["ws://127.0.0.1:7443", "ws://localhost:7443", "ws://[::1]:7443", "wss://127.9.9.9"] {
            assert!(is_here(url), "{url}");
        }
        for url in ["", "wss://calls.example", "ws://192.168.1.5", "wss://localhost.example", "wss://[fe80::1]"] {
            assert!(!is_here(url), "{url}");
        }
    }

    #[test]
    fn a_service_url_is_a_web_socket_address() {
        let read = |url: &str| {
            let form = SignInForm {
                service_url: url.to_owned(),
                account_id: " demo ".to_owned(),
                api_key: String::new(),
                cuid: "courier_8842".to_owned(),
                name: String::new(),
                production: false,
            };
            Account::try_from(&form).map(|account| account.account_id).map_err(|problem| problem.code)
        };
        assert_eq!(read("ws://127.0.0.1:7443"), Ok("demo".to_owned()));
        for url in ["", "127.0.0.1:7443", "https://calls.example", "ws://", "wss:"] {
            assert_eq!(read(url), Err(ProblemCode::InvalidServiceUrl), "{url}");
        }
    }
}
