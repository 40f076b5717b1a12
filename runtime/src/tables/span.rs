//! Positions: the translated bits of a VA. What the engine counts with.

use crate::address::{Va, VaRange};
use crate::error::Error;
use crate::format::{Format, Level, Sizes};

/// A range of positions, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The lowest `bits` bits.
#[inline(always)]
pub(crate) const fn low(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// The slot of level `L` for `position`.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "masked to the index width")]
pub(crate) fn index<L: Level>(f: L::Format, position: u64) -> usize {
    (position >> L::shift(f)) as usize & low(L::index_bits(f)) as usize
}

/// The last position of the slot of level `L` in which `position` is.
#[inline(always)]
pub(crate) fn slot_last<L: Level>(f: L::Format, position: u64) -> u64 {
    position | low(L::shift(f))
}

/// lg2 of the largest power of two that is at most the count of positions from `first` to `last`.
#[inline(always)]
pub(crate) const fn length_lg2(first: u64, last: u64) -> u32 {
    match (last - first).checked_add(1) {
        Some(length) => length.ilog2(),
        None => 64,
    }
}

/// The positions of all VA that a root of level `L` translates.
#[inline(always)]
pub(crate) fn whole<L: Level>(f: L::Format) -> Span {
    Span { first: 0, last: low(L::shift(f) + L::index_bits(f)) }
}

/// The positions of `range` under a root of level `L`; `None` if it is empty.
#[inline]
pub(crate) fn span<L: Level>(f: L::Format, range: VaRange) -> Result<Option<Span>, Error> {
    if range.is_reversed() {
        return Err(Error::Reversed { range });
    }
    if range.is_empty() {
        return Ok(None);
    }
    let (start, end) = (range.start().get(), range.last().get());
    let mask = whole::<L>(f).last;
    let (first, last) = (start & mask, end & mask);
    let whole = first <= last && last - first == end - start;
    if !whole || !f.is_canonical(start) || !f.is_canonical(end) {
        return Err(not_canonical(f, mask, range));
    }
    Ok(Some(Span { first, last }))
}

/// The error that names an address of `range` that is not canonical.
#[cold]
fn not_canonical<F: Format>(f: F, mask: u64, range: VaRange) -> Error {
    let start = range.start().get();
    let behind = |mask: u64| (start | mask).wrapping_add(1);
    let candidates = [start, behind(mask >> 1), behind(mask), range.last().get()];
    let found = candidates.into_iter().find(|&va| range.contains(va) && !f.is_canonical(va));
    Error::NotCanonical { va: Va::new(found.unwrap_or(start)) }
}

/// The VA of `position`.
#[inline]
pub(crate) fn va<F: Format>(f: F, position: u64) -> Va {
    Va::new(f.extend(position))
}

/// The VA of the positions from `first` to `last`.
#[inline]
pub(crate) fn va_range<F: Format>(f: F, first: u64, last: u64) -> VaRange {
    VaRange::inclusive(f.extend(first), f.extend(last))
}

/// The sizes of leaves at `L` and below.
#[inline]
pub(crate) fn all_sizes<L: Level>(f: L::Format) -> Sizes {
    if L::IS_FLOOR {
        return Sizes(0);
    }
    let below = if L::HAS_TABLES { all_sizes::<L::Below>(f) } else { Sizes(0) };
    L::leaf_sizes(f).or(below)
}

/// Refuses a span that does not start and end at multiples of `2^lg2`.
#[inline]
pub(crate) fn check_aligned<F: Format>(f: F, span: Span, lg2: u32) -> Result<(), Error> {
    let behind = span.last.wrapping_add(1);
    if span.first & low(lg2) != 0 {
        return Err(Error::Misaligned { address: f.extend(span.first), lg2 });
    }
    if behind & low(lg2) != 0 {
        return Err(Error::Misaligned { address: f.extend(span.last).wrapping_add(1), lg2 });
    }
    Ok(())
}
