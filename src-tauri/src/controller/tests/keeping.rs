//! What is kept from one start to the next, and what happens when it is damaged or refused.

use std::path::PathBuf;

use super::bench::{Before, Bench, in_time, until_true};
use crate::controller::{Event, Reply};
use crate::settings::Preferences;
use crate::view::ProblemCode;

fn quiet() -> Preferences {
    Preferences {
        speaker: Some("hdmi".to_owned()),
        voice_processing: false,
        ringtone: Some(PathBuf::from("/music/ring.ogg")),
        ..Preferences::default()
    }
}

fn broken() -> Preferences {
    Preferences { ringtone: Some(PathBuf::from("/broken/ring.ogg")), ..quiet() }
}

#[tokio::test]
async fn preferences_reach_the_line_and_the_disk() {
    let bench = Bench::ready().await;
    bench.ask(|reply| Event::SetPreferences(quiet(), reply)).await.expect("the file can be played");
    assert_eq!(bench.line().asked(), [r#"ringtone Some("/music/ring.ogg")"#, r#"voice None Some("hdmi") false"#]);
    let settings = bench.view().await.settings;
    assert_eq!((settings.speaker.as_deref(), settings.voice_processing), (Some("hdmi"), false));
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
        "preferences": {"ringtone": "/broken/ring.ogg"}}"#;
    before.write("config/settings.json", settings);
    let mut bench = before.start();
    let view = bench.until_ready().await;
    assert_eq!(view.notices[0].code, ProblemCode::InvalidToneFile);
    assert_eq!(bench.sdk.sign_ins()[0].tones.ringtone, None);
    assert!(bench.file("config/settings.json").contains("/broken/ring.ogg"), "the disk it lies on may come back");
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
    until_true("the preferences", || line.asked().last().is_some_and(|asked| asked == r#"voice None Some("hdmi") false"#)).await;
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
    assert!(kept(&format!("config/{}", notices[0].detail), "{ torn"), "{written:?}");
    assert!(kept(&format!("data/{}", notices[1].detail), "[ torn"), "{written:?}");
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
