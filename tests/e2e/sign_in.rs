//! Signing in through the form: what is refused and in which words, and where the key is afterwards.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use signedcall_tests::{ACCOUNT, App, Desktop, Keyring, PATIENCE, Pair, Process, Resident, Rig, Service, ServiceSetup, Setup, User};

use crate::runner::Runner;

const REFUSED: &str = "no service, a wrong key and the wrong environment are each said in words";
const SECRETS: &str = "the api key is in the keyring and nowhere else";
const AGAIN: &str = "the next start signs in with the key from the keyring";
const SECOND: &str = "a second start brings the first one's window to front and ends";
const CHECKED: &str = "the check of the set-up finds what is there and names what is not, on the command line and in the window";
const HELP: &str = "the help opens each of its four answers, before and after signing in";
const ABSENT: &str = "without a keyring the user is signed in for this session only, and told so";
const LOCKED: &str = "with a keyring that stays locked the user is signed in for this session only, and told so";
const DEAF: &str = "without a microphone no call is placed, and the words say why";

const ANNA: User = User { cuid: "courier_8842", name: "Anna" };
const PROFILE: [&str; 3] = ["--profile", "anna", "--log-file"];

pub(crate) async fn cases(runner: &mut Runner) {
    if runner.wants(&[REFUSED, HELP, SECRETS, CHECKED, AGAIN, SECOND]) {
        match House::start("sign-in", Setup::default()).await {
            Ok(house) => {
                runner.case(REFUSED, refused(&house)).await;
                runner.case(HELP, help(&house)).await;
                runner.case(SECRETS, secrets(&house)).await;
                runner.case(CHECKED, checked(&house)).await;
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

    /// Runs the check of the command line, with other variables than the user's; returns whether it is content, and what it says.
    async fn check(&self, environment: &[(&str, &str)]) -> Result<(bool, String)> {
        let mut command = self.desktop.command(signedcall_tests::program("signedcall-desktop")?);
        command.args(PROFILE).arg("--doctor").envs(environment.iter().copied());
        let mut process = Process::start("doctor", &mut command, self.desktop.folder())?;
        let is_good = process.finished(PATIENCE).await?.success();
        Ok((is_good, process.lines().into_iter().map(|line| line.text + "\n").collect()))
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

async fn help(house: &House) -> Result<()> {
    let app = App::start(&house.desktop, &["--profile", "asks"], &[]).await?;
    app.screen("sign-in").await?;
    answers(&app).await?;
    drop(app);
    answers(&App::start_signed_in(&house.desktop, &house.service, ANNA).await?).await
}

/// Opens each question of the help, and sees its answer on the screen.
async fn answers(app: &App) -> Result<()> {
    app.click("show-help").await?;
    app.screen("help").await?;
    for (question, answer) in [
        ("My credentials work elsewhere.", "Signed Call has an account id and API keys of its own."),
        ("How do I repair the installation?", "sign out and sign in again"),
        ("Which way does a call reach me?", "through the service’s relay"),
        ("Why do calls fail that worked in the test?", "Production and test are two separate worlds"),
    ] {
        assert!(!app.text().await?.contains(answer), "{question} is closed at first");
        let open = format!(
            "const question = [...document.querySelectorAll('summary')].find((each) => each.innerText.includes('{question}')); \
             question.click(); return question.innerText"
        );
        app.script(&open).await.with_context(|| format!("opening {question}"))?;
        app.says(answer).await?;
    }
    Ok(())
}

async fn checked(house: &House) -> Result<()> {
    let good = house.check(&[]).await?;
    assert!(good.0, "everything that calls need is there: {}", good.1);
    let key = "Keyring: It keeps the API key.";
    let answers = format!("Service: {} answers.", house.service.url());
    let environment = "Environment: Test, as the API key is.";
    for words in ["Sound system: It works.", "dunst", key, &answers, "Credentials: The service accepts them.", environment] {
        assert!(good.1.contains(words), "it does not say {words:?} but {}", good.1);
    }
    for (variable, value, words) in [
        ("SIGNEDCALL_API_KEY", "sc_development_wrong", "Credentials: The service refuses them."),
        ("SIGNEDCALL_PRODUCTION", "true", "Environment: The API key belongs to the other environment."),
        ("SIGNEDCALL_SERVICE_URL", "ws://127.0.0.1:9", "does not answer."),
        ("PULSE_SERVER", "unix:/nowhere", "Sound system: None was found"),
    ] {
        let (is_good, text) = house.check(&[(variable, value)]).await?;
        assert!(!is_good && text.contains(words), "with {variable}={value} it does not say {words:?} but {text}");
    }
    let app = house.app().await?;
    app.ready().await?;
    app.click("show-help").await?;
    app.click("check-setup").await?;
    app.wait_for("[data-setup=\"checked\"]").await?;
    for finding in ["soundSystemWorks", "notificationsWork", "keyringWorks", "serviceReachable", "credentialsAccepted", "environmentTest"] {
        app.wait_for(&format!("[data-finding=\"{finding}\"][data-verdict=\"good\"]")).await?;
    }
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
