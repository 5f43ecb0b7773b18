//! What the desktop has: something that shows notifications, a keyring, a tray, something that takes pushes. Each is asked on the session bus.

use std::time::Duration;

use zbus::Connection;
use zbus::names::BusName;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue};

use super::{KeyringFact, NotificationService};
use crate::wake;

/// How long a part of the desktop may take to answer: some are started by being asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DesktopFacts {
    pub(super) notifications: Option<NotificationService>,
    pub(super) keyring: KeyringFact,
    pub(super) tray: bool,
    pub(super) distributors: Vec<String>,
}

/// Asks all of them.
pub(super) async fn look() -> DesktopFacts {
    match in_time(Connection::session()).await {
        Some(bus) => look_on(&bus).await,
        None => DesktopFacts { notifications: None, keyring: KeyringFact::Absent, tray: false, distributors: Vec::new() },
    }
}

async fn look_on(bus: &Connection) -> DesktopFacts {
    DesktopFacts {
        notifications: in_time(notifications(bus)).await,
        keyring: in_time(is_keyring_locked(bus))
            .await
            .map_or(KeyringFact::Absent, |locked| if locked { KeyringFact::Locked } else { KeyringFact::Open }),
        tray: in_time(has_tray(bus)).await.unwrap_or(false),
        distributors: in_time(wake::list(bus)).await.unwrap_or_default(),
    }
}

async fn in_time<T>(question: impl Future<Output = zbus::Result<T>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a part of the desktop does not answer");
            None
        }
        Err(_) => {
            tracing::debug!("a part of the desktop takes too long to answer");
            None
        }
    }
}

async fn notifications(bus: &Connection) -> zbus::Result<NotificationService> {
    let (service, path) = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications");
    let ask = async |question: &'static str| bus.call_method(Some(service), path, Some(service), question, &()).await;
    let (name, _vendor, _version, _specification): (String, String, String, String) =
        ask("GetServerInformation").await?.body().deserialize()?;
    let capabilities: Vec<String> = ask("GetCapabilities").await?.body().deserialize()?;
    Ok(NotificationService { name, has_actions: capabilities.iter().any(|capability| capability == "actions") })
}

async fn is_keyring_locked(bus: &Connection) -> zbus::Result<bool> {
    let (service, path, interface) = ("org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
    let collection: OwnedObjectPath =
        bus.call_method(Some(service), path, Some(interface), "ReadAlias", &"default").await?.body().deserialize()?;
    // A keyring in which nothing was ever kept has none: it makes one when it is needed, and asks for a password then.
    if collection.as_str() == "/" {
        return Ok(false);
    }
    property(bus, service, &collection, "org.freedesktop.Secret.Collection", "Locked").await
}

async fn has_tray(bus: &Connection) -> zbus::Result<bool> {
    let (service, interface) = ("org.kde.StatusNotifierWatcher", "org.kde.StatusNotifierWatcher");
    property(bus, service, &ObjectPath::from_static_str_unchecked("/StatusNotifierWatcher"), interface, "IsStatusNotifierHostRegistered")
        .await
}

async fn property(bus: &Connection, service: &str, path: &ObjectPath<'_>, interface: &str, name: &str) -> zbus::Result<bool> {
    let service = BusName::try_from(service)?;
    let answer = bus.call_method(Some(service), path, Some("org.freedesktop.DBus.Properties"), "Get", &(interface, name)).await?;
    let value: OwnedValue = answer.body().deserialize()?;
    Ok(bool::try_from(value)?)
}
