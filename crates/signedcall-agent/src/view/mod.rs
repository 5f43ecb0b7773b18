//! What the web view is shown: whole views with a revision, made from the SDK's state and never from anything the web view keeps.

mod call;

use serde::{Deserialize, Serialize};
use specta::Type;

pub(crate) use self::call::{
    AnswerHow, Answering, CallPhase, CallView, Direction, EndReason, Holding, MicrophoneNote, Quality, RecentCall,
};

/// Everything that the windows show. One event brings the whole of it; an older revision than the one shown is dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppView {
    /// Counts up with every change.
    pub(crate) revision: u32,
    /// Whether somebody is signed in.
    pub(crate) session: SessionView,
    /// The call that the user is in, that rings, or that has just ended.
    pub(crate) call: Option<CallView>,
    /// The one beside it: it waits, is held, or has just ended while the first goes on.
    pub(crate) other: Option<CallView>,
    /// Earlier calls, the latest first, at most 100.
    pub(crate) recent: Vec<RecentCall>,
    /// How call screens look.
    pub(crate) brand: BrandView,
    /// What the settings screen shows.
    pub(crate) settings: SettingsView,
    /// What the user should know although nothing stops, each until `dismiss_notice`.
    pub(crate) notices: Vec<Problem>,
    /// How many calls were missed since anybody looked.
    pub(crate) missed: u32,
    /// What *Check my set-up* shows.
    pub(crate) setup: SetupView,
    /// Whom a link from outside asks this user to call, until the user has decided.
    pub(crate) link: Option<LinkView>,
}

/// Whether somebody is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Type)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum SessionView {
    /// Nobody, and why the last attempt failed.
    SignedOut { problem: Option<Problem> },
    /// An attempt is under way.
    SigningIn,
    /// Signed in; calls go both ways. `kept` is false when the keyring could not take the secret and the user goes on for this session only.
    Ready { cuid: String, name: Option<String>, kept: bool },
    /// Signed in; the connection is being restored.
    Reconnecting { cuid: String, name: Option<String>, kept: bool },
}

/// Something that went wrong, by a code that the catalogue has words for. `detail` is for the log and the curious, never the headline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// What the UI acts on.
    pub(crate) code: ProblemCode,
    /// What exactly happened, in English.
    pub(crate) detail: String,
    /// What it is about, as the user knows it and is told: the name of a file.
    pub(crate) subject: Option<String>,
}

impl Problem {
    /// Makes a problem; `detail` holds no secret, name or cuid.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), subject: None }
    }

    /// Names what it is about.
    pub(crate) fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
}

/// What the UI has words for: the codes of R37 that can be met on a screen, and what the desktop lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ProblemCode {
    NetworkNotAvailable,
    ServerFailure,
    CallContextInvalid,
    NotInitialized,
    AccountIdRequired,
    ApiKeyRequired,
    CuidMissing,
    InvalidLengthCuid,
    InvalidCuid,
    InvalidNameLength,
    ProductionFieldRequired,
    ContactRegistrationFailed,
    MicrophonePermissionNotGranted,
    ContactNotReachable,
    CanNotCallSelf,
    CuidAlreadyConnectedElsewhere,
    FailureInMakeCall,
    FeatureNotAvailable,
    OngoingCall,
    SignallingSocketConnection,
    /// The service URL is no `ws://` or `wss://` URL.
    InvalidServiceUrl,
    /// There is no keyring; the secret is kept for this session only.
    KeyringAbsent,
    /// The keyring is locked, or its prompt was refused; the secret is kept for this session only.
    KeyringLocked,
    /// A tone file, the `subject`, cannot be played.
    InvalidToneFile,
    /// Tone files that were fine once, the `subject`, cannot be played any more; the built-in ones are.
    ToneFileLost,
    /// There is no notification service; calls are shown by the pop-up alone.
    NotificationsAbsent,
    /// A damaged settings file was set aside under the name in `subject`; the settings are those of a new installation.
    SettingsDamaged,
    /// A damaged history file was set aside under the name in `subject`; the history begins anew.
    HistoryDamaged,
    /// A link from outside asks for no call that could be placed.
    InvalidLink,
    /// Starting with the session could not be turned on or off.
    AutostartFailed,
    /// Settings or history could not be written; what was changed lasts until the app is closed.
    NotSaved,
}

/// A call that a link from outside asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkView {
    pub(crate) cuid: String,
    /// The name that whoever has it gave in an earlier call.
    pub(crate) name: Option<String>,
    /// Why; the user is asked where the link does not say.
    pub(crate) context: Option<String>,
}

/// What *Check my set-up* shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupView {
    /// A check is under way.
    pub(crate) checking: bool,
    /// What the last one has found.
    pub(crate) checks: Vec<SetupCheck>,
}

/// One thing that calls need, and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupCheck {
    pub(crate) finding: Finding,
    pub(crate) verdict: Verdict,
    /// Which device, service or address it is.
    pub(crate) about: Option<String>,
}

/// Whether calls work with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    Good,
    /// Calls work, but not as well as they could.
    Odd,
    Wrong,
}

/// What was found, as the catalogue has words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Finding {
    SoundSystemWorks,
    SoundSystemAbsent,
    MicrophoneWorks,
    MicrophoneSilent,
    MicrophoneAbsent,
    MicrophoneRefused,
    MicrophoneBroken,
    SpeakerWorks,
    SpeakerAbsent,
    SpeakerBroken,
    NotificationsWork,
    NotificationsWithoutButtons,
    NotificationsAbsent,
    KeyringWorks,
    KeyringLocked,
    KeyringAbsent,
    TrayWorks,
    TrayAbsent,
    ServiceReachable,
    ServiceUnlike,
    ServiceNotTrusted,
    ServiceNameUnknown,
    ServiceUnreachable,
    ServiceUnknown,
    ServiceAddressInvalid,
    CredentialsAccepted,
    CredentialsUntried,
    CredentialsRefused,
    CredentialsMissing,
    EnvironmentProduction,
    EnvironmentTest,
    EnvironmentMismatch,
    EnvironmentUntried,
}

/// How call screens look (R31), as CSS colours.
#[derive(Clone, Debug, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrandView {
    /// The company.
    pub(crate) name: String,
    /// What the app calls itself.
    pub(crate) app: String,
    /// The company's logo, as a `data:` URL.
    pub(crate) logo: Option<String>,
    pub(crate) background: String,
    pub(crate) foreground: String,
    /// White buttons, or black.
    pub(crate) light_buttons: bool,
}

/// What the settings screen shows. No secret: only whether one is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsView {
    pub(crate) service_url: String,
    pub(crate) account_id: String,
    pub(crate) has_api_key: bool,
    pub(crate) cuid: String,
    pub(crate) name: String,
    pub(crate) production: bool,
    pub(crate) microphones: Vec<Device>,
    pub(crate) speakers: Vec<Device>,
    /// Chosen ids; `None` follows the system.
    pub(crate) microphone: Option<String>,
    pub(crate) speaker: Option<String>,
    /// Echo cancellation, noise suppression and gain.
    pub(crate) voice_processing: bool,
    /// Paths of the user's own tones.
    pub(crate) outgoing_tone: Option<String>,
    pub(crate) ringtone: Option<String>,
    /// Whether a second call waits, instead of being busy.
    pub(crate) second_calls: bool,
    /// Whether the app starts with the session.
    pub(crate) autostart: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_default: bool,
}

/// What the sign-in form sends. An empty `api_key` means the one in the keyring.
#[derive(Clone, Debug, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignInForm {
    pub(crate) service_url: String,
    pub(crate) account_id: String,
    pub(crate) api_key: String,
    pub(crate) cuid: String,
    pub(crate) name: String,
    pub(crate) production: bool,
}

/// What the settings screen may change while signed in.
#[derive(Clone, Debug, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreferencesForm {
    pub(crate) microphone: Option<String>,
    pub(crate) speaker: Option<String>,
    pub(crate) voice_processing: bool,
    pub(crate) outgoing_tone: Option<String>,
    pub(crate) ringtone: Option<String>,
    pub(crate) second_calls: bool,
}
