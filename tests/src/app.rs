use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::desktop::Desktop;
use crate::process::{Line, Process};
use crate::{PATIENCE, programs};

/// Which of the app's windows is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Home, settings and calls.
    Main,
    /// The pop-up of an incoming call.
    Incoming,
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
        app.wait_for("[data-screen]").await?;
        Ok(app)
    }

    /// Waits for an element, in the window that is driven.
    pub async fn wait_for(&self, css: &str) -> Result<()> {
        let found = self.client.wait().at_most(PATIENCE).every(Duration::from_millis(25)).for_element(Locator::Css(css)).await;
        match found {
            Ok(_) => Ok(()),
            Err(error) => bail!(
                "no {css}: {error}; on the screen: {}\nthe app's last lines:\n{}",
                self.text().await.unwrap_or_default(),
                self.process.tail()
            ),
        }
    }

    /// Waits for a screen by its `data-screen`.
    pub async fn screen(&self, name: &str) -> Result<()> {
        self.wait_for(&format!("[data-screen=\"{name}\"]")).await
    }

    /// Presses what carries this `data-action`. The window may close by it.
    pub async fn click(&self, action: &str) -> Result<Instant> {
        let css = format!("[data-action=\"{action}\"]");
        self.wait_for(&css).await?;
        let element = self.client.find(Locator::Css(&css)).await.with_context(|| css.clone())?;
        let at = Instant::now();
        match element.click().await {
            Ok(()) => Ok(at),
            Err(CmdError::Standard(error)) if error.error == ErrorStatus::NoSuchWindow => Ok(at),
            Err(error) => Err(error).with_context(|| format!("clicking {css}")),
        }
    }

    /// Types into the field with this `data-field`, in place of what is there.
    pub async fn fill(&self, field: &str, text: &str) -> Result<()> {
        let css = format!("[data-field=\"{field}\"]");
        self.wait_for(&css).await?;
        let element = self.client.find(Locator::Css(&css)).await?;
        element.clear().await.with_context(|| format!("clearing {css}"))?;
        element.send_keys(text).await.with_context(|| format!("typing into {css}"))
    }

    /// The text on the screen.
    pub async fn text(&self) -> Result<String> {
        Ok(self.client.find(Locator::Css("body")).await?.text().await?)
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
            tokio::time::sleep(Duration::from_millis(25)).await;
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
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until there is no such window any more.
    pub async fn closed(&self, window: Window) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        while self.find_window(window).await?.is_some() {
            anyhow::ensure!(Instant::now() < limit, "the window {window:?} stays open");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    async fn find_window(&self, window: Window) -> Result<Option<WindowHandle>> {
        for handle in self.client.windows().await? {
            // A window may close between being listed and being asked.
            if self.client.switch_to_window(handle.clone()).await.is_err() {
                continue;
            }
            let Ok(url) = self.client.current_url().await else { continue };
            if url.path().contains("incoming") == (window == Window::Incoming) {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }

    /// Saves a picture of the window that is driven.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        let picture = self.client.screenshot().await.context("taking a picture of the window")?;
        std::fs::write(file, picture).with_context(|| format!("writing {}", file.display()))
    }

    /// Waits for a line of the app's log after the first `mark` lines.
    pub async fn logged(&self, mark: usize, what: &str) -> Result<Line> {
        self.process.line_after(mark, what, PATIENCE, |line| line.contains(what)).await
    }

    /// Ends the app, as its web driver does.
    pub async fn close(self) -> Result<()> {
        self.client.close().await.context("closing the session")
    }
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
