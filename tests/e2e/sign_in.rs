//! Signing in through the form: what is refused and in which words, and where the key is afterwards.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use signedcall_tests::{ACCOUNT, App, Desktop, Keyring, PATIENCE, Pair, Resident, Rig, Service, ServiceSetup, Setup, User};

use crate::runner::Runner;

const REFUSED: &str = "no service, a wrong key and the wrong environment are each said in words";
const SECRETS: &str = "the api key is in the keyring and nowhere else";
const AGAIN: &str = "the next start signs in with the key from the keyring";
const SECOND: &str = "a second start brings the first one's window to front and ends";
const ABSENT: &str = "without a keyring the user is signed in for this session only, and told so";
const LOCKED: &str = "with a keyring that stays locked the user is signed in for this session only, and told so";
const DEAF: &str = "without a microphone no call is placed, and the words say why";

const ANNA: User = User { cuid: "courier_8842", name: "Anna" };
const PROFILE: [&str; 3] = ["--profile", "anna", "--log-file"];

pub(crate) async fn cases(runner: &mut Runner) {
    if runner.wants(&[REFUSED, SECRETS, AGAIN, SECOND]) {
        match House::start("sign-in", Setup::default()).await {
            Ok(house) => {
                runner.case(REFUSED, refused(&house)).await;
                runner.case(SECRETS, secrets(&house)).await;
                runner.case(AGAIN, again(&house)).await;
                runner.case(SECOND, second(&house)).await;
            }
            Err(error) => runner.case(REFUSED, async { Err(error) }).await,
        }
    }
    runner.case(ABSENT, without_keyring(Keyring::Absent)).await;
    runner.case(LOCKED, without_keyring(Keyring::Locked)).await;
    runner.case(DEAF, deaf()).await;
}

/// A service and one desktop, on which nothing runs yet.
struct House {
    desktop: Desktop,
    service: Service,
    _rig: Rig,
}

impl House {
    async fn start(name: &str, setup: Setup) -> Result<Self> {
        let rig = Rig::new(name)?;
        let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
        let desktop = Desktop::start(&rig, "anna", setup).await?;
        Ok(Self { desktop, service, _rig: rig })
    }

    async fn app(&self) -> Result<App> {
        App::start(&self.desktop, &PROFILE, &[]).await
    }

    async fn submit(&self, app: &App, url: &str, key: &str, environment: &str) -> Result<()> {
        for (field, text) in [("service-url", url), ("account-id", ACCOUNT), ("api-key", key), ("cuid", ANNA.cuid), ("name", ANNA.name)] {
            app.fill(field, text).await?;
        }
        app.choose(&format!("environment-{environment}")).await?;
        app.click("sign-in").await.map(drop)
    }

    async fn sign_in(&self, app: &App) -> Result<()> {
        app.screen("sign-in").await?;
        self.submit(app, self.service.url(), self.service.api_key(), "test").await
    }
}

async fn refused(house: &House) -> Result<()> {
    let app = house.app().await?;
    app.screen("sign-in").await?;
    let key = house.service.api_key();
    let wrong = key.replace("sc_development_", "sc_development_0");
    // Port 9 discards what it gets, where anything listens there at all.
    for (url, key, environment, words) in [
        ("ws://127.0.0.1:9", key, "test", "The service cannot be reached."),
        (house.service.url(), wrong.as_str(), "test", "The account id or the API key is wrong."),
        (house.service.url(), key, "production", "Choose the environment that this API key belongs to."),
    ] {
        house.submit(&app, url, key, environment).await?;
        app.says(words).await.with_context(|| format!("signing in at {url}, {environment}"))?;
        app.wait_for("[data-screen=\"sign-in\"][data-session=\"signedOut\"]").await?;
    }
    Ok(())
}

async fn secrets(house: &House) -> Result<()> {
    let app = house.app().await?;
    house.sign_in(&app).await?;
    app.ready().await?;
    let key = house.service.api_key();
    // The keyring is told after the home screen is shown.
    let found = house.desktop.until_found("secret-tool", &["search", "--all", "service", "org.signedcall.desktop/anna"], key).await?;
    assert!(found.contains(ANNA.cuid), "the keyring's entry names its owner: {found}");
    let mut left = Vec::new();
    find_in_files(house.desktop.folder(), key.as_bytes(), &mut left)?;
    assert!(left.is_empty(), "the api key is in {left:?}");
    for process in fs::read_dir("/proc")? {
        // Processes end while they are looked at.
        let shown = fs::read(process?.path().join("cmdline")).unwrap_or_default();
        assert!(!contains(&shown, key.as_bytes()), "the api key is on a command line: {}", String::from_utf8_lossy(&shown));
    }
    assert!(!app.process.lines().iter().any(|line| line.text.contains(key)), "the api key is in the log");
    Ok(())
}

async fn again(house: &House) -> Result<()> {
    house.app().await?.ready().await
}

async fn second(house: &House) -> Result<()> {
    let _app = Resident::start(&house.desktop, "anna", &["--hidden"]).await?;
    house.desktop.window(Resident::TITLE, false).await?;
    let program = signedcall_tests::program("signedcall-desktop")?;
    let start = |name| house.desktop.start_program(name, program.to_str().context("a path in Unicode")?, &["--profile", "anna"]);
    // Where the app has no window, whoever starts it again shows the window.
    let first = start("first")?;
    house.desktop.window(Resident::TITLE, true).await?;
    let mut second = start("second")?;
    assert!(second.finished(PATIENCE).await?.success(), "the second start ends well: {}", second.tail());
    house.desktop.window(Resident::TITLE, true).await?;
    drop(first);
    house.desktop.window(Resident::TITLE, false).await
}

async fn without_keyring(keyring: Keyring) -> Result<()> {
    let house = House::start("sign-in-unkept", Setup { keyring, ..Setup::default() }).await?;
    let app = house.app().await?;
    house.sign_in(&app).await?;
    app.ready().await?;
    if keyring == Keyring::Locked {
        // The user does not type the password.
        house.desktop.wait_for_name("org.gnome.keyring.SystemPrompter").await?;
        house.desktop.cancel_prompt().await?;
    }
    app.wait_for("[data-notice=\"this-session-only\"]").await?;
    app.says("You are signed in for this session only.").await
}

async fn deaf() -> Result<()> {
    let without = Setup { microphone: false, ..Setup::default() };
    let pair = Pair::start("deaf", ServiceSetup::default(), without, Setup::default()).await?;
    pair.dial().await?;
    pair.anna.app.says("There is no microphone to use.").await
}

/// Every file below a folder that contains these bytes.
fn find_in_files(folder: &Path, wanted: &[u8], found: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            find_in_files(&entry.path(), wanted, found)?;
        } else if kind.is_file() && contains(&fs::read(entry.path()).unwrap_or_default(), wanted) {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
