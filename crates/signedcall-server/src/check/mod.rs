//! What would keep a service with some settings from starting, or from working, all at once, before it is started.

mod files;
mod ports;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::relay::RelaySettings;
use crate::settings::{Faults, Given, Settings};

/// Systemd kills a service that takes longer to stop, unless it is told otherwise.
const PATIENCE_OF_SYSTEMD: Duration = Duration::from_secs(90);
/// Fewer open files than this serve a trial, and nobody else: each device has one.
const FEW_FILES: u64 = 4096;

/// Something that whoever operates the service should know before it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The service would not start, or would not work.
    Fault(String),
    /// It would work, and perhaps not as it is meant to.
    Warning(String),
    /// It is as it should be, and worth a word.
    Note(String),
}

impl Finding {
    /// Whether the service would not start, or not work.
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Fault(_) => true,
            Self::Warning(_) | Self::Note(_) => false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(words) => write!(f, "fault: {words}"),
            Self::Warning(words) => write!(f, "warning: {words}"),
            Self::Note(words) => write!(f, "note: {words}"),
        }
    }
}

/// What is found, in the order in which it is looked for.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn fault(&mut self, words: impl fmt::Display) {
        self.0.push(Finding::Fault(words.to_string()));
    }

    fn warn(&mut self, words: impl fmt::Display) {
        self.0.push(Finding::Warning(words.to_string()));
    }

    fn note(&mut self, words: impl fmt::Display) {
        self.0.push(Finding::Note(words.to_string()));
    }
}

/// Looks at everything, changes nothing, and starts nothing.
pub fn check(given: Given, file: Option<&Path>) -> Vec<Finding> {
    let (mut findings, mut faults) = (Findings::default(), Faults::default());
    let settings = Settings::resolve_with(given, file, &mut faults);
    faults.0.iter().for_each(|fault| findings.fault(fault));
    if let Some(settings) = settings {
        check_words(&settings, &mut findings);
        let runs = files::check(&settings, &mut findings);
        // Its ports are taken by itself then.
        if !runs {
            ports::check(&settings, &mut findings);
        }
    }
    findings.0
}

/// What can be said of the settings by themselves.
fn check_words(settings: &Settings, findings: &mut Findings) {
    if let Err(error) = EnvFilter::try_new(&settings.log) {
        findings.fault(format_args!("log = {:?}: {error}", settings.log));
    }
    let is_public = !settings.listen.ip().is_loopback();
    if is_public && settings.tls.is_none() {
        findings.warn("listen is beyond this machine, and there is no TLS: keys and calls can be read on the way unless a proxy adds it");
    }
    if let RelaySettings::Embedded(relay) = &settings.relay
        && is_public
        && relay.public_address.unwrap_or(relay.listen.ip()).is_loopback()
    {
        findings.warn(
            "listen is beyond this machine, and the relay is not (turn_listen): calls between networks that need it will not connect",
        );
    }
    if settings.operator_listen.is_some_and(|address| !address.ip().is_loopback()) {
        findings.warn("operator_listen is beyond this machine: whoever reaches it can read how the service works");
    }
    if settings.dashboard_listen.is_some_and(|address| !address.ip().is_loopback()) && settings.tls.is_none() {
        findings
            .warn("dashboard_listen is beyond this machine, and there is no TLS: passwords can be read on the way unless a proxy adds it");
    }
    if settings.drain_for >= PATIENCE_OF_SYSTEMD {
        findings.warn("drain_seconds is longer than systemd waits (90) unless TimeoutStopSec says more, and then kills the service");
    }
    let longest_relayed = settings.relay_credentials_for / 2;
    if settings.demo_max_call.is_some_and(|limit| limit > longest_relayed) {
        findings.warn("demo_max_call_seconds is longer than a relayed call can be: half of turn_credential_hours");
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
        && most < FEW_FILES
    {
        findings.warn(format_args!("a process may have {most} open files here, and each device takes one: raise LimitNOFILE"));
    }
}
