//! Access to the relay: each device has a credential of its own, which is computed and not stored.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use signedcall_wire::{DeviceId, IceConfig, IceServer, Redacted, ServiceMessage};

use super::session::Session;
use super::{Hub, KeyId, Right, Turn, User};

/// Where the relay is, and what credentials for it are made with.
///
/// A credential is the one that coturn's REST scheme describes: `expiry:name` with base64(HMAC-SHA1(secret, `expiry:name`)) as its password. The name
/// stands for one device of one user, and for the api key that they are signed in by, and says nothing about any of them to whoever reads it on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayGrant {
    /// `stun:host:port`, each.
    pub stun_urls: Vec<String>,
    /// What a [`signedcall_wire::TurnUrl`] is, each.
    pub turn_urls: Vec<String>,
    /// What passwords and names are computed with.
    pub secret: Redacted<String>,
    /// Until when credentials are good, in Unix seconds.
    pub expiry: u64,
}

impl RelayGrant {
    /// What one device is told that is signed in by this right.
    pub(crate) fn servers(&self, user: &User, device: DeviceId, right: Option<&Right>) -> Vec<IceServer> {
        let key = match right {
            Some(Right::ApiKey(key)) => format!(".{}", relay_name_of_key(&self.secret, key)),
            // A session by a user token may be renewed by one of another key, and its calls go on.
            Some(Right::UserToken { .. }) | None => String::new(),
        };
        let (user, device) = (relay_name_of_user(&self.secret, user), short_mac(&self.secret, &format!("device\n{device}")));
        let username = format!("{}:{user}.{device}{key}", self.expiry);
        let credential = Redacted::new(relay_password(&self.secret, &username));
        let stun = IceServer { urls: self.stun_urls.clone(), username: String::new(), credential: Redacted::default() };
        let turn = IceServer { urls: self.turn_urls.clone(), username, credential };
        // A relay that is reached by connections only tells nobody their address.
        if stun.urls.is_empty() { vec![turn] } else { vec![stun, turn] }
    }
}

/// What the relay knows a user by.
pub(crate) fn relay_name_of_user(secret: &Redacted<String>, (account, environment, cuid): &User) -> String {
    short_mac(secret, &format!("user\n{account}\n{environment:?}\n{cuid}"))
}

/// What the relay knows an api key by.
pub(crate) fn relay_name_of_key(secret: &Redacted<String>, key: &KeyId) -> String {
    short_mac(secret, &format!("key\n{}", key.0))
}

fn short_mac(secret: &Redacted<String>, text: &str) -> String {
    mac(secret, text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The password that belongs to a username.
pub(crate) fn relay_password(secret: &Redacted<String>, username: &str) -> String {
    BASE64_STANDARD.encode(mac(secret, username))
}

fn mac(secret: &Redacted<String>, text: &str) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()).expect("a MAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

impl Hub {
    /// Gives everyone who is connected a fresh credential, and whoever comes from now on.
    pub(super) fn renew_relay(&mut self, turn: &mut Turn, grant: RelayGrant) {
        self.relay = Some(grant);
        for session in self.sessions.values() {
            if let Some(socket) = session.socket() {
                turn.send(socket, ServiceMessage::Ice(self.ice(session)));
            }
        }
    }

    /// Where media of a session's device finds its way.
    pub(super) fn ice(&self, session: &Session) -> IceConfig {
        let servers = self.relay.as_ref().map(|grant| grant.servers(&session.user, session.endpoint.device, session.right.as_ref()));
        IceConfig { servers: servers.unwrap_or_default(), relay_only: session.relay_only }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use signedcall_wire::{AccountId, Cuid, Environment};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_password_is_what_coturn_computes() {
        // From `printf '1700000000:signedcall' | openssl dgst -sha1 -hmac secret -binary | base64`.
        let password = relay_password(&Redacted::new("secret".to_owned()), "1700000000:signedcall");
        assert_eq!(password, "wKgRei9nQDiNSvm8EEemR3t3/rI=");
    }

    #[test]
    fn each_device_has_a_name_of_its_own_which_lasts_and_names_nobody() {
        let mut grant = RelayGrant {
            stun_urls: vec!["stun:192.0.2.1:3478".to_owned()],
            turn_urls: vec!["turn:192.0.2.1:3478?transport=udp".to_owned()],
            secret: Redacted::new("secret".to_owned()),
            expiry: 1_700_000_000,
        };
        let user = |cuid: &str, environment| (AccountId("parcelo".to_owned()), environment, Cuid::new(cuid).expect("a cuid"));
        let device = |number| DeviceId(Uuid::from_u128(number));
        let by = |key: &str| Right::ApiKey(KeyId(key.to_owned()));
        let username = |grant: &RelayGrant, user: &User, number| grant.servers(user, device(number), Some(&by("one"))).remove(1).username;
        let alice = user("alice", Environment::Production);
        let names = [
            username(&grant, &alice, 1),
            username(&grant, &alice, 2),
            username(&grant, &user("bobby", Environment::Production), 1),
            username(&grant, &user("alice", Environment::Development), 1),
            grant.servers(&alice, device(1), Some(&by("two"))).remove(1).username,
            grant.servers(&alice, device(1), None).remove(1).username,
        ];
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.starts_with("1700000000:") && !name.contains("alice")), "{names:?}");
        let before = names[0].clone();
        grant.expiry += 3_600;
        assert_eq!(username(&grant, &alice, 1).split_once(':').map(|(_, name)| name), before.split_once(':').map(|(_, name)| name));
    }
}
