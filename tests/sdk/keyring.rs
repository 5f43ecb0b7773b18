//! The keyring as users have it: absent, unlocked, locked. Which one a process has is settled when it starts, so each test runs itself again as
//! a child with the session bus that it is about.

use std::path::Path;
use std::process::Command;

use signedcall::Redacted;
use signedcall::secrets::{SecretError, SecretOwner, forget, load, save};

use crate::child;

/// Starts a keyring on a bus of its own, with the password on its standard input, and runs the child there.
const UNLOCKED: &str = r#"printf password | gnome-keyring-daemon --daemonize --unlock --components=secrets >/dev/null && exec "$0" "$@""#;
/// The same keyring, whose password nobody types.
const LOCKED: &str = r#"gnome-keyring-daemon --daemonize --login --components=secrets >/dev/null </dev/null; exec "$0" "$@""#;

fn owner() -> SecretOwner {
    SecretOwner { service: "org.signedcall.test/default".to_owned(), account_id: "demo".to_owned(), cuid: "alice".to_owned() }
}

fn key() -> Redacted<String> {
    Redacted::new("a secret of the test".to_owned())
}

/// This program, in a desktop session of its own with the home folder `home`.
fn in_session(home: &Path, start: &str) -> Command {
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-c", start]).arg(child::program());
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home).env("XDG_DATA_HOME", home.join("data")).env_remove("DISPLAY");
    command
}

#[tokio::test]
async fn without_a_keyring_the_user_is_told_that_nothing_is_kept() {
    if child::is_child("absent") {
        for outcome in [save(&owner(), &key()).await, load(&owner()).await.map(drop), forget(&owner()).await] {
            let error = outcome.expect_err("there is no bus");
            assert!(matches!(error, SecretError::KeyringAbsent(_)), "{error:?}");
            assert!(error.to_string().contains("for this session only"));
        }
        return;
    }
    let mut command = Command::new(child::program());
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    child::run(&mut command, "keyring::without_a_keyring_the_user_is_told_that_nothing_is_kept", "absent");
}

#[tokio::test]
async fn a_key_is_kept_until_it_is_forgotten_and_a_locked_keyring_gives_none() {
    if child::is_child("unlocked") {
        assert_eq!(load(&owner()).await, Ok(None));
        save(&owner(), &key()).await.expect("the keyring is unlocked");
        assert_eq!(load(&owner()).await, Ok(Some(key())));
        let other = SecretOwner { cuid: "bobby".to_owned(), ..owner() };
        assert_eq!(load(&other).await, Ok(None), "each user has their own");
        save(&other, &key()).await.expect("the keyring is unlocked");
        forget(&other).await.expect("the keyring is unlocked");
        forget(&other).await.expect("forgetting twice is no fault");
        assert_eq!(load(&other).await, Ok(None));
        return;
    }
    if child::is_child("locked") {
        assert_eq!(load(&owner()).await, Err(SecretError::KeyringLocked));
        return;
    }
    let home = std::env::temp_dir().join(format!("signedcall-keyring-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&home).expect("a new folder");
    let name = "keyring::a_key_is_kept_until_it_is_forgotten_and_a_locked_keyring_gives_none";
    child::run(&mut in_session(&home, UNLOCKED), name, "unlocked");
    child::run(&mut in_session(&home, LOCKED), name, "locked");
    let _ = std::fs::remove_dir_all(&home);
}
