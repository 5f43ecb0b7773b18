use std::fmt;
use std::str::FromStr;

/// How a TURN server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnTransport {
    /// By datagrams.
    Udp,
    /// Over a connection.
    Tcp,
    /// Over a connection with TLS.
    Tls,
}

/// Where a TURN server is: a TURN URI (RFC 7065), `turn:host:port?transport=udp`, `turn:host:port?transport=tcp` or `turns:host:port?transport=tcp`.
///
/// The port is 3478 when it is left out, and 5349 with TLS; a transport that is left out is UDP, and TCP with TLS. DTLS is not spoken.
///
/// ```
/// use signedcall_wire::{TurnTransport, TurnUrl};
///
/// let url: TurnUrl = "turns:relay.example:443".parse()?;
/// assert_eq!((url.host.as_str(), url.port, url.transport), ("relay.example", 443, TurnTransport::Tls));
/// assert_eq!(url.to_string(), "turns:relay.example:443?transport=tcp");
/// # Ok::<(), signedcall_wire::InvalidTurnUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnUrl {
    /// Its name or address; one of IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub transport: TurnTransport,
}

/// Why a text is no [`TurnUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTurnUrl {
    /// Neither `turn:` nor `turns:`.
    #[error("it has to begin with turn: or turns:")]
    Scheme,
    /// An unknown transport, or DTLS, or another parameter.
    #[error("after the question mark there may only be transport=udp or transport=tcp, and transport=udp not with turns:")]
    Transport,
    /// No host.
    #[error("a host is a name or an address, of at most 253 characters; one of IPv6 stands in brackets")]
    Host,
    /// A port that is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

impl FromStr for TurnUrl {
    type Err = InvalidTurnUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidTurnUrl::Scheme)?;
        let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
        let transport = match (scheme.to_ascii_lowercase().as_str(), query) {
            ("turn", None | Some("transport=udp")) => TurnTransport::Udp,
            ("turn", Some("transport=tcp")) => TurnTransport::Tcp,
            ("turns", None | Some("transport=tcp")) => TurnTransport::Tls,
            ("turn" | "turns", Some(_)) => return Err(InvalidTurnUrl::Transport),
            _ => return Err(InvalidTurnUrl::Scheme),
        };
        let (host, port) = match address.strip_prefix('[') {
            // An address of IPv6 has colons of its own.
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(InvalidTurnUrl::Host)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| InvalidTurnUrl::Host)?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(InvalidTurnUrl::Port)?) })
            }
            None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if host.is_empty() || host.len() > 253 || !host.chars().all(allowed) {
            return Err(InvalidTurnUrl::Host);
        }
        let port = match (port, transport) {
            (Some(port), _) => port.parse().ok().filter(|port| *port != 0).ok_or(InvalidTurnUrl::Port)?,
            (None, TurnTransport::Udp | TurnTransport::Tcp) => 3478,
            (None, TurnTransport::Tls) => 5349,
        };
        Ok(Self { host: host.to_owned(), port, transport })
    }
}

impl fmt::Display for TurnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, transport) = match self.transport {
            TurnTransport::Udp => ("turn", "udp"),
            TurnTransport::Tcp => ("turn", "tcp"),
            TurnTransport::Tls => ("turns", "tcp"),
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}:{open}{}{close}:{}?transport={transport}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        use TurnTransport::{Tcp, Tls, Udp};
        let rows = [
            ("turn:relay.example", "relay.example", 3478, Udp),
            ("turn:relay.example:3479", "relay.example", 3479, Udp),
            ("turn:192.0.2.1:3478?transport=udp", "192.0.2.1", 3478, Udp),
            ("turn:relay.example:443?transport=tcp", "relay.example", 443, Tcp),
            ("turns:relay.example", "relay.example", 5349, Tls),
            ("TURNS:relay.example:443?transport=tcp", "relay.example", 443, Tls),
            ("turns:[2001:db8::1]:443", "2001:db8::1", 443, Tls),
            ("turn:[2001:db8::1]?transport=tcp", "2001:db8::1", 3478, Tcp),
        ];
        for (text, host, port, transport) in rows {
            let url = TurnUrl { host: host.to_owned(), port, transport };
            assert_eq!(text.parse(), Ok(url.clone()), "{text}");
            assert_eq!(url.to_string().parse(), Ok(url), "{text}, written and read again");
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused_for_what_is_wrong_with_it() {
        use InvalidTurnUrl::{Host, Port, Scheme, Transport};
        let long = format!("turn:{}", "a".repeat(254));
        let rows = [
            ("relay.example", Scheme),
            ("stun:relay.example", Scheme),
            ("https://relay.example", Scheme),
            ("turns:relay.example?transport=udp", Transport),
            ("turn:relay.example?transport=sctp", Transport),
            ("turn:relay.example?transport=udp&transport=tcp", Transport),
            ("turns:", Host),
            ("turns::443", Host),
            ("turn:relay example", Host),
            ("turn://relay.example", Host),
            ("turns:[2001:db8::1", Host),
            ("turns:[relay.example]", Host),
            (&long, Host),
            ("turns:relay.example:0", Port),
            ("turns:relay.example:65536", Port),
            ("turns:2001:db8::1", Port),
            ("turns:[2001:db8::1]443", Port),
        ];
        for (text, why) in rows {
            assert_eq!(text.parse::<TurnUrl>(), Err(why), "{text}");
        }
    }
}
