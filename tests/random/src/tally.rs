//! What a run did.

use std::collections::BTreeMap;
use std::fmt;

use ptgen::Error;

/// What became of the operations of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// They changed something.
    pub changed: u64,
    /// They were done, and there was nothing to change.
    pub nothing: u64,
    /// They ran out of frames, and left everything as it was.
    pub starved: u64,
    /// They were refused, for one reason or another, and left everything as it was.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Count {
    fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// How many could have changed something: those that starved, and those that the format cannot do, left out.
    fn possible(&self) -> u64 {
        let of_the_format = ["Unencodable", "NeedsInstruction"].iter().filter_map(|reason| self.refused.get(reason));
        self.changed + self.nothing + self.refusals() - of_the_format.sum::<u64>()
    }
}

/// What a run did, by the kind of the operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: BTreeMap<&'static str, Count>,
    /// Whether all leaves have one size.
    has_one_size: bool,
}

/// Of operations that could have changed something, so many of a hundred have to.
const LEAST: u64 = 25;
/// Or so many, whatever their share: where there are few tables they are soon made.
const PLENTY: u64 = 50;
/// What does nothing where all leaves have one size.
const OF_SIZES: [&str; 2] = ["join", "split"];
/// Of all operations together, likewise.
const LEAST_OF_ALL: u64 = 50;
/// Fewer operations of a kind are no sample.
const SAMPLE: u64 = 400;

impl Tally {
    /// Of a run that has done nothing yet, on a format with so many sizes of leaves.
    pub(crate) fn new(sizes: usize) -> Self {
        Self { kinds: BTreeMap::new(), has_one_size: sizes == 1 }
    }

    /// Notes what became of an operation.
    pub(crate) fn add(&mut self, name: &'static str, result: Result<bool, Error>) {
        let count = self.kinds.entry(name).or_default();
        match result {
            Ok(true) => count.changed += 1,
            Ok(false) => count.nothing += 1,
            Err(Error::OutOfFrames) => count.starved += 1,
            Err(error) => *count.refused.entry(reason(error)).or_default() += 1,
        }
    }

    /// What became of the operations of a kind.
    #[must_use]
    pub fn of(&self, name: &str) -> Count {
        self.kinds.get(name).cloned().unwrap_or_default()
    }

    /// Enough operations had something to do, of every kind that the format can do, and of all together.
    ///
    /// # Panics
    ///
    /// If not.
    pub fn assert_useful(&self) {
        let (mut changed, mut possible) = (0, 0);
        for (name, count) in &self.kinds {
            changed += count.changed;
            possible += count.possible();
            let is_one_size = self.has_one_size && OF_SIZES.contains(name);
            let share = count.changed * 100 >= count.possible() * LEAST;
            let enough = is_one_size || count.possible() < SAMPLE || count.changed >= PLENTY || share;
            assert!(enough, "too few of `{name}` have changed anything:\n{self}");
        }
        let enough = possible < SAMPLE || changed * 100 >= possible * LEAST_OF_ALL;
        assert!(enough, "too few operations have changed anything:\n{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.kinds {
            let Count { changed, nothing, starved, refused } = count;
            write!(out, "  {name:<16} {changed:>7} changed {nothing:>7} nothing {starved:>6} starved")?;
            for (reason, count) in refused {
                write!(out, ", {count} {reason}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// The name of a reason.
const fn reason(error: Error) -> &'static str {
    match error {
        Error::Occupied { .. } => "Occupied",
        Error::Hole { .. } => "Hole",
        Error::Misaligned { .. } => "Misaligned",
        Error::NoSuchSize { .. } => "NoSuchSize",
        Error::NoSuchLevel { .. } => "NoSuchLevel",
        Error::NotInRange { .. } => "NotInRange",
        Error::Borrowed { .. } => "Borrowed",
        Error::Unshareable { .. } => "Unshareable",
        Error::PartialLeaf { .. } => "PartialLeaf",
        Error::Unencodable(_) => "Unencodable",
        Error::Forbidden { .. } => "Forbidden",
        Error::BreakBeforeMake { .. } => "BreakBeforeMake",
        Error::NeedsInstruction { .. } => "NeedsInstruction",
        _ => "other",
    }
}
