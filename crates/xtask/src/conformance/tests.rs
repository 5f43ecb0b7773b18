//! Tests by name: where each is written, how real it is, and how it ended in the last run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The name of a test, as the table writes it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub(super) enum TestName {
    /// `e2e: …`: a case of the end-to-end tests, by its sentence.
    EndToEnd(String),
    /// `ui: …`: a unit test of the web UI, by its sentence.
    Ui(String),
    /// `step: …`: a whole step of `cargo xtask test`.
    Step(String),
    /// Anything else: a Rust test, as `program::module::name`.
    Rust(String),
}

/// How close to what users have a test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Parts by themselves.
    Unit,
    /// Both machines over a network or with words of the test's own, or screens over a bridge of its own.
    Simulated,
    /// Real programs, sockets and media.
    Real,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was not in the log of the last run.
    NotRun,
}

impl TryFrom<String> for TestName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.split_once(": ") {
            Some(("e2e", name)) => Self::EndToEnd(name.to_owned()),
            Some(("ui", name)) => Self::Ui(name.to_owned()),
            Some(("step", name)) => Self::Step(name.to_owned()),
            Some(_) => return Err(format!("{text:?} begins with neither e2e, ui nor step")),
            None if text.contains("::") => Self::Rust(text),
            None => return Err(format!("{text:?} names no program that holds the test")),
        })
    }
}

impl std::fmt::Display for TestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EndToEnd(name) => write!(f, "e2e: {name}"),
            Self::Ui(name) => write!(f, "ui: {name}"),
            Self::Step(name) => write!(f, "step: {name}"),
            Self::Rust(name) => f.write_str(name),
        }
    }
}

impl TestName {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::EndToEnd(_) => Kind::Real,
            Self::Ui(_) => Kind::Unit,
            Self::Step(_) => Kind::Simulated,
            Self::Rust(name) => match name.split("::").next() {
                Some("sdk" | "service") => Kind::Real,
                Some("sim" | "fuzz") => Kind::Simulated,
                Some(_) | None => Kind::Unit,
            },
        }
    }

    /// The step of `cargo xtask test` that runs it.
    pub(super) fn step(&self) -> &str {
        match self {
            Self::EndToEnd(_) => "e2e",
            Self::Ui(_) => "ui-test",
            Self::Step(name) => name,
            Self::Rust(_) => "tests",
        }
    }

    /// Makes sure that such a test is written down where its name says.
    ///
    /// # Errors
    /// There is none, or the sources cannot be read.
    pub(super) fn find(&self, root: &Path, steps: &[&str]) -> Result<()> {
        let found = match self {
            Self::EndToEnd(name) => any_file(&root.join("tests/e2e"), ".rs", &|text| text.contains(&format!("\"{name}\"")))?,
            Self::Ui(name) => any_file(&root.join("ui/src"), ".test.ts", &|text| text.contains(&format!("(\"{name}\"")))?,
            Self::Step(name) => steps.contains(&name.as_str()),
            Self::Rust(name) => {
                let (program, path) = name.split_once("::").context("a program and a path")?;
                let function = path.rsplit("::").next().unwrap_or(path);
                any_file(&root.join(folder_of(program)), ".rs", &|text| is_test(text, function))?
            }
        };
        if !found {
            bail!("there is no test `{self}`");
        }
        Ok(())
    }
}

/// Where the sources of a test program lie.
fn folder_of(program: &str) -> PathBuf {
    match program {
        "sdk" | "sim" | "fuzz" => Path::new("tests").join(program),
        "architecture" => Path::new("tests").join("architecture.rs"),
        "signedcall_tests" => PathBuf::from("tests/src"),
        "rig" => PathBuf::from("tests/src/rig"),
        "service" => PathBuf::from("crates/signedcall-server/tests/service"),
        "signedcall_desktop" => PathBuf::from("src-tauri/src"),
        library => Path::new("crates").join(library.replace('_', "-")).join("src"),
    }
}

/// Whether a file holds a test function of this name: one that is marked as such, or that is in a list of those for each kind of store.
fn is_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declares = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(function)).is_some_and(|rest| rest.starts_with('('))
    };
    let marked = |above: &[&str]| above.iter().rev().take_while(|line| line.starts_with("#[")).any(|line| line.contains("test"));
    let mut lists = text.split("on_each_store").skip(1).filter_map(|rest| rest.split_once(';'));
    let is_listed = lists.any(|(list, _)| list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == function));
    lines.iter().enumerate().any(|(index, line)| declares(line) && (is_listed || marked(&lines[..index])))
}

/// Whether any file below a path fits.
fn any_file(path: &Path, ending: &str, fits: &dyn Fn(&str) -> bool) -> Result<bool> {
    if path.is_file() {
        return Ok(std::fs::read_to_string(path).is_ok_and(|text| fits(&text)));
    }
    for entry in std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        let path = entry?.path();
        if (path.is_dir() || path.to_string_lossy().ends_with(ending)) && any_file(&path, ending, fits)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How the tests of a run ended, from the logs of its steps.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<TestName, Outcome>);

impl Results {
    /// Reads the log of a step.
    pub(super) fn read(&mut self, step: &str, log: &str) {
        match step {
            "tests" => self.read_rust(log),
            "e2e" => self.read_end_to_end(log),
            "ui-test" => self.read_ui(log),
            _ => {}
        }
    }

    /// Notes how a whole step ended.
    pub(super) fn step(&mut self, step: &str, passed: bool) {
        self.note(TestName::Step(step.to_owned()), passed);
    }

    pub(super) fn of(&self, name: &TestName) -> Outcome {
        self.0.get(name).copied().unwrap_or(Outcome::NotRun)
    }

    /// Where two tests share a name, both must pass.
    fn note(&mut self, name: TestName, passed: bool) {
        let outcome = self.0.entry(name).or_insert(Outcome::Passed);
        if !passed {
            *outcome = Outcome::Failed;
        }
    }

    /// cargo says which program runs (`Running unittests src/lib.rs (target/debug/deps/signedcall_wire-0123)`), the program how each test ended.
    fn read_rust(&mut self, log: &str) {
        let mut program = String::new();
        for line in log.lines() {
            if let Some((_, path)) = line.trim_start().strip_prefix("Running ").and_then(|rest| rest.split_once('(')) {
                let file = path.trim_end_matches(')').rsplit('/').next().unwrap_or_default();
                file.rsplit_once('-').map_or("", |(name, _)| name).clone_into(&mut program);
            } else if line.trim_start().starts_with("Doc-tests ") {
                program.clear();
            } else if let Some((name, passed)) = rust_result(line)
                && !program.is_empty()
            {
                self.note(TestName::Rust(format!("{program}::{name}")), passed);
            }
        }
    }

    fn read_end_to_end(&mut self, log: &str) {
        for (name, passed) in log.lines().filter_map(rust_result) {
            self.note(TestName::EndToEnd(name.to_owned()), passed);
        }
    }

    /// ` ✓ src/format.test.ts > times > a name 3ms`, and `×` for one that failed.
    fn read_ui(&mut self, log: &str) {
        for line in log.lines().map(str::trim) {
            let (passed, rest) = match line.chars().next() {
                Some('✓') => (true, line),
                Some('×') => (false, line),
                Some(_) | None => continue,
            };
            let Some((_, name)) = rest.rsplit_once(" > ") else { continue };
            let name = match name.rsplit_once(' ') {
                Some((name, time)) if time.strip_suffix("ms").is_some_and(|number| number.parse::<u64>().is_ok()) => name,
                Some(_) | None => name,
            };
            self.note(TestName::Ui(name.to_owned()), passed);
        }
    }
}

/// `test name ... ok`, with more behind it or not.
fn rust_result(line: &str) -> Option<(&str, bool)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let passed = outcome.starts_with("ok");
    (passed || outcome.starts_with("FAILED")).then_some((name, passed))
}

#[cfg(test)]
mod unit {
    use super::*;

    fn name(text: &str) -> TestName {
        TestName::try_from(text.to_owned()).expect("a name")
    }

    #[test]
    fn results_are_told_apart_by_program_and_a_name_that_is_not_there_was_not_run() {
        let mut results = Results::default();
        results.read(
            "tests",
            "     Running unittests src/lib.rs (target/debug/deps/signedcall_wire-00ff)\n\
             test cuid::tests::short ... ok\ntest cuid::tests::long ... FAILED\ntest cuid::tests::slow ... ignored\n\
             \x20    Running sdk/main.rs (target/debug/deps/sdk-00ff)\ntest calls::short ... ok\n\
             \x20  Doc-tests signedcall\ntest src/lib.rs - (line 3) - compile ... ok\n",
        );
        results.read("e2e", "test a call is answered ... ok (1.2 s)\ntest a call is declined ... FAILED (0.1 s)\n");
        results.read("ui-test", " ✓ src/a.test.ts > times > are short 12ms\n × src/b.test.ts > are short\n ✓ src/a.test.ts > are long\n");
        results.step("screens", true);
        for (test, outcome) in [
            ("signedcall_wire::cuid::tests::short", Outcome::Passed),
            ("signedcall_wire::cuid::tests::long", Outcome::Failed),
            ("signedcall_wire::cuid::tests::slow", Outcome::NotRun),
            ("signedcall_core::cuid::tests::short", Outcome::NotRun),
            ("sdk::calls::short", Outcome::Passed),
            ("e2e: a call is answered", Outcome::Passed),
            ("e2e: a call is declined", Outcome::Failed),
            ("ui: are short", Outcome::Failed),
            ("ui: are long", Outcome::Passed),
            ("step: screens", Outcome::Passed),
            ("step: lints", Outcome::NotRun),
        ] {
            assert_eq!(results.of(&name(test)), outcome, "{test}");
        }
    }

    #[test]
    fn a_function_counts_as_a_test_only_when_it_is_marked_as_one() {
        assert!(is_test("    #[test]\n    fn works() {}\n", "works"));
        assert!(is_test("#[tokio::test(flavor = \"multi_thread\")]\n#[expect(x)]\nasync fn works() {}\n", "works"));
        assert!(!is_test("fn works() {}\n", "works"));
        assert!(is_test("on_each_store![other, works];\n\nfn works(store: &TestStore) {}\n", "works"));
        assert!(is_test("on_each_store_at_once![\n    works,\n];\n\nasync fn works(store: &TestStore) {}\n", "works"));
        assert!(!is_test("on_each_store![other];\n\nfn works(store: &TestStore) {}\n", "works"));
        assert!(!is_test("#[test]\nfn works_well() {}\n", "works"));
        assert!(!is_test("#[test]\nfn other() {}\n\nfn works() {}\n", "works"));
    }
}
