//! Whatever reads what others have sent, fed with what nobody would send: messages that are made at random, out of order, mangled, or no messages.
//!
//! ```text
//! cargo xtask fuzz device --seconds 600                              looks for as long as that
//! SIGNEDCALL_FUZZ_SEED=17 cargo test --workspace --test fuzz device  does one round again
//! ```
//!
//! Each round is made from one number, its seed. Ids come from a small pool, so that messages meet the calls, sessions and requests of others.

mod device;
mod hub;
mod made;
mod mangled;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How long each target is fed in a run of all tests.
const SECONDS: u64 = 3;

#[test]
fn wire_reads_anything_without_harm_and_what_it_reads_it_writes_again() {
    println!("{}", fuzz(wire::round));
}

#[test]
fn device_takes_anything_from_the_service_without_harm() {
    println!("{}", fuzz(device::round));
}

#[test]
fn hub_takes_anything_from_devices_without_harm_to_others() {
    println!("{}", fuzz(hub::round));
}

/// Does rounds of other seeds each time, until the time is over; says what was done, and of a round that fails, its seed.
///
/// Each round counts what is worth counting: a target that is never reached proves nothing.
fn fuzz(round: fn(&mut StdRng) -> u64) -> String {
    if let Some(seed) = number("SIGNEDCALL_FUZZ_SEED") {
        return format!("the round of seed {seed} counts {}", round(&mut StdRng::seed_from_u64(seed)));
    }
    // Whoever asks for a time looks for something new; a run of all tests must not depend on luck.
    let (seconds, first) = number("SIGNEDCALL_FUZZ_SECONDS").map_or((SECONDS, 0_u64), |seconds| (seconds, rand::rng().random()));
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut rounds, mut counted) = (0, 0);
    while Instant::now() < until {
        let seed = first.wrapping_add(rounds);
        let outcome = catch_unwind(AssertUnwindSafe(|| round(&mut StdRng::seed_from_u64(seed))));
        let Ok(count) = outcome else { panic!("see above; again: SIGNEDCALL_FUZZ_SEED={seed}") };
        counted += count;
        rounds += 1;
    }
    assert!(counted > rounds / 10, "{rounds} rounds count {counted}: hardly anything happened in them");
    format!("{rounds} rounds from seed {first} on count {counted}")
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}
