//! What the web view is shown: whole views with a revision, made from the SDK's state and never from anything the web view keeps.

#![expect(missing_docs, reason = "what the names do not say is said")]

mod call;
mod trial;

use std::fmt;

use serde::{Deserialize, Serialize};
use specta::Type;

pub use self::call::{
    AnswerHow, Answering, CallPhase, CallView, DeviceNews, DevicesView, Direction, EndReason, Holding, LineNotice, MicrophoneNote, Quality,
    RecentCall, UsedDevice,
};
pub use self::trial::{TrialFailure, TrialStep, TrialView};

/// Everything that the windows show. One event brings the whole of it; an older revision than the one shown is dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AppView {
    /// Counts up with every change.
    pub revision: u32,
    /// Whether somebody is signed in.
    pub session: SessionView,
    /// The call that the user is in, that rings, or that has just ended.
    pub call: Option<CallView>,
    /// The one beside it: it waits, is held, or has just ended while the first goes on.
    pub other: Option<CallView>,
    /// Earlier calls, the latest first, at most 100.
    pub recent: Vec<RecentCall>,
    /// How call screens look.
    pub brand: BrandView,
    /// What the settings screen shows.
    pub settings: SettingsView,
    /// What the user should know although nothing stops, each until `dismiss_notice`.
    pub notices: Vec<Problem>,
    /// How many calls were missed since anybody looked.
    pub missed: u32,
    /// What *Check my set-up* shows.
    pub setup: SetupView,
    /// Whom a link from outside asks this user to call, until the user has decided.
    pub link: Option<LinkView>,
    /// How a trial of microphone and speaker is going, or has gone.
    pub trial: Option<TrialView>,
}

/// Whether somebody is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SessionView {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What the UI acts on.
    pub code: ProblemCode,
    /// What exactly happened, in English.
    pub detail: String,
    /// What it is about, as the user knows it and is told: the name of a file.
    pub subject: Option<String>,
}

impl Problem {
    /// Makes a problem; `detail` holds no secret, name or cuid.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), subject: None }
    }

    /// Names what it is about.
    pub fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
}

/// What the UI has words for: the codes of R37 that can be met on a screen, and what the desktop lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ProblemCode {
    NetworkNotAvailable,
    /// The network is not good enough for a call.
    NetworkLatency,
    ServerFailure,
    CallContextInvalid,
    NotInitialized,
    AccountIdRequired,
    /// No API key has been entered.
    ApiKeyMissing,
    /// The service knows no account with this API key.
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
    /// The user, or all users of the account together, have placed many calls in a short time.
    CallingTooOften,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    pub cuid: String,
    /// The name that whoever has it gave in an earlier call.
    pub name: Option<String>,
    /// Why; the user is asked where the link does not say.
    pub context: Option<String>,
}

/// What *Check my set-up* shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SetupView {
    /// A check is under way.
    pub checking: bool,
    /// What the last one has found.
    pub checks: Vec<SetupCheck>,
}

/// One thing that calls need, and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SetupCheck {
    pub finding: Finding,
    pub verdict: Verdict,
    /// Which device, service or address it is.
    pub about: Option<String>,
}

/// Whether calls work with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    Good,
    /// Calls work, but not as well as they could.
    Odd,
    Wrong,
}

/// What was found, as the catalogue has words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Finding {
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
    /// Calls start the app when it is closed; `about` is the program that takes pushes.
    WakeWorks,
    /// They do so by the app's own program, since no other is installed.
    WakeByItself,
    WakeOff,
    ServiceReachable,
    ServiceUnlike,
    ServiceNotTrusted,
    ServiceNameUnknown,
    ServiceUnreachable,
    ServiceUnknown,
    ServiceAddressInvalid,
    /// How good the line is for calls; `about` is its score.
    LineGood,
    LineWeak,
    LinePoor,
    LineUnmeasured,
    CredentialsAccepted,
    CredentialsUntried,
    CredentialsRefused,
    CredentialsMissing,
    /// The account lets this user in no more.
    CredentialsBlocked,
    EnvironmentProduction,
    EnvironmentTest,
    EnvironmentMismatch,
    EnvironmentUntried,
}

/// How call screens look (R31), as CSS colours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BrandView {
    /// The company.
    pub name: String,
    /// What the app calls itself.
    pub app: String,
    /// The company's logo, as a `data:` URL.
    pub logo: Option<String>,
    pub background: String,
    pub foreground: String,
    /// White buttons, or black.
    pub light_buttons: bool,
}

/// What the settings screen shows. No secret: only whether one is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SettingsView {
    pub service_url: String,
    pub account_id: String,
    pub has_api_key: bool,
    pub cuid: String,
    pub name: String,
    pub production: bool,
    pub microphones: Vec<Device>,
    pub speakers: Vec<Device>,
    /// Chosen ids; `None` follows the system.
    pub microphone: Option<String>,
    pub speaker: Option<String>,
    /// The speaker that rings; `None` is the same.
    pub ring_speaker: Option<String>,
    /// What is done to the microphone's sound.
    pub echo_cancellation: bool,
    pub noise_suppression: bool,
    pub gain_control: bool,
    /// Paths of the user's own tones.
    pub outgoing_tone: Option<String>,
    pub ringtone: Option<String>,
    /// Whether a second call waits, instead of being busy.
    pub second_calls: bool,
    /// Whether the app starts with the session.
    pub autostart: bool,
    /// Whether calls that come while the app is closed ring.
    pub wake: WakeView,
    /// Who can take calls meanwhile, where there is a choice; and who was chosen.
    pub distributors: Vec<DistributorView>,
    pub distributor: Option<String>,
}

/// A program that takes pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DistributorView {
    /// Its name on the session bus.
    pub id: String,
    /// What its user calls it; the app's own has no name.
    pub name: Option<String>,
}

/// Whether calls that come while the app is closed ring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WakeView {
    /// The user does not want them to.
    #[default]
    Off,
    /// It is being prepared.
    Asking,
    /// They do. The program that takes pushes is called so; it is the app's own where there is no name.
    Works { by: Option<String> },
    /// No program that takes pushes can be reached: there is no session bus.
    NoDistributor,
    /// The next start could not sign in by itself, since the keyring does not keep what it needs.
    NotKept,
    /// The program that takes pushes, or the service, refuses.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub id: String,
    pub name: String,
    pub is_default: bool,
}

/// What the sign-in form sends. An empty `api_key` means the one in the keyring.
#[derive(Clone, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SignInForm {
    pub service_url: String,
    pub account_id: String,
    pub api_key: String,
    pub cuid: String,
    pub name: String,
    pub production: bool,
}

impl fmt::Debug for SignInForm {
    /// Says nothing of what it holds: a secret, and who somebody is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInForm").finish_non_exhaustive()
    }
}

/// What the settings screen may change while signed in.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PreferencesForm {
    pub microphone: Option<String>,
    pub speaker: Option<String>,
    pub ring_speaker: Option<String>,
    pub echo_cancellation: bool,
    pub noise_suppression: bool,
    pub gain_control: bool,
    pub outgoing_tone: Option<String>,
    pub ringtone: Option<String>,
    pub second_calls: bool,
    pub ring_when_closed: bool,
    pub distributor: Option<String>,
}
