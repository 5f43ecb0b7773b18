use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;
use signedcall_wire::{ButtonTheme, Color, Cuid, Environment};

use super::hours::{TimeOfDay, UtcOffset};
use super::operators::OperatorCommand;
use super::push::PushCommand;
use super::receipts::ReceiptCommand;
use super::webhooks::WebhookCommand;

/// The Signed Call service: sign-in, presence, ringing, relay and call records in one binary.
///
/// Without a command it serves until it gets SIGTERM or Ctrl-C. When it is ready it prints one line of JSON: {"listening": address, "turn": address,
/// "operator": address, "dashboard": address} (null for a relay that runs elsewhere, and where there is no listener).
/// Every setting is a flag, an environment variable or a key of the settings file (the flag's name with _ for -); a flag wins over the
/// environment, and the environment over the file.
#[derive(Debug, Parser)]
#[command(name = "signedcall-server", version, subcommand_negates_reqs = true)]
pub struct CommandLine {
    /// The settings file, in TOML
    #[arg(long, env = "SIGNEDCALL_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// All other settings.
    #[command(flatten)]
    pub given: Given,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What was set in one place; the rest is `None`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// Where to listen for WebSockets [default: 127.0.0.1:7443]. Apps on other machines connect by TLS only: set tls-certificate and tls-key, or
    /// listen behind a proxy that has TLS
    #[arg(long, env = "SIGNEDCALL_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where to listen for whoever operates the service: /metrics, /healthz and /readyz, without TLS and for everybody who can reach it [default: nowhere]
    #[arg(long, env = "SIGNEDCALL_OPERATOR_LISTEN", value_name = "ADDRESS:PORT")]
    pub operator_listen: Option<SocketAddr>,
    /// Where to listen for browsers that open the dashboard, by TLS where there is a certificate [default: nowhere]. Whoever signs in there can do what these
    /// commands do
    #[arg(long, env = "SIGNEDCALL_DASHBOARD_LISTEN", value_name = "ADDRESS:PORT", global = true)]
    pub dashboard_listen: Option<SocketAddr>,
    /// The service's TLS certificate and those that vouch for it, in PEM. Read at start, on SIGHUP, and when the
    /// file changes
    #[arg(long, env = "SIGNEDCALL_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, env = "SIGNEDCALL_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// The directory for everything that is written [default: signedcall-server in the user's state directory]
    #[arg(long, env = "SIGNEDCALL_DATA", value_name = "DIRECTORY", global = true)]
    pub data: Option<PathBuf>,
    /// A PostgreSQL database for accounts and records, such as postgres://user@host/database, which is reached by TLS on another machine
    /// [default: a file in the data directory]
    #[arg(long, env = "SIGNEDCALL_STORE", value_name = "URL", global = true, hide_env_values = true)]
    pub store: Option<String>,
    /// A NATS server by which several services on one database are one, such as nats://localhost:4222, or tls://user:password@host:4222 on another machine
    /// [default: the service is alone]
    #[arg(long, env = "SIGNEDCALL_BUS", value_name = "URL", hide_env_values = true)]
    pub bus: Option<String>,
    /// What the service is called among those [default: made at each start]
    #[arg(long, env = "SIGNEDCALL_NODE_NAME", value_name = "NAME")]
    pub node_name: Option<String>,
    /// Have an account "demo", on loopback only. Its key for the environment "development" is SIGNEDCALL_DEMO_KEY when that is set, else made
    /// once and kept in the data directory's demo.key
    #[arg(long, env = "SIGNEDCALL_DEMO", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub demo: Option<bool>,
    /// The longest that a call of the demo account may last from its answer, 1 to 86400 [default: no limit]
    #[arg(long, env = "SIGNEDCALL_DEMO_MAX_CALL_SECONDS", value_name = "SECONDS")]
    pub demo_max_call_seconds: Option<u64>,
    /// Where the STUN and TURN relay listens, over UDP [default: 127.0.0.1:0, any free port]
    #[arg(long, env = "SIGNEDCALL_TURN_LISTEN", value_name = "ADDRESS:PORT")]
    pub turn_listen: Option<SocketAddr>,
    /// The address that devices reach the relay at [default: the one it listens on]
    #[arg(long, env = "SIGNEDCALL_TURN_PUBLIC_ADDRESS", value_name = "ADDRESS")]
    pub turn_public_address: Option<IpAddr>,
    /// The ports that media is relayed from [default: 49152-65535]
    #[arg(long, env = "SIGNEDCALL_TURN_PORTS", value_name = "FIRST-LAST")]
    pub turn_ports: Option<String>,
    /// A relay that runs elsewhere, such as coturn, instead of the embedded one: turn:HOST:PORT, turn:HOST:PORT?transport=tcp or turns:HOST:PORT for
    /// TLS. Several are several ways to it; devices try all
    #[arg(long, env = "SIGNEDCALL_TURN_URL", value_name = "URL", value_delimiter = ',')]
    pub turn_url: Option<Vec<String>>,
    /// A file with the secret that this relay verifies credentials with: coturn's static-auth-secret
    #[arg(long, env = "SIGNEDCALL_TURN_SECRET_FILE", value_name = "FILE")]
    pub turn_secret_file: Option<PathBuf>,
    /// How long a relay credential is good for, 1 to 168 [default: 8]. Half of it is the longest relayed call. A relay that runs elsewhere serves a user who
    /// is blocked until then
    #[arg(long, env = "SIGNEDCALL_TURN_CREDENTIAL_HOURS", value_name = "HOURS")]
    pub turn_credential_hours: Option<u64>,
    /// Whom user tokens have to be for, their "aud" [default: signedcall]
    #[arg(long, env = "SIGNEDCALL_TOKEN_AUDIENCE", value_name = "AUDIENCE")]
    pub token_audience: Option<String>,
    /// How long a call rings, 5 to 120 [default: 35]
    #[arg(long, env = "SIGNEDCALL_RING_SECONDS", value_name = "SECONDS")]
    pub ring_seconds: Option<u64>,
    /// How many calls a user may place in a minute, on all devices together, 1 to 60000 [default: no limit]. What is left is saved up for a minute
    #[arg(long, env = "SIGNEDCALL_USER_CALLS_PER_MINUTE", value_name = "CALLS")]
    pub user_calls_per_minute: Option<u64>,
    /// How many calls all users of an account in one environment may place in a minute together, 1 to 60000 [default: no limit]
    #[arg(long, env = "SIGNEDCALL_ACCOUNT_CALLS_PER_MINUTE", value_name = "CALLS")]
    pub account_calls_per_minute: Option<u64>,
    /// How many connections may wait altogether until somebody signs in on them, 16 to 1000000 [default: 4096, or half of the files that the process may have
    /// open beside its own]. For one too many the oldest has to go
    #[arg(long, env = "SIGNEDCALL_WAITING_CONNECTIONS", value_name = "CONNECTIONS")]
    pub waiting_connections: Option<u64>,
    /// How many of one address, or one IPv6 network of 64 bits, 1 to 1000000 [default: 256, and no limit for this machine's own, where a proxy may be]. One too
    /// many is closed
    #[arg(long, env = "SIGNEDCALL_WAITING_CONNECTIONS_PER_ADDRESS", value_name = "CONNECTIONS")]
    pub waiting_connections_per_address: Option<u64>,
    /// How many requests the backends of an account may make of the API in a minute, 1 to 60000 [default: 600]
    #[arg(long, env = "SIGNEDCALL_API_REQUESTS_PER_MINUTE", value_name = "REQUESTS")]
    pub api_requests_per_minute: Option<u64>,
    /// How many days the record of a call is kept after the call's end, 1 to 36500 [default: for ever]
    #[arg(long, env = "SIGNEDCALL_KEEP_RECORDS", value_name = "DAYS")]
    pub keep_records: Option<u64>,
    /// Tell webhooks of calls that lie on this machine or in its own network too, at http:// as well
    #[arg(long, env = "SIGNEDCALL_WEBHOOKS_TO_PRIVATE_ADDRESSES", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub webhooks_to_private_addresses: Option<bool>,
    /// Call devices by push whose push services lie on this machine or in its own network too, at http:// as well
    #[arg(long, env = "SIGNEDCALL_PUSH_TO_PRIVATE_ADDRESSES", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub push_to_private_addresses: Option<bool>,
    /// Whom push services write to when something is wrong with what they get: a mailto: or https: URL
    #[arg(long, env = "SIGNEDCALL_PUSH_CONTACT", value_name = "URL")]
    pub push_contact: Option<String>,
    /// Certificates that vouch for push services besides those that this computer trusts, in PEM
    #[arg(long, env = "SIGNEDCALL_PUSH_CERTIFICATES", value_name = "FILE")]
    pub push_certificates: Option<PathBuf>,
    /// Where Apple's pushes go for the environment production [default: Apple's own]
    #[arg(long, env = "SIGNEDCALL_PUSH_APNS_PRODUCTION", value_name = "URL")]
    pub push_apns_production: Option<String>,
    /// Where they go for the environment development [default: Apple's own]
    #[arg(long, env = "SIGNEDCALL_PUSH_APNS_DEVELOPMENT", value_name = "URL")]
    pub push_apns_development: Option<String>,
    /// How long devices have to leave when the service stops, 0 to 600 [default: 5]
    #[arg(long, env = "SIGNEDCALL_DRAIN_SECONDS", value_name = "SECONDS")]
    pub drain_seconds: Option<u64>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as info,signedcall_server=debug [default: info]
    #[arg(long, env = "SIGNEDCALL_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How it is logged, on the standard error [default: text]
    #[arg(long, env = "SIGNEDCALL_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// For programs: an object on each line, with timestamp, level, target, message and what belongs to it
    Json,
}

impl Given {
    /// Fills what is not set from another place.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            operator_listen: self.operator_listen.or(other.operator_listen),
            dashboard_listen: self.dashboard_listen.or(other.dashboard_listen),
            tls_certificate: self.tls_certificate.or(other.tls_certificate),
            tls_key: self.tls_key.or(other.tls_key),
            data: self.data.or(other.data),
            store: self.store.or(other.store),
            bus: self.bus.or(other.bus),
            node_name: self.node_name.or(other.node_name),
            demo: self.demo.or(other.demo),
            demo_max_call_seconds: self.demo_max_call_seconds.or(other.demo_max_call_seconds),
            turn_listen: self.turn_listen.or(other.turn_listen),
            turn_public_address: self.turn_public_address.or(other.turn_public_address),
            turn_ports: self.turn_ports.or(other.turn_ports),
            turn_url: self.turn_url.or(other.turn_url),
            turn_secret_file: self.turn_secret_file.or(other.turn_secret_file),
            turn_credential_hours: self.turn_credential_hours.or(other.turn_credential_hours),
            token_audience: self.token_audience.or(other.token_audience),
            ring_seconds: self.ring_seconds.or(other.ring_seconds),
            user_calls_per_minute: self.user_calls_per_minute.or(other.user_calls_per_minute),
            account_calls_per_minute: self.account_calls_per_minute.or(other.account_calls_per_minute),
            waiting_connections: self.waiting_connections.or(other.waiting_connections),
            waiting_connections_per_address: self.waiting_connections_per_address.or(other.waiting_connections_per_address),
            api_requests_per_minute: self.api_requests_per_minute.or(other.api_requests_per_minute),
            keep_records: self.keep_records.or(other.keep_records),
            webhooks_to_private_addresses: self.webhooks_to_private_addresses.or(other.webhooks_to_private_addresses),
            push_to_private_addresses: self.push_to_private_addresses.or(other.push_to_private_addresses),
            push_contact: self.push_contact.or(other.push_contact),
            push_certificates: self.push_certificates.or(other.push_certificates),
            push_apns_production: self.push_apns_production.or(other.push_apns_production),
            push_apns_development: self.push_apns_development.or(other.push_apns_development),
            drain_seconds: self.drain_seconds.or(other.drain_seconds),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
        }
    }
}

/// What the binary does instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Add and list accounts. Works while the service runs
    #[command(subcommand)]
    Account(AccountCommand),
    /// Add, list and revoke the api keys of an account. Works while the service runs
    #[command(subcommand)]
    Key(KeyCommand),
    /// Register and list the public keys that an account signs user tokens with. Works while the service runs
    #[command(subcommand)]
    Jwks(JwksCommand),
    /// Block users of an account. Works while the service runs
    #[command(subcommand)]
    User(UserCommand),
    /// Set the hours in which users of an account are not called. Works while the service runs
    #[command(subcommand)]
    Quiet(QuietCommand),
    /// Copy all that the service has written to a file, which only its owner may read. Works while the service runs
    Backup {
        /// The file. One that is there is replaced once the copy is complete and checked
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a copy back that `backup` has made. The service must not run, and what it has written since is kept beside
    Restore {
        /// The copy
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Say all that is wrong with the settings, the files that they name, the store and the ports, and start nothing
    CheckConfig,
    /// Tell an account's own systems of its calls. Works while the service runs
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Enter what an account's apps are called by push with. Works while the service runs
    #[command(subcommand)]
    Push(PushCommand),
    /// Print what devices have told of calls for an account's analytics. Works while the service runs
    #[command(subcommand)]
    Analytics(AnalyticsCommand),
    /// Say who may sign in to the dashboard. Works while the service runs
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Print the signed receipt of a call, and verify one. Works while the service runs
    #[command(subcommand)]
    Receipt(ReceiptCommand),
}

/// What can be done with accounts.
#[derive(Clone, Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account, and print its api key for each environment: this once, since only a hash of it is kept
    Add(NewAccountArguments),
    /// List all accounts, one in a line
    List,
    /// What replaced a key before there were several at once: it is answered with what to do instead
    #[command(hide = true)]
    Key {
        /// Whatever was said to it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
}

/// What can be done with api keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make one more api key, and print its id and the key: this once, since only a hash of it is kept. The others stay good until they are revoked
    Add {
        /// The account's id
        account: String,
        /// The environment that the key is for
        #[arg(long, value_enum)]
        environment: EnvironmentName,
    },
    /// List the keys of an account, one in a line: id, environment, when it was made, last used (somebody was
    /// signed in by it then, or up to half a minute later) and revoked, in UTC, - for never
    List {
        /// The account's id
        account: String,
    },
    /// Revoke a key: it lets nobody in any more, and whoever is signed in by it is signed out
    Revoke {
        /// The account's id
        account: String,
        /// The key's id, as `key list` prints it
        key: String,
    },
}

/// What can be done with the keys of user tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum JwksCommand {
    /// Register the keys of one environment, instead of those before. Two keys in the set are good at once; a set without keys takes no tokens
    Set {
        /// The account's id
        account: String,
        /// The environment that tokens signed by them are for
        #[arg(long, value_enum)]
        environment: EnvironmentName,
        /// A JWK set with public keys on Ed25519 or P-256, each with a kid
        file: PathBuf,
    },
    /// List the keys of an account, one in a line: kid, environment and algorithm
    List {
        /// The account's id
        account: String,
    },
}

/// What can be done with analytics.
#[derive(Clone, Debug, Subcommand)]
pub enum AnalyticsCommand {
    /// Print every event of an account, one in a line, as JSON: SCOutgoing, SCIncoming and SCEnd
    Export {
        /// The account's id
        account: String,
    },
}

/// What can be done with users.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Let a user in no more: one who is signed in is signed out, and whoever calls them is told that they cannot be reached
    Block(UserArguments),
    /// Let a user in again
    Unblock(UserArguments),
    /// List the users who are blocked, one in a line: cuid, environment and since when, in UTC
    List {
        /// The account's id
        account: String,
    },
}

/// What can be done with quiet hours.
#[derive(Clone, Debug, Subcommand)]
pub enum QuietCommand {
    /// Do not call a user from one time of the day to another: whoever calls them is told so, and nothing rings
    Set {
        /// Whose hours they are.
        #[command(flatten)]
        whose: QuietArguments,
        /// When they begin, such as 22:00
        #[arg(long, value_name = "HH:MM")]
        from: TimeOfDay,
        /// When they end, on the next day where it is the earlier of the two
        #[arg(long, value_name = "HH:MM")]
        to: TimeOfDay,
        /// How far the user's clock is ahead of UTC, such as +05:30. Summer time is for you to set
        #[arg(long, value_name = "+HH:MM", allow_hyphen_values = true)]
        utc_offset: UtcOffset,
    },
    /// Call a user at all hours again, or as all other users of the account
    Remove {
        /// Whose hours they were.
        #[command(flatten)]
        whose: QuietArguments,
    },
    /// List quiet hours, one user in a line: cuid (* for all who have no hours of their own), environment, from, to and offset from UTC
    List {
        /// The account's id
        account: String,
    },
}

/// A user, or all of an account who have no quiet hours of their own.
#[derive(Args, Clone, Debug)]
pub struct QuietArguments {
    /// The account's id
    pub account: String,
    /// The user's id; all users who have no hours of their own, without
    #[arg(value_parser = cuid)]
    pub cuid: Option<Cuid>,
    /// The environment
    #[arg(long, value_enum)]
    pub environment: EnvironmentName,
}

/// A user, who need not have signed in before.
#[derive(Args, Clone, Debug)]
pub struct UserArguments {
    /// The account's id
    pub account: String,
    /// The user's id
    #[arg(value_parser = cuid)]
    pub cuid: Cuid,
    /// The environment
    #[arg(long, value_enum)]
    pub environment: EnvironmentName,
}

/// A new account.
#[derive(Args, Clone, Debug)]
pub struct NewAccountArguments {
    /// The account's id, that its apps sign in with: 1 to 64 ASCII letters, digits, _ and -
    pub id: String,
    /// The company's name, shown above a call: 1 to 64 characters
    #[arg(long)]
    pub name: String,
    /// What fills the call screens
    #[arg(long, value_name = "#RRGGBB", value_parser = color)]
    pub bg_color: Color,
    /// Text on it
    #[arg(long, value_name = "#RRGGBB", value_parser = color)]
    pub font_color: Color,
    /// Where the logo is fetched from, over HTTPS
    #[arg(long, value_name = "URL")]
    pub logo: Option<String>,
    /// Whether round buttons are white (light) or black (dark)
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    pub button_theme: Theme,
    /// Send media through the relay only, so that no side learns the other's address
    #[arg(long)]
    pub relay_only: bool,
    /// The longest that a call may last from its answer, 1 to 86400 [default: no limit]. A caller may ask for less
    #[arg(long, value_name = "SECONDS")]
    pub max_call_seconds: Option<u64>,
    /// Let each user be signed in on one device at a time: another is refused until that one signs out, or has been away for half a minute
    #[arg(long)]
    pub single_device: bool,
    /// How many calls each user may place in a minute, on all devices together, 1 to 60000 [default: what the service has set]
    #[arg(long, value_name = "CALLS")]
    pub user_calls_per_minute: Option<NonZeroU32>,
    /// How many calls all users together may place in a minute, in each environment, 1 to 60000 [default: what the service has set]
    #[arg(long, value_name = "CALLS")]
    pub account_calls_per_minute: Option<NonZeroU32>,
}

/// An environment, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvironmentName {
    /// Real users
    Production,
    /// Trials
    Development,
}

impl From<EnvironmentName> for Environment {
    fn from(name: EnvironmentName) -> Self {
        match name {
            EnvironmentName::Production => Self::Production,
            EnvironmentName::Development => Self::Development,
        }
    }
}

/// A button theme, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// White buttons
    Light,
    /// Black buttons
    Dark,
}

impl From<Theme> for ButtonTheme {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self::Light,
            Theme::Dark => Self::Dark,
        }
    }
}

fn cuid(text: &str) -> Result<Cuid, signedcall_wire::InvalidCuid> {
    Cuid::new(text)
}

fn color(text: &str) -> Result<Color, signedcall_wire::InvalidBranding> {
    Color::try_from(text.to_owned())
}
