//! The distributors on the session bus.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::zvariant::{OwnedValue, Value};

use super::{Activation, DISTRIBUTOR_PATH, Distributors, NotRegistered, PREFIX, Registration};
use crate::distributor::{self, SERVICE_URL};

const INTERFACE: &str = "org.unifiedpush.Distributor2";
/// How long a distributor may take to answer: it may have to be started, and to ask its push server.
const PATIENCE: Duration = Duration::from_secs(30);

/// What distributors and apps say to each other: names and values.
type Fields<'a> = HashMap<&'a str, Value<'a>>;

/// The real ones, asked by the connection on which the app is known by its name.
#[derive(Debug)]
pub(crate) struct RealDistributors {
    /// The app's name on the bus.
    service: String,
    /// By what the bus starts the app's own distributor.
    own: Activation,
    /// The connection, once it is there.
    bus: watch::Receiver<Option<Connection>>,
}

impl RealDistributors {
    pub(crate) fn new(service: String, own: Activation, bus: watch::Receiver<Option<Connection>>) -> Self {
        Self { service, own, bus }
    }

    /// The connection; `None` where there is no session bus.
    async fn connection(&self) -> Option<Connection> {
        self.bus.clone().wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Has the bus look for what it can start: not every bus sees new files by itself.
    async fn look_for_services(&self) {
        let looked = async {
            let Some(bus) = self.connection().await else { return Ok(()) };
            DBusProxy::new(&bus).await?.reload_config().await.map_err(zbus::Error::from)
        };
        if let Err(error) = looked.await {
            tracing::debug!(%error, "the session bus does not look for what it can start");
        }
    }

    async fn ask(&self, distributor: &str, question: &str, fields: &Fields<'_>) -> Result<HashMap<String, OwnedValue>, NotRegistered> {
        let silent = |why: &dyn std::fmt::Display| NotRegistered::Silent(why.to_string());
        let asked = async {
            let bus = self.connection().await.ok_or_else(|| silent(&"there is no session bus"))?;
            let answer = bus
                .call_method(Some(distributor), DISTRIBUTOR_PATH, Some(INTERFACE), question, fields)
                .await
                .map_err(|error| silent(&error))?;
            // Not every distributor answers with what the specification says where nothing is to be said.
            Ok(answer.body().deserialize().unwrap_or_default())
        };
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| silent(&"it takes too long"))?
    }
}

#[async_trait]
impl Distributors for RealDistributors {
    async fn list(&self) -> Vec<String> {
        let Some(bus) = self.connection().await else { return Vec::new() };
        let mut found = list(&bus).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the session bus does not say who is on it");
            Vec::new()
        });
        found.push(distributor::NAME.to_owned());
        found
    }

    async fn register(&self, registration: &Registration, description: &str) -> Result<(), NotRegistered> {
        let mut fields = Fields::from([
            ("service", Value::from(&*self.service)),
            ("token", Value::from(&**registration.token.expose())),
            ("description", Value::from(description)),
            ("vapid", Value::from(&*registration.vapid)),
        ]);
        if registration.distributor == distributor::NAME {
            self.own.install().map_err(|error| NotRegistered::Silent(error.to_string()))?;
            fields.insert(SERVICE_URL, Value::from(&*registration.service_url));
        }
        self.look_for_services().await;
        let mut answer = self.ask(&registration.distributor, "Register", &fields).await?;
        let mut said = |name: &str| answer.remove(name).and_then(|value| String::try_from(value).ok());
        match said("success").as_deref() {
            Some("REGISTRATION_SUCCEEDED") => Ok(()),
            Some(_) | None => Err(NotRegistered::Refused(said("reason").unwrap_or_else(|| "INTERNAL_ERROR".to_owned()))),
        }
    }

    async fn unregister(&self, registration: &Registration) {
        let fields = Fields::from([("token", Value::from(&**registration.token.expose()))]);
        if let Err(error) = self.ask(&registration.distributor, "Unregister", &fields).await {
            tracing::debug!(%error, "a distributor was not told that its pushes are wanted no more");
        }
    }

    async fn retire(&self) {
        // One that has no connection yet has no name that anything could come by.
        let bus = self.bus.borrow().clone();
        if let Some(bus) = bus
            && let Err(error) = bus.release_name(&*self.service).await
        {
            tracing::debug!(%error, "the app's name stays on the bus until the app has ended");
        }
    }
}

/// The distributors that run and those that the bus can start, in the order of their names.
pub(crate) async fn list(bus: &Connection) -> zbus::Result<Vec<String>> {
    let daemon = DBusProxy::new(bus).await?;
    let running = daemon.list_names().await?.into_iter().map(|name| name.to_string());
    let installed = daemon.list_activatable_names().await?.into_iter().map(|name| name.to_string());
    let mut names: Vec<String> = running.chain(installed).filter(|name| name.starts_with(PREFIX)).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
