//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use super::number::{Counter, Family, Histogram, Label, Table};

/// The type that the page is sent as.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page that figures are written on.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.total(name, help, counter.get());
    }

    /// A number that only grows, and that somebody else counts.
    pub(crate) fn total(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        self.line(format_args!("{name} {value}"));
    }

    /// A number that goes up and down.
    pub(crate) fn value(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        self.line(format_args!("{name} {value}"));
    }

    pub(crate) fn family<L: Label>(&mut self, name: &str, help: &str, label: &str, family: &Family<L>) {
        self.head(name, help, "counter");
        for (word, count) in family.each() {
            self.line(format_args!("{name}{{{label}=\"{}\"}} {count}", word.name()));
        }
    }

    /// Only the pairs that there have been: most of the others cannot be.
    pub(crate) fn table<R: Label, C: Label>(&mut self, name: &str, help: &str, [row, column]: [&str; 2], table: &Table<R, C>) {
        self.head(name, help, "counter");
        for ((of_row, of_column), count) in table.each().filter(|(_, count)| *count > 0) {
            self.line(format_args!("{name}{{{row}=\"{}\",{column}=\"{}\"}} {count}", of_row.name(), of_column.name()));
        }
    }

    pub(crate) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        self.numbers(name, "", histogram);
    }

    /// Several of one name, each with the words that it is told apart by.
    pub(crate) fn histograms<'a>(&mut self, name: &str, help: &str, each: impl IntoIterator<Item = (String, &'a Histogram)>) {
        self.head(name, help, "histogram");
        for (words, histogram) in each {
            self.numbers(name, &words, histogram);
        }
    }

    fn numbers(&mut self, name: &str, words: &str, histogram: &Histogram) {
        let (before, all) = if words.is_empty() { (String::new(), String::new()) } else { (format!("{words},"), format!("{{{words}}}")) };
        let mut total = 0;
        for (bound, count) in histogram.each() {
            total = count;
            match bound {
                Some(bound) => self.line(format_args!("{name}_bucket{{{before}le=\"{bound}\"}} {count}")),
                None => self.line(format_args!("{name}_bucket{{{before}le=\"+Inf\"}} {count}")),
            }
        }
        self.line(format_args!("{name}_sum{all} {}", histogram.sum()));
        self.line(format_args!("{name}_count{all} {total}"));
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Copy)]
    enum Fruit {
        Apple,
        Pear,
    }

    impl Label for Fruit {
        const ALL: &'static [Self] = &[Self::Apple, Self::Pear];

        fn index(self) -> usize {
            self as usize
        }

        fn name(self) -> Cow<'static, str> {
            match self {
                Self::Apple => "apple".into(),
                Self::Pear => "pear".into(),
            }
        }
    }

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let eaten = Family::<Fruit>::default();
        eaten.add_one(Fruit::Pear);
        let table = Table::<Fruit, Fruit>::default();
        table.add_one(Fruit::Pear, Fruit::Apple);
        let lasted = Histogram::of_durations(&[1_000, 500_000]);
        // A number that is a bound counts as no greater.
        for duration in [Duration::from_millis(1), Duration::from_micros(1_001), Duration::from_secs(2)] {
            lasted.observe_duration(duration);
        }
        let mut page = Page::default();
        page.family("eaten_total", "What was eaten.", "fruit", &eaten);
        page.table("swapped_total", "What was given for what.", ["given", "taken"], &table);
        page.value("rests", "What is left.", 1);
        page.histogram("lasted_seconds", "How long it took.", &lasted);
        let text = "# HELP eaten_total What was eaten.
# TYPE eaten_total counter
eaten_total{fruit=\"apple\"} 0
eaten_total{fruit=\"pear\"} 1
# HELP swapped_total What was given for what.
# TYPE swapped_total counter
swapped_total{given=\"pear\",taken=\"apple\"} 1
# HELP rests What is left.
# TYPE rests gauge
rests 1
# HELP lasted_seconds How long it took.
# TYPE lasted_seconds histogram
lasted_seconds_bucket{le=\"0.001\"} 1
lasted_seconds_bucket{le=\"0.5\"} 2
lasted_seconds_bucket{le=\"+Inf\"} 3
lasted_seconds_sum 2.002001
lasted_seconds_count 3
";
        assert_eq!(page.into_text(), text);
    }
}
