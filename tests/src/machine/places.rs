//! Where to probe: in leaves, at their edges, beside them, in holes, and where nothing is ever translated.

use std::ops::RangeInclusive;

use ptgen::{Arena, Flow, PageTable, Visit, WithoutTables};
use rand::RngExt;
use rand::rngs::StdRng;

use super::ground::Ground;
use super::memory::WordOf;
use super::random::{chance, one_of};
use super::space::low;

/// Bytes that one tag covers: the smallest step between probed places.
const PAGE_LG2: u32 = 12;

/// A leaf, all of it.
#[derive(Clone, Copy, Debug)]
struct Leaf {
    va: u64,
    oa: u64,
    size_lg2: u32,
}

/// The pages in memory to which a leaf leads, if any.
fn pages_in(leaf: &Leaf, ground: &Ground) -> Option<RangeInclusive<u64>> {
    let last = leaf.oa | low(leaf.size_lg2);
    let (from, to) = (leaf.oa.max(ground.pages.start), last.min(ground.pages.end - 1));
    (from <= to).then_some(from..=to)
}

/// The leaves of an address space.
pub(super) struct Places {
    /// By size.
    by_size: Vec<Vec<Leaf>>,
    /// Those with pages that probes may reach, by size.
    in_memory: Vec<Vec<Leaf>>,
    ranges: Vec<(u64, u64)>,
    ground: Ground,
    untranslated_bits: u64,
}

impl Places {
    pub(super) fn of<P>(table: &P, arena: &Arena<'_, WordOf<P>>, ground: &Ground, untranslated_bits: u64) -> Self
    where
        P: PageTable,
    {
        let mut by_size = vec![Vec::new(); 64];
        let ranges: Vec<_> = table.ranges().collect();
        for &range in &ranges {
            let mut see = WithoutTables(|visit: Visit<P::Format>| {
                match visit {
                    Visit::Leaf(leaf) => by_size[leaf.size_lg2 as usize].push(Leaf {
                        va: leaf.va.get(),
                        oa: leaf.oa.get(),
                        size_lg2: leaf.size_lg2,
                    }),
                    Visit::Reserved { va, word, .. } => panic!("an operation wrote {word:#x} at {va}"),
                    Visit::Table { .. } | Visit::Hole(_) => {}
                }
                Flow::Continue
            });
            table.walk(arena, range, &mut see).expect("tables in the arena can be walked");
        }
        by_size.retain(|leaves| !leaves.is_empty());
        assert!(!by_size.is_empty(), "nothing is mapped");
        let mut in_memory = by_size.clone();
        in_memory.iter_mut().for_each(|leaves| leaves.retain(|leaf| pages_in(leaf, ground).is_some()));
        in_memory.retain(|leaves| !leaves.is_empty());
        let ranges = ground.ranges(table).iter().map(|range| (range.start().get(), range.last().get())).collect();
        Self { by_size, in_memory, ranges, ground: ground.clone(), untranslated_bits }
    }

    /// An address to probe.
    pub(super) fn pick(&self, rng: &mut StdRng) -> u64 {
        let group = if chance(rng, 60) && !self.in_memory.is_empty() { &self.in_memory } else { &self.by_size };
        let leaves = one_of(rng, group);
        let leaf = *one_of(rng, leaves);
        let page = rng.random_range(0..1_u64 << PAGE_LG2);
        let va = match rng.random_range(0..100) {
            0..50 => leaf.va + self.inside(&leaf, rng),
            50..60 => *one_of(rng, &[leaf.va, leaf.va | low(leaf.size_lg2)]),
            60..73 => *one_of(rng, &[leaf.va.wrapping_sub(1), (leaf.va | low(leaf.size_lg2)).wrapping_add(1)]),
            73..87 => leaf.va ^ 1 << rng.random_range(PAGE_LG2..64),
            87..96 => self.anywhere(rng),
            _ => self.untranslated(&leaf, rng),
        };
        // The offset within the page is free.
        va & !low(PAGE_LG2) | page
    }

    /// An offset in a leaf, preferably one where its OA is memory.
    fn inside(&self, leaf: &Leaf, rng: &mut StdRng) -> u64 {
        match pages_in(leaf, &self.ground) {
            Some(pages) if chance(rng, 80) => rng.random_range(pages) - leaf.oa,
            _ => rng.random_range(0..=low(leaf.size_lg2)),
        }
    }

    /// An address of the ranges, or one at their ends.
    fn anywhere(&self, rng: &mut StdRng) -> u64 {
        let (first, last) = *one_of(rng, &self.ranges);
        if chance(rng, 20) { *one_of(rng, &[first, last]) } else { rng.random_range(first..=last) }
    }

    /// An address that no table translates: that of a leaf with bits changed above the translated ones.
    fn untranslated(&self, leaf: &Leaf, rng: &mut StdRng) -> u64 {
        let mut flips = self.untranslated_bits;
        if flips != 0 && chance(rng, 50) {
            // One of them only.
            let chosen = rng.random_range(0..flips.count_ones());
            for _ in 0..chosen {
                flips &= flips - 1;
            }
            flips &= flips.wrapping_neg();
        }
        leaf.va ^ flips
    }
}
