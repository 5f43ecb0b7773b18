//! Which relay there is: settings of the embedded one, or where another is.

use std::ops::RangeInclusive;
use std::path::Path;

use signedcall_wire::{Redacted, TurnUrl};

use super::{Given, SettingsError, TURN_LISTEN, TURN_PORTS, wrong};
use crate::relay::{EmbeddedRelay, ExternalRelay, RelaySettings};

/// More ways to one relay are of no use, and devices are told all of them.
const MOST_URLS: usize = 8;

pub(super) fn relay(given: &Given) -> Result<RelaySettings, SettingsError> {
    match (&given.turn_url, &given.turn_secret_file) {
        (Some(urls), Some(file)) => Ok(RelaySettings::External(external(given, urls, file)?)),
        (None, None) => Ok(RelaySettings::Embedded(embedded(given)?)),
        (Some(urls), None) => Err(wrong("turn_url", urls.join(","), "turn_secret_file has to be set too")),
        (None, Some(file)) => Err(wrong("turn_secret_file", file.display(), "turn_url has to be set too")),
    }
}

fn external(given: &Given, urls: &[String], file: &Path) -> Result<ExternalRelay, SettingsError> {
    let of_no_use = |name, value: &dyn ToString| {
        Err(wrong(name, value.to_string(), "it is for the embedded relay, which does not run where turn_url is set"))
    };
    match (&given.turn_listen, &given.turn_public_address, &given.turn_ports) {
        (None, None, None) => {}
        (Some(listen), _, _) => return of_no_use("turn_listen", listen),
        (None, Some(address), _) => return of_no_use("turn_public_address", address),
        (None, None, Some(ports)) => return of_no_use("turn_ports", ports),
    }
    if urls.is_empty() || urls.len() > MOST_URLS {
        return Err(wrong("turn_url", urls.join(","), format!("there have to be 1 to {MOST_URLS} of them")));
    }
    let parsed = urls.iter().map(|url| url.parse::<TurnUrl>().map_err(|error| wrong("turn_url", url, error.to_string())));
    let urls = parsed.collect::<Result<_, _>>()?;
    let secret =
        std::fs::read_to_string(file).map_err(|error| wrong("turn_secret_file", file.display(), format!("it cannot be read: {error}")))?;
    let secret = secret.trim();
    if secret.is_empty() {
        return Err(wrong("turn_secret_file", file.display(), "it is empty"));
    }
    Ok(ExternalRelay { urls, secret: Redacted::new(secret.to_owned()) })
}

fn embedded(given: &Given) -> Result<EmbeddedRelay, SettingsError> {
    let listen = given.turn_listen.unwrap_or(TURN_LISTEN);
    let public_address = given.turn_public_address;
    match public_address {
        Some(public) if public.is_unspecified() => {
            return Err(wrong("turn_public_address", public, "devices need an address that they can send to"));
        }
        None if listen.ip().is_unspecified() => {
            return Err(wrong("turn_listen", listen, "devices cannot send to this address, so turn_public_address has to be set too"));
        }
        Some(public) if public.is_ipv4() != listen.is_ipv4() => {
            return Err(wrong("turn_public_address", public, "it is not of the same family, IPv4 or IPv6, as turn_listen"));
        }
        Some(_) | None => {}
    }
    Ok(EmbeddedRelay { listen, public_address, ports: ports(given.turn_ports.as_deref())? })
}

fn ports(given: Option<&str>) -> Result<RangeInclusive<u16>, SettingsError> {
    let Some(text) = given else {
        return Ok(TURN_PORTS);
    };
    let range = text.split_once('-').and_then(|(first, last)| Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?));
    match range {
        Some(range) if !range.is_empty() && *range.start() >= 1024 => Ok(range),
        Some(_) | None => Err(wrong("turn_ports", text, "a range is two ports from 1024 to 65535, the lower first, with a hyphen between")),
    }
}
