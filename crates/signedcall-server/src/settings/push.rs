use std::path::PathBuf;

use clap::{Args, Subcommand};
use url::Url;

use super::{EnvironmentName, Faults, Given, SettingsError, wrong};
use crate::push::PushSettings;

/// What can be done with pushes.
#[derive(Clone, Debug, Subcommand)]
pub enum PushCommand {
    /// Enter what an account shows to Apple, so that its apps are called by VoIP pushes, in place of what was entered before
    Apns(ApnsArguments),
    /// Forget what an account shows to Apple
    RemoveApns {
        /// The account's id
        account: String,
        /// The environment
        #[arg(long, value_enum)]
        environment: EnvironmentName,
    },
    /// List what an account shows to Apple, one environment in a line: environment, bundle id, and the key's id or "certificate"
    List {
        /// The account's id
        account: String,
    },
    /// Print the public key by which the service signs what it gives to Web Push services (VAPID), in base64url
    Key,
}

/// What an account shows to Apple.
#[derive(Args, Clone, Debug)]
pub struct ApnsArguments {
    /// The account's id
    pub account: String,
    /// The environment: it is pushed by Apple's host for production, or for development
    #[arg(long, value_enum)]
    pub environment: EnvironmentName,
    /// The app's bundle id, without .voip behind it
    #[arg(long)]
    pub bundle_id: String,
    /// The id of the team that has the key
    #[arg(long, requires = "key")]
    pub team_id: Option<String>,
    /// The key's id
    #[arg(long, requires = "key")]
    pub key_id: Option<String>,
    /// The key: a .p8 file
    #[arg(long, value_name = "FILE", requires = "team_id", requires = "key_id", required_unless_present = "certificate")]
    pub key: Option<PathBuf>,
    /// Instead of a key, a VoIP certificate with its private key: a .pem file
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub certificate: Option<PathBuf>,
}

/// How pushes are brought. After a fault it goes on with what is the default.
pub(super) fn push(given: &Given, faults: &mut Faults) -> PushSettings {
    let mut settings = PushSettings::default();
    settings.to_private_addresses = given.push_to_private_addresses.unwrap_or(settings.to_private_addresses);
    settings.certificates.clone_from(&given.push_certificates);
    settings.contact = faults.or(None, given.push_contact.clone().map(contact).transpose());
    let (near, production, development) = (settings.to_private_addresses, &given.push_apns_production, &given.push_apns_development);
    if let Some(url) = production {
        settings.apns_production = faults.or(settings.apns_production, host("push_apns_production", url, near));
    }
    if let Some(url) = development {
        settings.apns_development = faults.or(settings.apns_development, host("push_apns_development", url, near));
    }
    settings
}

fn contact(contact: String) -> Result<String, SettingsError> {
    let is_one = Url::parse(&contact).is_ok_and(|url| matches!(url.scheme(), "mailto" | "https"));
    if is_one { Ok(contact) } else { Err(wrong("push_contact", contact, "it has to begin with mailto: or https://")) }
}

fn host(name: &'static str, url: &str, near: bool) -> Result<Url, SettingsError> {
    let checked = crate::outward::check(url, near).map_err(|invalid| wrong(name, url, invalid.why))?;
    if checked.scheme() == "https" { Ok(checked) } else { Err(wrong(name, url, "it has to begin with https://")) }
}
