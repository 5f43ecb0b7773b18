//! From text frames to messages. Everything that a device could send wrongly is sorted out here.

use serde::Deserialize;
use serde_json::{Map, Value};
use signedcall_wire::{ClientMessage, Context, Cuid, Environment, ErrorCode, Refusal, RequestId};

use crate::admission::{check_version, refusal};

/// A frame that is no message.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is a request, with a value that is wrong: answered with this error.
    Request { id: RequestId, error: ErrorCode },
    /// It signs in, wrongly: refused.
    SignIn(Refusal),
    /// It makes no sense.
    Frame(serde_json::Error),
}

/// Reads one frame.
pub(crate) fn read(text: &str) -> Result<ClientMessage, Unreadable> {
    serde_json::from_str(text).map_err(|error| explain(text, error))
}

/// Finds out which value was wrong. Only frames that cannot be read take this second look.
fn explain(text: &str, error: serde_json::Error) -> Unreadable {
    let Ok(Value::Object(frame)) = serde_json::from_str(text) else {
        return Unreadable::Frame(error);
    };
    match frame.get("type").and_then(Value::as_str) {
        Some("hello" | "resume") => {
            // Another version may have other fields, so that is looked at first.
            let version = frame.get("version").and_then(Value::as_u64).and_then(|version| u32::try_from(version).ok());
            if let Some(Err(refusal)) = version.map(check_version) {
                return Unreadable::SignIn(refusal);
            }
            Unreadable::SignIn(refusal(missing_credential(&frame), error.to_string()))
        }
        Some("request") => {
            let Some(id) = frame.get("id").and_then(|id| RequestId::deserialize(id).ok()) else {
                return Unreadable::Frame(error);
            };
            Unreadable::Request { id, error: frame.get("request").map_or(ErrorCode::ServerFailure, wrong_value) }
        }
        Some(_) | None => Unreadable::Frame(error),
    }
}

fn missing_credential(frame: &Map<String, Value>) -> ErrorCode {
    let is_text = |field| frame.get(field).is_some_and(Value::is_string);
    if frame.get("type").and_then(Value::as_str) == Some("resume") {
        ErrorCode::ServerFailure
    } else if !is_text("account_id") {
        ErrorCode::AccountIdRequired
    } else if !is_text("api_key") && !is_text("user_token") {
        ErrorCode::ApiKeyRequired
    } else if !is_text("cuid") {
        ErrorCode::CuidMissing
    } else if frame.get("environment").is_none_or(|environment| Environment::deserialize(environment).is_err()) {
        ErrorCode::ProductionFieldRequired
    } else {
        ErrorCode::ContactRegistrationFailed
    }
}

fn wrong_value(request: &Value) -> ErrorCode {
    let text = |field| request.get(field).and_then(Value::as_str);
    if request.get("do").and_then(Value::as_str) != Some("call") {
        return ErrorCode::FeatureNotAvailable;
    }
    if let Err(wrong) = Cuid::new(text("to").unwrap_or_default()) {
        return wrong.code();
    }
    if Context::new(text("context").unwrap_or_default()).is_err() || text("remote_context").is_some_and(|text| Context::new(text).is_err())
    {
        return ErrorCode::CallContextInvalid;
    }
    ErrorCode::FailureInMakeCall
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    #[test]
    fn a_wrong_value_in_a_request_is_answered_with_its_error() {
        let request = |body: &str| format!(r#"{{"type":"request","id":"{ID}","request":{body}}}"#);
        let call = |to: &str, context: &str| request(&format!(r#"{{"do":"call","call":"{ID}","to":"{to}","context":"{context}"}}"#));
        assert!(read(&call("courier_1", "Your order")).is_ok());
        let rows = [
            (call("", "Your order"), ErrorCode::CuidMissing),
            (call("abc", "Your order"), ErrorCode::InvalidLengthCuid),
            (call("91_8899555", "Your order"), ErrorCode::InvalidCuid),
            (call("courier_1", "Hello!"), ErrorCode::CallContextInvalid),
            (request(r#"{"do":"call","call":"x","to":"courier_1","context":"Your order"}"#), ErrorCode::FailureInMakeCall),
            (request(r#"{"do":"accept","call":7}"#), ErrorCode::FeatureNotAvailable),
        ];
        for (text, expected) in rows {
            let outcome = read(&text);
            assert!(matches!(outcome, Err(Unreadable::Request { error, .. }) if error == expected), "{text}: {outcome:?}");
        }
    }

    #[test]
    fn a_hello_that_cannot_be_read_is_refused_by_what_is_missing() {
        let hello = r#"{"type":"hello","version":1,"account_id":"a","api_key":"k","cuid":"alice","environment":"development","device":"0","run":"0","device_name":"x"}"#;
        let rows = [
            (hello.replace("\"account_id\":\"a\",", ""), ErrorCode::AccountIdRequired),
            (hello.replace("\"api_key\":\"k\",", ""), ErrorCode::ApiKeyRequired),
            (hello.replace("\"api_key\":\"k\",", "\"user_token\":7,"), ErrorCode::ApiKeyRequired),
            (hello.replace("\"cuid\":\"alice\",", ""), ErrorCode::CuidMissing),
            (hello.replace("development", "staging"), ErrorCode::ProductionFieldRequired),
            (hello.to_owned(), ErrorCode::ContactRegistrationFailed),
            (r#"{"type":"hello","version":2,"ticket":"from the future"}"#.to_owned(), ErrorCode::FeatureNotAvailable),
            (r#"{"type":"resume","version":1}"#.to_owned(), ErrorCode::ServerFailure),
        ];
        for (text, expected) in rows {
            let outcome = read(&text);
            assert!(matches!(&outcome, Err(Unreadable::SignIn(refusal)) if refusal.code == expected), "{text}: {outcome:?}");
        }
    }

    #[test]
    fn what_a_newer_device_says_is_unknown_and_what_nobody_says_is_unreadable() {
        assert!(matches!(read(r#"{"type":"telepathy","depth":3}"#), Ok(ClientMessage::Unknown)));
        for text in ["", "[]", "7", "{}", "{\"type\":\"request\"}", "not json", r#"{"type":"ack","seq":-1}"#] {
            assert!(matches!(read(text), Err(Unreadable::Frame(_))), "{text}");
        }
    }
}
