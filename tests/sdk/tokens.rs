//! Signing in by user tokens, which a company's backend signs, instead of an api key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use signedcall::{
    Analytics, CallState, CallStatus, Credentials, EndReason, Error, ErrorCode, LinkState, NoUserToken, Options, Redacted, SignedCall,
    UserTokens,
};
use signedcall_server::{TokenSettings, account};
use signedcall_wire::{AccountId, Environment};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::calls::connect;
use crate::support::{PATIENCE, Phone, Service, ToneSound};

const ACCOUNT: &str = "grocer";

/// A company's backend, with a key on each curve.
struct Backend {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
    /// How long its tokens are good.
    lasts: Duration,
    /// When it was asked for each.
    asked: watch::Sender<Vec<Instant>>,
    mood: Mutex<Mood>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Signs,
    /// It cannot be reached.
    Away,
    /// It signs for somebody else.
    Confused,
}

impl Backend {
    fn new(lasts: Duration) -> Arc<Self> {
        let random = SystemRandom::new();
        let secret = Ed25519KeyPair::generate_pkcs8(&random).expect("randomness");
        let ed25519 = Ed25519KeyPair::from_pkcs8(secret.as_ref()).expect("a key");
        let secret = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("randomness");
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, secret.as_ref(), &random).expect("a key");
        Arc::new(Self { ed25519, p256, lasts, asked: watch::Sender::new(Vec::new()), mood: Mutex::new(Mood::Signs) })
    }

    /// Starts a service where the company has an account for development, and its keys.
    async fn with_service(leeway: Duration, lasts: Duration) -> (Service, Arc<Self>) {
        let backend = Self::new(lasts);
        let (service, _key) = Service::start_with_account_and(
            ACCOUNT,
            |_| {},
            |settings| settings.tokens = TokenSettings { leeway, shortest: SECOND, ..TokenSettings::default() },
        )
        .await;
        backend.register(&service, ACCOUNT);
        (service, backend)
    }

    fn register(&self, service: &Service, account: &str) {
        let (x, y) = self.p256.public_key().as_ref()[1..].split_at(32);
        let set = json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(self.ed25519.public_key())},
            {"kty": "EC", "crv": "P-256", "kid": "p", "x": encode(x), "y": encode(y)},
        ]});
        let id = AccountId(account.to_owned());
        account::set_token_keys(&service.accounts(), &id, Environment::Development, &set.to_string()).expect("an account");
    }

    fn feel(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Those of a good token.
    fn claims(&self, cuid: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let jti = uuid::Uuid::new_v4().to_string();
        json!({"iss": ACCOUNT, "sub": cuid, "aud": "signedcall", "iat": now, "exp": now + self.lasts.as_secs(), "jti": jti})
    }

    fn token(&self, cuid: &str) -> String {
        self.sign(&self.claims(cuid))
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": "EdDSA", "kid": "ed", "typ": "JWT"}), claims)
    }

    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => self.ed25519.sign(signed.as_bytes()).as_ref().to_vec(),
            Some("ES256") => self.p256.sign(&SystemRandom::new(), signed.as_bytes()).expect("randomness").as_ref().to_vec(),
            // Whoever has the public key only, and hopes that it is taken for a secret.
            Some("HS256") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.ed25519.public_key().as_ref());
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{signed}.{}", encode(signature))
    }

    /// What the app of a user asks.
    fn tokens_of(self: &Arc<Self>, cuid: &str) -> UserTokens {
        let (backend, cuid) = (Arc::clone(self), cuid.to_owned());
        UserTokens::new(move || {
            backend.asked.send_modify(|asked| asked.push(Instant::now()));
            let mood = *backend.mood.lock().unwrap_or_else(PoisonError::into_inner);
            let token = match mood {
                Mood::Signs => Ok(Redacted::new(backend.token(&cuid))),
                Mood::Away => Err(NoUserToken("the backend is away".to_owned())),
                Mood::Confused => Ok(Redacted::new(backend.token("somebody_else"))),
            };
            async move { token }
        })
    }

    /// Waits until it is asked for another token although all that it has given until now have long expired, and says whether the session has gone on
    /// until then.
    async fn keeps_up(&self, phone: &Phone) -> bool {
        let (mut asked, mut view) = (self.asked.subscribe(), phone.line.view());
        // What is asked for as one has just expired is to begin another session with.
        let long_expired = Instant::now() + self.lasts * 5 / 4;
        tokio::select! {
            asked = timeout(PATIENCE, asked.wait_for(|asked| asked.last().is_some_and(|last| *last > long_expired))) => {
                asked.expect("it is asked").expect("it is there");
                true
            }
            _ = view.wait_for(|view| view.link != LinkState::Ready) => false,
        }
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn options(service: &Service, cuid: &str, tokens: UserTokens) -> Options {
    let defaults = service.options(cuid);
    Options {
        voice: defaults.voice,
        ..Options::with_user_tokens(defaults.service_url, ACCOUNT, tokens, cuid).production(false).analytics(Analytics::Local)
    }
}

async fn phone(service: &Service, backend: &Arc<Backend>, cuid: &str, says: u32) -> Phone {
    Phone::sign_in(options(service, cuid, backend.tokens_of(cuid)), ToneSound::of(says)).await
}

/// Signs in with one token whenever one is asked for, and gives the refusal and how often it was asked.
async fn refusal(service: &Service, token: String, change: impl FnOnce(&mut Options)) -> (Error, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let tokens = UserTokens::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let token = token.clone();
        async move { Ok(Redacted::new(token)) }
    });
    let mut options = options(service, "alice", tokens);
    options.sound = Some(ToneSound::of(1_000));
    change(&mut options);
    let outcome = timeout(PATIENCE, SignedCall::init(options)).await.expect("signing in has an end");
    (outcome.expect_err("it is refused"), asked.load(Ordering::Relaxed))
}

const TEN_MINUTES: Duration = Duration::from_secs(600);
const LEEWAY: Duration = Duration::from_secs(30);
/// A test has no minute for a token to expire.
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_with_tokens_of_either_algorithm_call_each_other() {
    let (service, backend) = Backend::with_service(LEEWAY, TEN_MINUTES).await;
    let mut alice = phone(&service, &backend, "alice", 1_000).await;
    let of_bobby = backend.sign_with(&json!({"alg": "ES256", "kid": "p"}), &backend.claims("bobby"));
    let tokens = UserTokens::new(move || std::future::ready(Ok(Redacted::new(of_bobby.clone()))));
    let mut bobby = Phone::sign_in(options(&service, "bobby", tokens), ToneSound::of(1_500)).await;
    connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_asked_for_anew_once_and_then_refused_in_words() {
    let (service, backend) = Backend::with_service(LEEWAY, TEN_MINUTES).await;
    let other = Backend::new(TEN_MINUTES);
    let with = |changes: Value| {
        let mut claims = backend.claims("alice");
        for (name, value) in changes.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        backend.sign(&claims)
    };
    let now = backend.claims("alice")["iat"].as_u64().expect("a moment");
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
    let not_signed = "not signed by a key of this account";
    let rows = [
        ("of another key", other.token("alice"), not_signed),
        ("of an unknown key", backend.sign_with(&header("EdDSA", "other"), &backend.claims("alice")), not_signed),
        ("of no algorithm", backend.sign_with(&header("none", "ed"), &backend.claims("alice")), not_signed),
        ("of the public key as a secret", backend.sign_with(&header("HS256", "ed"), &backend.claims("alice")), not_signed),
        ("of the other algorithm", backend.sign_with(&header("ES256", "ed"), &backend.claims("alice")), not_signed),
        ("expired", with(json!({"iat": now - 100, "exp": now - 31})), "has expired"),
        ("for too long", with(json!({"exp": now + 601})), "1 to 600 seconds"),
        ("of another account", with(json!({"iss": "other"})), "iss"),
        ("for another service", with(json!({"aud": "delivery"})), "aud"),
        ("of another user", backend.token("bobby"), "sub"),
        ("too long", with(json!({"note": "x".repeat(4_096)})), "4096 bytes"),
    ];
    // All at once: each waits a moment before it tries again.
    let refusals = join_all(rows.iter().map(|(_, token, _)| refusal(&service, token.clone(), |_| {}))).await;
    for ((what, token, words), (error, asked)) in rows.into_iter().zip(refusals) {
        assert_eq!((error.code, asked), (ErrorCode::ApiKeyRequired, 2), "{what}: {error}");
        assert!(error.detail.contains(words) && !error.detail.contains(&token), "{what}: {error}");
    }
    let in_another_account = |options: &mut Options| options.account_id = "nobody".to_owned();
    let (unknown, _) = refusal(&service, backend.token("alice"), in_another_account).await;
    let (known, _) = refusal(&service, other.token("alice"), |_| {}).await;
    assert_eq!(unknown, known, "whether there is an account is told to nobody");
    let (error, asked) = refusal(&service, backend.token("alice"), |options| options.production = Some(true)).await;
    assert_eq!((error.code, asked), (ErrorCode::ProductionFieldRequired, 1), "another token would not help");
    assert!(error.detail.contains("the user token belongs to Development"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_lets_one_device_in_and_nobody_after_it() {
    let (service, backend) = Backend::with_service(LEEWAY, TEN_MINUTES).await;
    let token = backend.token("alice");
    let copy = token.clone();
    let tokens = UserTokens::new(move || std::future::ready(Ok(Redacted::new(copy.clone()))));
    let alice = Phone::sign_in(options(&service, "alice", tokens), ToneSound::of(1_000)).await;
    let (error, _) = refusal(&service, token, |_| {}).await;
    assert!(error.code == ErrorCode::ApiKeyRequired && error.detail.contains("used before"), "{error}");
    assert_eq!(alice.line.view().borrow().link, LinkState::Ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_service_knows_which_tokens_were_used_and_takes_those_that_were_not() {
    let (mut service, backend) = Backend::with_service(LEEWAY, TEN_MINUTES).await;
    let (used, mut claims) = (backend.token("alice"), backend.claims("alice"));
    let iat = claims["iat"].as_u64().expect("a moment");
    (claims["iat"], claims["exp"]) = ((iat - 300).into(), (iat + 300).into());
    let unused = backend.sign(&claims);
    let copy = used.clone();
    let tokens = UserTokens::new(move || std::future::ready(Ok(Redacted::new(copy.clone()))));
    Phone::sign_in(options(&service, "alice", tokens), ToneSound::of(1_000)).await.leave_in_silence().await;
    service.restart().await;
    let (error, _) = refusal(&service, used, |_| {}).await;
    assert!(error.code == ErrorCode::ApiKeyRequired && error.detail.contains("used before"), "{error}");
    let tokens = UserTokens::new(move || std::future::ready(Ok(Redacted::new(unused.clone()))));
    Phone::sign_in(options(&service, "alice", tokens), ToneSound::of(1_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_token_of_a_key_that_is_taken_away_keeps_the_call_by_a_token_of_the_next() {
    let backend = Backend::new(TEN_MINUTES);
    let (service, key) = Service::start_with_account_and(ACCOUNT, |_| {}, |_| {}).await;
    backend.register(&service, ACCOUNT);
    let by_key = Options { account_id: ACCOUNT.to_owned(), credentials: Credentials::ApiKey(key), ..service.options("bobby") };
    let mut bobby = Phone::sign_in(by_key, ToneSound::of(1_500)).await;
    let thief = phone(&service, &backend, "mallory", 1_200).await;
    let next = Backend::new(TEN_MINUTES);
    let (both, asked) = ([Arc::clone(&backend), Arc::clone(&next)], AtomicUsize::new(0));
    let tokens = UserTokens::new(move || {
        let backend = &both[asked.fetch_add(1, Ordering::Relaxed).min(1)];
        std::future::ready(Ok(Redacted::new(backend.token("alice"))))
    });
    let mut alice = Phone::sign_in(options(&service, "alice", tokens), ToneSound::of(1_000)).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;

    next.register(&service, ACCOUNT);
    thief.until("out", |view| view.link == LinkState::Reconnecting).await;
    alice.until("in by the next key", |view| view.link == LinkState::Ready).await;
    assert_eq!(alice.line.call_state(), CallState::OngoingCall);
    bobby.line.hangup(call).await.expect("the call goes on");
    alice.expect(CallStatus::Ended(EndReason::HungUp)).await;
    assert_eq!(thief.line.view().borrow().link, LinkState::Reconnecting, "it is not let in again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_may_take_longer_than_the_service_waits_for_the_first_frame_of_a_socket() {
    let backend = Backend::new(TEN_MINUTES);
    let (service, _key) = Service::start_with_account_and(ACCOUNT, |_| {}, |settings| settings.sockets.sign_in_within = 2 * SECOND).await;
    backend.register(&service, ACCOUNT);
    let slow = Arc::clone(&backend);
    let url = service.options("alice").service_url;
    let address = url.split('/').nth(2).expect("a host and a port").to_owned();
    let tokens = UserTokens::new(move || {
        slow.asked.send_modify(|asked| asked.push(Instant::now()));
        let (token, address) = (slow.token("alice"), address.clone());
        async move {
            // It is ready once the service has waited long enough for somebody else, who has said nothing since it was asked for.
            let mut silent = TcpStream::connect(address).await.expect("the service listens");
            let _ = silent.read_to_end(&mut Vec::new()).await;
            Ok(Redacted::new(token))
        }
    });
    let alice = Phone::sign_in(options(&service, "alice", tokens), ToneSound::of(1_000)).await;
    alice.until("in", |view| view.link == LinkState::Ready).await;
    assert_eq!(backend.asked.borrow().len(), 1, "the first token was not too late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_gives_no_token_is_named_when_signing_in() {
    let (service, backend) = Backend::with_service(LEEWAY, TEN_MINUTES).await;
    backend.feel(Mood::Away);
    let mut options = options(&service, "alice", backend.tokens_of("alice"));
    options.sound = Some(ToneSound::of(1_000));
    let error = SignedCall::init(options).await.expect_err("there is no token");
    assert!(error.code == ErrorCode::NetworkNotAvailable && error.detail.contains("the backend is away"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_goes_on_while_tokens_are_renewed_in_silence() {
    let (service, backend) = Backend::with_service(Duration::ZERO, Duration::from_secs(5)).await;
    let mut alice = phone(&service, &backend, "alice", 1_000).await;
    let mut bobby = phone(&service, &backend, "bobby", 1_500).await;
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    assert!(backend.keeps_up(&alice).await, "the session was interrupted");
    alice.sound.hears_tone(1_500).await;
    alice.line.hangup(call).await.expect("the call goes on");
    alice.expect(CallStatus::Ended(EndReason::HungUp)).await;
    bobby.expect(CallStatus::Ended(EndReason::HungUp)).await;
    alice.leave_in_silence().await;
    bobby.leave_in_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_tokens_are_not_renewed_does_not_go_on() {
    let (service, backend) = Backend::with_service(Duration::ZERO, Duration::from_secs(3)).await;
    let alice = phone(&service, &backend, "alice", 1_000).await;
    backend.feel(Mood::Confused);
    assert!(!backend.keeps_up(&alice).await, "it went on by tokens of somebody else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_outlives_a_token_that_could_not_be_renewed_in_time() {
    let backend = Backend::new(Duration::from_secs(4));
    let (service, key) = Service::start_with_account_and(
        ACCOUNT,
        |_| {},
        |settings| settings.tokens = TokenSettings { leeway: Duration::ZERO, shortest: SECOND, ..TokenSettings::default() },
    )
    .await;
    backend.register(&service, ACCOUNT);
    let by_key = Options { account_id: ACCOUNT.to_owned(), credentials: Credentials::ApiKey(key), ..service.options("bobby") };
    let mut bobby = Phone::sign_in(by_key, ToneSound::of(1_500)).await;
    let mut alice = phone(&service, &backend, "alice", 1_000).await;
    backend.feel(Mood::Away);
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.until("without a session", |view| view.link == LinkState::Reconnecting).await;
    alice.sound.hears_tone(1_500).await;
    backend.feel(Mood::Signs);
    alice.until("signed in anew", |view| view.link == LinkState::Ready).await;
    assert_eq!(alice.line.call_state(), CallState::OngoingCall);
    bobby.line.hangup(call).await.expect("the call goes on");
    alice.expect(CallStatus::Ended(EndReason::HungUp)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whose_tokens_are_wrong_for_a_while_is_signed_in_as_soon_as_they_are_right() {
    let (service, backend) = Backend::with_service(Duration::ZERO, Duration::from_secs(2)).await;
    let alice = phone(&service, &backend, "alice", 1_000).await;
    backend.feel(Mood::Confused);
    alice.until("out", |view| view.link == LinkState::Reconnecting).await;
    let (mut asked, before) = (backend.asked.subscribe(), backend.asked.borrow().len());
    // The second of these is only asked for once the first is refused, and the third once the second is.
    timeout(PATIENCE, asked.wait_for(|asked| asked.len() >= before + 3)).await.expect("it goes on").expect("it is there");
    assert_eq!(alice.line.view().borrow().link, LinkState::Reconnecting);
    backend.feel(Mood::Signs);
    alice.until("in again", |view| view.link == LinkState::Ready).await;
}
