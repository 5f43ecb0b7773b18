//! What distributors tell the app: `org.unifiedpush.Connector2`.

use std::collections::HashMap;

use signedcall::Redacted;
use zbus::zvariant::{OwnedValue, Value};

use crate::controller::{Event, Inbox, WakeEvent};

/// Where distributors look for it, under the name that was registered.
pub(crate) const PATH: &str = "/org/unifiedpush/Connector";

/// The longest endpoint, token and message that the specification allows, in bytes.
const ENDPOINT_BYTES: usize = 1_000;
const TOKEN_BYTES: usize = 100;
const MESSAGE_BYTES: usize = 4_096;

type Fields = HashMap<String, OwnedValue>;

/// Takes what distributors tell. Whatever does not follow the specification is ignored, as the specification wants it.
pub(crate) struct Connector {
    pub(crate) inbox: Inbox,
}

#[zbus::interface(name = "org.unifiedpush.Connector2")]
impl Connector {
    /// A push has come.
    fn message(&self, mut fields: Fields) -> HashMap<&'static str, Value<'static>> {
        let (token, sealed) = (token(&mut fields), fields.remove("message").and_then(bytes));
        match (token, sealed) {
            (Some(token), Some(sealed)) if (1..=MESSAGE_BYTES).contains(&sealed.len()) => {
                self.inbox.send(Event::Wake(WakeEvent::Push { token, sealed }));
            }
            _ => tracing::info!("a push has come that is none"),
        }
        // The message's id says that it has arrived.
        text(&mut fields, "id").map(|id| ("id", Value::from(id))).into_iter().collect()
    }

    /// Pushes go there from now on.
    fn new_endpoint(&self, mut fields: Fields) -> HashMap<&'static str, Value<'static>> {
        let endpoint = text(&mut fields, "endpoint").filter(|endpoint| is_endpoint(endpoint)).map(Redacted::new);
        match (token(&mut fields), endpoint) {
            (Some(token), Some(endpoint)) => {
                self.inbox.send(Event::Wake(WakeEvent::Endpoint { token, endpoint }));
            }
            _ => tracing::info!("a distributor names no endpoint"),
        }
        HashMap::new()
    }

    /// Pushes go nowhere any more.
    fn unregistered(&self, mut fields: Fields) -> HashMap<&'static str, Value<'static>> {
        if let Some(token) = token(&mut fields) {
            self.inbox.send(Event::Wake(WakeEvent::Unregistered { token }));
        }
        HashMap::new()
    }
}

fn text(fields: &mut Fields, name: &str) -> Option<String> {
    String::try_from(fields.remove(name)?).ok()
}

fn token(fields: &mut Fields) -> Option<Redacted<String>> {
    text(fields, "token").filter(|token| token.len() <= TOKEN_BYTES).map(Redacted::new)
}

/// The specification calls a push message an array of bytes in one place and a string in another.
fn bytes(value: OwnedValue) -> Option<Vec<u8>> {
    match value.try_clone().map(Vec::<u8>::try_from) {
        Ok(Ok(bytes)) => Some(bytes),
        Ok(Err(_)) | Err(_) => String::try_from(value).ok().map(String::into_bytes),
    }
}

fn is_endpoint(text: &str) -> bool {
    text.len() <= ENDPOINT_BYTES && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::inbox;

    fn fields<const COUNT: usize>(fields: [(&str, Value<'_>); COUNT]) -> Fields {
        fields.into_iter().map(|(name, value)| (name.to_owned(), value.try_into().expect("no file descriptor"))).collect()
    }

    #[test]
    fn a_push_is_handed_on_and_confirmed_by_its_id() {
        let (inbox, mut events) = inbox();
        let connector = Connector { inbox };
        let bytes = Value::from(vec![1_u8, 2, 255]);
        let said = connector.message(fields([("token", "t".into()), ("message", bytes), ("id", "7".into())]));
        assert_eq!(said.get("id"), Some(&Value::from("7")));
        let Ok(Event::Wake(WakeEvent::Push { token, sealed })) = events.try_recv() else { panic!("nothing is handed on") };
        assert_eq!((token.expose().as_str(), sealed.as_slice()), ("t", &[1, 2, 255][..]));
        assert!(connector.message(fields([("token", "t".into()), ("message", "text".into())])).is_empty());
        assert!(matches!(events.try_recv(), Ok(Event::Wake(WakeEvent::Push { sealed, .. })) if sealed == b"text"));
    }

    #[test]
    fn what_does_not_follow_the_specification_is_ignored() {
        let (inbox, mut events) = inbox();
        let connector = Connector { inbox };
        connector.message(fields([("message", vec![1_u8].into())]));
        connector.message(fields([("token", "t".into()), ("message", Vec::<u8>::new().into())]));
        connector.message(fields([("token", "t".into()), ("message", vec![0_u8; MESSAGE_BYTES + 1].into())]));
        connector.message(fields([("token", "t".repeat(TOKEN_BYTES + 1).into()), ("message", vec![1_u8].into())]));
        let too_long = format!("https://push.example/{}", "x".repeat(ENDPOINT_BYTES));
        for endpoint in ["not_an_url", "file:///etc/passwd", &too_long] {
            connector.new_endpoint(fields([("token", "t".into()), ("endpoint", endpoint.into())]));
        }
        connector.new_endpoint(fields([("token", 7_u32.into()), ("endpoint", "https://push.example/1".into())]));
        connector.unregistered(fields([]));
        assert!(events.try_recv().is_err());
        connector.new_endpoint(fields([("token", "t".into()), ("endpoint", "https://push.example/1".into())]));
        assert!(matches!(events.try_recv(), Ok(Event::Wake(WakeEvent::Endpoint { .. }))));
        connector.unregistered(fields([("token", "t".into())]));
        assert!(matches!(events.try_recv(), Ok(Event::Wake(WakeEvent::Unregistered { .. }))));
    }
}
