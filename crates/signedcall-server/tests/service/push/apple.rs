//! Apple's VoIP pushes, request by request.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::Version;
use rcgen::{CertificateParams, KeyPair};
use ring::signature::KeyPair as _;
use serde_json::{Value, json};
use signedcall_server::push::{ApnsCredential, ApnsProof, PushError, PushSettings, apns, remove_apns, set_apns};
use signedcall_server::{Settings, open_accounts};
use signedcall_wire::{AccountId, CallId, EndReason, Environment, ErrorCode, PushService, PushTarget, Redacted, Request, ServiceEvent};

use super::receiver::Receiver;
use super::stand_in::StandIn;
use super::{claims, idle, unix_seconds};
use crate::support::{Device, TestService, new_call};

const TOKEN: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
const TOPIC: &str = "com.example.courier.voip";

fn demo() -> AccountId {
    AccountId("demo".to_owned())
}

fn key() -> (ApnsCredential, Vec<u8>) {
    let pair = KeyPair::generate().expect("a key");
    let der = pair.serialize_der();
    let read = ring::signature::EcdsaKeyPair::from_pkcs8(
        &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &der,
        &ring::rand::SystemRandom::new(),
    );
    let public = read.expect("a key").public_key().as_ref().to_vec();
    let (team_id, key_id, key) = ("TEAM567890".to_owned(), "KEY4567890".to_owned(), Redacted::new(pair.serialize_pem()));
    (ApnsCredential { bundle_id: "com.example.courier".to_owned(), proof: ApnsProof::Key { team_id, key_id, key } }, public)
}

fn target(receiver: &Receiver, topic: &str, environment: Environment) -> PushTarget {
    receiver.target(PushService::Apns { token: Redacted::new(TOKEN.to_owned()), topic: topic.to_owned(), environment })
}

/// A service that takes a stand-in for both of Apple's hosts, and shows this to it.
async fn service_with(apple: &StandIn, credential: &ApnsCredential) -> TestService {
    service_that_waits(apple, credential, PushSettings::default().answer_within).await
}

/// The same, which waits for answers for so long.
async fn service_that_waits(apple: &StandIn, credential: &ApnsCredential, answer_within: Duration) -> TestService {
    let data = tempfile::tempdir().expect("a directory");
    let certificate = apple.certificate_in(data.path());
    let url = apple.url("").parse::<url::Url>().expect("a URL");
    let service = TestService::start_as(data, |settings| {
        settings.push.to_private_addresses = true;
        settings.push.certificates = Some(certificate);
        settings.push.apns_development = url;
        settings.push.answer_within = answer_within;
    })
    .await;
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    set_apns(&accounts, &demo(), Environment::Development, credential).expect("a key that can be used");
    service
}

#[tokio::test]
async fn a_voip_push_has_every_field_that_apple_asks_for() {
    let (mut apple, receiver, (credential, public)) = (StandIn::apple(None).await, Receiver::new(), key());
    apple.answer([(200, None, "")]);
    let service = service_with(&apple, &credential).await;
    idle(&service, "courier_2", target(&receiver, TOPIC, Environment::Development)).await;
    let mut caller = service.sign_in("courier_1").await;
    let asked = unix_seconds();
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");

    let given = apple.next().await;
    assert_eq!((given.version, given.method.as_str()), (Version::HTTP_2, "POST"));
    assert_eq!(given.path, format!("/3/device/{TOKEN}"));
    assert_eq!((given.header("apns-push-type"), given.header("apns-topic"), given.header("apns-priority")), ("voip", TOPIC, "10"));
    assert_eq!(given.header("apns-collapse-id"), call.to_string());
    let expires: u64 = given.header("apns-expiration").parse().expect("seconds");
    assert!((asked + 34..=asked + 37).contains(&expires), "{expires}");
    let (header, said) = claims(given.header("authorization").strip_prefix("bearer ").expect("a proof"), &public);
    assert_eq!(header, json!({"alg": "ES256", "kid": "KEY4567890"}));
    assert_eq!(said["iss"], "TEAM567890");
    assert!((asked - 1..=asked + 5).contains(&said["iat"].as_u64().expect("seconds")));
    let body: Value = serde_json::from_slice(&given.body).expect("JSON");
    assert_eq!(body["aps"], json!({}));
    let payload = receiver.open(&BASE64_STANDARD.decode(body["signedcall"].as_str().expect("text")).expect("base64"));
    assert_eq!((payload.call, payload.to.as_str()), (call, "courier_2"));
}

#[tokio::test]
async fn pushes_go_over_one_connection_with_one_proof_until_apple_finds_it_too_old() {
    let (mut apple, receiver, (credential, _)) = (StandIn::apple(None).await, Receiver::new(), key());
    apple.answer([(200, None, ""), (200, None, ""), (403, None, r#"{"reason":"ExpiredProviderToken"}"#)]);
    let service = service_with(&apple, &credential).await;
    idle(&service, "courier_2", target(&receiver, TOPIC, Environment::Development)).await;
    let mut proofs = Vec::new();
    for (nth, caller) in ["courier_3", "courier_4", "courier_5"].into_iter().enumerate() {
        let mut caller = service.sign_in(caller).await;
        caller.ask(new_call("courier_2").1).await.expect("it is placed");
        for _ in 0..if nth == 2 { 2 } else { 1 } {
            let given = apple.next().await;
            assert_eq!(given.connection, 1);
            proofs.push(given.header("authorization").to_owned());
        }
    }
    assert!(proofs[0] == proofs[1] && proofs[1] == proofs[2], "Apple takes it for an attack when each has another");
    assert_ne!(proofs[2], proofs[3]);
}

#[tokio::test]
async fn a_certificate_is_shown_in_place_of_a_proof() {
    let pair = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["com.example.courier".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&pair).expect("a certificate");
    let pem = Redacted::new(format!("{}{}", certificate.pem(), pair.serialize_pem()));
    let credential = ApnsCredential { bundle_id: "com.example.courier".to_owned(), proof: ApnsProof::Certificate { pem } };
    let (mut apple, receiver) = (StandIn::apple(Some(certificate.der().clone())).await, Receiver::new());
    let service = service_with(&apple, &credential).await;
    idle(&service, "courier_2", target(&receiver, TOPIC, Environment::Development)).await;
    let mut caller = service.sign_in("courier_1").await;
    caller.ask(new_call("courier_2").1).await.expect("it is placed");
    let given = apple.next().await;
    assert_eq!(given.certificate.as_ref(), Some(certificate.der()));
    assert!(!given.has("authorization"));
}

#[tokio::test]
async fn an_answer_that_is_late_leaves_the_connection_to_the_pushes_of_others() {
    let (mut apple, receiver, (credential, _)) = (StandIn::apple(None).await, Receiver::new(), key());
    apple.leave_one_unanswered();
    let service = service_that_waits(&apple, &credential, Duration::from_millis(300)).await;
    idle(&service, "courier_2", target(&receiver, TOPIC, Environment::Development)).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    for _ in 0..2 {
        let given = apple.next().await;
        assert_eq!((given.connection, given.header("apns-collapse-id")), (1, call.to_string().as_str()), "it is tried again on the same");
    }
}

#[tokio::test]
async fn a_connection_that_apple_gives_up_is_made_anew() {
    let (mut apple, receiver, (credential, _)) = (StandIn::apple(None).await, Receiver::new(), key());
    let service = service_with(&apple, &credential).await;
    idle(&service, "courier_2", target(&receiver, TOPIC, Environment::Development)).await;
    for (caller, connection) in [("courier_3", 1), ("courier_4", 2)] {
        let mut caller = service.sign_in(caller).await;
        caller.ask(new_call("courier_2").1).await.expect("it is placed");
        assert_eq!(apple.next().await.connection, connection);
        if connection == 1 {
            apple.go_away().await;
        }
    }
}

/// A device whose app was removed, as Apple says of a push, and at which moment: who has placed the call that was to wake it, and the call.
async fn unregistered(apple: &StandIn, receiver: &Receiver, said: &'static str) -> (TestService, Device, CallId) {
    apple.answer([(410, None, said)]);
    let service = service_with(apple, &key().0).await;
    idle(&service, "courier_2", target(receiver, TOPIC, Environment::Development)).await;
    let mut caller = service.sign_in("courier_1").await;
    let (call, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    assert_eq!(caller.event().await, ServiceEvent::Ended { call, reason: EndReason::RemoteNetworkLoss, other_device: None });
    (service, caller, call)
}

#[tokio::test]
async fn a_device_that_has_registered_after_its_app_was_removed_is_pushed_again() {
    let (mut apple, receiver) = (StandIn::apple(None).await, Receiver::new());
    let (_service, mut caller, call) = unregistered(&apple, &receiver, r#"{"reason":"Unregistered","timestamp":1}"#).await;
    let (again, request) = new_call("courier_2");
    caller.ask(request).await.expect("it is placed");
    let given = [apple.next().await, apple.next().await];
    assert_eq!(given.map(|given| given.header("apns-collapse-id").to_owned()), [call, again].map(|call| call.to_string()));
}

#[tokio::test]
async fn an_app_that_was_removed_is_pushed_no_more() {
    let (apple, receiver) = (StandIn::apple(None).await, Receiver::new());
    // In the year 2100.
    let (_service, mut caller, _) = unregistered(&apple, &receiver, r#"{"reason":"Unregistered","timestamp":4102444800000}"#).await;
    assert_eq!(caller.ask(new_call("courier_2").1).await, Err(ErrorCode::ContactNotReachable));
}

#[tokio::test]
async fn a_device_of_another_app_or_environment_is_refused_when_it_says_where_it_is() {
    let (apple, receiver, (credential, _)) = (StandIn::apple(None).await, Receiver::new(), key());
    let service = service_with(&apple, &credential).await;
    let mut device = service.sign_in("courier_2").await;
    let mut ask = async |target| device.ask(Request::PushTo { target: Some(target) }).await;
    let refused = Err(ErrorCode::VoipServiceFailedToRegister);
    assert_eq!(ask(target(&receiver, TOPIC, Environment::Production)).await, Err(ErrorCode::ProductionFieldRequired));
    assert_eq!(ask(target(&receiver, "com.example.baker.voip", Environment::Development)).await, refused);
    let by = |token: &str| {
        let (token, topic) = (Redacted::new(token.to_owned()), TOPIC.to_owned());
        receiver.target(PushService::Apns { token, topic, environment: Environment::Development })
    };
    for token in ["", "../../", "zz", &"0".repeat(201)] {
        assert_eq!(ask(by(token)).await, refused, "{token}");
    }
    assert_eq!(ask(by(TOKEN)).await, Ok(()));
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    remove_apns(&accounts, &demo(), Environment::Development).expect("it was entered");
    assert!(matches!(remove_apns(&accounts, &demo(), Environment::Development), Err(PushError::NoCredential(_))));
    assert_eq!(apns(&accounts, &demo(), Environment::Development).expect("the store"), None);
    assert_eq!(ask(by(TOKEN)).await, refused, "the account has nothing to show to Apple");
}
