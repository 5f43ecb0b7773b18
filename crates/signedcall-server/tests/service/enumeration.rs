//! Who is a user, and who of them is there, is not to be found out by calling.

use std::time::{Duration, Instant};

use signedcall_server::{Settings, account, open_accounts};
use signedcall_wire::{AccountId, Cuid, Environment, ErrorCode, Request};

use crate::support::{Device, TestService, new_call};

/// Calls to each; many, since one takes some microseconds and the machine does other things.
const CALLS: usize = 300;

/// How long it takes until a call is refused.
async fn refused_after(caller: &mut Device, to: &str) -> Duration {
    let (_, request) = new_call(to);
    let asked = Instant::now();
    assert_eq!(caller.ask(request).await, Err(ErrorCode::ContactNotReachable), "{to}");
    asked.elapsed()
}

/// The value that so many in a hundred are below.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[sorted.len() * percent / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_be_called_is_told_of_in_the_same_words_and_in_the_same_time() {
    let service = TestService::start().await;
    let mut caller = service.sign_in("courier_1").await;
    // One who has been there and has signed out, one who is blocked while signed in, and two whom nobody has ever seen, one of them blocked.
    let mut offline = service.sign_in("offline_1").await;
    offline.ask(Request::Logout).await.expect("it is signed in");
    let mut blocked = service.sign_in("blocked_1").await;
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    for cuid in ["blocked_1", "blocked_2"] {
        let cuid = Cuid::new(cuid).expect("a cuid");
        account::block_user(&accounts, &AccountId("demo".to_owned()), Environment::Development, &cuid, true).expect("the account");
    }
    while blocked.socket.hear().await.is_some() {}
    let users = ["offline_1", "blocked_1", "blocked_2", "nobody_1"];
    let mut took = users.map(|_| Vec::with_capacity(CALLS));
    for _ in 0..CALLS {
        // One after the other, so that whatever else the machine does is the same for all.
        for (cuid, took) in users.iter().zip(&mut took) {
            took.push(refused_after(&mut caller, cuid).await);
        }
    }
    for took in &mut took {
        took.sort_unstable();
    }
    let quartiles = took.each_ref().map(|took| [25, 50, 75].map(|percent| percentile(took, percent)));
    println!("{users:?} are refused after {quartiles:?} (quarters of {CALLS} calls each)");
    // The middle of each lies between the quarters of each other, or so near that nobody could tell by a few hundred calls.
    let near = Duration::from_micros(100);
    for [_, middle, _] in quartiles {
        for [low, _, high] in quartiles {
            assert!(middle + near >= low && middle <= high + near, "{quartiles:?}");
        }
    }
}
