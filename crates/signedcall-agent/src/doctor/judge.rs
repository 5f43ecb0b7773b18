//! What the facts mean for whoever wants to make calls.

use signedcall::{LineScore, MicrophoneCheck, Quality, SoundDevice, SoundError};

use super::{KeyringFact, ServiceFact, SetupFacts, SignInFact};
use crate::distributor;
use crate::settings::{Account, Preferences};
use crate::view::{Finding, ProblemCode, SetupCheck, Verdict};
use crate::wake::{choose, shown_name};

/// Judges the facts, in the order in which one would mend them.
pub(crate) fn judge(
    facts: &SetupFacts,
    account: &Account,
    preferences: &Preferences,
    sign_in: SignInFact,
    score: LineScore,
) -> Vec<SetupCheck> {
    vec![
        sound_system(facts),
        microphone(facts, preferences),
        speaker(facts, preferences),
        notifications(facts),
        keyring(facts),
        tray(facts),
        wake(facts, preferences),
        service(facts, account),
        line(score),
        credentials(sign_in),
        environment(account, sign_in),
    ]
}

fn good(finding: Finding) -> SetupCheck {
    SetupCheck { finding, verdict: Verdict::Good, about: None }
}

/// Calls work, but not as well as they could.
fn odd(finding: Finding) -> SetupCheck {
    SetupCheck { verdict: Verdict::Odd, ..good(finding) }
}

/// Calls do not work.
fn wrong(finding: Finding) -> SetupCheck {
    SetupCheck { verdict: Verdict::Wrong, ..good(finding) }
}

impl SetupCheck {
    fn about(self, name: Option<String>) -> Self {
        Self { about: name, ..self }
    }
}

fn sound_system(facts: &SetupFacts) -> SetupCheck {
    match facts.sound.microphone {
        Err(SoundError::NoSoundSystem(_)) => wrong(Finding::SoundSystemAbsent),
        Ok(_) | Err(SoundError::NoMicrophone | SoundError::NoSpeaker | SoundError::Refused | SoundError::Broken(_)) => {
            good(Finding::SoundSystemWorks)
        }
    }
}

fn microphone(facts: &SetupFacts, preferences: &Preferences) -> SetupCheck {
    let check = match &facts.sound.microphone {
        Ok(MicrophoneCheck::Sound) => good(Finding::MicrophoneWorks),
        Ok(MicrophoneCheck::Silence) => odd(Finding::MicrophoneSilent),
        Err(SoundError::NoMicrophone | SoundError::NoSpeaker | SoundError::NoSoundSystem(_)) => return wrong(Finding::MicrophoneAbsent),
        Err(SoundError::Refused) => wrong(Finding::MicrophoneRefused),
        Err(SoundError::Broken(_)) => wrong(Finding::MicrophoneBroken),
    };
    check.about(used(&facts.devices.microphones, preferences.microphone.as_deref()))
}

fn speaker(facts: &SetupFacts, preferences: &Preferences) -> SetupCheck {
    let check = match &facts.sound.speaker {
        Ok(()) => good(Finding::SpeakerWorks),
        Err(SoundError::NoSpeaker | SoundError::NoMicrophone | SoundError::NoSoundSystem(_)) => return wrong(Finding::SpeakerAbsent),
        Err(SoundError::Refused | SoundError::Broken(_)) => wrong(Finding::SpeakerBroken),
    };
    check.about(used(&facts.devices.speakers, preferences.speaker.as_deref()))
}

/// The name of the device that is used: the chosen one, or the system's.
fn used(devices: &[SoundDevice], chosen: Option<&str>) -> Option<String> {
    let found = devices.iter().find(|device| Some(device.id.as_str()) == chosen);
    found.or_else(|| devices.iter().find(|device| device.is_default)).map(|device| device.name.clone())
}

fn notifications(facts: &SetupFacts) -> SetupCheck {
    match &facts.notifications {
        Some(service) if service.has_actions => good(Finding::NotificationsWork).about(Some(service.name.clone())),
        Some(service) => odd(Finding::NotificationsWithoutButtons).about(Some(service.name.clone())),
        None => odd(Finding::NotificationsAbsent),
    }
}

fn keyring(facts: &SetupFacts) -> SetupCheck {
    match facts.keyring {
        KeyringFact::Open => good(Finding::KeyringWorks),
        KeyringFact::Locked => odd(Finding::KeyringLocked),
        KeyringFact::Absent => odd(Finding::KeyringAbsent),
    }
}

fn tray(facts: &SetupFacts) -> SetupCheck {
    if facts.tray { good(Finding::TrayWorks) } else { odd(Finding::TrayAbsent) }
}

/// Calls that come while the app is closed are the user's choice, and nothing is amiss without them.
fn wake(facts: &SetupFacts, preferences: &Preferences) -> SetupCheck {
    // The app's own is not among those that are installed.
    let set = preferences.distributor.as_deref();
    let chosen = if set == Some(distributor::NAME) { None } else { choose(&facts.distributors, set) };
    match chosen {
        _ if !preferences.ring_when_closed => good(Finding::WakeOff),
        Some(distributor) => good(Finding::WakeWorks).about(shown_name(distributor).map(str::to_owned)),
        None => good(Finding::WakeByItself),
    }
}

fn service(facts: &SetupFacts, account: &Account) -> SetupCheck {
    let check = match facts.service {
        ServiceFact::Answers => good(Finding::ServiceReachable),
        ServiceFact::SomethingElse => odd(Finding::ServiceUnlike),
        ServiceFact::NotTrusted => wrong(Finding::ServiceNotTrusted),
        ServiceFact::NoSuchName => wrong(Finding::ServiceNameUnknown),
        ServiceFact::Silent => wrong(Finding::ServiceUnreachable),
        ServiceFact::NoAddress => return wrong(Finding::ServiceUnknown),
        ServiceFact::InvalidAddress => wrong(Finding::ServiceAddressInvalid),
    };
    check.about(Some(account.service_url.clone()))
}

/// A call goes by the same way, so that what was measured of it is what a call would find.
fn line(score: LineScore) -> SetupCheck {
    let check = match score.quality() {
        Some(Quality::Good) => good(Finding::LineGood),
        Some(Quality::Weak) => odd(Finding::LineWeak),
        Some(Quality::Poor) => odd(Finding::LinePoor),
        None => return odd(Finding::LineUnmeasured),
    };
    check.about(Some(score.to_string()))
}

fn credentials(sign_in: SignInFact) -> SetupCheck {
    match sign_in {
        // A key of the other environment is a key all the same.
        SignInFact::Accepted | SignInFact::Refused(ProblemCode::ProductionFieldRequired) => good(Finding::CredentialsAccepted),
        SignInFact::NotTried => odd(Finding::CredentialsUntried),
        SignInFact::Refused(code) if is_about_the_way(code) => odd(Finding::CredentialsUntried),
        SignInFact::Refused(ProblemCode::ApiKeyMissing | ProblemCode::KeyringAbsent | ProblemCode::KeyringLocked) => {
            wrong(Finding::CredentialsMissing)
        }
        SignInFact::Refused(ProblemCode::ContactRegistrationFailed) => wrong(Finding::CredentialsBlocked),
        SignInFact::Refused(_) => wrong(Finding::CredentialsRefused),
    }
}

fn environment(account: &Account, sign_in: SignInFact) -> SetupCheck {
    match sign_in {
        SignInFact::Accepted if account.production => good(Finding::EnvironmentProduction),
        SignInFact::Accepted => good(Finding::EnvironmentTest),
        SignInFact::Refused(ProblemCode::ProductionFieldRequired) => wrong(Finding::EnvironmentMismatch),
        SignInFact::Refused(_) | SignInFact::NotTried => odd(Finding::EnvironmentUntried),
    }
}

/// Whether a refusal says nothing of the credentials, since they never arrived.
fn is_about_the_way(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::NetworkNotAvailable
            | ProblemCode::ServerFailure
            | ProblemCode::SignallingSocketConnection
            | ProblemCode::InvalidServiceUrl
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signedcall::{LineMeasures, SoundCheck, SoundDevices};

    use super::*;
    use crate::doctor::NotificationService;

    fn facts() -> SetupFacts {
        let device = |id: &str, name: &str, is_default| SoundDevice { id: id.to_owned(), name: name.to_owned(), is_default };
        SetupFacts {
            devices: SoundDevices {
                microphones: vec![device("usb", "Headset", false), device("built-in", "Built-in Microphone", true)],
                speakers: vec![device("hdmi", "Screen", true)],
            },
            sound: SoundCheck { microphone: Ok(MicrophoneCheck::Sound), speaker: Ok(()) },
            notifications: Some(NotificationService { name: "dunst".to_owned(), has_actions: true }),
            keyring: KeyringFact::Open,
            tray: true,
            distributors: vec!["org.unifiedpush.Distributor.kde".to_owned()],
            service: ServiceFact::Answers,
        }
    }

    fn score(loss: f32) -> LineScore {
        LineMeasures { round_trip: Some(Duration::from_millis(20)), loss: Some(loss), ..LineMeasures::default() }.score()
    }

    fn account() -> Account {
        Account { service_url: "wss://calls.example".to_owned(), ..Account::default() }
    }

    fn found(change: impl FnOnce(&mut SetupFacts), sign_in: SignInFact) -> Vec<(Finding, Verdict, Option<String>)> {
        let mut facts = facts();
        change(&mut facts);
        let preferences = Preferences {
            microphone: Some("usb".to_owned()),
            speaker: Some("gone".to_owned()),
            ring_when_closed: true,
            ..Preferences::default()
        };
        let checks = judge(&facts, &account(), &preferences, sign_in, score(0.01));
        checks.into_iter().map(|check| (check.finding, check.verdict, check.about)).collect()
    }

    /// What is not good after a change of the facts.
    fn trouble(change: impl FnOnce(&mut SetupFacts)) -> Vec<(Finding, Verdict)> {
        let found = found(change, SignInFact::Accepted).into_iter();
        found.filter(|(_, verdict, _)| *verdict != Verdict::Good).map(|(finding, verdict, _)| (finding, verdict)).collect()
    }

    #[test]
    fn a_computer_on_which_all_is_well_says_what_is_used() {
        let about = |name: &str| Some(name.to_owned());
        assert_eq!(
            found(|_| {}, SignInFact::Accepted),
            [
                (Finding::SoundSystemWorks, Verdict::Good, None),
                (Finding::MicrophoneWorks, Verdict::Good, about("Headset")),
                // What was chosen is gone, so the system's is used.
                (Finding::SpeakerWorks, Verdict::Good, about("Screen")),
                (Finding::NotificationsWork, Verdict::Good, about("dunst")),
                (Finding::KeyringWorks, Verdict::Good, None),
                (Finding::TrayWorks, Verdict::Good, None),
                (Finding::WakeWorks, Verdict::Good, about("kde")),
                (Finding::ServiceReachable, Verdict::Good, about("wss://calls.example")),
                (Finding::LineGood, Verdict::Good, about("98")),
                (Finding::CredentialsAccepted, Verdict::Good, None),
                (Finding::EnvironmentTest, Verdict::Good, None),
            ]
        );
    }

    #[test]
    fn each_lack_has_its_own_finding() {
        use Verdict::{Odd, Wrong};

        let no_sound = SoundError::NoSoundSystem("it is not there".to_owned());
        let broken = || SoundError::Broken("it is in use".to_owned());
        assert_eq!(
            trouble(|facts| facts.sound = SoundCheck { microphone: Err(no_sound.clone()), speaker: Err(no_sound) }),
            [(Finding::SoundSystemAbsent, Wrong), (Finding::MicrophoneAbsent, Wrong), (Finding::SpeakerAbsent, Wrong)]
        );
        assert_eq!(trouble(|facts| facts.sound.microphone = Err(SoundError::NoMicrophone)), [(Finding::MicrophoneAbsent, Wrong)]);
        assert_eq!(trouble(|facts| facts.sound.microphone = Err(SoundError::Refused)), [(Finding::MicrophoneRefused, Wrong)]);
        assert_eq!(trouble(|facts| facts.sound.microphone = Err(broken())), [(Finding::MicrophoneBroken, Wrong)]);
        assert_eq!(trouble(|facts| facts.sound.microphone = Ok(MicrophoneCheck::Silence)), [(Finding::MicrophoneSilent, Odd)]);
        assert_eq!(trouble(|facts| facts.sound.speaker = Err(SoundError::NoSpeaker)), [(Finding::SpeakerAbsent, Wrong)]);
        assert_eq!(trouble(|facts| facts.sound.speaker = Err(broken())), [(Finding::SpeakerBroken, Wrong)]);
        assert_eq!(trouble(|facts| facts.notifications = None), [(Finding::NotificationsAbsent, Odd)]);
        let plain = NotificationService { name: "plain".to_owned(), has_actions: false };
        assert_eq!(trouble(|facts| facts.notifications = Some(plain)), [(Finding::NotificationsWithoutButtons, Odd)]);
        assert_eq!(trouble(|facts| facts.keyring = KeyringFact::Absent), [(Finding::KeyringAbsent, Odd)]);
        assert_eq!(trouble(|facts| facts.keyring = KeyringFact::Locked), [(Finding::KeyringLocked, Odd)]);
        assert_eq!(trouble(|facts| facts.tray = false), [(Finding::TrayAbsent, Odd)]);
        for (service, expected) in [
            (ServiceFact::SomethingElse, (Finding::ServiceUnlike, Odd)),
            (ServiceFact::NotTrusted, (Finding::ServiceNotTrusted, Wrong)),
            (ServiceFact::NoSuchName, (Finding::ServiceNameUnknown, Wrong)),
            (ServiceFact::Silent, (Finding::ServiceUnreachable, Wrong)),
            (ServiceFact::NoAddress, (Finding::ServiceUnknown, Wrong)),
            (ServiceFact::InvalidAddress, (Finding::ServiceAddressInvalid, Wrong)),
        ] {
            assert_eq!(trouble(|facts| facts.service = service), [expected]);
        }
    }

    #[test]
    fn a_user_who_wants_no_calls_when_the_app_is_closed_lacks_nothing() {
        let nobody = SetupFacts { distributors: Vec::new(), ..facts() };
        for facts in [facts(), nobody] {
            assert_eq!(wake(&facts, &Preferences::default()), good(Finding::WakeOff));
        }
        let wanting = Preferences { ring_when_closed: true, ..Preferences::default() };
        assert_eq!(wake(&SetupFacts { distributors: Vec::new(), ..facts() }, &wanting), good(Finding::WakeByItself));
    }

    #[test]
    fn of_several_distributors_the_one_that_was_chosen_is_named() {
        let named = |name: &str| format!("org.unifiedpush.Distributor.{name}");
        let several = SetupFacts { distributors: ["kde", "ntfy"].map(named).to_vec(), ..facts() };
        let chosen = |distributor: Option<&str>| {
            wake(&several, &Preferences { ring_when_closed: true, distributor: distributor.map(str::to_owned), ..Preferences::default() })
        };
        let works = |name: &str| good(Finding::WakeWorks).about(Some(name.to_owned()));
        assert_eq!(chosen(None), works("kde"));
        assert_eq!(chosen(Some(&named("ntfy"))), works("ntfy"));
        assert_eq!(chosen(Some(&named("gone"))), works("kde"));
        assert_eq!(chosen(Some(distributor::NAME)), good(Finding::WakeByItself));
    }

    #[test]
    fn the_line_is_shown_by_its_score() {
        for (score, expected) in [
            (score(0.0), (Finding::LineGood, Verdict::Good, Some("100".to_owned()))),
            (score(0.2), (Finding::LineWeak, Verdict::Odd, Some("50".to_owned()))),
            (score(0.45), (Finding::LinePoor, Verdict::Odd, Some("15".to_owned()))),
            (LineScore::UNKNOWN, (Finding::LineUnmeasured, Verdict::Odd, None)),
        ] {
            let SetupCheck { finding, verdict, about } = line(score);
            assert_eq!((finding, verdict, about), expected);
        }
    }

    #[test]
    fn a_refusal_is_about_the_credentials_the_environment_or_the_way() {
        let last_two = |sign_in| {
            let found = found(|_| {}, sign_in);
            [found[9].0, found[10].0]
        };
        for (code, expected) in [
            (ProblemCode::ContactRegistrationFailed, [Finding::CredentialsBlocked, Finding::EnvironmentUntried]),
            (ProblemCode::InvalidCuid, [Finding::CredentialsRefused, Finding::EnvironmentUntried]),
            (ProblemCode::ApiKeyRequired, [Finding::CredentialsRefused, Finding::EnvironmentUntried]),
            (ProblemCode::ApiKeyMissing, [Finding::CredentialsMissing, Finding::EnvironmentUntried]),
            (ProblemCode::ProductionFieldRequired, [Finding::CredentialsAccepted, Finding::EnvironmentMismatch]),
            (ProblemCode::NetworkNotAvailable, [Finding::CredentialsUntried, Finding::EnvironmentUntried]),
        ] {
            assert_eq!(last_two(SignInFact::Refused(code)), expected, "{code:?}");
        }
        assert_eq!(last_two(SignInFact::NotTried), [Finding::CredentialsUntried, Finding::EnvironmentUntried]);
    }
}
