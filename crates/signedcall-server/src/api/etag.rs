//! Versions of what several people change: a name for what somebody has seen, by which a change says what it is a change of (RFC 9110, sections 8.8.3 and 13.1.1).

use axum::http::HeaderValue;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::problem::Problem;

/// Bytes of the hash: as many as nobody meets twice by chance.
const BYTES: usize = 12;

/// The name of one version: a strong entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Etag(String);

impl Etag {
    /// The same for the same, whoever has saved it.
    pub(crate) fn of(shown: &impl Serialize) -> Self {
        // Plain data: it cannot fail, and would have a name of its own.
        let text = serde_json::to_vec(shown).unwrap_or_default();
        Self(format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, &text).as_ref()[..BYTES])))
    }

    /// The header that says it.
    pub(crate) fn header(&self) -> [(HeaderName, HeaderValue); 1] {
        [(ETAG, HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("\"\"")))]
    }
}

/// Of which versions something is to be changed; `None` of whichever is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(IF_MATCH) {
            let text = value.to_str().map_err(|_| Problem::body("If-Match is no list of entity tags"))?;
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        let wants_any = tags.is_empty() || tags.iter().any(|tag| tag == "*");
        Ok(Self((!wants_any).then_some(tags)))
    }

    /// Refuses a change of anything but this.
    pub(crate) fn check(&self, now: &Etag) -> Result<(), Problem> {
        match &self.0 {
            Some(tags) if !tags.contains(&now.0) => Err(Problem::changed()),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> IfMatch {
        let headers = values.iter().map(|&value| (IF_MATCH, HeaderValue::from_static(value))).collect();
        IfMatch::read(&headers).expect("a list")
    }

    #[test]
    fn a_change_of_what_is_there_is_let_through_and_of_nothing_else() {
        let (now, other) = (Etag::of(&("navy", 1)), Etag::of(&("navy", 2)));
        assert_ne!(now, other);
        assert_eq!(now, Etag::of(&("navy", 1)));
        let lets = |values: &[&'static str]| read(values).check(&now).is_ok();
        assert!(lets(&[]) && lets(&["*"]));
        assert!(!lets(&["\"other\""]) && !lets(&[""]));
        let of = |tag: &Etag| IfMatch(Some(vec!["\"older\"".to_owned(), tag.0.clone()]));
        assert!(of(&now).check(&now).is_ok() && of(&other).check(&now).is_err());
        let weak = IfMatch(Some(vec![format!("W/{}", now.0)]));
        assert!(weak.check(&now).is_err(), "a weak one never matches (RFC 9110, section 13.1.1)");
    }
}
