//! What the operator has set, from flags, environment and file, checked.

mod cluster;
mod command_line;
mod hours;
mod operators;
mod push;
mod receipts;
mod relay;
#[cfg(test)]
mod tests;
mod webhooks;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::cluster::cluster;
pub use self::command_line::{
    AccountCommand, AnalyticsCommand, Command, CommandLine, EnvironmentName, Given, JwksCommand, KeyCommand, LogFormat,
    NewAccountArguments, QuietArguments, QuietCommand, Theme, UserArguments, UserCommand,
};
pub use self::hours::{InvalidHours, TimeOfDay, UtcOffset};
pub use self::operators::OperatorCommand;
use self::push::push;
pub use self::push::{ApnsArguments, PushCommand};
pub use self::receipts::ReceiptCommand;
use self::relay::relay;
pub use self::webhooks::WebhookCommand;
use crate::account::MAX_CALL_SECONDS;
use crate::api::ApiSettings;
use crate::cluster::ClusterSettings;
use crate::gate::GateSettings;
use crate::hub::{CallRates, HubSettings};
use crate::push::PushSettings;
use crate::relay::{EmbeddedRelay, RelaySettings};
use crate::service::STORE_FILE;
use crate::socket::SocketSettings;
use crate::store::{Location, Server};
use crate::tls::TlsFiles;
use crate::tokens::TokenSettings;
use crate::wake::most_by_files;
use crate::webhooks::WebhookSettings;

/// Where the service listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7443);
/// Where the relay listens unless told otherwise: on any free port, since devices are told which.
const TURN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The dynamic ports of RFC 6335, which is what TURN servers use.
const TURN_PORTS: RangeInclusive<u16> = 49152..=65535;
/// A relayed call that is longer than half of this fails when it wants to refresh its allocation. A relay that runs elsewhere serves whoever is blocked for
/// as long, so it is not much longer than people talk.
const TURN_CREDENTIAL_HOURS: u64 = 8;
/// Long enough for every device of a large service to come back without a crowd, short enough for whoever waits for the restart.
const DRAIN_SECONDS: u64 = 5;

/// Everything that can be set, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the service listens for WebSockets.
    pub listen: SocketAddr,
    /// Where it listens for whoever operates it; nowhere when it is not set.
    pub operator_listen: Option<SocketAddr>,
    /// Where it listens for whoever opens its dashboard; nowhere when it is not set.
    pub dashboard_listen: Option<SocketAddr>,
    /// Who the service is to whoever connects by TLS; nobody can when it is not set.
    pub tls: Option<TlsFiles>,
    /// The directory that holds everything the service writes.
    pub data: PathBuf,
    /// The database that accounts and records are in; a file in the data directory when it is not set.
    pub store: Option<Server>,
    /// The cluster that it is a node of; none when it is not set.
    pub cluster: Option<ClusterSettings>,
    /// Whether there is a demo account.
    pub demo: bool,
    /// The longest that a call of the demo account may last from its answer.
    pub demo_max_call: Option<Duration>,
    /// How media is relayed.
    pub relay: RelaySettings,
    /// How long credentials for the relay are good.
    pub relay_credentials_for: Duration,
    /// What is asked of user tokens.
    pub tokens: TokenSettings,
    /// How long the hub waits for what.
    pub hub: HubSettings,
    /// How long a socket waits for its device.
    pub sockets: SocketSettings,
    /// How many connections may wait for somebody to sign in.
    pub gate: GateSettings,
    /// How many light connections may be held, by which computers hear of pushes.
    pub wake_lines: NonZeroUsize,
    /// What companies' backends may ask for.
    pub api: ApiSettings,
    /// How long the record of a call is kept after the call's end; for ever when nothing is set.
    pub keep_records: Option<Duration>,
    /// How webhooks are reached.
    pub webhooks: WebhookSettings,
    /// How pushes are brought.
    pub push: PushSettings,
    /// How long devices have to leave when the service stops.
    pub drain_for: Duration,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// How lines of the log look.
    pub log_format: LogFormat,
}

/// What is wrong with what was set, by the setting's name.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file {path} cannot be read: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has a key that does not exist, or a value of the wrong kind.
    #[error("the settings file {path} is wrong: {source}", path = .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: toml::de::Error,
    },
    /// A value does not make sense.
    #[error("{name} = {value}: {why}")]
    Value {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing says where to keep data.
    #[error("data is not set, and neither XDG_STATE_HOME nor HOME says where this user keeps such files")]
    NoDataDirectory,
}

/// All that is wrong with what was set: whoever mends one thing wants to know of the others.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<SettingsError>);

impl Faults {
    /// Notes what is wrong, and goes on with something else.
    fn or<T>(&mut self, otherwise: T, result: Result<T, SettingsError>) -> T {
        result.unwrap_or_else(|fault| {
            self.0.push(fault);
            otherwise
        })
    }
}

impl Settings {
    /// The settings of a service that only this machine can reach, on ports that are free, for tests and trials.
    pub fn on_loopback(data: PathBuf) -> Self {
        Self {
            listen: SocketAddr::new(LISTEN.ip(), 0),
            operator_listen: None,
            dashboard_listen: None,
            tls: None,
            data,
            store: None,
            cluster: None,
            demo: true,
            demo_max_call: None,
            relay: RelaySettings::Embedded(EmbeddedRelay { listen: TURN_LISTEN, public_address: None, ports: TURN_PORTS }),
            relay_credentials_for: Duration::from_secs(TURN_CREDENTIAL_HOURS * 3600),
            tokens: TokenSettings::default(),
            hub: HubSettings::default(),
            sockets: SocketSettings::default(),
            gate: GateSettings::default(),
            wake_lines: most_by_files(),
            api: ApiSettings::default(),
            keep_records: None,
            webhooks: WebhookSettings::default(),
            push: PushSettings::default(),
            drain_for: Duration::from_secs(DRAIN_SECONDS),
            log: "info".to_owned(),
            log_format: LogFormat::default(),
        }
    }

    /// Puts flags and environment (`given`) over the file in `file`, fills in defaults, and checks.
    ///
    /// # Errors
    /// The first setting that is wrong, by its name.
    pub fn resolve(given: Given, file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut faults = Faults::default();
        let settings = Self::resolve_with(given, file, &mut faults);
        match (faults.0.into_iter().next(), settings) {
            (None, Some(settings)) => Ok(settings),
            (None, None) => Err(SettingsError::NoDataDirectory),
            (Some(first), _) => Err(first),
        }
    }

    /// Does the same, but goes on after each fault with what is the default. There are no settings without a place for data.
    pub(crate) fn resolve_with(given: Given, file: Option<&Path>, faults: &mut Faults) -> Option<Self> {
        let in_file = file.map(read_file).transpose();
        let given = given.or(faults.or(None, in_file).unwrap_or_default());
        let Some(data) = given.data.clone().or_else(state_directory) else {
            faults.0.push(SettingsError::NoDataDirectory);
            return None;
        };
        let mut settings = Self { listen: LISTEN, demo: false, ..Self::on_loopback(data) };
        settings.relay = faults.or(settings.relay, relay(&given));
        settings.push = push(&given, faults);
        settings.listen = given.listen.unwrap_or(settings.listen);
        settings.store = faults.or(None, given.store.as_deref().map(server).transpose());
        settings.cluster = faults.or(None, cluster(&given));
        settings.operator_listen = given.operator_listen;
        settings.dashboard_listen = given.dashboard_listen;
        settings.tls = faults.or(None, tls_files(given.tls_certificate, given.tls_key));
        settings.demo = given.demo.unwrap_or(settings.demo);
        let limit = given.demo_max_call_seconds.map(|seconds| within("demo_max_call_seconds", seconds, 1..=MAX_CALL_SECONDS)).transpose();
        settings.demo_max_call = faults.or(None, limit).map(Duration::from_secs);
        settings.log = given.log.unwrap_or(settings.log);
        settings.log_format = given.log_format.unwrap_or_default();
        let hours = given.turn_credential_hours.unwrap_or(TURN_CREDENTIAL_HOURS);
        let hours = faults.or(TURN_CREDENTIAL_HOURS, within("turn_credential_hours", hours, 1..=24 * 7));
        settings.relay_credentials_for = Duration::from_secs(hours * 3600);
        if let Some(audience) = given.token_audience {
            settings.tokens.audience = faults.or(settings.tokens.audience, check_audience(audience));
        }
        let default_ring = settings.hub.ring_for.as_secs();
        let ring_seconds = within("ring_seconds", given.ring_seconds.unwrap_or(default_ring), 5..=120);
        settings.hub.ring_for = Duration::from_secs(faults.or(default_ring, ring_seconds));
        let per_user = faults.or(None, rate("user_calls_per_minute", given.user_calls_per_minute));
        let per_account = faults.or(None, rate("account_calls_per_minute", given.account_calls_per_minute));
        settings.hub.call_rates = CallRates { per_user, per_account };
        let waiting = faults.or(None, number("waiting_connections", given.waiting_connections, 16..=1_000_000));
        settings.gate.most = waiting.unwrap_or_else(GateSettings::most_by_files);
        let of_one_address = number("waiting_connections_per_address", given.waiting_connections_per_address, 1..=1_000_000);
        settings.gate.of_one_address = faults.or(None, of_one_address);
        let requests = faults.or(None, rate("api_requests_per_minute", given.api_requests_per_minute));
        settings.api.requests_per_minute = requests.unwrap_or(settings.api.requests_per_minute);
        let days = given.keep_records.map(|days| within("keep_records", days, 1..=36_500)).transpose();
        settings.keep_records = faults.or(None, days).map(|days| Duration::from_secs(days * 24 * 3600));
        settings.webhooks.to_private_addresses = given.webhooks_to_private_addresses.unwrap_or(false);
        let drain_seconds = within("drain_seconds", given.drain_seconds.unwrap_or(DRAIN_SECONDS), 0..=600);
        settings.drain_for = Duration::from_secs(faults.or(DRAIN_SECONDS, drain_seconds));
        faults.or((), settings.check());
        Some(settings)
    }

    /// Where accounts and records are.
    pub fn location(&self) -> Location {
        match &self.store {
            Some(server) => Location::Server(server.clone()),
            None => Location::File(self.data.join(STORE_FILE)),
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        if self.demo && !self.listen.ip().is_loopback() {
            return Err(not_for_the_demo("listen", self.listen));
        }
        match &self.relay {
            RelaySettings::Embedded(relay) if self.demo && !relay.listen.ip().is_loopback() => {
                Err(not_for_the_demo("turn_listen", relay.listen))
            }
            RelaySettings::Embedded(_) | RelaySettings::External(_) => Ok(()),
        }
    }
}

fn not_for_the_demo(name: &'static str, address: SocketAddr) -> SettingsError {
    wrong(name, address, "the demo account is for this machine alone, so demo needs a loopback address")
}

fn wrong(name: &'static str, value: impl ToString, why: impl Into<String>) -> SettingsError {
    SettingsError::Value { name, value: value.to_string(), why: why.into() }
}

/// What was set is not repeated: there may be a password in it.
fn server(url: &str) -> Result<Server, SettingsError> {
    Server::parse(url).map_err(|error| wrong("store", "…", error.to_string()))
}

fn rate(name: &'static str, given: Option<u64>) -> Result<Option<NonZeroU32>, SettingsError> {
    let calls = given.map(|calls| within(name, calls, 1..=u64::from(CallRates::MOST))).transpose()?;
    Ok(calls.and_then(|calls| NonZeroU32::new(u32::try_from(calls).ok()?)))
}

fn number(name: &'static str, given: Option<u64>, allowed: RangeInclusive<u64>) -> Result<Option<NonZeroUsize>, SettingsError> {
    let number = given.map(|number| within(name, number, allowed)).transpose()?;
    Ok(number.and_then(|number| NonZeroUsize::new(usize::try_from(number).ok()?)))
}

fn check_audience(audience: String) -> Result<String, SettingsError> {
    if audience.is_empty() {
        return Err(wrong("token_audience", audience, "it has to name this service"));
    }
    Ok(audience)
}

fn read_file(path: &Path) -> Result<Given, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|source| SettingsError::Toml { path: path.to_owned(), source })
}

fn state_directory() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state"))).map(|state| state.join("signedcall-server"))
}

fn tls_files(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, SettingsError> {
    let alone = |name, path: PathBuf, other| Err(wrong(name, path.display(), format!("{other} has to be set too")));
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(certificate), None) => alone("tls_certificate", certificate, "tls_key"),
        (None, Some(key)) => alone("tls_key", key, "tls_certificate"),
    }
}

fn within(name: &'static str, value: u64, allowed: RangeInclusive<u64>) -> Result<u64, SettingsError> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    Err(wrong(name, value, format!("it has to be from {} to {}", allowed.start(), allowed.end())))
}
