//! The distributor on the session bus, by the specification of UnifiedPush for D-Bus.

use std::collections::HashMap;
use std::time::Duration;

use signedcall::Redacted;
use tokio::sync::{mpsc, oneshot};
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::RequestNameFlags;
use zbus::zvariant::{OwnedValue, Value};

use super::kept::Registered;
use super::{Asked, NAME, SERVICE_URL};
use crate::wake::{CONNECTOR_PATH, DISTRIBUTOR_PATH};

/// The app's names on the bus begin so. Nobody else is served: the bus would start any program for whoever registers its name.
const APPS: &str = "org.signedcall.desktop.profile_";
/// How long the bus may take to start the app before the push counts as brought: it is with the bus then, which goes on.
const STARTED_WITHIN: Duration = Duration::from_secs(3);

type Fields = HashMap<String, OwnedValue>;
type Answer = HashMap<&'static str, Value<'static>>;

struct Distributor2 {
    asks: mpsc::Sender<Asked>,
}

#[zbus::interface(name = "org.unifiedpush.Distributor2")]
impl Distributor2 {
    async fn register(&self, mut fields: Fields) -> Answer {
        let outcome = match (text(&mut fields, "service"), text(&mut fields, "token"), text(&mut fields, SERVICE_URL)) {
            (Some(service), Some(token), Some(url)) if service.starts_with(APPS) => {
                let (reply, answer) = oneshot::channel();
                let asked = Asked::Register { service, token: Redacted::new(token), url, reply };
                // It may be about to end.
                if self.asks.send(asked).await.is_ok() { answer.await.unwrap_or(Err("INTERNAL_ERROR")) } else { Err("INTERNAL_ERROR") }
            }
            _ => Err("ACTION_REQUIRED"),
        };
        match outcome {
            Ok(()) => Answer::from([("success", "REGISTRATION_SUCCEEDED".into())]),
            Err(reason) => Answer::from([("success", "REGISTRATION_FAILED".into()), ("reason", reason.into())]),
        }
    }

    async fn unregister(&self, mut fields: Fields) -> Answer {
        if let Some(token) = text(&mut fields, "token") {
            let (reply, done) = oneshot::channel();
            if self.asks.send(Asked::Unregister { token: Redacted::new(token), reply }).await.is_ok() {
                // Without an answer it has ended, and forgets nothing any more.
                let _ = done.await;
            }
        }
        Answer::new()
    }
}

fn text(fields: &mut Fields, name: &str) -> Option<String> {
    String::try_from(fields.remove(name)?).ok()
}

/// Takes the distributor's name; `None` when another one has it.
pub(super) async fn offer(asks: mpsc::Sender<Asked>) -> zbus::Result<Option<Connection>> {
    let bus = Builder::session()?.serve_at(DISTRIBUTOR_PATH, Distributor2 { asks })?.build().await?;
    match bus.request_name_with_flags(NAME, RequestNameFlags::DoNotQueue.into()).await {
        Ok(_) => Ok(Some(bus)),
        Err(zbus::Error::NameTaken) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has become of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Delivered,
    /// The bus goes on to start the app.
    UnderWay,
    /// The app has not taken it, and could not be started.
    Failed,
    /// Nothing is there that could be started.
    Nobody,
}

pub(super) async fn deliver(bus: &Connection, registered: &Registered, sealed: Vec<u8>) -> Delivery {
    let fields = HashMap::from([("token", Value::from(&**registered.token.expose())), ("message", Value::from(sealed))]);
    match tokio::time::timeout(STARTED_WITHIN, say(bus, registered, "Message", &fields)).await {
        Ok(Ok(())) => Delivery::Delivered,
        Ok(Err(error)) if is_nobody(&error) => Delivery::Nobody,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the app has not taken a push");
            Delivery::Failed
        }
        Err(_) => Delivery::UnderWay,
    }
}

pub(super) async fn tell_endpoint(bus: &Connection, registered: &Registered, endpoint: &Redacted<String>) {
    let (token, endpoint) = (Value::from(&**registered.token.expose()), Value::from(&**endpoint.expose()));
    if let Err(error) = say(bus, registered, "NewEndpoint", &HashMap::from([("token", token), ("endpoint", endpoint)])).await {
        tracing::warn!(%error, "the app was not told where pushes go");
    }
}

async fn say(bus: &Connection, registered: &Registered, what: &'static str, fields: &HashMap<&str, Value<'_>>) -> zbus::Result<()> {
    let interface = Some("org.unifiedpush.Connector2");
    bus.call_method(Some(registered.service.as_str()), CONNECTOR_PATH, interface, what, fields).await.map(drop)
}

fn is_nobody(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, _, _) = error else { return false };
    matches!(name.as_str(), "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner")
}
