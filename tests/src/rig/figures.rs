use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Measured values by figure.
#[derive(Default)]
pub(crate) struct Figures(BTreeMap<String, (&'static str, Vec<f64>)>);

impl Figures {
    /// Adds a measured value.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64) {
        self.0.entry(name.to_owned()).or_insert((unit, Vec::new())).1.push(value);
    }

    /// The middle of what was measured, if anything was.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|(_, values)| median(values))
    }

    /// What a share of the measured values is at most, if there are any.
    pub(crate) fn at(&self, name: &str, share: f64) -> Option<f64> {
        let mut sorted = self.0.get(name)?.1.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get((sorted.len().saturating_sub(1) as f64 * share).round() as usize).copied()
    }

    /// How often something was measured.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, |(_, values)| values.len())
    }

    /// All measured values together.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.0.get(name).map_or(0.0, |(_, values)| values.iter().sum())
    }

    /// The figures as the report has them.
    pub(crate) fn report(&self) -> Vec<Value> {
        let figure = |(name, (unit, values)): (&String, &(&str, Vec<f64>))| {
            let round = |value: f64| (value * 1000.0).round() / 1000.0;
            let at = |share: f64| self.at(name, share).map(round);
            json!({
                "name": name, "unit": unit, "n": values.len(),
                "median": round(median(values)), "p95": at(0.95), "min": at(0.0), "max": at(1.0),
            })
        };
        self.0.iter().filter(|(_, (_, values))| !values.is_empty()).map(figure).collect()
    }
}

/// The middle of some values, of which there is one at least.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] }
}

/// Milliseconds, with their fractions.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
