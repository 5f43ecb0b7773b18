//! Devices that are called by push, with push services that speak the real protocols.

mod apple;
pub(crate) mod receiver;
mod stand_in;
mod trial;
pub(crate) mod wake;
mod web;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use signedcall_wire::{Hello, PushTarget, Request};

use self::stand_in::StandIn;
use crate::support::{Device, TestService};

/// A service that believes a stand-in.
async fn service_with(stand_in: &StandIn) -> TestService {
    let data = tempfile::tempdir().expect("a directory");
    let certificate = stand_in.certificate_in(data.path());
    TestService::start_as(data, |settings| {
        settings.push.to_private_addresses = true;
        settings.push.certificates = Some(certificate);
        settings.push.contact = Some("mailto:ops@example.com".to_owned());
    })
    .await
}

/// A device that has said where its pushes go, and has gone idle.
async fn idle(service: &TestService, cuid: &str, target: PushTarget) -> Hello {
    let hello = service.hello(cuid);
    let mut device = Device::sign_in(&service.service.url(), hello.clone()).await;
    device.ask(Request::PushTo { target: Some(target) }).await.expect("it is kept");
    device.ask(Request::GoIdle).await.expect("it is in no call");
    assert_eq!(device.socket.hear().await, None, "the service closes the socket");
    hello
}

fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// What a JWT says, once its signature is verified by a public key.
fn claims(token: &str, public: &[u8]) -> (Value, Value) {
    let (signed, signature) = token.rsplit_once('.').expect("a JWT");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(signed.as_bytes(), &decode(signature)).expect("its signature");
    let (header, claims) = signed.split_once('.').expect("two parts");
    let read = |text: &str| serde_json::from_slice(&decode(text)).expect("JSON");
    (read(header), read(claims))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}
