use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::desktop::Desktop;
use crate::process::Process;
use crate::programs::{self, ACCOUNT, Service};
use crate::{PATIENCE, Timeline};

/// How often a page is looked at while something is waited for: it tells nobody of its changes.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Which of the app's windows is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Home, settings and calls.
    Main,
    /// The pop-up of an incoming call.
    Incoming,
}

impl Window {
    fn label(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Incoming => "incoming",
        }
    }
}

/// Who uses the app.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The id that others call.
    pub cuid: &'static str,
    /// The name that others see.
    pub name: &'static str,
}

/// The real app on a desktop, seen and used through WebDriver.
#[derive(Debug)]
pub struct App {
    client: Client,
    /// WebDriver and, in its process group, the app: their output.
    pub process: Process,
}

impl App {
    /// Starts the app with arguments and environment variables, and waits until it shows a screen.
    pub async fn start(desktop: &Desktop, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).context("a free port")?.port();
        let mut command = desktop.command("WebKitWebDriver");
        command.args(["--host=127.0.0.1", &format!("--port={port}")]);
        command.env("TAURI_AUTOMATION", "true").env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.envs(environment.iter().copied());
        let process = Process::start("app", &mut command, desktop.folder())?;
        wait_for_port(port).await?;
        let options = json!({ "binary": programs::app()?, "args": arguments });
        let capabilities = [("webkitgtk:browserOptions".to_owned(), options)].into_iter().collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await;
        let client = client.with_context(|| format!("starting the app; its last lines:\n{}", process.tail()))?;
        let app = Self { client, process };
        app.drive(Window::Main).await?;
        app.wait_for("[data-screen]").await?;
        Ok(app)
    }

    /// Starts the app with everything that signing in needs, and waits until it is signed in.
    pub async fn start_signed_in(desktop: &Desktop, service: &Service, user: User) -> Result<Self> {
        Self::start_signed_in_at(desktop, service, service.url(), user).await
    }

    /// As [`start_signed_in`](Self::start_signed_in), with the service at another address.
    pub async fn start_signed_in_at(desktop: &Desktop, service: &Service, url: &str, user: User) -> Result<Self> {
        let mut environment = sign_in_environment(service, user);
        environment[0].1 = url;
        let app = Self::start(desktop, &["--profile", user.cuid], &environment).await?;
        app.ready().await?;
        Ok(app)
    }

    /// Signs a user in by the form, as somebody does who starts the app for the first time, and waits until that is done and the keyring has the key.
    pub async fn sign_in(&self, desktop: &Desktop, profile: &str, service: &Service, user: User) -> Result<()> {
        self.screen("sign-in").await?;
        for (field, text) in [
            ("service-url", service.url()),
            ("account-id", ACCOUNT),
            ("api-key", service.api_key()),
            ("cuid", user.cuid),
            ("name", user.name),
        ] {
            self.fill(field, text).await?;
        }
        self.choose("environment-test").await?;
        self.click("sign-in").await?;
        self.ready().await?;
        let entry = format!("org.signedcall.desktop/{profile}");
        desktop.until_found("secret-tool", &["search", "--all", "service", &entry], service.api_key()).await.map(drop)
    }

    /// Waits until somebody is signed in and the service can be reached.
    pub async fn ready(&self) -> Result<()> {
        self.wait_for("[data-screen=\"home\"][data-session=\"ready\"]").await
    }

    /// Calls somebody from the home screen; returns the moment of the click.
    pub async fn dial(&self, cuid: &str, context: &str) -> Result<Instant> {
        self.fill("cuid", cuid).await?;
        self.fill("context", context).await?;
        self.click("dial").await
    }

    /// Waits for an element, in the window that is driven.
    pub async fn wait_for(&self, css: &str) -> Result<()> {
        self.find(css).await.map(drop)
    }

    /// Waits for an element and returns it. One that is replaced while the driver takes hold of it, as when the screen changes, is looked for again.
    async fn find(&self, css: &str) -> Result<Element> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let error = match self.client.find(Locator::Css(css)).await {
                Ok(element) => return Ok(element),
                Err(CmdError::Standard(error))
                    if matches!(
                        error.error,
                        ErrorStatus::NoSuchElement | ErrorStatus::StaleElementReference | ErrorStatus::JavascriptError
                    ) && Instant::now() < limit =>
                {
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
                Err(error) => error,
            };
            bail!(
                "no {css}: {error}; on the screen: {}\nthe app's last lines:\n{}",
                self.text().await.unwrap_or_default(),
                self.process.tail()
            );
        }
    }

    /// Waits for a screen by its `data-screen`.
    pub async fn screen(&self, name: &str) -> Result<()> {
        self.wait_for(&format!("[data-screen=\"{name}\"]")).await
    }

    /// The name of the screen that is shown now.
    pub async fn screen_name(&self) -> Result<String> {
        let name = self.script("return document.querySelector('[data-screen]')?.dataset.screen ?? ''").await?;
        Ok(name.as_str().unwrap_or_default().to_owned())
    }

    /// Presses what carries this `data-action`, and returns the moment at which the page got the click: the driver takes its time before it.
    pub async fn click(&self, action: &str) -> Result<Instant> {
        let css = format!("[data-action=\"{action}\"]");
        let element = self.find(&css).await?;
        let note = "addEventListener('click', () => { window.clickedAt = performance.timeOrigin + performance.now() }, { capture: true, once: true })";
        self.script(note).await?;
        let asked = Instant::now();
        match element.click().await {
            Ok(()) => {}
            // The window may close by the click.
            Err(CmdError::Standard(error)) if error.error == ErrorStatus::NoSuchWindow => return Ok(asked),
            Err(error) => return Err(error).with_context(|| format!("clicking {css}")),
        }
        let Ok(clicked) = self.script("return window.clickedAt").await else { return Ok(asked) };
        let clicked = clicked.as_f64().with_context(|| format!("clicking {css} was no click"))?;
        let ago = SystemTime::UNIX_EPOCH.elapsed().context("the wall clock")?.as_secs_f64() - clicked / 1000.0;
        Ok(Instant::now().checked_sub(Duration::from_secs_f64(ago.max(0.0))).unwrap_or(asked))
    }

    /// Types into the field with this `data-field`, in place of what is there.
    pub async fn fill(&self, field: &str, text: &str) -> Result<()> {
        let css = format!("[data-field=\"{field}\"]");
        let element = self.find(&css).await?;
        element.clear().await.with_context(|| format!("clearing {css}"))?;
        element.send_keys(text).await.with_context(|| format!("typing into {css}"))
    }

    /// Chooses one of several by its `data-field`.
    pub async fn choose(&self, field: &str) -> Result<()> {
        let css = format!("[data-field=\"{field}\"]");
        self.wait_for(&css).await?;
        // What is seen and clicked is its label; the control itself has no size.
        self.script(&format!("document.querySelector('{css}').click()")).await?;
        self.wait_for(&format!("{css}:checked")).await
    }

    /// Turns a switch on or off, if it is not so already.
    pub async fn set_switch(&self, field: &str, wanted: bool) -> Result<()> {
        let css = |state: bool| format!("[data-field=\"{field}\"][aria-checked=\"{state}\"]");
        self.wait_for(&format!("[data-field=\"{field}\"]")).await?;
        if let Ok(element) = self.client.find(Locator::Css(&css(!wanted))).await {
            element.click().await.with_context(|| format!("clicking the switch {field}"))?;
        }
        self.wait_for(&css(wanted)).await
    }

    /// Turns echo cancellation, noise suppression and gain on or off, on the settings screen.
    pub async fn process_voice(&self, wanted: bool) -> Result<()> {
        for switch in ["echo-cancellation", "noise-suppression", "gain-control"] {
            self.set_switch(switch, wanted).await?;
        }
        Ok(())
    }

    /// The text on the screen.
    pub async fn text(&self) -> Result<String> {
        // The driver's own idea of visible text leaves out what is cut after some lines.
        let text = self.script("return document.body.innerText").await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the screen says something.
    pub async fn says(&self, words: &str) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await?;
            if text.contains(words) {
                return Ok(());
            }
            if Instant::now() > limit {
                bail!("the screen does not say {words:?} but {text:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Drives this window from now on; waits until it is there.
    pub async fn drive(&self, window: Window) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(handle) = self.find_window(window).await? {
                return Ok(self.client.switch_to_window(handle).await?);
            }
            if Instant::now() > limit {
                bail!("no window {window:?}; the app's last lines:\n{}", self.process.tail());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn find_window(&self, window: Window) -> Result<Option<WindowHandle>> {
        for handle in self.client.windows().await? {
            // A window may close between being listed and being asked.
            if self.client.switch_to_window(handle.clone()).await.is_err() {
                continue;
            }
            let label = self.script("return window.__TAURI_INTERNALS__?.metadata.currentWindow.label").await.unwrap_or_default();
            if label == window.label() {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }

    /// What the app's log says about calls, from now on.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(&self.process)
    }
}

/// The environment variables by which the app signs in at once.
pub(crate) fn sign_in_environment(service: &Service, user: User) -> [(&'static str, &str); 6] {
    [
        ("SIGNEDCALL_SERVICE_URL", service.url()),
        ("SIGNEDCALL_ACCOUNT_ID", ACCOUNT),
        ("SIGNEDCALL_API_KEY", service.api_key()),
        ("SIGNEDCALL_CUID", user.cuid),
        ("SIGNEDCALL_NAME", user.name),
        ("SIGNEDCALL_PRODUCTION", "false"),
    ]
}

/// The driver says nothing when it is ready; its port does.
async fn wait_for_port(port: u16) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        anyhow::ensure!(Instant::now() < limit, "WebKitWebDriver does not listen on port {port}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
