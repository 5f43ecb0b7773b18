//! Calls that come while the app is closed (R25): a *distributor*, a program of the user's session, receives pushes for this device, and the session bus
//! starts the app when it hands one over.
//!
//! This is UnifiedPush, by its specification for D-Bus in version 0.3: distributors offer `org.unifiedpush.Distributor2`, and call back
//! `org.unifiedpush.Connector2`.

mod activation;
mod bus;
mod connector;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signedcall::Redacted;
use signedcall::secrets::SecretOwner;
use uuid::Uuid;

pub(crate) use self::activation::Activation;
pub(crate) use self::bus::{RealDistributors, list};
pub(crate) use self::connector::{Connector, PATH as CONNECTOR_PATH};
use crate::profile::ProfileName;
use crate::settings::Account;

/// Where a distributor is, under its name.
pub(crate) const DISTRIBUTOR_PATH: &str = "/org/unifiedpush/Distributor";
/// What the names of distributors on the session bus begin with.
const PREFIX: &str = "org.unifiedpush.Distributor.";

/// Where this device is registered for pushes. Kept, so that every start registers by the same token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// The distributor's name on the session bus.
    pub(crate) distributor: String,
    /// By what the distributor says which registration it means. Nobody else knows it.
    pub(crate) token: Redacted<String>,
    /// The service's public key, by which alone pushes are to be taken.
    pub(crate) vapid: String,
    /// The service that calls come by.
    pub(crate) service_url: String,
    /// Whose calls it is for.
    pub(crate) account_id: String,
    pub(crate) cuid: String,
}

impl Registration {
    pub(crate) fn new(distributor: String, vapid: String, account: &Account) -> Self {
        let token = Redacted::new(Uuid::new_v4().to_string());
        let Account { service_url, account_id, cuid, .. } = account.clone();
        Self { distributor, token, vapid, service_url, account_id, cuid }
    }

    /// Whether it is for this user's calls.
    pub(crate) fn is_of(&self, account: &Account) -> bool {
        (&self.account_id, &self.cuid) == (&account.account_id, &account.cuid)
    }

    /// Whether another would be the same but for its token.
    pub(crate) fn serves(&self, distributor: &str, vapid: &str, account: &Account) -> bool {
        self.distributor == distributor && self.vapid == vapid && self.service_url == account.service_url && self.is_of(account)
    }

    /// Whose entry in the keyring the keys are by which its pushes are read.
    pub(crate) fn keys_owner(&self, profile: &ProfileName) -> SecretOwner {
        keys_owner(profile, &self.account_id, &self.cuid)
    }
}

/// Whose entry in the keyring the keys are by which a user's pushes are read: beside the one of the api key.
pub(crate) fn keys_owner(profile: &ProfileName, account_id: &str, cuid: &str) -> SecretOwner {
    let service = format!("{}/push", profile.keyring_service());
    SecretOwner { service, account_id: account_id.to_owned(), cuid: cuid.to_owned() }
}

/// Why a distributor did not take a registration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRegistered {
    /// There is no session bus, or the distributor does not answer.
    #[error("the distributor does not answer: {0}")]
    Silent(String),
    /// It refuses, for one of the specification's reasons.
    #[error("the distributor refuses: {0}")]
    Refused(String),
}

/// The distributors of the user's session.
#[async_trait]
pub(crate) trait Distributors: Send + Sync + 'static {
    /// Those that run, and those that the bus can start, by name, and last the app's own.
    async fn list(&self) -> Vec<String>;
    /// Registers, or registers again by the same token. Where pushes go is told by [`Connector`] then.
    async fn register(&self, registration: &Registration, description: &str) -> Result<(), NotRegistered>;
    async fn unregister(&self, registration: &Registration);
    /// Gives up the app's name on the bus: whatever comes from now on starts the app anew.
    async fn retire(&self);
}

/// Chooses among distributors: the one that was set, or else the first.
pub(crate) fn choose<'a>(found: &'a [String], set: Option<&str>) -> Option<&'a String> {
    found.iter().find(|name| Some(name.as_str()) == set).or_else(|| found.first())
}

/// What the user is told a distributor is called; the app's own has no name.
pub(crate) fn shown_name(distributor: &str) -> Option<&str> {
    distributor.strip_prefix(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distributor_that_was_set_is_chosen_where_it_is_there() {
        let found = ["org.unifiedpush.Distributor.kde", "org.unifiedpush.Distributor.ntfy"].map(str::to_owned);
        let chosen = |set| choose(&found, set).and_then(|name| shown_name(name));
        assert_eq!(chosen(Some("org.unifiedpush.Distributor.ntfy")), Some("ntfy"));
        assert_eq!((chosen(None), chosen(Some("org.unifiedpush.Distributor.gone"))), (Some("kde"), Some("kde")));
        assert_eq!(choose(&[], None), None);
        assert_eq!(shown_name(crate::distributor::NAME), None);
    }

    #[test]
    fn a_registration_is_one_user_s_with_one_key_and_its_token_is_not_shown() {
        let account = Account { account_id: "demo".to_owned(), cuid: "courier_8842".to_owned(), ..Account::default() };
        let registration = Registration::new("org.unifiedpush.Distributor.kde".to_owned(), "BP".to_owned(), &account);
        assert!(registration.serves("org.unifiedpush.Distributor.kde", "BP", &account));
        assert!(!registration.serves("org.unifiedpush.Distributor.kde", "BQ", &account), "the service has another key");
        let moved = Account { service_url: "wss://calls.example".to_owned(), ..account.clone() };
        assert!(!registration.serves("org.unifiedpush.Distributor.kde", "BP", &moved), "it is another service");
        assert!(!registration.is_of(&Account { cuid: "org_25".to_owned(), ..account }));
        assert!(!format!("{registration:?}").contains(registration.token.expose()));
    }
}
