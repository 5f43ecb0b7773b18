//! The addresses that are listened on.

use std::net::{TcpListener, UdpSocket};

use super::Findings;
use crate::relay::RelaySettings;
use crate::settings::Settings;

/// Tries each, and leaves it again.
pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    // Held until all are tried: two settings may name the same.
    let mut held = Vec::new();
    let named = [
        Some(("listen", settings.listen)),
        settings.operator_listen.map(|address| ("operator_listen", address)),
        settings.dashboard_listen.map(|address| ("dashboard_listen", address)),
    ];
    for (name, address) in named.into_iter().flatten() {
        match TcpListener::bind(address) {
            Ok(listener) => held.push(listener),
            Err(error) => findings.fault(format_args!("{name} = {address}: it cannot be listened on: {error}")),
        }
    }
    if let RelaySettings::Embedded(relay) = &settings.relay
        && let Err(error) = UdpSocket::bind(relay.listen)
    {
        findings.fault(format_args!("turn_listen = {}: it cannot be listened on: {error}", relay.listen));
    }
}
