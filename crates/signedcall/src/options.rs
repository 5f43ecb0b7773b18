use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use signedcall_voice::{ControllerConfig, ProcessingConfig};
use signedcall_wire::{
    AccountId, BrandingOverride, Context, Credential, Cuid, DeviceId, DeviceName, Environment, ErrorCode, Hello, InvalidDeviceName,
    PROTOCOL_VERSION, Redacted, RunId,
};
use url::Url;
use uuid::Uuid;

use crate::Error;
use crate::analytics::Analytics;
use crate::credentials::{Credentials, UserTokens};
use crate::line_check::LineGate;
use crate::link::ServiceAddress;
use crate::sound::{Devices, InvalidTone, Sound, ToneSet, Treatment};

/// The most characters of a name (R37, `ERR_INVALID_NAME_LENGTH`).
const MAX_NAME_CHARACTERS: usize = 50;
/// The most characters of a picture's URL: what every browser takes.
const MAX_IMAGE_URL: usize = 2_048;

/// What a voice may be limited to. Below, its packets' headers leave nothing for speech that is understood; above, nothing is left to be gained.
const BITS_PER_SECOND: RangeInclusive<u32> = 26_000..=512_000;

/// The shortest limit of a call: the service takes none that is shorter.
const SHORTEST_CALL: Duration = Duration::from_secs(1);

/// What [`SignedCall::init`](crate::SignedCall::init) needs (R12) and may be given.
#[derive(Clone, Debug)]
pub struct Options {
    /// `wss://` URL of the service, without a path; `ws://` for a service on this computer, since credentials are sent to it. What this computer trusts
    /// has to vouch for the other end.
    pub service_url: String,
    /// The company's account id.
    pub account_id: String,
    /// By what right: an api key, or tokens that the company's backend makes for this user.
    pub credentials: Credentials,
    /// The user.
    pub cuid: String,
    /// What other users see; the cuid when absent. At most 50 characters.
    pub name: Option<String>,
    /// Which environment the credentials belong to (R13). Required: `None` is `ERR_PRODUCTION_FIELD_REQUIRED`.
    pub production: Option<bool>,
    /// What the embedding app is called, for screens and notifications (R10). At most 50 characters.
    pub app_name: Option<String>,
    /// What this app changes of the branding that the service sends for its account (R30). A logo is an HTTPS URL; a pair of colours that cannot be read
    /// well is taken, and warned of in the log.
    pub override_default_branding: BrandingOverride,
    /// This installation; made at random when absent, and then a second start is a second device.
    pub device: Option<DeviceId>,
    /// What the user's other devices call this one, when it answers or declines; the host's name when absent. At most 64 characters, none of which
    /// controls anything.
    pub device_name: Option<String>,
    /// Whether a call may wait while the user is in another (R26, R27); the next caller is told that the user is busy otherwise.
    /// [`set_second_calls`](crate::SignedCall::set_second_calls) changes it later.
    pub second_calls: bool,
    /// Whether a call goes ahead over the line as it is; every call does when absent. One of this user's that does not is refused with
    /// `ERR_NETWORK_LATENCY`; one that comes does not ring, and its caller is told `CALL_DECLINED_DUE_TO_NETWORK_QUALITY`.
    pub line_gate: Option<LineGate>,
    /// Where the account's analytics go (R8). Required: `None` is `ERR_CLEVERTAP_INSTANCE_REQUIRED`.
    pub analytics: Option<Analytics>,
    /// The folder that keeps what analytics were not told yet, so that it outlives the program. Without one it lasts as long as the line.
    pub analytics_folder: Option<PathBuf>,
    /// Sound files for tones; those of the SDK when absent.
    pub tones: Tones,
    /// How the voice is treated.
    pub voice: VoiceOptions,
    /// Where sound comes from and goes to; the devices that `voice` chooses when absent.
    pub sound: Option<Arc<dyn Sound>>,
}

/// Sound files for tones (R6): `.wav`, `.ogg` or `.mp3`.
#[derive(Clone, Debug, Default)]
pub struct Tones {
    /// Played to the caller while the callee is reached and rung.
    pub outgoing_tone: Option<PathBuf>,
    /// Played to the callee while a call rings.
    pub ringtone: Option<PathBuf>,
}

impl Tones {
    /// Reads the files, so that a settings screen can say at once which of them cannot be played.
    ///
    /// # Errors
    /// The first file that is no tone.
    pub async fn check(&self) -> Result<(), InvalidTone> {
        load_tones(self.clone()).await.map(drop)
    }
}

pub(crate) async fn load_tones(tones: Tones) -> Result<ToneSet, InvalidTone> {
    tokio::task::spawn_blocking(move || ToneSet::load(&tones)).await.expect("reading a sound file does not panic")
}

/// How the voice is treated.
#[derive(Clone, Debug)]
pub struct VoiceOptions {
    /// Takes out what the microphone hears of the speaker, which the other side would hear as its echo.
    pub echo_cancellation: bool,
    /// Lowers steady noise: fans, hum, traffic.
    pub noise_suppression: bool,
    /// Brings quiet and loud talkers to about the same loudness.
    pub gain_control: bool,
    /// Whether echo cancellation is left out while the speaker is a headset or headphones, as the system says: there is none, and cancelling it takes from
    /// the user's voice while both talk.
    /// Turn it off where loudspeakers hang on a socket for headphones and the other side hears itself.
    pub relax_for_headsets: bool,
    /// The microphone, by the id that [`devices`](crate::devices) lists; the system's default when absent.
    pub input: Option<String>,
    /// The speaker, likewise.
    pub output: Option<String>,
    /// The speaker that rings; the same when absent.
    pub ring_output: Option<String>,
    /// The most bits a second that this side sends, with all headers. 26 000 to 512 000; a call sends more than 55 200 only where packets are lost.
    pub most_bits_per_second: u32,
}

impl Default for VoiceOptions {
    fn default() -> Self {
        let most_bits_per_second = ControllerConfig::default().most_bits_per_second;
        Self {
            echo_cancellation: true,
            noise_suppression: true,
            gain_control: true,
            relax_for_headsets: true,
            input: None,
            output: None,
            ring_output: None,
            most_bits_per_second,
        }
    }
}

/// What a call carries beside its context (R16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// URL of the caller's picture, shown to the callee.
    pub initiator_image: Option<String>,
    /// URL of the callee's picture, shown to the caller.
    pub receiver_image: Option<String>,
    /// A different context for the callee.
    pub remote_context: Option<String>,
    /// How long the call may last from the answer on, at least a second (R29). The account's own limit counts when it is shorter.
    pub max_duration: Option<Duration>,
}

impl Options {
    /// Options with an api key and everything else that is required but the environment, which [`production`](Self::production) sets.
    pub fn new(service_url: impl Into<String>, account_id: impl Into<String>, api_key: impl Into<String>, cuid: impl Into<String>) -> Self {
        Self::with(service_url.into(), account_id.into(), Credentials::ApiKey(Redacted::new(api_key.into())), cuid.into())
    }

    /// The same with user tokens: no key of the company's is on the user's computer.
    pub fn with_user_tokens(
        service_url: impl Into<String>,
        account_id: impl Into<String>,
        tokens: UserTokens,
        cuid: impl Into<String>,
    ) -> Self {
        Self::with(service_url.into(), account_id.into(), Credentials::UserTokens(tokens), cuid.into())
    }

    fn with(service_url: String, account_id: String, credentials: Credentials, cuid: String) -> Self {
        Self {
            service_url,
            account_id,
            credentials,
            cuid,
            name: None,
            production: None,
            app_name: None,
            override_default_branding: BrandingOverride::default(),
            device: None,
            device_name: None,
            second_calls: true,
            line_gate: None,
            analytics: None,
            analytics_folder: None,
            tones: Tones::default(),
            voice: VoiceOptions::default(),
            sound: None,
        }
    }

    /// Chooses where the account's analytics go.
    #[must_use]
    pub fn analytics(mut self, analytics: Analytics) -> Self {
        self.analytics = Some(analytics);
        self
    }

    /// Chooses the environment.
    #[must_use]
    pub fn production(mut self, production: bool) -> Self {
        self.production = Some(production);
        self
    }
}

/// Options that have passed every check that needs no service.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) address: ServiceAddress,
    pub(crate) me: Cuid,
    /// Its credential is empty where user tokens are fetched.
    pub(crate) hello: Hello,
    pub(crate) tokens: Option<UserTokens>,
    pub(crate) branding: BrandingOverride,
    pub(crate) treatment: Treatment,
    pub(crate) sound: Arc<dyn Sound>,
    /// Whether the embedder brought `sound`, so that a change of devices does not replace it.
    pub(crate) own_sound: bool,
    pub(crate) line_gate: Option<LineGate>,
    pub(crate) analytics: Analytics,
}

impl Options {
    /// Checks what can be checked here, in the order of R37's numbers, so that each mistake has its own error.
    pub(crate) fn check(&self) -> Result<Checked, Error> {
        let address =
            ServiceAddress::parse(&self.service_url).map_err(|invalid| Error::new(ErrorCode::NetworkNotAvailable, invalid.to_string()))?;
        let analytics = Analytics::check(self.analytics.as_ref())?.clone();
        if self.account_id.is_empty() {
            return Err(ErrorCode::AccountIdRequired.into());
        }
        let (credential, tokens) = match &self.credentials {
            Credentials::ApiKey(key) if key.expose().is_empty() => return Err(ErrorCode::ApiKeyRequired.into()),
            Credentials::ApiKey(key) => (Credential::ApiKey(key.clone()), None),
            Credentials::UserTokens(tokens) => (Credential::UserToken(Redacted::default()), Some(tokens.clone())),
        };
        let me = check_cuid(&self.cuid)?;
        let name = self.name.clone().filter(|name| !name.is_empty());
        check_length("name", name.as_deref())?;
        check_length("app's name", self.app_name.as_deref())?;
        check_override(&self.override_default_branding)?;
        let treatment = self.voice.check()?;
        let environment = match self.production {
            Some(true) => Environment::Production,
            Some(false) => Environment::Development,
            None => return Err(ErrorCode::ProductionFieldRequired.into()),
        };
        let hello = Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId(self.account_id.clone()),
            credential,
            cuid: self.cuid.clone(),
            name,
            environment,
            device: self.device.unwrap_or_else(|| DeviceId(Uuid::new_v4())),
            run: RunId(Uuid::new_v4()),
            device_name: check_device_name(self.device_name.as_deref())?.into(),
            second_calls: self.second_calls,
        };
        let own_sound = self.sound.is_some();
        let sound = self.sound.clone().unwrap_or_else(|| self.voice.devices());
        let branding = self.override_default_branding.clone();
        let line_gate = self.line_gate.clone();
        Ok(Checked { address, me, hello, tokens, branding, treatment, sound, own_sound, line_gate, analytics })
    }
}

impl VoiceOptions {
    /// Leaves the microphone's sound as it is, to the sample, and everything else at its default: for sound that comes from code.
    pub fn unprocessed() -> Self {
        Self { echo_cancellation: false, noise_suppression: false, gain_control: false, ..Self::default() }
    }

    /// What of them is not about devices.
    pub(crate) fn check(&self) -> Result<Treatment, Error> {
        let most_bits_per_second = self.most_bits_per_second;
        if BITS_PER_SECOND.contains(&most_bits_per_second) {
            return Ok(Treatment { processing: self.processing(), relax_for_headsets: self.relax_for_headsets, most_bits_per_second });
        }
        // R37 has no code for it.
        let detail = format!("most_bits_per_second is {most_bits_per_second}, and not from 26000 to 512000");
        Err(Error::new(ErrorCode::VoipServiceFailedToRegister, detail))
    }

    /// Rumble is taken out for all three: each of them would take it for a voice.
    fn processing(&self) -> ProcessingConfig {
        let &Self { echo_cancellation, noise_suppression, gain_control, .. } = self;
        let high_pass_filter = echo_cancellation || noise_suppression || gain_control;
        ProcessingConfig { echo_cancellation, noise_suppression, gain_control, high_pass_filter }
    }

    pub(crate) fn devices(&self) -> Arc<dyn Sound> {
        Arc::new(Devices::new(self.input.clone(), self.output.clone(), self.ring_output.clone()))
    }
}

fn check_device_name(name: Option<&str>) -> Result<DeviceName, Error> {
    let Some(name) = name else { return Ok(host_name()) };
    DeviceName::new(name).map_err(|invalid| {
        let code = match invalid {
            InvalidDeviceName::Length(_) => ErrorCode::InvalidNameLength,
            InvalidDeviceName::Character(_) => ErrorCode::ContactRegistrationFailed,
        };
        Error::new(code, invalid.to_string())
    })
}

/// The name of this machine; `linux` and the like where it has none that can be shown.
fn host_name() -> DeviceName {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    DeviceName::new(name.trim())
        .or_else(|_| DeviceName::new(std::env::consts::OS))
        .expect("the name of an operating system is short and plain")
}

/// A call as the user asks for it, checked.
#[derive(Debug)]
pub(crate) struct CheckedCall {
    pub(crate) to: Cuid,
    pub(crate) context: Context,
    pub(crate) remote_context: Option<Context>,
}

impl CheckedCall {
    pub(crate) fn check(receiver_cuid: &str, context: &str, metadata: &Metadata) -> Result<Self, Error> {
        let to = check_cuid(receiver_cuid)?;
        let context = check_context(context)?;
        let remote_context = metadata.remote_context.as_deref().map(check_context).transpose()?;
        check_image("initiator_image", metadata.initiator_image.as_deref())?;
        check_image("receiver_image", metadata.receiver_image.as_deref())?;
        if metadata.max_duration.is_some_and(|limit| limit < SHORTEST_CALL) {
            return Err(Error::new(ErrorCode::FailureInMakeCall, "max_duration is shorter than a second"));
        }
        Ok(Self { to, context, remote_context })
    }
}

fn check_length(what: &str, name: Option<&str>) -> Result<(), Error> {
    let length = name.map_or(0, |name| name.chars().count());
    if length > MAX_NAME_CHARACTERS {
        return Err(Error::new(ErrorCode::InvalidNameLength, format!("the {what} has {length} characters")));
    }
    Ok(())
}

pub(crate) fn check_cuid(text: &str) -> Result<Cuid, Error> {
    Cuid::new(text).map_err(|invalid| Error::new(invalid.code(), invalid.to_string()))
}

fn check_override(changes: &BrandingOverride) -> Result<(), Error> {
    check_length("branding's name", changes.name.as_deref())?;
    let Some(logo) = &changes.logo else { return Ok(()) };
    let wrong = |why: &str| Error::new(ErrorCode::ContactRegistrationFailed, format!("the branding's logo {why}"));
    if logo.len() > MAX_IMAGE_URL {
        return Err(wrong("is too long for a URL"));
    }
    let url = Url::parse(logo).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    if url.scheme() == "https" { Ok(()) } else { Err(wrong("is no https: URL")) }
}

fn check_context(text: &str) -> Result<Context, Error> {
    Context::new(text).map_err(|invalid| Error::new(ErrorCode::CallContextInvalid, invalid.to_string()))
}

/// A picture is fetched by the other side's device, so nothing but a web address is passed on.
fn check_image(name: &str, url: Option<&str>) -> Result<(), Error> {
    let Some(text) = url else { return Ok(()) };
    let wrong = |why: &str| Error::new(ErrorCode::FailureInMakeCall, format!("{name} {why}"));
    if text.len() > MAX_IMAGE_URL {
        return Err(wrong("is too long for a URL"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(wrong("is no http: or https: URL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new("ws://127.0.0.1:7443", "demo", "key", "courier_8842").production(false).analytics(Analytics::Local)
    }

    fn code(change: impl FnOnce(&mut Options)) -> ErrorCode {
        let mut options = options();
        change(&mut options);
        options.check().expect_err("something is wrong").code
    }

    #[test]
    fn each_missing_option_has_its_own_error() {
        assert!(options().check().is_ok());
        assert_eq!(code(|options| options.service_url.clear()), ErrorCode::NetworkNotAvailable);
        assert_eq!(code(|options| options.service_url = "ws://calls.example".to_owned()), ErrorCode::NetworkNotAvailable);
        assert_eq!(code(|options| options.account_id.clear()), ErrorCode::AccountIdRequired);
        assert_eq!(code(|options| options.credentials = Credentials::ApiKey(Redacted::default())), ErrorCode::ApiKeyRequired);
        assert_eq!(code(|options| options.cuid.clear()), ErrorCode::CuidMissing);
        assert_eq!(code(|options| options.cuid = "four".to_owned()), ErrorCode::InvalidLengthCuid);
        assert_eq!(code(|options| options.cuid = "91_8899555".to_owned()), ErrorCode::InvalidCuid);
        assert_eq!(code(|options| options.name = Some("n".repeat(51))), ErrorCode::InvalidNameLength);
        assert_eq!(code(|options| options.app_name = Some("n".repeat(51))), ErrorCode::InvalidNameLength);
        assert_eq!(code(|options| options.device_name = Some("n".repeat(65))), ErrorCode::InvalidNameLength);
        assert_eq!(code(|options| options.device_name = Some("\u{202e}ksed".to_owned())), ErrorCode::ContactRegistrationFailed);
        assert_eq!(code(|options| options.production = None), ErrorCode::ProductionFieldRequired);
    }

    #[test]
    fn a_voice_may_be_limited_to_what_speech_takes_and_not_to_less() {
        let limited = |most_bits_per_second| VoiceOptions { most_bits_per_second, ..VoiceOptions::default() }.check().map(|_| ());
        assert_eq!([26_000, 104_000, 512_000].map(limited), [Ok(()), Ok(()), Ok(())]);
        for refused in [0, 25_999, 512_001] {
            let error = limited(refused).expect_err("it is out of range");
            assert!(error.detail.contains(&refused.to_string()), "{error}");
            assert_eq!(code(|options| options.voice.most_bits_per_second = refused), ErrorCode::VoipServiceFailedToRegister);
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", Options::new("wss://x", "demo", "very-secret", "courier_8842"));
        assert!(!shown.contains("very-secret"), "{shown}");
    }

    #[test]
    fn words_of_any_script_are_a_context_and_emoji_are_not() {
        let call = |context: &str| CheckedCall::check("org_25", context, &Metadata::default()).map(drop).map_err(|error| error.code);
        assert_eq!(call("आपका डिलीवरी पार्टनर कॉल कर रहा है"), Ok(()));
        assert_eq!(call("شريك التوصيل يتصل بك"), Ok(()));
        assert_eq!(call("Pizza 🍕"), Err(ErrorCode::CallContextInvalid));
        assert_eq!(call(""), Err(ErrorCode::CallContextInvalid));
    }

    #[test]
    fn a_limit_is_a_second_or_more() {
        let call = |milliseconds| {
            let metadata = Metadata { max_duration: Some(Duration::from_millis(milliseconds)), ..Metadata::default() };
            CheckedCall::check("org_25", "Order", &metadata).map(drop).map_err(|error| error.code)
        };
        assert_eq!((call(999), call(1_000)), (Err(ErrorCode::FailureInMakeCall), Ok(())));
    }

    #[test]
    fn a_picture_is_a_web_address() {
        let call = |image: &str| {
            let metadata = Metadata { initiator_image: Some(image.to_owned()), ..Metadata::default() };
            CheckedCall::check("org_25", "Order", &metadata).map(drop).map_err(|error| error.detail)
        };
        assert_eq!(call("https://pictures.example/a.png"), Ok(()));
        assert_eq!(call("file:///etc/passwd"), Err("initiator_image is no http: or https: URL".to_owned()));
        assert!(call("a picture").is_err_and(|detail| detail.starts_with("initiator_image is no URL")));
    }

    #[test]
    fn echo_noise_and_gain_are_switched_one_by_one() {
        let made = |voice: VoiceOptions| voice.check().expect("nothing is wrong with it").processing;
        assert_eq!(made(VoiceOptions::default()), ProcessingConfig::default());
        assert_eq!(made(VoiceOptions::unprocessed()), ProcessingConfig::OFF);
        let only = ProcessingConfig { high_pass_filter: true, ..ProcessingConfig::OFF };
        let echo = VoiceOptions { echo_cancellation: true, ..VoiceOptions::unprocessed() };
        assert_eq!(made(echo), ProcessingConfig { echo_cancellation: true, ..only });
        let noise = VoiceOptions { noise_suppression: true, ..VoiceOptions::unprocessed() };
        assert_eq!(made(noise), ProcessingConfig { noise_suppression: true, ..only });
        let gain = VoiceOptions { gain_control: true, ..VoiceOptions::unprocessed() };
        assert_eq!(made(gain), ProcessingConfig { gain_control: true, ..only });
    }
}
