//! The requirements, and which tests are said to prove each: `tests/conformance.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::tests::TestName;

/// The table, beside the tests.
const FILE: &str = "tests/conformance.toml";

/// A requirement and what is said of it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Requirement {
    /// What it asks for, in a few words.
    pub(super) what: String,
    /// The tests that prove it.
    #[serde(default)]
    pub(super) tests: Vec<TestName>,
    /// What part of it those tests do not prove, or the product does not do.
    pub(super) not_yet: Option<String>,
    /// Why it belongs to a later stage.
    pub(super) later: Option<String>,
    /// Why nothing proves it, although it belongs to this stage.
    pub(super) missing: Option<String>,
}

/// All requirements by number.
#[derive(Debug)]
pub(super) struct Table(BTreeMap<String, Requirement>);

impl Table {
    /// Reads the table of a work tree.
    ///
    /// # Errors
    /// It cannot be read, or a requirement is absent, unknown, or says nothing of itself.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("reading {FILE}"))?;
        Self::parse(&text).with_context(|| FILE.to_owned())
    }

    fn parse(text: &str) -> Result<Self> {
        let requirements: BTreeMap<String, Requirement> = toml::from_str(text)?;
        for number in numbers() {
            ensure!(requirements.contains_key(&number), "{number} is not listed");
        }
        for (number, requirement) in &requirements {
            ensure!(numbers().any(|known| known == *number), "there is no requirement {number}");
            let said = [!requirement.tests.is_empty(), requirement.later.is_some(), requirement.missing.is_some()];
            ensure!(said.iter().filter(|said| **said).count() == 1, "{number} needs exactly one of `tests`, `later` and `missing`");
        }
        Ok(Self(requirements))
    }

    /// The requirements in the order of their numbers.
    pub(super) fn requirements(&self) -> impl Iterator<Item = (String, &Requirement)> {
        numbers().map(|number| {
            let requirement = &self.0[&number];
            (number, requirement)
        })
    }
}

/// What there is to prove: R1 to R38, and of what goes beyond the reference, B1 to B11.
fn numbers() -> impl Iterator<Item = String> {
    (1..=38).map(|number| format!("R{number}")).chain((1..=11).map(|number| format!("B{number}")))
}

#[cfg(test)]
mod unit {
    use super::*;

    fn listed(except: &str, more: &str) -> String {
        let entry = |number: String| format!("[{number}]\nwhat = \"something\"\nlater = \"soon\"\n");
        numbers().filter(|number| number != except).map(entry).collect::<String>() + more
    }

    fn complaint(text: &str) -> String {
        Table::parse(text).expect_err("something is wrong").to_string()
    }

    #[test]
    fn each_requirement_is_listed_once_with_one_thing_to_say() {
        assert!(Table::parse(&listed("", "")).is_ok());
        assert!(complaint(&listed("R14", "")).contains("R14 is not listed"));
        assert!(complaint(&listed("", "[R39]\nwhat = \"more\"\nlater = \"soon\"\n")).contains("no requirement R39"));
        assert!(complaint(&listed("R2", "[R2]\nwhat = \"doctor\"\n")).contains("R2 needs exactly one"));
        let both = "[R2]\nwhat = \"doctor\"\ntests = [\"step: screens\"]\nmissing = \"none\"\n";
        assert!(complaint(&listed("R2", both)).contains("R2 needs exactly one"));
    }
}
