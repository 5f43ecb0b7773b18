//! A run of named steps: choosing them, showing their progress, and summing up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// One step, which logs to a file of its own.
#[derive(Debug)]
pub(crate) struct Step {
    /// What the developer types to choose it.
    pub(crate) name: &'static str,
    /// What it does, in a few words.
    pub(crate) what: &'static str,
    /// The steps that must run before it even when only this one was chosen.
    pub(crate) needs: &'static [&'static str],
    /// Does it; the path is that of the step's log.
    pub(crate) action: fn(&Workspace, &Path) -> Result<()>,
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotReached,
}

/// A line of the summary.
#[derive(Debug)]
struct Row {
    step: &'static str,
    outcome: Outcome,
    took: Duration,
    tests: Tests,
}

/// How many tests a step's log tells of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tests {
    passed: u32,
    failed: u32,
}

/// Chooses the steps named, with everything that they need, in the order of `all`; no name means all.
///
/// # Errors
/// A name is unknown; the message says which, and which there are.
pub(crate) fn select<'a>(all: &'a [Step], names: &[String]) -> Result<Vec<&'a Step>> {
    let known: Vec<&str> = all.iter().map(|step| step.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no step `{unknown}`; the steps are: {}", known.join(", "));
    }
    let mut chosen: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    // A step stands after all that it needs, so that one pass from the end finds everything.
    for step in all.iter().rev() {
        if chosen.contains(step.name) {
            chosen.extend(step.needs);
        }
    }
    Ok(all.iter().filter(|step| names.is_empty() || chosen.contains(step.name)).collect())
}

/// Runs the steps in order, stops at the first that fails, and prints the summary. Answers whether all passed.
///
/// # Errors
/// The folder of the logs cannot be made.
pub(crate) fn run(workspace: &Workspace, steps: &[&Step]) -> Result<bool> {
    let logs = folder_of_logs(workspace);
    std::fs::create_dir_all(&logs)?;
    let sources = workspace.state_of_sources()?;
    let mut rows: Vec<Row> = Vec::new();
    let mut failure = None;
    for (index, step) in steps.iter().enumerate() {
        if failure.is_some() {
            rows.push(Row { step: step.name, outcome: Outcome::NotReached, took: Duration::ZERO, tests: Tests::default() });
            continue;
        }
        println!("[{}/{}] {}: {}", index + 1, steps.len(), step.name, step.what);
        let log = log_of(&logs, step);
        std::fs::write(&log, "")?;
        let started = Instant::now();
        let result = (step.action)(workspace, &log);
        let took = started.elapsed();
        let tests = count_tests(&std::fs::read_to_string(&log).unwrap_or_default());
        let outcome = if result.is_ok() { Outcome::Passed } else { Outcome::Failed };
        std::fs::write(logs.join(format!("{}.outcome", step.name)), format!("{} {sources}\n", word(&outcome)))?;
        if let Err(error) = result {
            println!("\n{error:#}\n");
            failure = Some(step.name);
        }
        rows.push(Row { step: step.name, outcome, took, tests });
    }
    print!("\n{}", summary(&rows));
    if let Some(step) = failure {
        println!(
            "{step} failed; its log is {}",
            log_of(&logs, steps.iter().find(|candidate| candidate.name == step).expect("it ran")).display()
        );
    }
    Ok(failure.is_none())
}

fn folder_of_logs(workspace: &Workspace) -> PathBuf {
    workspace.target.join("test-logs")
}

fn log_of(logs: &Path, step: &Step) -> PathBuf {
    logs.join(format!("{}.log", step.name))
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::NotReached => "not reached",
    }
}

/// The last run of a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// It was one of the sources as they are now.
    Run {
        /// Whether the step passed.
        passed: bool,
        /// What it printed.
        log: String,
    },
    /// There was none, or something has changed since.
    OfOtherSources,
}

/// Looks up the last run of a step.
///
/// # Errors
/// The sources or the log cannot be read.
pub(crate) fn last(workspace: &Workspace, step: &str) -> Result<Last> {
    let logs = folder_of_logs(workspace);
    let outcome = std::fs::read_to_string(logs.join(format!("{step}.outcome"))).unwrap_or_default();
    match outcome.trim_end().rsplit_once(' ') {
        Some((outcome, sources)) if sources == workspace.state_of_sources()? => {
            Ok(Last::Run { passed: outcome == word(&Outcome::Passed), log: std::fs::read_to_string(logs.join(format!("{step}.log")))? })
        }
        Some(_) | None => Ok(Last::OfOtherSources),
    }
}

fn summary(rows: &[Row]) -> String {
    let mut text = format!("{:<10} {:<12} {:>9} {:>7}\n", "step", "outcome", "seconds", "tests");
    for Row { step, outcome, took, tests } in rows {
        let outcome = word(outcome);
        let count = if *tests == Tests::default() { String::new() } else { (tests.passed + tests.failed).to_string() };
        let line = format!("{step:<10} {outcome:<12} {:>9.1} {count:>7}", took.as_secs_f64());
        text += line.trim_end();
        text.push('\n');
    }
    let total: Duration = rows.iter().map(|row| row.took).sum();
    let passed: u32 = rows.iter().map(|row| row.tests.passed).sum();
    let failed: u32 = rows.iter().map(|row| row.tests.failed).sum();
    text += &format!("{:<10} {:<12} {:>9.1}\n", "all", "", total.as_secs_f64());
    if passed + failed > 0 {
        text += &format!("\n{passed} passed, {failed} failed\n");
    }
    text
}

/// Sums the closing lines of cargo's test programs (`test result: ok. 3 passed; 0 failed; …`) and of vitest (`Tests  2 failed | 5 passed (7)`).
fn count_tests(log: &str) -> Tests {
    let mut tests = Tests::default();
    for line in log.lines().map(str::trim_start).filter(|line| line.starts_with("test result:") || line.starts_with("Tests ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let [count, what] = [pair[0], pair[1].trim_end_matches(';')];
            let Ok(count) = count.parse::<u32>() else { continue };
            match what {
                "passed" => tests.passed += count,
                "failed" => tests.failed += count,
                _ => {}
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, needs: &'static [&'static str]) -> Step {
        Step { name, what: "", needs, action: |_, _| Ok(()) }
    }

    fn chosen(all: &[Step], names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        select(all, &names).unwrap().iter().map(|step| step.name).collect()
    }

    #[test]
    fn a_step_brings_what_it_needs_in_the_right_order() {
        let all = [step("format", &[]), step("packages", &[]), step("ui", &["packages"]), step("build", &["ui"]), step("e2e", &["build"])];
        assert_eq!(chosen(&all, &["e2e"]), ["packages", "ui", "build", "e2e"]);
        assert_eq!(chosen(&all, &["ui", "format"]), ["format", "packages", "ui"]);
        assert_eq!(chosen(&all, &[]), ["format", "packages", "ui", "build", "e2e"]);
    }

    #[test]
    fn an_unknown_step_is_named() {
        let all = [step("format", &[]), step("ui", &[])];
        let message = select(&all, &["ui".to_owned(), "iu".to_owned()]).unwrap_err().to_string();
        assert!(message.contains("`iu`") && message.contains("format, ui"), "{message}");
    }

    #[test]
    fn the_closing_lines_of_all_test_programs_are_summed() {
        let log = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n\
                   test result: FAILED. 1 passed; 2 failed; 0 ignored\n Test Files  1 passed (1)\n      Tests  1 failed | 5 passed (6)\n";
        assert_eq!(count_tests(log), Tests { passed: 9, failed: 3 });
        assert_eq!(count_tests("Compiling 3 crates\n"), Tests::default());
    }

    #[test]
    fn the_summary_ends_with_the_sum_of_all_tests() {
        let row = |step, outcome, passed, failed| Row { step, outcome, took: Duration::from_millis(1500), tests: Tests { passed, failed } };
        let text =
            summary(&[row("format", Outcome::Passed, 0, 0), row("tests", Outcome::Failed, 7, 1), row("e2e", Outcome::NotReached, 0, 0)]);
        assert!(text.contains("tests      FAILED             1.5       8\n"), "{text}");
        assert!(text.ends_with("\n7 passed, 1 failed\n"), "{text}");
    }
}
