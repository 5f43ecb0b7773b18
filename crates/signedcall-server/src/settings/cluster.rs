use uuid::Uuid;

use super::{Given, SettingsError, wrong};
use crate::bus::BusServer;
use crate::cluster::ClusterSettings;

/// The most characters of a node's name.
const MAX_NAME: usize = 32;

/// How the service is a node of a cluster; not at all where no bus is set.
pub(super) fn cluster(given: &Given) -> Result<Option<ClusterSettings>, SettingsError> {
    let Some(bus) = &given.bus else {
        let Some(name) = &given.node_name else { return Ok(None) };
        return Err(wrong("node_name", name, "a service that is alone has no name among others: bus has to be set too"));
    };
    // What was set is not repeated: there may be a password in it.
    let bus = BusServer::parse(bus).map_err(|error| wrong("bus", "…", error.to_string()))?;
    if given.store.is_none() {
        return Err(wrong("bus", bus, "services that are one have one database: store has to be set too, to a PostgreSQL server"));
    }
    let name = given.node_name.clone().map(check_name).transpose()?;
    Ok(Some(ClusterSettings { bus, name: name.unwrap_or_else(|| format!("{:08x}", Uuid::new_v4().as_fields().0)) }))
}

fn check_name(name: String) -> Result<String, SettingsError> {
    let is_one = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let why = format!("it has to be of 1 to {MAX_NAME} letters, digits, - and _");
    if is_one { Ok(name) } else { Err(wrong("node_name", name, why)) }
}
