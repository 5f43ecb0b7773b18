//! The pages themselves, which are in the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};

/// Every file, by its path from the dashboard's root: see `build.rs`.
const PAGES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard_pages.rs"));

/// What is shown by a program that was built without them.
const NO_PAGES: &str = "<!doctype html><html lang=\"en\"><title>Signed Call</title>\
    <p>This program was built without the pages of the dashboard. Run <code>cargo xtask deb</code>, or <code>npm ci &amp;&amp; npm run build</code> in \
    <code>ui</code>, and build it again.</p></html>";

const NOT_KEPT: (HeaderName, &str) = (CACHE_CONTROL, "no-store");

/// Gives a file. Those whose names change with what is in them are kept by browsers for good.
pub(super) async fn page(uri: Uri) -> Response {
    let name = uri.path().trim_start_matches('/');
    let is_first = name.is_empty() || name == "index.html";
    let found = PAGES.iter().find(|(known, _)| *known == if is_first { "index.html" } else { name });
    match found {
        Some((name, bytes)) => {
            let keep = if is_first { "no-cache" } else { "public, max-age=31536000, immutable" };
            let headers = [(CONTENT_TYPE, kind_of(name)), (CACHE_CONTROL, HeaderValue::from_static(keep))];
            (headers, *bytes).into_response()
        }
        // The next version of the program may have it.
        None if is_first => (StatusCode::NOT_FOUND, [NOT_KEPT], Html(NO_PAGES)).into_response(),
        None => (StatusCode::NOT_FOUND, [NOT_KEPT]).into_response(),
    }
}

fn kind_of(name: &str) -> HeaderValue {
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("woff2") => "font/woff2",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    };
    HeaderValue::from_static(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[cfg_attr(dashboard_pages, ignore = "the program was built with the pages")]
    async fn a_program_without_pages_says_so() {
        assert!(PAGES.is_empty());
        for (path, status) in
            [("/", StatusCode::NOT_FOUND), ("/index.html", StatusCode::NOT_FOUND), ("/assets/index.js", StatusCode::NOT_FOUND)]
        {
            let answer = page(Uri::from_static(path)).await;
            assert_eq!(
                (answer.status(), answer.headers().get(CACHE_CONTROL).map(HeaderValue::as_bytes)),
                (status, Some(&b"no-store"[..])),
                "{path}"
            );
        }
    }

    #[test]
    #[cfg_attr(not(dashboard_pages), ignore = "the program was built without the pages: `npm run build` in ui, and build it again")]
    fn the_first_page_names_nothing_that_is_not_in_the_program_and_nobody_else() {
        let (_, index) = PAGES.iter().find(|(name, _)| *name == "index.html").expect("a first page");
        let index = str::from_utf8(index).expect("a page is text");
        let named: Vec<&str> = index.split(['"', '\'']).filter(|word| word.contains("assets/")).collect();
        assert!(named.len() >= 2 && !index.contains("://"), "{index}");
        for name in named {
            assert!(PAGES.iter().any(|(known, _)| *known == name.trim_start_matches(['.', '/'])), "{name}");
        }
    }
}
