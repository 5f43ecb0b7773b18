//! A company's logo, for the preview of its branding. The service fetches it, since the pages ask nobody else for anything: as it sends to webhooks, with nothing of
//! whoever asks, and to no address that only its own network reaches unless webhooks may lie there.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::{Position, Url};

use super::refused::{Code, Refused};
use super::session::SignedIn;
use super::{Dashboard, Shared};
use crate::outward::{self, Connector, NoAnswer, Outward, Trust, read_once};

/// The most bytes of a picture, which is what apps take.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// How long it may take to connect, and then until all of it is there: a page waits for it.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);
const FETCHED_WITHIN: Duration = Duration::from_secs(10);
/// How many are fetched at once: operators are few.
const AT_ONCE: usize = 4;

/// Fetches pictures.
pub(super) struct Logos {
    to_private_addresses: bool,
    outward: Outward,
    tls: Connector,
    turns: Arc<Semaphore>,
}

impl std::fmt::Debug for Logos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logos").field("outward", &self.outward).finish_non_exhaustive()
    }
}

impl Logos {
    /// Trusts whom this computer trusts. Reads files.
    pub(super) fn new(to_private_addresses: bool) -> Self {
        let outward = Outward::new(to_private_addresses, CONNECT_WITHIN);
        let tls = Trust::of_this_computer(Vec::new()).connector(&[], None);
        Self { to_private_addresses, outward, tls, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What lies there, if that can be had. It is not looked for anywhere else, whatever is answered.
    async fn fetch(&self, url: &Url) -> Result<Option<Bytes>, NoAnswer> {
        let until = Instant::now() + FETCHED_WITHIN;
        let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(USER_AGENT, concat!("signedcall-server/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "image/png, image/jpeg, image/webp");
        let request = request.body(Full::new(Bytes::new())).map_err(|_| outward::ConnectError::Url)?;
        let stream = self.outward.connect(url, &self.tls).await?;
        read_once(stream, request, until, MOST_BYTES).await
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/logo", get(show))
}

/// A picture that a page can show.
#[derive(Debug, Serialize)]
struct Logo {
    /// As a `data:` URL.
    picture: String,
}

async fn show(State(dashboard): State<Shared>, _who: SignedIn, RawQuery(query): RawQuery) -> Result<Json<Logo>, Refused> {
    dashboard.logo(&query.unwrap_or_default()).await.map(Json)
}

impl Dashboard {
    async fn logo(&self, query: &str) -> Result<Logo, Refused> {
        let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "url").map(|(_, value)| value);
        let named = named.ok_or(Refused::field("url"))?;
        let url = outward::check(&named, self.logos.to_private_addresses).map_err(|_| Refused::field("url"))?;
        let _turn = self.logos.turns.acquire().await.map_err(|_| Refused::unavailable())?;
        let none = Refused::about(Code::NotFound, "url");
        match self.logos.fetch(&url).await {
            Ok(Some(bytes)) => kind_of(&bytes)
                .map_or(Err(none), |kind| Ok(Logo { picture: format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(&bytes)) })),
            Ok(None) => Err(none),
            Err(error) => {
                tracing::debug!(%error, "a logo cannot be fetched");
                Err(none)
            }
        }
    }
}

/// Which kind of picture it is that apps show, by its first bytes: what its server calls it says nothing.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some("png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_apps_show_and_nothing_that_a_browser_would_carry_out() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], Some("png")),
            (b"\xff\xd8\xff\xe0", Some("jpeg")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("webp")),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>", None),
            (b"GIF89a", None),
            (b"<!doctype html>", None),
            (b"", None),
        ] {
            assert_eq!(kind_of(bytes), kind, "{bytes:?}");
        }
    }
}
