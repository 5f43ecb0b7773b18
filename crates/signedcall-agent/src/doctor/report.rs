//! `--doctor`: the same checks on the command line, in the words of the window.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;
use signedcall::secrets::SecretOwner;
use signedcall::{Analytics, DeviceId, LineScore, Options};
use uuid::Uuid;

use super::silence::Silence;
use super::{RealSurroundings, SignInFact, Surroundings, judge};
use crate::arguments::Prefill;
use crate::profile::{Folders, ProfileName};
use crate::sdk::{Line, RealSdk, Sdk};
use crate::settings::{Account, Settings};
use crate::view::{Problem, ProblemCode, SetupCheck, Verdict};

/// The words of the window, which this prints as well.
const WORDS: &str = include_str!("../../../../ui/src/catalogue/setup.en.json");

/// Checks the set-up of a profile and prints it; the code is 1 when something is wrong.
pub(crate) async fn run(profile: &ProfileName, folders: &Folders, prefill: &Prefill) -> anyhow::Result<ExitCode> {
    let words = Words::read();
    let settings = settings(folders);
    let account = prefill.over(&settings.account.clone().unwrap_or_default());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", words.begins)?;
    let (facts, (sign_in, score)) =
        tokio::join!(RealSurroundings.look(&account, &settings.preferences), sign_in(&RealSdk, profile, &account, prefill));
    let checks = judge(&facts, &account, &settings.preferences, sign_in, score);
    write!(out, "{}", words.report(&checks)).context("standard output")?;
    let is_wrong = checks.iter().any(|check| check.verdict == Verdict::Wrong);
    Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the profile has set. A file that cannot be read is left alone: the app sets it aside and says so when it starts.
fn settings(folders: &Folders) -> Settings {
    let bytes = std::fs::read(folders.config.join("settings.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Signs in, measures the line, and signs out again, as a device of its own and without a sound, so that an app that runs meanwhile notices nothing.
async fn sign_in(sdk: &dyn Sdk, profile: &ProfileName, account: &Account, prefill: &Prefill) -> (SignInFact, LineScore) {
    match open_line(sdk, profile, account, prefill).await {
        Ok(line) => {
            let score = line.check_line().await;
            line.log_out().await;
            (SignInFact::Accepted, score)
        }
        Err(refused) => (refused, LineScore::UNKNOWN),
    }
}

async fn open_line(sdk: &dyn Sdk, profile: &ProfileName, account: &Account, prefill: &Prefill) -> Result<Arc<dyn Line>, SignInFact> {
    if !account.is_complete() {
        return Err(SignInFact::NotTried);
    }
    let owner = SecretOwner { service: profile.keyring_service(), account_id: account.account_id.clone(), cuid: account.cuid.clone() };
    let key = match prefill.api_key.clone() {
        Some(key) => Some(key),
        None => match sdk.load_key(&owner).await {
            Ok(key) => key,
            Err(error) => return Err(SignInFact::Refused(Problem::from(error).code)),
        },
    };
    let Some(key) = key else { return Err(SignInFact::Refused(ProblemCode::ApiKeyMissing)) };
    let options = Options {
        name: account.shown_name(),
        production: Some(account.production),
        device: Some(DeviceId(Uuid::new_v4())),
        sound: Some(Arc::new(Silence)),
        analytics: Some(Analytics::Local),
        ..Options::new(&account.service_url, &account.account_id, key.expose(), &account.cuid)
    };
    sdk.sign_in(options).await.map_err(|error| SignInFact::Refused(Problem::from(error).code))
}

#[derive(Debug, Deserialize)]
struct Words {
    begins: String,
    verdicts: BTreeMap<String, String>,
    findings: BTreeMap<String, Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    item: String,
    says: String,
    mend: Option<String>,
}

impl Words {
    fn read() -> Self {
        serde_json::from_str(WORDS).expect("the window's own words; a test reads them")
    }

    /// One line for each check, and a second one for what to do about it.
    fn report(&self, checks: &[SetupCheck]) -> String {
        let mut text = String::new();
        for check in checks {
            let finding = &self.findings[&name(&check.finding)];
            let about = check.about.as_deref().unwrap_or_default();
            let says = finding.says.replace("{about}", about);
            let _ = writeln!(text, "{:<6} {}: {says}", self.verdicts[&name(&check.verdict)], finding.item);
            if let Some(mend) = &finding.mend {
                let _ = writeln!(text, "       {}", mend.replace("{about}", about));
            }
        }
        text
    }
}

/// The name of a word as the window has it.
fn name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use signedcall::{ErrorCode, Redacted};

    use super::*;
    use crate::testing::FakeSdk;
    use crate::view::Finding;

    #[test]
    fn the_report_says_what_is_wrong_and_how_to_mend_it() {
        let check = |finding, verdict, about: Option<&str>| SetupCheck { finding, verdict, about: about.map(str::to_owned) };
        let report = Words::read().report(&[
            check(Finding::MicrophoneWorks, Verdict::Good, Some("Headset")),
            check(Finding::ServiceNameUnknown, Verdict::Wrong, Some("wss://calls.exmaple")),
        ]);
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(lines[0], "OK     Microphone: Headset works.");
        assert!(lines[1].starts_with("Wrong  Service: ") && lines[1].contains("wss://calls.exmaple"), "{report}");
        assert!(lines[2].starts_with("       Check "), "{report}");
    }

    fn account() -> Account {
        Account {
            service_url: "wss://calls.example".to_owned(),
            account_id: "demo".to_owned(),
            cuid: "courier_8842".to_owned(),
            ..Account::default()
        }
    }

    async fn tried(sdk: &FakeSdk, account: Account, prefill: Prefill) -> SignInFact {
        sign_in(sdk, &"default".parse().expect("a name"), &account, &prefill).await.0
    }

    #[tokio::test]
    async fn credentials_are_tried_by_another_device_that_signs_out_again() {
        let sdk = FakeSdk::default();
        sdk.keep_key("demo", "courier_8842", "key");
        assert_eq!(tried(&sdk, account(), Prefill::default()).await, SignInFact::Accepted);
        assert_eq!(tried(&sdk, account(), Prefill::default()).await, SignInFact::Accepted);
        let devices: Vec<_> = sdk.sign_ins().into_iter().map(|options| options.device).collect();
        assert_ne!(devices[0], devices[1]);
        assert!(sdk.sign_ins().iter().all(|options| options.sound.is_some()), "it makes no sound");
        assert_eq!(sdk.line().asked(), ["check line", "log out"]);
    }

    #[tokio::test]
    async fn what_keeps_credentials_from_being_tried_is_told_apart() {
        let sdk = FakeSdk::default();
        assert_eq!(tried(&sdk, Account::default(), Prefill::default()).await, SignInFact::NotTried);
        assert_eq!(tried(&sdk, account(), Prefill::default()).await, SignInFact::Refused(ProblemCode::ApiKeyMissing));
        sdk.refuse(ErrorCode::ContactRegistrationFailed);
        let prefill = Prefill { api_key: Some(Redacted::new("key".to_owned())), ..Prefill::default() };
        assert_eq!(tried(&sdk, account(), prefill).await, SignInFact::Refused(ProblemCode::ContactRegistrationFailed));
    }
}
