//! Lines and the real hub over a seeded link, in virtual time.
//!
//! A [`World`](world::World) is made from one number, its seed: who is there, what their users do and when, how slow the network is, when it is cut, how long
//! the store takes, when the service dies or drains, whether media connects. It runs for some virtual minutes, and its [`Ledger`](ledger::Ledger) says whether every promise was kept.
//!
//! ```text
//! SIGNEDCALL_SIM_SEED=17 cargo test -p signedcall-tests --test sim      runs one seed and prints what happened
//! SIGNEDCALL_SIM_SEEDS=100000 cargo test -p signedcall-tests --test sim runs more of them
//! ```

mod act;
mod corpus;
mod device;
mod ledger;
mod media;
mod network;
mod service;
mod store;
mod weather;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use corpus::CORPUS;
use ledger::Summary;
use signedcall_wire::EndReason;
use world::World;

/// As many as take some seconds without optimisation.
const SEEDS: u64 = 2_000;

#[test]
fn random_calls_over_a_bad_network_keep_every_promise() {
    if let Some(seed) = number("SIGNEDCALL_SIM_SEED") {
        let (broken, log) = replay(seed);
        println!("{log}");
        assert!(broken.is_empty(), "seed {seed}: {broken}");
        return;
    }
    let seeds = number("SIGNEDCALL_SIM_SEEDS").unwrap_or(SEEDS);
    let summary = run_all(seeds);
    println!("{summary:#?}");
    if seeds >= SEEDS {
        check_that_enough_happened(&summary);
    }
}

#[test]
fn seeds_that_have_failed_once_keep_every_promise() {
    for (seed, what) in CORPUS {
        println!("{seed}: {what}");
        run(*seed);
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Runs the seeds from 0 on, on as many threads as there are processors.
fn run_all(seeds: u64) -> Summary {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    let mut summary = Summary::default();
                    for seed in (first..seeds).step_by(threads as usize) {
                        summary.add(&run(seed));
                    }
                    summary
                })
            })
            .collect();
        let mut summary = Summary::default();
        for run in runs {
            summary.add(&run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        summary
    })
}

fn run(seed: u64) -> Summary {
    let outcome = catch_unwind(AssertUnwindSafe(|| World::random(seed).run()));
    match outcome {
        Ok(Ok(summary)) => summary,
        Ok(Err(_)) | Err(_) => {
            let (broken, log) = replay(seed);
            panic!("{log}\nseed {seed}: {broken}\nagain: SIGNEDCALL_SIM_SEED={seed} cargo test -p signedcall-tests --test sim");
        }
    }
}

/// Runs one seed and writes down what happens: what is broken, and the log.
fn replay(seed: u64) -> (String, String) {
    let mut world = World::random(seed);
    world.keep_log();
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let broken = match outcome {
        Ok(Ok(_)) => String::new(),
        Ok(Err(broken)) => broken,
        Err(_) => "it panics".to_owned(),
    };
    (broken, world.log())
}

/// A simulation in which nothing happens proves nothing.
fn check_that_enough_happened(summary: &Summary) {
    let reasons = [
        EndReason::HungUp,
        EndReason::Cancelled,
        EndReason::Declined,
        EndReason::RingTimeout,
        EndReason::Busy,
        EndReason::LoggedOut,
        EndReason::MicrophoneRefused,
        EndReason::LocalNetworkLoss,
        EndReason::RemoteNetworkLoss,
        EndReason::ProtocolMismatch,
        EndReason::MediaSetupTooSlow,
        EndReason::AnsweredElsewhere,
        EndReason::DeclinedElsewhere,
        EndReason::MaxDuration,
        EndReason::Transferred,
    ];
    for reason in reasons {
        assert!(summary.ends.get(&reason).is_some_and(|ends| *ends >= 5), "{reason:?} hardly happened: {summary:#?}");
    }
    let counts = [
        summary.talks,
        summary.crossings,
        summary.holds,
        summary.swaps,
        summary.transfers,
        summary.connected,
        summary.cuts,
        summary.crashes,
        summary.rung_again,
        summary.restarts,
        summary.drains,
        summary.outlived,
        summary.pushes_that_ring,
        summary.pushes_brought,
        summary.changes_of_mind,
        summary.late_records,
        summary.lost_answers,
    ];
    assert!(counts.iter().all(|count| *count >= 20), "not enough happened: {summary:#?}");
}
