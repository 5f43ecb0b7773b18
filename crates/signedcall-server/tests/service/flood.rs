//! Whoever tries credentials, as many as they can: what they are answered, and that nobody at another address waits for them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use signedcall_server::account;
use signedcall_wire::{ClientMessage, Credential, Environment, ErrorCode, Hello, Redacted, ServiceMessage};
use tokio::task::JoinSet;

use crate::abuse::{RINGS_WITHIN, call, raise_files};
use crate::api::backend::Backend;
use crate::api::http::{ask, get_from};
use crate::renewals::{register_key, token};
use crate::support::{Device, Socket, in_time};

/// How many keys of the flood may be verified while somebody at another address waits: a few in their turns, and those whose answers are still on the way, on a
/// machine that does much else. Without turns it would be all that wait.
const VERIFIED_MEANWHILE: usize = 100;
/// The same at the API, where fewer wait.
const VERIFIED_MEANWHILE_AT_API: usize = 20;
/// Where the flood comes from.
const ADDRESSES: u8 = 4;
/// How many sockets try credentials at once, of each address. Together they wait for longer than a sign-in does.
const OF_EACH: usize = 100;

/// What is tried, one after the other: keys of nobody, of no account and of the account itself, and now and then a token that another has signed, which is answered
/// at once and tried again.
fn wrong(nth: usize, good: &Hello, forged: &Redacted<String>) -> Hello {
    let secret = "A".repeat(43);
    let key = |id: &str| Credential::ApiKey(Redacted::new(format!("sc_production_{id}_{secret}")));
    let mut hello = good.clone();
    hello.credential = match nth % 8 {
        0 | 3 | 6 => key("0123456789ab"),
        1 | 4 => {
            hello.account_id.0 = format!("nobody_{nth}");
            key("ba9876543210")
        }
        2 | 5 => match &good.credential {
            Credential::ApiKey(own) => Credential::ApiKey(Redacted::new(own.expose()[..own.expose().len() - 43].to_owned() + &secret)),
            Credential::UserToken(_) => unreachable!("it has a key"),
        },
        _ => Credential::UserToken(forged.clone()),
    };
    hello
}

/// What the flood was answered, and how often: the code, and whether it was asked to come back.
type Answers = BTreeMap<(ErrorCode, bool), usize>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_credentials_is_refused_and_keeps_nobody_from_calling_or_signing_in() {
    raise_files();
    let backend = Backend::start().await;
    let url = backend.service.service.url();
    let (mut caller, mut callee) = (backend.sign_in("courier_1").await, backend.sign_in("customer_1").await);
    let signing = register_key(&backend.service, "grocer");
    let new_key = || account::add_key(&backend.accounts, &backend.account, Environment::Production).expect("room for another").1;
    let keys = [new_key(), new_key()];
    let forged = {
        let good = token(&signing, "grocer", "courier_1", "forged");
        // Another signature of the same length.
        let at = good.expose().rfind('.').expect("a signature") + 1;
        Redacted::new(good.expose()[..at].to_owned() + &"A".repeat(good.expose().len() - at))
    };

    let (stop, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let verified = Arc::new(AtomicUsize::new(0));
    let mut flood = JoinSet::new();
    for nth in 0..usize::from(ADDRESSES) * OF_EACH {
        let from = Ipv4Addr::new(127, 2, (nth / OF_EACH).try_into().expect("few"), 1);
        let hello = wrong(nth, &backend.hello("courier_1"), &forged);
        let (url, stop, tried, verified) = (url.clone(), Arc::clone(&stop), Arc::clone(&tried), Arc::clone(&verified));
        flood.spawn(async move {
            let mut answers = Answers::new();
            while !stop.load(Ordering::Relaxed) {
                let mut socket = Socket::open_from(&url, from).await;
                socket.say(&ClientMessage::Hello(hello.clone())).await;
                let answer = match socket.hear().await {
                    Some(ServiceMessage::Refused(refusal)) => (refusal.code, refusal.retry_after_ms.is_some()),
                    other => panic!("unexpected: {other:?}"),
                };
                *answers.entry(answer).or_default() += 1;
                tried.fetch_add(1, Ordering::Relaxed);
                let was_verified = answer == (ErrorCode::ApiKeyRequired, false) && matches!(hello.credential, Credential::ApiKey(_));
                verified.fetch_add(usize::from(was_verified), Ordering::Relaxed);
            }
            answers
        });
    }
    // Until all wait for a verification: those with tokens and a first few of the others have been answered.
    in_time(async {
        while tried.load(Ordering::Relaxed) < OF_EACH {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let (mut rang, mut signed_in, mut meanwhile) = (Vec::new(), Vec::new(), Vec::new());
    let [first, second] = keys.map(|key| (Credential::ApiKey(key), Environment::Production));
    let third = (Credential::UserToken(token(&signing, "grocer", "late_user", "good")), Environment::Development);
    // Each for the first time, so that none is remembered.
    for (credential, environment) in [first, second, third] {
        rang.push(call(&mut caller, &mut callee, "customer_1").await);
        let (asked, before) = (Instant::now(), verified.load(Ordering::Relaxed));
        let mut late = Device::sign_in(&url, Hello { credential, environment, ..backend.hello("late_user") }).await;
        signed_in.push(asked.elapsed());
        meanwhile.push(verified.load(Ordering::Relaxed) - before);
        if environment == Environment::Production {
            rang.push(call(&mut caller, &mut late, "late_user").await);
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut answers = Answers::new();
    while let Some(ended) = flood.join_next().await {
        for (answer, number) in ended.expect("each is refused, and nothing else") {
            *answers.entry(answer).or_default() += number;
        }
    }
    println!(
        "calls ring after {rang:?}, sign-ins take {signed_in:?}, with {meanwhile:?} verified before; the flood was answered {answers:?}"
    );
    assert!(rang.iter().all(|took| *took < RINGS_WITHIN), "{rang:?}");
    assert!(meanwhile.iter().all(|verified| *verified < VERIFIED_MEANWHILE), "{meanwhile:?}");
    for ((code, comes_back), number) in &answers {
        // Wrong, in the same words whatever is wrong with it, or not looked at for five seconds.
        let known = [(ErrorCode::ApiKeyRequired, false), (ErrorCode::ServerFailure, true)];
        assert!(known.contains(&(*code, *comes_back)), "{number} were answered {code:?}");
    }
    assert!(answers.contains_key(&(ErrorCode::ApiKeyRequired, false)), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_keys_at_the_api_keeps_no_other_backend_out() {
    raise_files();
    let backend = Backend::start().await;
    let address = backend.service.service.address();
    let (stop, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut flood = JoinSet::new();
    for nth in 0..OF_EACH {
        let (stop, tried) = (Arc::clone(&stop), Arc::clone(&tried));
        flood.spawn(async move {
            let from = Ipv4Addr::new(127, 3, 0, 1);
            let key = format!("sc_production_{nth:012x}_{}", "A".repeat(43));
            let mut answers = BTreeMap::<u16, usize>::new();
            while !stop.load(Ordering::Relaxed) {
                let status = get_from(from, address, "/v1/calls", &key).await.status;
                *answers.entry(status).or_default() += 1;
                tried.fetch_add(usize::from(status == 401), Ordering::Relaxed);
            }
            answers
        });
    }
    in_time(async {
        while tried.load(Ordering::Relaxed) < 10 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (asked, before) = (Instant::now(), tried.load(Ordering::Relaxed));
    let answer = ask(address, "GET", "/v1/calls", Some(backend.production.expose()), None).await;
    let (answered, meanwhile) = (asked.elapsed(), tried.load(Ordering::Relaxed) - before);
    stop.store(true, Ordering::Relaxed);
    let answers = flood.join_all().await;
    let all: BTreeMap<u16, usize> = answers.into_iter().flatten().fold(BTreeMap::new(), |mut all, (status, number)| {
        *all.entry(status).or_default() += number;
        all
    });
    println!("the right key was answered after {answered:?}, with {meanwhile} verified before; the flood was answered {all:?}");
    assert_eq!(answer.status, 200);
    assert!(meanwhile < VERIFIED_MEANWHILE_AT_API, "{meanwhile}");
    assert!(all.keys().all(|status| [401, 503].contains(status)) && all.contains_key(&401), "{all:?}");
}
