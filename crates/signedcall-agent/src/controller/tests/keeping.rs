//! What is kept from one start to the next, and what happens when it is damaged or refused.

use std::path::{Path, PathBuf};

use super::bench::{Before, Bench, in_time, until_true};
use crate::controller::{Event, Reply};
use crate::settings::Preferences;
use crate::view::{Problem, ProblemCode};

fn quiet() -> Preferences {
    Preferences {
        speaker: Some("hdmi".to_owned()),
        ring_speaker: Some("laptop".to_owned()),
        gain_control: false,
        ringtone: Some(PathBuf::from("/music/ring.ogg")),
        ..Preferences::default()
    }
}

fn lost(names: &str, detail: &str) -> Problem {
    Problem::new(ProblemCode::ToneFileLost, detail).about(names)
}

fn broken() -> Preferences {
    Preferences { ringtone: Some(PathBuf::from("/broken/ring.ogg")), ..quiet() }
}

#[tokio::test]
async fn preferences_reach_the_line_and_the_disk() {
    let bench = Bench::ready().await;
    bench.ask(|reply| Event::SetPreferences(quiet(), reply)).await.expect("the file can be played");
    assert_eq!(
        bench.line().asked(),
        [r#"ringtone Some("/music/ring.ogg")"#, r#"voice None Some("hdmi") Some("laptop") echo true noise true gain false"#]
    );
    let settings = bench.view().await.settings;
    assert_eq!(settings.speaker.as_deref(), Some("hdmi"));
    assert_eq!([settings.echo_cancellation, settings.noise_suppression, settings.gain_control], [true, true, false]);
    assert!(bench.file("config/settings.json").contains("/music/ring.ogg"));
}

#[tokio::test]
async fn a_tone_that_cannot_be_played_leaves_everything_as_it_was() {
    for bench in [Bench::ready().await, Before::new().start()] {
        let before = (bench.view().await.settings, bench.file("config/settings.json"));
        assert_eq!(bench.refused(|reply| Event::SetPreferences(broken(), reply)).await, ProblemCode::InvalidToneFile);
        assert_eq!((bench.view().await.settings, bench.file("config/settings.json")), before);
    }
}

#[tokio::test]
async fn a_tone_that_has_been_lost_since_keeps_nobody_from_being_called() {
    let before = Before::signed_in_before();
    let settings = r#"{"account": {"service_url": "ws://127.0.0.1:7443", "account_id": "demo", "cuid": "courier_8842"},
        "preferences": {"ringtone": "/broken/ring.ogg", "outgoing_tone": "/music/wait.ogg"}}"#;
    before.write("config/settings.json", settings);
    let mut bench = before.start();
    let view = bench.until_ready().await;
    assert_eq!(view.notices[0], lost("ring.ogg", &view.notices[0].detail));
    let tones = &bench.sdk.sign_ins()[0].tones;
    assert_eq!((&tones.ringtone, tones.outgoing_tone.as_deref()), (&None, Some(Path::new("/music/wait.ogg"))), "the other one is played");
    assert!(bench.file("config/settings.json").contains("/broken/ring.ogg"), "the disk it lies on may come back");
}

#[tokio::test]
async fn a_tone_that_has_been_lost_since_stands_in_no_other_setting_s_way() {
    let before = Before::signed_in_before();
    let settings = r#"{"account": {"service_url": "ws://127.0.0.1:7443", "account_id": "demo", "cuid": "courier_8842"},
        "preferences": {"outgoing_tone": "/broken/wait.ogg"}}"#;
    before.write("config/settings.json", settings);
    let mut bench = before.start();
    bench.until_ready().await;
    let wanted = |changed: Preferences| Preferences { outgoing_tone: Some(PathBuf::from("/broken/wait.ogg")), ..changed };
    let louder =
        wanted(Preferences { speaker: Some("hdmi".to_owned()), ring_speaker: Some("laptop".to_owned()), ..Preferences::default() });
    bench.ask(|reply| Event::SetPreferences(louder, reply)).await.expect("the speaker is there");
    assert_eq!(
        bench.line().asked(),
        [r#"voice None Some("hdmi") Some("laptop") echo true noise true gain true"#],
        "tones are not told again"
    );
    let ringtone = Some(PathBuf::from("/music/ring.ogg"));
    let quiet = wanted(Preferences {
        speaker: Some("hdmi".to_owned()),
        ring_speaker: Some("laptop".to_owned()),
        ringtone,
        ..Preferences::default()
    });
    bench.ask(|reply| Event::SetPreferences(quiet, reply)).await.expect("the ringtone can be played");
    assert_eq!(bench.line().asked()[1..], [r#"ringtone Some("/music/ring.ogg")"#], "the voice goes on as it is");
    let notices = bench.view().await.notices;
    assert_eq!(notices, [lost("wait.ogg", &notices[0].detail)]);
    let again = wanted(Preferences { ringtone: Some(PathBuf::from("/broken/ring.ogg")), ..Preferences::default() });
    let refused = bench.ask(|reply| Event::SetPreferences(again, reply)).await.expect_err("it cannot be played");
    assert_eq!((refused.code, refused.subject.as_deref()), (ProblemCode::InvalidToneFile, Some("ring.ogg")));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_kept_is_for_this_user_alone() {
    use crate::testing::mode_of;

    let bench = Bench::ready().await;
    bench.line().next_dial(Err(signedcall::ErrorCode::ContactNotReachable));
    let dial = |reply| Event::Dial { cuid: "org_25".to_owned(), context: "Order".to_owned(), reply };
    bench.ask(dial).await.expect("the call's screen says why");
    let files =
        [("config", 0o700), ("config/settings.json", 0o600), ("config/device.json", 0o600), ("data", 0o700), ("data/history.json", 0o600)];
    for (file, expected) in files {
        assert_eq!(mode_of(&bench.folder.path().join(file)), expected, "{file}");
    }
}

#[tokio::test]
async fn preferences_that_change_while_signing_in_reach_the_new_line() {
    let before = Before::signed_in_before();
    before.sdk.set_slow(true);
    let mut bench = before.start();
    in_time("an attempt", bench.sdk.until_attempts(1)).await;
    bench.ask(|reply| Event::SetPreferences(quiet(), reply)).await.expect("the file can be played");
    bench.sdk.set_slow(false);
    bench.until_ready().await;
    let line = bench.line();
    until_true("the preferences", || {
        line.asked().last().is_some_and(|asked| asked == r#"voice None Some("hdmi") Some("laptop") echo true noise true gain false"#)
    })
    .await;
}

#[tokio::test]
async fn damaged_files_are_set_aside_and_the_user_is_told() {
    let before = Before::new();
    before.write("config/settings.json", "{ torn");
    before.write("data/history.json", "[ torn");
    let bench = before.start();
    let notices = bench.view().await.notices;
    let codes: Vec<ProblemCode> = notices.iter().map(|notice| notice.code).collect();
    assert_eq!(codes, [ProblemCode::SettingsDamaged, ProblemCode::HistoryDamaged]);
    let written = bench.everything_written();
    let kept = |name: &str, text: &str| written.iter().any(|(path, found)| path.ends_with(name) && found == text);
    let name = |index: usize| notices[index].subject.as_deref().expect("the user is told its name");
    assert!(kept(&format!("config/{}", name(0)), "{ torn"), "{written:?}");
    assert!(kept(&format!("data/{}", name(1)), "[ torn"), "{written:?}");
}

#[tokio::test]
async fn a_notice_goes_when_it_is_put_away() {
    let before = Before::new();
    before.write("config/settings.json", "{ torn");
    let bench = before.start();
    bench.ask(|reply| Event::DismissNotice(ProblemCode::SettingsDamaged, reply)).await.expect("it is there");
    assert_eq!(bench.view().await.notices, []);
}

#[tokio::test]
async fn settings_that_cannot_be_written_last_until_the_app_is_closed() {
    let before = Before::new();
    // A file where the folder should be.
    before.write("config", "");
    let bench = before.start();
    bench.ask(|reply| Event::SetPreferences(quiet(), reply)).await.expect("they count for this run");
    let view = bench.view().await;
    assert!(view.notices.iter().any(|notice| notice.code == ProblemCode::NotSaved), "{:?}", view.notices);
    assert_eq!(view.settings.speaker.as_deref(), Some("hdmi"));
}

#[tokio::test]
async fn devices_are_listed_at_the_start_and_on_demand() {
    let mut bench = Before::new().start();
    let view = bench.until(|view| !view.settings.microphones.is_empty()).await;
    assert_eq!(view.settings.microphones[0].name, "Headset");
    let (reply, answer) = Reply::new();
    bench.inbox.send(Event::RefreshDevices(reply));
    assert_eq!(answer.await, Ok(Ok(())));
}
