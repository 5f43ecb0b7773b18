//! The app on the session bus, as the desktop knows applications: `org.freedesktop.Application`, under a name for each profile, with what distributors of
//! pushes tell it. Where there is no bus the app does without it.

use std::collections::HashMap;

use zbus::Connection;
use zbus::connection::Builder;
use zbus::zvariant::OwnedValue;

use crate::controller::{Event, Inbox, Reply};
use crate::profile::ProfileName;
use crate::wake::{CONNECTOR_PATH, Connector};

/// What the desktop says beside what it asks for: where the user has clicked, for one.
type PlatformData = HashMap<String, OwnedValue>;

struct Application {
    inbox: Inbox,
}

#[zbus::interface(name = "org.freedesktop.Application")]
impl Application {
    /// The user has started the app again.
    fn activate(&self, _platform_data: PlatformData) {
        self.inbox.send(Event::ShowMain(Reply::nobody()));
    }

    /// The user follows links.
    fn open(&self, uris: Vec<String>, _platform_data: PlatformData) {
        for link in uris {
            self.inbox.send(Event::Link(link));
        }
    }

    /// The user has chosen one of the actions of the app's icon, which has none.
    fn activate_action(&self, name: &str, _parameter: Vec<OwnedValue>, _platform_data: PlatformData) -> zbus::fdo::Result<()> {
        Err(zbus::fdo::Error::NotSupported(format!("there is no action {name}")))
    }
}

/// Takes the name of a profile on the session bus, for as long as the connection is kept.
pub(crate) async fn offer(profile: &ProfileName, inbox: Inbox) -> zbus::Result<Connection> {
    on(Builder::session()?, profile, inbox).await
}

async fn on(bus: Builder<'_>, profile: &ProfileName, inbox: Inbox) -> zbus::Result<Connection> {
    let name = profile.bus_name();
    // As the specification makes one of the other.
    let path = format!("/{}", name.replace('.', "/").replace('-', "_"));
    // All of it is there before the name is: what has started the app waits for the name.
    let connector = Connector { inbox: inbox.clone() };
    bus.serve_at(path, Application { inbox })?.serve_at(CONNECTOR_PATH, connector)?.name(name)?.build().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::inbox;

    #[test]
    fn what_the_desktop_asks_for_is_what_a_second_start_asks_for() {
        let (inbox, mut events) = inbox();
        let application = Application { inbox };
        application.activate(PlatformData::new());
        application.open(vec!["signedcall://call/org_25".to_owned()], PlatformData::new());
        assert!(matches!(events.try_recv(), Ok(Event::ShowMain(_))));
        assert!(matches!(events.try_recv(), Ok(Event::Link(link)) if link == "signedcall://call/org_25"));
        assert!(application.activate_action("explode", Vec::new(), PlatformData::new()).is_err());
        assert!(events.try_recv().is_err());
    }
}
