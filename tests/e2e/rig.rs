//! The rig against itself, with small programs: when one of these fails, no other case means anything.

use std::time::Duration;

use anyhow::{Context as _, Result};
use signedcall_tests::{Desktop, Keyring, Notifier, PATIENCE, Process, Rig, Setup, delay, level, speech};

use crate::runner::Runner;

const CARDS: &str = "a sound card plays and hears, and nobody else hears it";
const DUNST: &str = "an action picked in dunst's menu reaches the program";
const XFCE: &str = "a mouse click on a button of xfce4-notifyd reaches the program";
const KEYRINGS: &str = "a keyring is open, locked or absent as asked for";

pub(crate) async fn cases(runner: &mut Runner) {
    runner.case(CARDS, cards()).await;
    runner.case(DUNST, actions(Notifier::Dunst)).await;
    runner.case(XFCE, actions(Notifier::Xfce)).await;
    runner.case(KEYRINGS, keyrings()).await;
}

async fn cards() -> Result<()> {
    let rig = Rig::new("cards")?;
    let setup = Setup { keyring: Keyring::Absent, notifier: Notifier::Absent, ..Setup::default() };
    let (anna, ben) = (Desktop::start(&rig, "anna", setup).await?, Desktop::start(&rig, "ben", setup).await?);
    let words = speech("reading-2")?;
    let (microphone, again, other) = (anna.sound.hear_microphone()?, anna.sound.hear_microphone()?, ben.sound.hear_microphone()?);
    anna.sound.say_all(&words, anna.folder()).await?;
    let (microphone, again, other) = (microphone.stop(), again.stop(), other.stop());
    assert!(level(&microphone.samples) > 0.01, "the microphone delivers what is said");
    assert!(level(&other.samples) < 0.0001, "another card's microphone does not");
    let mut same: Vec<f64> = delay(&microphone, &again).iter().map(|delay| delay.ms.abs()).collect();
    same.sort_by(f64::total_cmp);
    let median = same.get(same.len() / 2).context("speech in both recordings")?;
    assert!(*median < 5.0, "two recordings of the same differ by {median} ms");
    Ok(())
}

async fn actions(notifier: Notifier) -> Result<()> {
    let rig = Rig::new("actions")?;
    let desktop = Desktop::start(&rig, "anna", Setup { keyring: Keyring::Absent, notifier, ..Setup::default() }).await?;
    let connection = zbus::connection::Builder::address(desktop.bus_address())?.build().await?;
    let hints = std::collections::BTreeMap::from([("urgency", zbus::zvariant::Value::U8(2))]);
    let server = Some("org.freedesktop.Notifications");
    let actions = ["answer", "Answer", "decline", "Decline"].as_slice();
    for (label, key) in [("Answer", "answer"), ("Decline", "decline")] {
        let mark = desktop.notifications.mark();
        let request = ("test", 0_u32, "", "Somebody", "is calling", actions, &hints, 0_i32);
        let reply = connection.call_method(server, "/org/freedesktop/Notifications", server, "Notify", &request).await?;
        let notice = desktop.notifications.shown(mark).await?;
        assert_eq!((notice.summary.as_str(), notice.body.as_str(), notice.urgency), ("Somebody", "is calling", Some(2)));
        desktop.press(label).await?;
        assert_eq!(desktop.notifications.chosen(mark).await?.1, key);
        // dunst leaves it to the program to withdraw what was chosen from.
        let id: u32 = reply.body().deserialize()?;
        connection
            .call_method(server, "/org/freedesktop/Notifications", server, "CloseNotification", &id)
            .await
            .map(drop)
            .unwrap_or_default();
        desktop.notifications.gone(mark).await?;
    }
    Ok(())
}

async fn keyrings() -> Result<()> {
    for (keyring, works) in [(Keyring::Unlocked, true), (Keyring::Locked, false), (Keyring::Absent, false)] {
        let rig = Rig::new("keyrings")?;
        let desktop = Desktop::start(&rig, "anna", Setup { keyring, notifier: Notifier::Absent, ..Setup::default() }).await?;
        let mut command = desktop.command("secret-tool");
        let mut store =
            Process::start_with_input("store", command.args(["store", "--label=test", "kind", "test"]), desktop.folder(), "secret")?;
        if keyring == Keyring::Locked {
            // It asks for the password and waits.
            desktop.wait_for_name("org.gnome.keyring.SystemPrompter").await?;
            assert!(store.finished(Duration::from_millis(300)).await.is_err(), "a locked keyring takes nothing before its password");
        } else {
            assert_eq!(store.finished(PATIENCE).await?.success(), works, "{keyring:?}");
        }
    }
    Ok(())
}
