use signedcall_wire::{AccountId, ClientMessage, Credential, Environment, ErrorCode, Hello, Redacted, Refusal, ServiceMessage};

use crate::support::{Device, Socket, TestService, hello};

pub(crate) async fn refused(service: &TestService, hello: Hello) -> Refusal {
    let mut socket = Socket::open(&service.service.url()).await;
    socket.say(&ClientMessage::Hello(hello)).await;
    let Some(ServiceMessage::Refused(refusal)) = socket.hear().await else { panic!("not refused") };
    assert_eq!(socket.hear().await, None, "the socket is closed");
    refusal
}

#[tokio::test]
async fn a_device_is_welcomed_with_brand_and_relay() {
    let service = TestService::start().await;
    let welcome = service.sign_in("courier_1").await.welcome;
    assert_eq!(welcome.version, signedcall_wire::PROTOCOL_VERSION);
    let brand = welcome.branding.expect("the demo account has a brand");
    assert_eq!((brand.name.as_str(), String::from(brand.bg_color).as_str()), ("Parcelo", "#0F3D2E"));
    let urls: Vec<_> = welcome.ice.servers.iter().flat_map(|server| &server.urls).collect();
    let relay = service.service.relay_address().expect("the embedded one");
    assert_eq!(urls, [&format!("stun:{relay}"), &format!("turn:{relay}?transport=udp")]);
    assert!(!welcome.resume_token.expose().is_empty() && welcome.calls.is_empty());
}

#[tokio::test]
async fn each_wrong_credential_is_refused_by_its_own_name() {
    let service = TestService::start().await;
    let good = || service.hello("courier_1");
    let production = std::fs::read_to_string(service.data.path().join("demo.production.key")).expect("the demo account has both keys");
    let by_key = |key: String| Credential::ApiKey(Redacted::new(key));
    let by_token = |token: String| Credential::UserToken(Redacted::new(token));
    let rows = [
        (Hello { version: 2, ..good() }, ErrorCode::FeatureNotAvailable, "version 1"),
        (Hello { account_id: AccountId(String::new()), ..good() }, ErrorCode::AccountIdRequired, "account id"),
        (Hello { account_id: AccountId("nobody".to_owned()), ..good() }, ErrorCode::ApiKeyRequired, "account id or the api key"),
        (Hello { credential: by_key(String::new()), ..good() }, ErrorCode::ApiKeyRequired, "api key"),
        (Hello { credential: by_key("mistaken".to_owned()), ..good() }, ErrorCode::ApiKeyRequired, "account id or the api key"),
        (Hello { credential: by_key("x".repeat(257)), ..good() }, ErrorCode::ApiKeyRequired, "256 bytes"),
        (Hello { credential: by_token(String::new()), ..good() }, ErrorCode::ApiKeyRequired, "user token"),
        (Hello { credential: by_token("x".repeat(4097)), ..good() }, ErrorCode::ApiKeyRequired, "4096 bytes"),
        (Hello { credential: by_token("no.token.atall".to_owned()), ..good() }, ErrorCode::ApiKeyRequired, "not signed"),
        (Hello { environment: Environment::Production, ..good() }, ErrorCode::ProductionFieldRequired, "Development"),
        (hello(Redacted::new(production.trim().to_owned()), "courier_1"), ErrorCode::ProductionFieldRequired, "Production"),
        (Hello { cuid: String::new(), ..good() }, ErrorCode::CuidMissing, "empty"),
        (Hello { cuid: "abcd".to_owned(), ..good() }, ErrorCode::InvalidLengthCuid, "this one has 4"),
        (Hello { cuid: "91_8899555".to_owned(), ..good() }, ErrorCode::InvalidCuid, "telephone"),
        (Hello { name: Some("n".repeat(51)), ..good() }, ErrorCode::InvalidNameLength, "this one has 51"),
        (Hello { name: Some("Eve\nAdmin".to_owned()), ..good() }, ErrorCode::ContactRegistrationFailed, "control character"),
        (Hello { name: Some("Eve\u{202E}nimdA".to_owned()), ..good() }, ErrorCode::ContactRegistrationFailed, "control character"),
    ];
    for (hello, code, words) in rows {
        let refusal = refused(&service, hello.clone()).await;
        assert_eq!(refusal.code, code, "{hello:?}: {refusal:?}");
        assert!(refusal.detail.contains(words), "{refusal:?}");
        assert!(
            !refusal.detail.contains(hello.credential.secret().expose()) || hello.credential.secret().expose().is_empty(),
            "the key is not repeated"
        );
    }
}

#[tokio::test]
async fn a_name_of_fifty_characters_is_seen_by_the_callee() {
    let service = TestService::start().await;
    let name = "अ".repeat(50);
    let hello = Hello { name: Some(name.clone()), ..service.hello("courier_1") };
    let mut caller = Device::sign_in(&service.service.url(), hello).await;
    let mut callee = service.sign_in("customer_1").await;
    let (_, call) = crate::support::new_call("customer_1");
    caller.ask(call).await.expect("a call");
    let signedcall_wire::ServiceEvent::Invite(invite) = callee.event().await else { panic!("an invite comes first") };
    assert_eq!(invite.from_name, Some(name));
}

#[tokio::test]
async fn the_first_frame_is_a_sign_in_or_the_socket_is_closed() {
    let service = TestService::start().await;
    let mut socket = Socket::open(&service.service.url()).await;
    socket.say_text("GET / HTTP/1.1".to_owned()).await.expect("an open socket");
    assert_eq!(socket.hear().await, None);
    let mut socket = Socket::open(&service.service.url()).await;
    socket.say_text(r#"{"type":"hello","version":7}"#.to_owned()).await.expect("an open socket");
    let Some(ServiceMessage::Refused(refusal)) = socket.hear().await else { panic!("not refused") };
    assert_eq!(refusal.code, ErrorCode::FeatureNotAvailable);
}
