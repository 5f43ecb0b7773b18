//! Numbers that many tasks add to at once, each at the price of an atomic addition.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A word that a [`Family`] is told apart by. All are known beforehand, so that nobody outside can make up another.
pub(crate) trait Label: Copy + 'static {
    /// All of them, in the order of [`Label::index`].
    const ALL: &'static [Self];

    /// Its place among all.
    fn index(self) -> usize;

    /// The word.
    fn name(self) -> Cow<'static, str>;
}

/// A counter for each of some words.
#[derive(Debug)]
pub(crate) struct Family<L> {
    counters: Box<[Counter]>,
    of: PhantomData<fn(L)>,
}

impl<L: Label> Default for Family<L> {
    fn default() -> Self {
        Self { counters: L::ALL.iter().map(|_| Counter::default()).collect(), of: PhantomData }
    }
}

impl<L: Label> Family<L> {
    pub(crate) fn add_one(&self, label: L) {
        if let Some(counter) = self.counters.get(label.index()) {
            counter.add_one();
        }
    }

    /// Each word with its number.
    pub(super) fn each(&self) -> impl Iterator<Item = (L, u64)> {
        L::ALL.iter().map(|label| (*label, self.counters.get(label.index()).map_or(0, Counter::get)))
    }
}

/// A counter for each of some words together with each of some others.
#[derive(Debug)]
pub(crate) struct Table<R, C> {
    rows: Box<[Family<C>]>,
    of: PhantomData<fn(R)>,
}

impl<R: Label, C: Label> Default for Table<R, C> {
    fn default() -> Self {
        Self { rows: R::ALL.iter().map(|_| Family::default()).collect(), of: PhantomData }
    }
}

impl<R: Label, C: Label> Table<R, C> {
    pub(crate) fn add_one(&self, row: R, column: C) {
        if let Some(family) = self.rows.get(row.index()) {
            family.add_one(column);
        }
    }

    /// Each pair of words with its number.
    pub(super) fn each(&self) -> impl Iterator<Item = ((R, C), u64)> {
        R::ALL.iter().zip(&self.rows).flat_map(|(row, family)| family.each().map(|(column, count)| ((*row, column), count)))
    }
}

/// How often a number fell below each of some bounds.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// How many of the numbers make one of the unit that is shown.
    per_unit: f64,
    /// One more than there are bounds: the last is for what is above all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// One of plain numbers.
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Self { bounds, per_unit: 1.0, counts, sum: AtomicU64::default() }
    }

    /// One of durations, with bounds in microseconds. It is shown in seconds.
    pub(crate) fn of_durations(bounds: &'static [u64]) -> Self {
        Self { per_unit: 1e6, ..Self::new(bounds) }
    }

    pub(crate) fn observe(&self, number: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < number);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(number, Ordering::Relaxed);
        }
    }

    pub(crate) fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Each bound, in the unit that is shown, with how many were no greater; `None` is the bound of all.
    pub(super) fn each(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = self.bounds.iter().map(|bound| Some(self.shown(*bound))).chain([None]);
        bounds.zip(&self.counts).scan(0, |total, (bound, count)| {
            *total += count.load(Ordering::Relaxed);
            Some((bound, *total))
        })
    }

    /// How many numbers there were.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn sum(&self) -> f64 {
        self.shown(self.sum.load(Ordering::Relaxed))
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure on a page is read to a few digits")]
    fn shown(&self, number: u64) -> f64 {
        number as f64 / self.per_unit
    }
}
