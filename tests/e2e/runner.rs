//! Cases by name, in sequence, with shared desktops: what the standard harness has no room for.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use futures_util::FutureExt as _;

pub(crate) struct Runner {
    wanted: Vec<String>,
    unwanted: Vec<String>,
    passed: usize,
    failed: Vec<String>,
    started: Instant,
}

impl Runner {
    pub(crate) fn new(arguments: impl Iterator<Item = String>) -> Self {
        let (unwanted, wanted): (Vec<_>, Vec<_>) =
            arguments.filter(|argument| !argument.starts_with('-')).partition(|argument| argument.starts_with('!'));
        let unwanted = unwanted.into_iter().map(|word| word[1..].to_owned()).collect();
        Self { wanted, unwanted, passed: 0, failed: Vec::new(), started: Instant::now() }
    }

    /// Whether any of these cases is wanted: a group whose cases are not needs no desktop.
    pub(crate) fn wants(&self, names: &[&str]) -> bool {
        let has = |name: &str, words: &[String]| words.iter().any(|word| name.contains(word.as_str()));
        names.iter().any(|name| (self.wanted.is_empty() || has(name, &self.wanted)) && !has(name, &self.unwanted))
    }

    /// Runs a case, if it is wanted. An error and a failed assertion are both a failure; the next case runs in any event.
    pub(crate) async fn case(&mut self, name: &str, case: impl Future<Output = Result<()>>) {
        if !self.wants(&[name]) {
            return;
        }
        let started = Instant::now();
        let failure = match AssertUnwindSafe(case).catch_unwind().await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{error:?}")),
            Err(_) => Some("it panicked, see above".to_owned()),
        };
        let seconds = started.elapsed().as_secs_f32();
        match failure {
            None => {
                self.passed += 1;
                println!("test {name} ... ok ({seconds:.1} s)");
            }
            Some(failure) => {
                self.failed.push(name.to_owned());
                println!("test {name} ... FAILED ({seconds:.1} s)\n{failure}\n");
            }
        }
    }

    /// Says why a case cannot be run here.
    pub(crate) fn skip(&self, name: &str, why: &str) {
        if self.wants(&[name]) {
            println!("test {name} ... skipped: {why}");
        }
    }

    pub(crate) fn finish(self) -> ExitCode {
        let result = if self.failed.is_empty() { "ok" } else { "FAILED" };
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!(
            "\ntest result: {result}. {} passed; {} failed; in {:.1} s",
            self.passed,
            self.failed.len(),
            self.started.elapsed().as_secs_f32()
        );
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
