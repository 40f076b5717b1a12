//! Where operations happen.

use ptgen::{Format, PageTable, VaRange};
use rand::RngExt;

use super::runner::Runner;

/// So many ranges are remembered that something was mapped in.
const KNOWN: usize = 48;

/// No operation treats more leaves than about so many.
pub(crate) const MANY: u64 = 1 << 12;

/// Nor more slots, where a leaf takes several.
const MANY_SLOTS: u64 = MANY << 4;

/// The geometry of a format, in numbers.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// lg2 of the sizes of leaves, from the smallest.
    pub(crate) sizes: Vec<u32>,
    /// The last position.
    pub(crate) last: u64,
    /// lg2 of the bytes that a slot of each level translates.
    shifts: Vec<u32>,
    /// Where each level's slots have boundaries that many tables share.
    boundaries: Vec<u64>,
}

impl Shape {
    /// That of a format with leaves of these sizes, and levels as [`ptgen_simulator::Machine::levels`] tells them.
    pub(crate) fn new(sizes: &[u32], levels: &[(u32, u32)], last: u64) -> Self {
        let boundaries = levels.iter().map(|(shift, bits)| 1_u64 << (shift + bits - 1)).collect();
        let shifts = levels.iter().map(|(shift, _)| *shift).collect();
        Self { sizes: sizes.to_vec(), last, shifts, boundaries }
    }
}

/// Ranges that something was mapped in, the last ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    ranges: Vec<VaRange>,
    next: usize,
}

impl Known {
    pub(crate) fn add(&mut self, range: VaRange) {
        if self.ranges.len() < KNOWN {
            self.ranges.push(range);
        } else {
            self.ranges[self.next] = range;
            self.next = (self.next + 1) % KNOWN;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
        self.next = 0;
    }
}

impl<P: PageTable> Runner<'_, P> {
    /// A range of VA, and the leaf size that it is made of: mostly near boundaries of tables, mostly short.
    pub(crate) fn range(&mut self) -> (VaRange, u32) {
        let count = self.shape.sizes.len();
        let smallest = self.shape.sizes[0];
        // Small leaves more often than large ones.
        let unit = self.shape.sizes[self.rng.random_range(0..count).min(self.rng.random_range(0..count))];
        let last = self.shape.last;
        let zone = self.rng.random_range(0..self.shape.boundaries.len() + 2);
        let bytes = 1_u64 << unit;
        let base = match zone {
            0 => 0,
            1 => last - (bytes.saturating_mul(6) - 1).min(last),
            n => self.shape.boundaries[n - 2].min(last) & !(bytes - 1),
        };
        let base = if zone >= 2 { base.saturating_sub(2 * bytes) } else { base };
        let mut first = base.saturating_add(self.rng.random_range(0..4) * bytes);
        let mut length = self.rng.random_range(1..=4) * bytes;
        if self.chance(25) {
            first = first.saturating_add(self.rng.random_range(0..20_u64) << smallest);
        }
        if self.chance(25) {
            length = (length & (bytes - 1)) + (self.rng.random_range(1..=20_u64) << smallest);
        }
        let range = self.between(first.min(last & !((1 << smallest) - 1)), length);
        (range, unit)
    }

    /// The VA of so many positions, as far as there are so many that lie together.
    fn between(&self, first: u64, length: u64) -> VaRange {
        let end = first.saturating_add(length - 1).min(self.shape.last);
        // Not across the hole in the middle of the address space.
        let (start, stop) = (self.machine.va(first), self.machine.va(end));
        if stop.wrapping_sub(start) == end - first {
            return VaRange::inclusive(start, stop);
        }
        let end = first | ((1 << self.shape.sizes[0]) - 1);
        VaRange::inclusive(start, self.machine.va(end))
    }

    /// A range in which something is mapped, most of the time: one that was mapped, a part of it, or more than it.
    pub(crate) fn mapped_range(&mut self) -> (VaRange, u32) {
        for _ in 0..4 {
            let count = self.known.ranges.len();
            if count == 0 || self.chance(15) {
                break;
            }
            let whole = self.known.ranges[self.rng.random_range(0..count)];
            let sizes = self.shape.sizes.clone();
            let (start, last) = (whole.start().get(), whole.last().get());
            let fits: Vec<u32> = sizes.iter().copied().filter(|size| (1 << size) - 1 <= last - start).collect();
            let unit = fits.last().map_or(sizes[0], |_| self.one_of(&fits));
            let range = match self.rng.random_range(0..100) {
                0..45 => whole,
                45..90 => {
                    let smallest = self.one_of(&[sizes[0], sizes[0], unit]);
                    let pages = ((last - start) >> smallest) + 1;
                    let from = self.rng.random_range(0..pages);
                    let count = self.rng.random_range(1..=(pages - from).min(20));
                    let end = start.saturating_add(((from + count) << smallest) - 1);
                    VaRange::inclusive(start + (from << smallest), end.min(last))
                }
                _ => {
                    let first = (start & self.shape.last) & !((1 << unit) - 1);
                    self.between(first, (last - start).saturating_add(2 << unit) & !((1 << sizes[0]) - 1))
                }
            };
            if !self.machine.is_free(range) {
                return (range, unit);
            }
        }
        self.range()
    }

    /// A range in which nothing is mapped, most of the time.
    pub(crate) fn free_range(&mut self) -> (VaRange, u32) {
        for _ in 0..6 {
            let (range, unit) = self.range();
            if self.machine.is_free(range) {
                return (range, unit);
            }
        }
        self.range()
    }

    /// Whether a range has not too many leaves of `2^lg2` bytes, of which none takes too many slots.
    pub(crate) fn is_few(&self, range: VaRange, lg2: u32) -> bool {
        let bytes = range.last().get() - range.start().get();
        let slot = self.shape.shifts.iter().copied().filter(|shift| *shift <= lg2).max().unwrap_or(lg2);
        bytes >> lg2 < MANY && bytes >> slot < MANY_SLOTS
    }

    /// The size of leaves for a range of which it takes not too many, small ones more often.
    pub(crate) fn some_size(&mut self, range: VaRange) -> u32 {
        let few: Vec<u32> = self.shape.sizes.iter().copied().filter(|lg2| self.is_few(range, *lg2)).collect();
        if few.is_empty() {
            return self.shape.sizes[self.shape.sizes.len() - 1];
        }
        few[self.rng.random_range(0..few.len()).min(self.rng.random_range(0..few.len()))]
    }

    /// A size of leaves below `2^lg2` bytes, if there is one of which the range takes not too many.
    pub(crate) fn smaller_size(&mut self, range: VaRange, lg2: u32) -> u32 {
        let below: Vec<u32> =
            self.shape.sizes.iter().copied().filter(|size| *size < lg2 && self.is_few(range, *size)).collect();
        if below.is_empty() { self.some_size(range) } else { self.one_of(&below) }
    }

    /// A part of a range that begins and ends at multiples of `2^unit` bytes, as the range does.
    pub(crate) fn part(&mut self, range: VaRange, unit: u32) -> VaRange {
        let (start, last) = (range.start().get(), range.last().get());
        let count = ((last - start) >> unit) + 1;
        let from = self.rng.random_range(0..count);
        let until = self.rng.random_range(from..count.min(from + 40));
        let end = start.saturating_add((until << unit) + ((1 << unit) - 1));
        VaRange::inclusive(start + (from << unit), end.min(last))
    }

    /// An OA that fits a range: mostly as aligned as its VA.
    pub(crate) fn oa(&mut self, range: VaRange) -> u64 {
        let (smallest, largest) = (self.shape.sizes[0], self.shape.sizes.last().copied().unwrap_or(12));
        // What is large is made of large leaves.
        let is_large = (range.last().get() - range.start().get()) >> smallest > MANY;
        let most = if is_large { largest } else { largest.min(32) };
        let inner = if is_large || self.chance(90) { (1 << most) - 1 } else { (1 << smallest) - 1 };
        let chosen = self.rng.random_range(0..3_u64) << most;
        let more = if !is_large && self.chance(5) { self.rng.random_range(0..8) << 21 } else { 0 };
        let page = (1_u64 << smallest) - 1;
        (chosen + more + (range.start().get() & inner & !page)) & (self.machine.format().output_last() >> 1) & !page
    }
}
