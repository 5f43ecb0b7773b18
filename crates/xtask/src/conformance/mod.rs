//! `cargo xtask conformance`: what proves each requirement, and how that ended in the last run of `cargo xtask test`.
//!
//! It cannot say more than the tests have: a test that is named and was not run counts as not run, a run of other sources than these counts for
//! nothing, and a requirement without a test is a failure.

mod table;
mod tests;

use std::fmt::Write as _;

use anyhow::{Result, bail};

use self::table::{Requirement, Table};
use self::tests::{Kind, Outcome, Results};
use crate::steps::{self, Last};
use crate::workspace::Workspace;

/// Prints every requirement with its tests. Answers whether all that belong to this stage are proved.
///
/// # Errors
/// The table cannot be read, names a test that is not there, or the last run was one of other sources.
pub(crate) fn conformance(workspace: &Workspace, steps: &[&'static str]) -> Result<bool> {
    let table = Table::read(&workspace.root)?;
    check_names(workspace, &table, steps)?;
    let mut results = Results::default();
    let mut stale = Vec::new();
    for step in steps.iter().copied().filter(|step| is_named(&table, step)) {
        match steps::last(workspace, step)? {
            Last::Run { passed, log } => {
                results.step(step, passed);
                results.read(step, &log);
            }
            Last::OfOtherSources => stale.push(step),
        }
    }
    let (text, proved) = report(&table, &results);
    print!("{text}");
    if !stale.is_empty() {
        bail!("the last run of {} was not of these sources: `cargo xtask test` first", stale.join(", "));
    }
    Ok(proved)
}

/// Makes sure that every test that the table names is written somewhere.
fn check_names(workspace: &Workspace, table: &Table, steps: &[&str]) -> Result<()> {
    let mut wrong = Vec::new();
    for (number, requirement) in table.requirements() {
        for test in &requirement.tests {
            if let Err(error) = test.find(&workspace.root, steps) {
                wrong.push(format!("{number}: {error:#}"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

fn is_named(table: &Table, step: &str) -> bool {
    table.requirements().any(|(_, requirement)| requirement.tests.iter().any(|test| test.step() == step))
}

/// What there is to say of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Proved(Kind),
    NotProved,
    NoTest,
    Later,
}

fn verdict(requirement: &Requirement, results: &Results) -> Verdict {
    if requirement.later.is_some() {
        return Verdict::Later;
    }
    let Some(kind) = requirement.tests.iter().map(tests::TestName::kind).max() else { return Verdict::NoTest };
    let all_passed = requirement.tests.iter().all(|test| results.of(test) == Outcome::Passed);
    if all_passed { Verdict::Proved(kind) } else { Verdict::NotProved }
}

/// The text, and whether everything of this stage is proved.
fn report(table: &Table, results: &Results) -> (String, bool) {
    let mut text = String::new();
    let mut verdicts = Vec::new();
    for (number, requirement) in table.requirements() {
        let verdict = verdict(requirement, results);
        verdicts.push(verdict);
        let word = match verdict {
            Verdict::Proved(Kind::Real) => "proved",
            Verdict::Proved(Kind::Simulated) => "proved in simulation",
            Verdict::Proved(Kind::Unit) => "proved in parts",
            Verdict::NotProved => "NOT PROVED",
            Verdict::NoTest => "NO TEST",
            Verdict::Later => "later",
        };
        line(&mut text, &format!("{number:<4} {word:<21} {}", requirement.what));
        for test in &requirement.tests {
            let kind = match test.kind() {
                Kind::Real => "real",
                Kind::Simulated => "simulated",
                Kind::Unit => "unit",
            };
            let outcome = match results.of(test) {
                Outcome::Passed => "passed",
                Outcome::Failed => "FAILED",
                Outcome::NotRun => "NOT RUN",
            };
            line(&mut text, &format!("       {outcome:<7} {kind:<9} {test}"));
        }
        for (what, why) in [("later", &requirement.later), ("no test", &requirement.missing), ("not yet", &requirement.not_yet)] {
            if let Some(why) = why {
                line(&mut text, &format!("       {what}: {why}"));
            }
        }
    }
    let count = |wanted: &dyn Fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| wanted(verdict)).count();
    let unproved = count(&|verdict| matches!(verdict, Verdict::NotProved | Verdict::NoTest));
    line(
        &mut text,
        &format!(
            "\n{} requirements: {} proved by real programs, {} in simulation, {} in parts, {} not proved, {} without a test, {} later",
            verdicts.len(),
            count(&|verdict| *verdict == Verdict::Proved(Kind::Real)),
            count(&|verdict| *verdict == Verdict::Proved(Kind::Simulated)),
            count(&|verdict| *verdict == Verdict::Proved(Kind::Unit)),
            count(&|verdict| *verdict == Verdict::NotProved),
            count(&|verdict| *verdict == Verdict::NoTest),
            count(&|verdict| *verdict == Verdict::Later),
        ),
    );
    (text, unproved == 0)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a text takes what is written to it");
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn every_requirement_is_listed_and_every_test_that_is_named_exists() {
        let workspace = Workspace::find().unwrap();
        let table = Table::read(&workspace.root).unwrap();
        check_names(&workspace, &table, &crate::test::step_names()).unwrap();
    }

    #[test]
    fn a_requirement_is_proved_only_when_every_test_of_it_has_passed() {
        let mut requirement: Requirement = toml::from_str("what = \"x\"\ntests = [\"e2e: a\", \"sdk::b::c\"]").unwrap();
        let mut results = Results::default();
        assert_eq!(verdict(&requirement, &results), Verdict::NotProved);
        results.read("e2e", "test a ... ok (1 s)");
        assert_eq!(verdict(&requirement, &results), Verdict::NotProved);
        results.read("tests", "Running sdk/main.rs (deps/sdk-1)\ntest b::c ... ok");
        assert_eq!(verdict(&requirement, &results), Verdict::Proved(Kind::Real));
        results.read("e2e", "test a ... FAILED (1 s)");
        assert_eq!(verdict(&requirement, &results), Verdict::NotProved);
        requirement.tests.clear();
        assert_eq!(verdict(&requirement, &results), Verdict::NoTest);
    }
}
