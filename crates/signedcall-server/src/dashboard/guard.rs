//! What every request and every answer of the dashboard has to do with, whatever it is about: who may ask at all, and what a browser may do with the answer.

use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::cookies::has_one_by_tls;
use super::refused::Refused;

/// Nothing comes from anywhere else, nothing is sent anywhere else, and no page of anybody else's shows this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// Lets through what this dashboard's own pages ask, and nothing that another site has a browser ask.
pub(super) async fn guard(is_encrypted: bool, request: Request, next: Next) -> Response {
    let mut response = if is_own(request.method(), request.headers(), is_encrypted) {
        next.run(request).await
    } else {
        Refused::other_site().into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request is of a page of this dashboard's. A browser says so of everything that changes something (`Origin`), and newer ones of
/// everything (`Sec-Fetch-Site`); what reads needs no more than that no other site asks for it.
fn is_own(method: &Method, headers: &HeaderMap, is_encrypted: bool) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let of_other_site = matches!(site, Some(b"cross-site" | b"same-site"));
    if method == Method::GET || method == Method::HEAD {
        // Somebody may follow a link to the first page from elsewhere; what it asks for then is its own.
        let navigates = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes) == Some(b"navigate");
        return !of_other_site || navigates;
    }
    !of_other_site && names_host(headers, is_encrypted || has_one_by_tls(headers))
}

/// Whether the page that asks was loaded from where it asks. What came without TLS may be anybody's on the way, and is no page of a dashboard that has it. One
/// without may be behind a proxy that has it.
fn names_host(headers: &HeaderMap, by_tls: bool) -> bool {
    let (mut origins, mut hosts) = (headers.get_all(ORIGIN).iter(), headers.get_all(HOST).iter());
    let (Some(origin), None, Some(host), None) = (origins.next(), origins.next(), hosts.next(), hosts.next()) else {
        return false;
    };
    let (Ok(origin), Ok(host)) = (origin.to_str(), host.to_str()) else {
        return false;
    };
    let is_own_scheme = |scheme: &str| scheme == "https" || (scheme == "http" && !by_tls);
    origin.split_once("://").is_some_and(|(scheme, of)| is_own_scheme(scheme) && of.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_its_own_pages_change_something() {
        let rows: [(&[(&str, &str)], bool); 10] = [
            (&[("host", "127.0.0.1:7445"), ("origin", "http://127.0.0.1:7445")], true),
            (&[("host", "calls.example.com"), ("origin", "https://CALLS.example.com"), ("sec-fetch-site", "same-origin")], true),
            (&[("host", "calls.example.com")], false),
            (&[("host", "calls.example.com"), ("origin", "null")], false),
            (&[("host", "calls.example.com"), ("origin", "https://other.example.com")], false),
            (&[("host", "calls.example.com"), ("origin", "https://calls.example.com:444")], false),
            (&[("host", "calls.example.com"), ("origin", "https://calls.example.com.evil.example")], false),
            (&[("host", "calls.example.com"), ("origin", "ftp://calls.example.com")], false),
            (&[("host", "calls.example.com"), ("origin", "https://calls.example.com"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://calls.example.com")], false),
        ];
        for (pairs, own) in rows {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
                assert_eq!(is_own(&method, &headers(pairs), false), own, "{method} {pairs:?}");
            }
        }
    }

    #[test]
    fn a_page_that_came_without_tls_changes_nothing_where_there_is_tls() {
        let of = |scheme: &str| format!("{scheme}://calls.example.com").parse().expect("a header");
        for (scheme, cookie, is_encrypted, own) in [
            ("https", "", true, true),
            ("http", "", true, false),
            ("https", "__Host-signedcall_dashboard=a", false, true),
            ("http", "__Host-signedcall_dashboard=a", false, false),
            ("http", "signedcall_dashboard=a", false, true),
        ] {
            let mut headers = headers(&[("host", "calls.example.com")]);
            headers.insert(ORIGIN, of(scheme));
            headers.insert(COOKIE, cookie.parse().expect("a header"));
            assert_eq!(is_own(&Method::POST, &headers, is_encrypted), own, "{scheme} {cookie} {is_encrypted}");
        }
    }

    #[test]
    fn other_sites_read_nothing_and_may_lead_here() {
        for (pairs, may) in [
            (vec![("host", "a")], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], false),
            (vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], false),
            (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], true),
        ] {
            assert_eq!(is_own(&Method::GET, &headers(&pairs), true), may, "{pairs:?}");
        }
    }
}
