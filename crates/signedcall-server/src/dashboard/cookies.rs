//! The cookies of the dashboard: what they are called, where they go, and who is believed to have set them.

use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::{COOKIE, HeaderMap, ORIGIN};
use signedcall_wire::Redacted;

use super::Dashboard;
use super::refused::{Refused, failed};

/// What browsers take only from this very host and by TLS, so that no other host of the same domain sets it (RFC 6265bis, section 4.1.3.2).
const BY_TLS: &str = "__Host-";

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Who is signed in.
    Session,
    /// Who has signed in before.
    Familiar,
}

/// How a browser reaches the dashboard, as far as a request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Tls,
    Plain,
}

impl Cookie {
    pub(super) const ALL: [Self; 2] = [Self::Session, Self::Familiar];

    const fn plain_name(self) -> &'static str {
        match self {
            Self::Session => "signedcall_dashboard",
            Self::Familiar => "signedcall_familiar",
        }
    }

    /// What it is called. By another name it is another cookie, and what it says is good for nothing.
    pub(super) fn name(self, way: Way) -> String {
        match way {
            Way::Tls => format!("{BY_TLS}{}", self.plain_name()),
            Way::Plain => self.plain_name().to_owned(),
        }
    }

    /// What a request has of it, and by which way it was set. One that came by TLS counts before any other, and nothing else does where there is TLS.
    pub(super) fn find(self, headers: &HeaderMap, is_encrypted: bool) -> Option<(Way, Redacted<String>)> {
        let ways: &[Way] = if is_encrypted { &[Way::Tls] } else { &[Way::Tls, Way::Plain] };
        ways.iter().find_map(|way| Some((*way, value(headers, &self.name(*way))?)))
    }
}

/// Whether a request has a cookie that only a page has been given which came by TLS.
pub(super) fn has_one_by_tls(headers: &HeaderMap) -> bool {
    Cookie::ALL.iter().any(|cookie| value(headers, &cookie.name(Way::Tls)).is_some())
}

fn value(headers: &HeaderMap, name: &str) -> Option<Redacted<String>> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let value = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name)?.1;
    Some(Redacted::new(value.to_owned()))
}

impl Dashboard {
    /// How the page was loaded that asks: by this listener's TLS, by a proxy's in front of it, or without.
    pub(super) fn way(&self, headers: &HeaderMap) -> Way {
        let by_proxy = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
        if self.is_encrypted || by_proxy { Way::Tls } else { Way::Plain }
    }
}

/// A cookie that no script reads, and no other site's page sends along.
pub(super) fn set(cookie: Cookie, value: &str, lasts: Duration, way: Way) -> Result<HeaderValue, Refused> {
    let (name, secure) = (cookie.name(way), if way == Way::Tls { "; Secure" } else { "" });
    let cookie = format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lasts.as_secs());
    HeaderValue::from_str(&cookie).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &'static str, is_encrypted: bool) -> Option<(Way, String)> {
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]);
        Cookie::Session.find(&headers, is_encrypted).map(|(way, value)| (way, value.into_inner()))
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let plain = Some((Way::Plain, "abc".to_owned()));
        for text in ["signedcall_dashboard=abc", "a=b; signedcall_dashboard=abc", "xsignedcall_dashboard=1;signedcall_dashboard=abc; z"] {
            assert_eq!(found(text, false), plain, "{text}");
        }
        for text in ["", "a=b", "xsignedcall_dashboard=abc", "signedcall_dashboard", "__Secure-signedcall_dashboard=abc"] {
            assert_eq!(found(text, false), None, "{text}");
        }
    }

    #[test]
    fn what_another_host_of_the_domain_may_have_set_is_no_session_where_there_is_tls() {
        let by_tls = Some((Way::Tls, "abc".to_owned()));
        assert_eq!(found("signedcall_dashboard=theirs; __Host-signedcall_dashboard=abc", false), by_tls, "behind a proxy with TLS");
        assert_eq!(found("signedcall_dashboard=theirs; __Host-signedcall_dashboard=abc", true), by_tls);
        assert_eq!(found("signedcall_dashboard=theirs", true), None);
    }

    #[test]
    fn a_cookie_by_tls_has_what_its_name_asks_for() {
        let text = |way| {
            let set = set(Cookie::Session, "abc", Duration::from_secs(60), way).expect("a header");
            set.to_str().expect("text").to_owned()
        };
        assert_eq!(text(Way::Tls), "__Host-signedcall_dashboard=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(text(Way::Plain), "signedcall_dashboard=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
    }
}
