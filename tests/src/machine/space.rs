//! A random address space, built and changed by emitted code.

use std::ops::RangeInclusive;

use ptgen::{Arena, Attributes, Context, Error, Format, Leaves, NoTlb, PageTable, Protect, Sizes, Unmap, Use, VaRange};
use ptgen_machines::Reserved;
use rand::RngExt;
use rand::rngs::StdRng;

use super::ground::Ground;
use super::memory::WordOf;
use super::random::{attributes, chance, change, one_of};
use crate::levels::{Shape, shapes};

/// At most so many leaves are made for one region.
const MOST_LEAVES: u64 = 1200;

/// At most so many of the largest leaves.
const MOST_UNITS: u64 = 5;

/// Tables under construction.
pub(super) struct Space<'a, 'w, P: PageTable> {
    pub(super) table: P,
    pub(super) arena: &'a Arena<'w, WordOf<P>>,
    ground: Ground,
    shapes: Vec<Shape>,
    sizes: Sizes,
    /// The fields of attributes that leaves say.
    fields: Vec<usize>,
    /// What was mapped, by VA. Parts may be gone.
    regions: Vec<RangeInclusive<u64>>,
    pub(super) done: Done,
}

/// How many operations succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) maps: usize,
    pub(super) protects: usize,
    pub(super) unmaps: usize,
}

impl<'a, 'w, P> Space<'a, 'w, P>
where
    P: PageTable,
{
    /// Tables with nothing but what the machine's own program needs.
    pub(super) fn new(
        f: P::Format,
        fields: Vec<usize>,
        arena: &'a Arena<'w, WordOf<P>>,
        ground: &Ground,
        reserved: &[Reserved],
    ) -> Self {
        let mut cx = Context::new(arena, arena, NoTlb);
        let mut table = P::new_in(&mut cx, f).expect("a root can be allocated");
        table.set_use(Use::Offline);
        let shapes = shapes(f);
        let sizes = shapes.iter().fold(Sizes::default(), |all, shape| all.or(shape.leaf_sizes));
        let done = Done::default();
        let mut space = Self { table, arena, ground: ground.clone(), shapes, sizes, fields, regions: Vec::new(), done };
        for it in reserved {
            space.map_reserved(it);
        }
        space
    }

    fn map_reserved(&mut self, reserved: &Reserved) {
        type A<P> = <<P as PageTable>::Format as Format>::Attributes;
        let rights = reserved.rights;
        let mut attributes = A::<P>::kernel_data();
        // A format without the right leaves nothing to forbid.
        let mut set = |name: &str, value: bool| {
            if let Some(index) = A::<P>::index(name) {
                attributes.set(index, u64::from(value));
            }
        };
        set("write", rights.write());
        set("user", rights.user());
        set("execute", rights.fetch());
        let mut cx = Context::new(self.arena, self.arena, NoTlb);
        let mut map = |attributes: &A<P>| {
            let range = VaRange::new(reserved.va, reserved.bytes);
            self.table.map(&mut cx, range, reserved.oa, attributes, Leaves::Largest).map(|unflushed| {
                unflushed.flush(&mut cx);
            })
        };
        if map(&attributes).is_err() {
            // A format may be unable to forbid fetches.
            let execute = A::<P>::FIELDS.iter().position(|info| info.name == "execute").expect("as above");
            attributes.set(execute, 1);
            map(&attributes).expect("what the machine needs can be mapped");
        }
    }

    /// The sizes of leaves that the format has.
    pub(super) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Tries to map `count` regions.
    pub(super) fn grow(&mut self, count: usize, rng: &mut StdRng) {
        self.place_scarce();
        for _ in 0..count {
            let sizes: Vec<u32> = self.sizes.iter().filter(|&lg2| !self.is_scarce(lg2)).collect();
            let lg2 = *one_of(rng, &sizes);
            let attributes = attributes::<P::Format>(&self.fields, rng);
            let (mut va, mut oa) = (self.place(lg2, rng), self.output(lg2, rng));
            let smaller = *one_of(rng, &sizes);
            if smaller < lg2 && chance(rng, 30) {
                // Both start within a leaf, so that smaller leaves come before the large ones.
                let offset = rng.random_range(1..16) << smaller & low(lg2);
                (va, oa) = (va + offset, oa + offset);
            } else if smaller < lg2 && chance(rng, 20) {
                oa += rng.random_range(1..4) << smaller & low(lg2);
            }
            let last = self.last(va, oa, lg2, rng);
            let mut cx = Context::new(self.arena, self.arena, NoTlb);
            let leaves = if chance(rng, 80) { Leaves::Largest } else { Leaves::Exactly(lg2) };
            if let Ok(unflushed) = self.table.map(&mut cx, VaRange::inclusive(va, last), oa, &attributes, leaves) {
                unflushed.flush(&mut cx);
                self.regions.push(va..=last);
                self.done.maps += 1;
            }
        }
    }

    /// Whether a few leaves of this size leave room for nothing else.
    fn is_scarce(&self, lg2: u32) -> bool {
        let bytes: u64 = self.table.ranges().map(|range| (range.last().get() - range.start().get()) >> 4).sum();
        bytes >> lg2 == 0
    }

    /// Maps one leaf of each size of which few have room, at the end, before anything else is mapped. It stays as it is.
    fn place_scarce(&mut self) {
        let sizes: Vec<u32> = self.sizes.iter().filter(|&lg2| self.is_scarce(lg2)).collect();
        let Some(range) = self.table.ranges().last().filter(|_| self.regions.is_empty()) else { return };
        let attributes = <P::Format as Format>::Attributes::kernel_data();
        for lg2 in sizes {
            let (va, oa) = (range.last().get() & !low(lg2), self.ground.pages.start & !low(lg2));
            let last = va | low(lg2);
            let mut cx = Context::new(self.arena, self.arena, NoTlb);
            let mapped = self.table.map(&mut cx, VaRange::inclusive(va, last), oa, &attributes, Leaves::Exactly(lg2));
            mapped.expect("nothing is mapped yet").flush(&mut cx);
            self.done.maps += 1;
        }
    }

    /// Tries to change `count` parts of regions: other attributes, or nothing there any more.
    pub(super) fn change(&mut self, count: usize, rng: &mut StdRng) {
        for _ in 0..count {
            let range = self.part(rng);
            let mut cx = Context::new(self.arena, self.arena, NoTlb);
            let changed = if chance(rng, 65) {
                let change = change::<P::Format>(&self.fields, rng);
                let changed = self.table.protect(&mut cx, range, &change, Protect::everything());
                self.done.protects += usize::from(changed.is_ok());
                changed
            } else {
                let policy = if chance(rng, 50) { Unmap::everything() } else { Unmap::everything().keep_tables() };
                let changed = self.table.unmap(&mut cx, range, policy);
                self.done.unmaps += usize::from(changed.is_ok());
                changed
            };
            match changed {
                Ok(unflushed) => unflushed.flush(&mut cx),
                Err(Error::Unencodable(_) | Error::Forbidden { .. } | Error::OutOfFrames) => {}
                Err(error) => panic!("a part of a region, {range}, cannot be changed: {error}"),
            }
        }
    }

    /// A VA for leaves of `2^lg2` bytes: at a boundary, near something, or anywhere.
    fn place(&self, lg2: u32, rng: &mut StdRng) -> u64 {
        let ranges = self.ground.ranges(&self.table);
        let range = one_of(rng, &ranges);
        let (first, last) = (range.start().get(), range.last().get());
        let few = |rng: &mut StdRng| rng.random_range(0..4_u64) << lg2;
        let at = match rng.random_range(0..10) {
            0 => first,
            1 => last.saturating_sub(few(rng)),
            2..=4 => {
                // Where slots of some level begin, or whole tables of it.
                let shape = one_of(rng, &self.shapes);
                let boundary = *one_of(rng, &[shape.shift, shape.shift + shape.index_bits]);
                let below = rng.random_range(first..=last) & !low(boundary);
                below.saturating_sub(few(rng))
            }
            5..=7 if !self.regions.is_empty() => {
                let near = one_of(rng, &self.regions);
                let ends = [near.end().saturating_add(1 + few(rng)), near.start().saturating_sub(1 + few(rng))];
                *one_of(rng, &ends)
            }
            _ => rng.random_range(first..=last),
        };
        at.clamp(first, last) & !low(lg2)
    }

    /// An OA for leaves of `2^lg2` bytes: such that some of the leaf is in memory, or anywhere.
    fn output(&self, lg2: u32, rng: &mut StdRng) -> u64 {
        let pages = &self.ground.pages;
        let last = self.ground.last_oa;
        let oa = match self.ground.far() {
            Some(far) if chance(rng, 30) => rng.random_range(far..=last),
            _ => rng.random_range(pages.clone()),
        };
        oa & !low(lg2)
    }

    /// The last VA of a region that starts so.
    fn last(&self, va: u64, oa: u64, lg2: u32, rng: &mut StdRng) -> u64 {
        let smallest = self.sizes.iter().next().expect("formats have leaves");
        let odd = if chance(rng, 40) { rng.random_range(1..40) << smallest } else { 0 };
        let leaf = self.sizes.largest_up_to((va ^ oa).trailing_zeros().min(63)).unwrap_or(smallest);
        let bytes = (rng.random_range(1..=MOST_UNITS) << lg2) + odd;
        let bytes = bytes.min(MOST_LEAVES << leaf);
        let bytes = bytes.min((self.ground.last_oa - oa).saturating_add(1));
        let ranges = self.ground.ranges(&self.table);
        let range = ranges.iter().find(|range| range.contains(va)).expect("places are in ranges");
        va.saturating_add(bytes - 1).min(range.last().get())
    }

    /// A part of a region, in whole pages.
    fn part(&self, rng: &mut StdRng) -> VaRange {
        let region = one_of(rng, &self.regions);
        let (first, last) = (*region.start(), *region.end());
        let smallest = self.sizes.iter().next().expect("formats have leaves");
        let units: Vec<u32> = self.sizes.up_to((last - first).max(1).ilog2()).iter().collect();
        let unit = if units.is_empty() { smallest } else { *one_of(rng, &units) };
        let start = (rng.random_range(first..=last) & !low(unit)).max(first);
        let bytes = rng.random_range(1..8_u64) << unit;
        VaRange::inclusive(start, start.saturating_add(bytes - 1).min(last))
    }
}

/// The lowest `bits` bits.
pub(super) fn low(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}
