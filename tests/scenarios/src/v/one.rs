//! V1: the largest leaves that fit, counted.

use std::collections::BTreeMap;

use ptgen::{ChangeKind, Leaves, PageTable, VaRange, Way};
use ptgen_simulator::{Kind, Machine};

use super::below;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, Steps, data};

/// Pages, and leaves of a table's worth of them.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "no leaf is a table's worth of others")])
}

/// Leaves by lg2 of their size.
type Counts = BTreeMap<u32, u64>;

/// Half a large leaf, two large ones and a quarter: as many leaves of each size, runs included, as fit; shifted by a page,
/// none but pages. Nothing is flushed, unless the format says that filling takes that: then once.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies");
    let page = below(facts, large).shift;
    let unit = 1_u64 << large.shift;
    let (position, length) = (4 * unit + unit / 2, 2 * unit + unit / 2 + unit / 4);
    for (oa, is_shifted) in [(8 * unit + unit / 2, false), (8 * unit + unit / 2 + (1 << page), true)] {
        let va = machine.va(position);
        let range = VaRange::new(va, length);
        let expects = vec![machine.mapped(range, oa, &data::<P>())];
        machine.run(expects, |table, cx| table.map(cx, range, oa, &data::<P>(), Leaves::Largest))?;
        let flushes = usize::from(facts.way(ChangeKind::Fill) != Way::Lazy);
        machine.log(|log| log.assert_count(Kind::Flush, flushes));

        let found = found(machine, range);
        let expected = greedy(facts, position, oa, length);
        assert_eq!(found, expected, "leaves by lg2 of their size");
        // The same in words: two large leaves and smaller ones before and behind, or pages alone.
        let large_ones =
            found.iter().filter(|(lg2, _)| **lg2 >= large.shift).map(|(lg2, count)| count << (lg2 - large.shift));
        assert_eq!(large_ones.sum::<u64>(), if is_shifted { 0 } else { 2 });
        if is_shifted && facts.smallest() == page {
            assert_eq!(found, Counts::from([(page, length >> page)]));
        }
        machine.unmap(range)?;
        machine.assert_balanced();
    }
    Ok(())
}

/// What is there.
fn found<P: PageTable>(machine: &mut Machine<'_, P>, range: VaRange) -> Counts {
    let (mut counts, mut va) = (Counts::new(), range.start().get());
    loop {
        let lg2 = machine.leaf(va).size_lg2;
        assert_eq!(va & ((1 << lg2) - 1), 0, "a leaf of 2^{lg2} bytes at {va:#x}");
        *counts.entry(lg2).or_default() += 1;
        let last = va + ((1 << lg2) - 1);
        if last >= range.last().get() {
            assert_eq!(last, range.last().get());
            return counts;
        }
        va = last + 1;
    }
}

/// What fits: at each position the largest leaf of which both addresses are multiples, and that ends within the range.
fn greedy(facts: &Facts, mut position: u64, mut oa: u64, mut length: u64) -> Counts {
    let mut counts = Counts::new();
    while length > 0 {
        let fits = |lg2: &u32| (position | oa) & ((1 << lg2) - 1) == 0 && 1 << lg2 <= length;
        let lg2 = facts.sizes.iter().filter(fits).max().expect("pages fit");
        *counts.entry(lg2).or_default() += 1;
        (position, oa, length) = (position + (1 << lg2), oa + (1 << lg2), length - (1 << lg2));
    }
    counts
}
