//! Which server, and how it is reached.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::super::error::in_words;

/// How long is waited for a server that does not answer before it counts as away.
pub(super) const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// A database on a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// How it is reached.
    pub(super) config: Box<Config>,
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidServer {
    /// It is no URL of a server.
    #[error("it has to be a URL such as postgres://user@host/database")]
    NoUrl,
    /// Something in it is not understood.
    #[error("{}", in_words(.0))]
    Wrong(tokio_postgres::Error),
    /// It does not say where the server is.
    #[error("it does not say on which host the server is; a server on this machine is host=/run/postgresql")]
    NoHost,
    /// It does not say which database.
    #[error("it does not say which database")]
    NoDatabase,
    /// Everything would cross the network in plain text.
    #[error("{0} is another machine, and with sslmode=disable keys and calls could be read on the way")]
    PlainText(String),
}

impl Server {
    /// Reads a URL. Other machines are reached by TLS only.
    ///
    /// # Errors
    /// [`InvalidServer`] says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, InvalidServer> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(InvalidServer::NoUrl);
        }
        let mut config: Config = url.parse().map_err(InvalidServer::Wrong)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(InvalidServer::NoHost);
        }
        if config.get_dbname().is_none() {
            return Err(InvalidServer::NoDatabase);
        }
        let elsewhere = config.get_hosts().iter().find(|host| !is_here(host)).map(name_of);
        let elsewhere = elsewhere.or_else(|| config.get_hostaddrs().iter().find(|address| !address.is_loopback()).map(ToString::to_string));
        match (elsewhere, config.get_ssl_mode()) {
            (Some(host), SslMode::Disable) => return Err(InvalidServer::PlainText(host)),
            (Some(_), _) => drop(config.ssl_mode(SslMode::Require)),
            (None, SslMode::Require) => {}
            // A server of this machine has a certificate that nobody has signed.
            (None, _) => drop(config.ssl_mode(SslMode::Disable)),
        }
        if config.get_application_name().is_none() {
            config.application_name("signedcall-server");
        }
        config.connect_timeout(CONNECTED_WITHIN).keepalives_idle(Duration::from_secs(30));
        Ok(Self { config: Box::new(config) })
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

fn name_of(host: &Host) -> String {
    match host {
        Host::Unix(path) => path.display().to_string(),
        Host::Tcp(name) => name.clone(),
    }
}

/// Without the password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.config.get_hosts().iter().map(name_of).collect();
        let (hosts, database) = (hosts.join(","), self.config.get_dbname().unwrap_or_default());
        match self.config.get_user() {
            Some(user) => write!(f, "postgres://{user}@{hosts}/{database}"),
            None => write!(f, "postgres://{hosts}/{database}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_another_machine_is_reached_by_tls_only() {
        let mode = |url: &str| Server::parse(url).map(|server| server.config.get_ssl_mode());
        for here in [
            "postgres://me@localhost/db",
            "postgres://me@127.0.0.1:5433/db",
            "postgres://me@[::1]/db",
            "postgres://me@/db?host=/run/postgresql",
        ] {
            assert_eq!(mode(here).expect(here), SslMode::Disable, "{here}");
        }
        assert_eq!(mode("postgres://me@localhost/db?sslmode=require").expect("a server"), SslMode::Require);
        for elsewhere in
            ["postgres://me@db.example/db", "postgres://me@db.example/db?sslmode=prefer", "postgres://me@localhost,db.example/db"]
        {
            assert_eq!(mode(elsewhere).expect(elsewhere), SslMode::Require, "{elsewhere}");
        }
        for plain in ["postgres://me@db.example/db?sslmode=disable", "postgres://me@localhost,192.0.2.1/db?sslmode=disable"] {
            assert!(matches!(mode(plain), Err(InvalidServer::PlainText(_))), "{plain}");
        }
    }

    #[test]
    fn what_does_not_lead_to_a_database_is_refused_and_a_password_is_never_shown() {
        assert!(matches!(Server::parse("mysql://me@localhost/db"), Err(InvalidServer::NoUrl)));
        assert!(matches!(Server::parse("postgres://me@localhost/db?colour=blue"), Err(InvalidServer::Wrong(_))));
        assert!(matches!(Server::parse("postgres:///db"), Err(InvalidServer::NoHost)));
        assert!(matches!(Server::parse("postgres://me@localhost"), Err(InvalidServer::NoDatabase)));
        let server = Server::parse("postgres://me:geheim@localhost/db").expect("a server");
        assert_eq!(server.to_string(), "postgres://me@localhost/db");
        assert!(!format!("{server:?}").contains("geheim"));
    }
}
