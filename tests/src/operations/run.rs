//! Runs a sequence on real tables and on the plain map, and compares.

use ptgen::{
    Arena, Change, ChangeKind, Context, Error, Flow, Format, Frames, Holes, Leaves, Level, NoTlb, Partial, Protect,
    Quota, Tables, Tree, Unmap, Use, VaRange, Visit, Way, Word,
};

use super::attributes::{encodable, field, pick, said};
use super::plain::{Plain, Stretch, join};
use super::step::{Step, Where};
use crate::levels::{EachLevel, Shape, each_level, shapes};

/// Where the tables of a run stand.
const BASE: u64 = 0x4000_0000;

/// At most so many of the smallest leaves are made by one operation.
const MOST_LEAVES: u64 = 128;

/// The tables of one sequence and what they should mean.
#[derive(Debug)]
pub struct Run<'a, F: Format> {
    f: F,
    arena: &'a Arena<'a, F::Word>,
    tree: Tree<F>,
    plain: Plain<F::Attributes>,
    shapes: Vec<Shape>,
    live: bool,
}

/// A part of the address space, in positions (the translated bits of a VA).
#[derive(Clone, Copy, Debug)]
struct Part {
    start: u64,
    last: u64,
}

/// How many operations failed for want of frames and left everything as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starved(pub usize);

/// The words that a run needs.
#[must_use]
pub fn memory<W: Word>() -> Vec<W> {
    vec![W::ZERO; (8 << 20) >> W::BYTES_LG2]
}

impl<'a, F: Format> Run<'a, F> {
    /// An empty table in `arena`.
    ///
    /// # Panics
    ///
    /// If there is no frame for the root.
    pub fn new(f: F, arena: &'a Arena<'a, F::Word>) -> Self {
        let mut cx = Context::new(arena, arena, NoTlb);
        let mut tree = Tree::new(&mut cx, f).expect("a root can be allocated");
        tree.set_use(Use::Offline);
        Self { f, arena, tree, plain: Plain::default(), shapes: shapes(f), live: false }
    }

    /// Runs `steps` on a fresh table, comparing after each.
    ///
    /// # Panics
    ///
    /// If the tables disagree with the plain map, an operation fails that should not or the other way round, or frames
    /// are lost.
    pub fn sequence(f: F, steps: &[Step]) {
        let mut words = memory::<F::Word>();
        let arena = Arena::new(BASE, &mut words);
        let mut run = Run::new(f, &arena);
        for step in steps {
            if run.step(step, &arena) == Err(Error::OutOfFrames) {
                panic!("the arena is large enough");
            }
            run.compare();
        }
        run.finish();
    }

    /// As [`sequence`](Self::sequence), but each operation is first tried with 0, 1, 2, … frames until it does not fail
    /// for want of them. Each failure must leave everything as it was.
    ///
    /// # Panics
    ///
    /// As for `sequence`.
    pub fn starved_sequence(f: F, steps: &[Step]) -> Starved {
        let mut words = memory::<F::Word>();
        let arena = Arena::new(BASE, &mut words);
        let mut run = Run::new(f, &arena);
        let mut starved = Starved::default();
        for step in steps {
            let frames_before = arena.frames();
            for most in 0.. {
                if run.step(step, Quota::new(&arena, most)) != Err(Error::OutOfFrames) {
                    break;
                }
                starved.0 += 1;
                assert_eq!(arena.frames(), frames_before, "{step:x?} kept frames of a failed operation");
                run.compare();
            }
            run.compare();
        }
        run.finish();
        starved
    }

    /// Gives all tables back.
    fn finish(self) {
        let mut cx = Context::new(self.arena, self.arena, NoTlb);
        self.tree.free(&mut cx).expect("tables that were just walked can be walked");
        assert_eq!(self.arena.frames(), 0, "frames are left");
    }

    /// Runs one step with frames from `frames`.
    fn step<A: Frames>(&mut self, step: &Step, frames: A) -> Result<(), Error> {
        match *step {
            Step::Map { at, oa, oa_offset, attributes, largest } => {
                self.map(frames, at, (u64::from(oa), u64::from(oa_offset)), attributes, largest)
            }
            Step::Unmap { at, refuse_holes, refuse_parts, keep_tables } => {
                let tables = if keep_tables { Tables::Keep } else { Tables::Free };
                self.unmap(frames, at, Unmap { holes: holes(refuse_holes), partial: partial(refuse_parts), tables })
            }
            Step::Protect { at, change, refuse_holes, refuse_parts } => {
                let policy = Protect { holes: holes(refuse_holes), partial: partial(refuse_parts) };
                self.protect(frames, at, change, policy)
            }
            Step::Live(live) => {
                self.live = live;
                self.tree.set_use(if live { Use::Live } else { Use::Offline });
                Ok(())
            }
            Step::Touch { at } => {
                self.touch(at);
                Ok(())
            }
        }
    }

    fn map<A: Frames>(
        &mut self,
        frames: A,
        at: Where,
        (oa, oa_offset): (u64, u64),
        attributes: u16,
        largest: bool,
    ) -> Result<(), Error> {
        let attributes = pick(self.f, attributes);
        let small = self.smallest();
        let unit = self.unit(at);
        let oa = ((oa << unit) + (oa_offset << small)) & self.f.output_last() & !((1 << small) - 1);
        let mut part = self.part(at);
        let leaf = if largest { self.fitting(part.start ^ oa) } else { small };
        part.last = part.last.min(part.start.saturating_add((MOST_LEAVES << leaf) - 1));
        let (start, last) = (self.f.extend(part.start), self.f.extend(part.last));
        let leaves = if largest { Leaves::Largest } else { Leaves::Exactly(small) };

        let fits = oa.checked_add(part.last - part.start).is_some_and(|end| end <= self.f.output_last());
        let expected = self.is_one_piece(part) && fits && self.plain.is_free(start, last);
        let mut cx = Context::new(self.arena, frames, NoTlb);
        let result = self.tree.map(&mut cx, VaRange::from(start..=last), oa, &attributes, leaves);
        self.judge(result.is_ok(), expected, &result);
        result.map(|unflushed| {
            unflushed.flush(&mut cx);
            self.plain.map(start, last, oa, attributes);
        })
    }

    fn unmap<A: Frames>(&mut self, frames: A, at: Where, policy: Unmap) -> Result<(), Error> {
        let part = self.part(at);
        let (start, last) = (self.f.extend(part.start), self.f.extend(part.last));
        // Nobody here runs the machine's instructions.
        let wants_instruction = |kind| self.live && self.f.way(kind) == Way::Instruction;
        let is_free = !self.is_one_piece(part) || self.plain.inside(start, last).is_empty();
        let possible = is_free || !wants_instruction(ChangeKind::Clear);
        let may_unlink = is_free && wants_instruction(ChangeKind::Unlink) && policy.tables == Tables::Free;
        let expected =
            possible && self.is_one_piece(part) && self.allows(start, last, policy.holes, policy.partial, |_| true);
        let lacking = self.has_parts_of_lacking_leaves(start, last);
        let mut cx = Context::new(self.arena, frames, NoTlb);
        let result = self.tree.unmap(&mut cx, VaRange::from(start..=last), policy);
        let is_excused = may_unlink && matches!(result, Err(Error::NeedsInstruction { .. }))
            || lacking && matches!(result, Err(Error::Unencodable(_)));
        if !is_excused {
            self.judge(result.is_ok(), expected, &result);
        }
        result.map(|unflushed| {
            unflushed.flush(&mut cx);
            self.plain.unmap(start, last);
        })
    }

    fn protect<A: Frames>(&mut self, frames: A, at: Where, seed: u16, policy: Protect) -> Result<(), Error> {
        let (index, value) = field::<F>(seed);
        let mut change = F::Change::default();
        assert!(change.set(index, value), "a change takes every value that an attribute has");
        let part = self.part(at);
        let (start, last) = (self.f.extend(part.start), self.f.extend(part.last));
        let inside = if self.is_one_piece(part) { self.plain.inside(start, last) } else { Vec::new() };
        let expressible = inside.iter().all(|(_, s)| encodable(self.f, &change.revise(&s.attributes)));
        let breaks = self.live && self.f.way_of(&change) >= Way::Instruction;
        // A leaf that says already what it should is neither split nor refused.
        let revise = |attributes: &F::Attributes| said(self.f, &change.revise(attributes));
        let differs = |attributes: &F::Attributes| revise(attributes) != *attributes;
        let allowed = self.is_one_piece(part) && self.allows(start, last, policy.holes, policy.partial, differs);
        let lacking = self.has_parts_of_lacking_leaves(start, last);
        let mut cx = Context::new(self.arena, frames, NoTlb);
        let result = self.tree.protect(&mut cx, VaRange::from(start..=last), &change, policy);
        if !allowed || (expressible && !breaks && !(lacking && matches!(result, Err(Error::Unencodable(_))))) {
            self.judge(result.is_ok(), allowed, &result);
        }
        result.map(|unflushed| {
            unflushed.flush(&mut cx);
            self.plain.protect(start, last, revise);
        })
    }

    /// Does to a leaf what the machine may do by itself, where that is to set bits.
    fn touch(&mut self, at: Where) {
        let va = self.f.extend(self.part(at).start);
        let Ok(mapping) = self.tree.lookup(self.arena, va) else { return };
        let shape = *self.shape(mapping.level);
        if mapping.size_lg2 != shape.shift {
            return; // what one slot of a run says counts for all; left to tests of runs
        }
        let Some(word) = touched(self.f, mapping.level, mapping.word) else { return };
        let slot = self.slot(va, mapping.level);
        let stored = |word| crate::levels::stored(self.f, word);
        assert_eq!(self.arena.read(slot).map(stored), Some(mapping.word), "the slot is where the walk says");
        self.arena.write(slot, stored(word));
        let after = self.tree.lookup(self.arena, va).expect("a touched leaf is a leaf");
        let (start, last) = (mapping.va.get(), mapping.last().get());
        self.plain.protect(start, last, |_| after.own_attributes());
    }

    /// The address of the slot that translates `va` at a level.
    fn slot(&self, va: u64, level: u8) -> u64 {
        let mut table = self.tree.root().get();
        let mut see = |visit: Visit<F>| {
            if let Visit::Table { address, level: above, .. } = visit
                && above > level
            {
                table = address.get();
            }
            Flow::Continue
        };
        self.tree.walk(self.arena, VaRange::from(va..=va), &mut see).expect("the arena can be read");
        let shape = self.shape(level);
        let index = va >> shape.shift & ((1 << shape.index_bits) - 1);
        table + (index << <F::Word as Word>::BYTES_LG2)
    }

    /// Whether holes and parts of leaves in `start..=last` are allowed, the parts also by what live tables allow. Only
    /// leaves that `differs` are hit.
    fn allows(
        &self,
        start: u64,
        last: u64,
        holes: Holes,
        partial: Partial,
        differs: impl Fn(&F::Attributes) -> bool,
    ) -> bool {
        let part_of_leaf = |va: u64| {
            let leaf = self.tree.lookup(self.arena, va).ok()?;
            Some((leaf.va.get() < start || leaf.last().get() > last) && differs(&leaf.own_attributes()))
        };
        let hits_parts = part_of_leaf(start).unwrap_or(false) || part_of_leaf(last).unwrap_or(false);
        let splits = partial == Partial::Split && !(self.live && self.f.way(ChangeKind::Size) >= Way::Instruction);
        (holes == Holes::Skip || self.plain.is_full(start, last)) && (!hits_parts || splits)
    }

    /// Whether `start..=last` ends inside leaves that say what some smaller ones cannot: there may be no way to split them.
    fn has_parts_of_lacking_leaves(&self, start: u64, last: u64) -> bool {
        let lacks = |va: u64| {
            let leaf = self.tree.lookup(self.arena, va).ok()?;
            let is_part = leaf.va.get() < start || leaf.last().get() > last;
            Some(is_part && !encodable(self.f, &leaf.own_attributes()))
        };
        lacks(start).unwrap_or(false) || lacks(last).unwrap_or(false)
    }

    fn judge<T: std::fmt::Debug>(&self, ok: bool, expected: bool, result: &Result<T, Error>) {
        if matches!(result, Err(Error::OutOfFrames)) {
            return;
        }
        assert_eq!(ok, expected, "{result:?} of {}", F::NAME);
    }

    /// Compares the tables with the plain map: everything, by walking, and the ends of all stretches, by translating.
    fn compare(&self) {
        let mut seen = Vec::new();
        for range in self.tree.ranges() {
            let mut see = |visit: Visit<F>| {
                match visit {
                    Visit::Leaf(leaf) => {
                        let stretch =
                            Stretch { last: leaf.last().get(), oa: leaf.oa.get(), attributes: leaf.attributes() };
                        seen.push((leaf.va.get(), stretch));
                    }
                    Visit::Reserved { va, level, word } => panic!("{word:?} at {va}, level {level}, is reserved"),
                    Visit::Table { .. } | Visit::Hole(_) => {}
                }
                Flow::Continue
            };
            self.tree.walk(self.arena, range, &mut see).expect("the arena can be read");
        }
        let walked = join(seen.into_iter());
        assert_eq!(walked, self.plain.joined(), "walk of {}", F::NAME);
        for (start, stretch) in walked {
            for va in [start, start + (stretch.last - start) / 2, stretch.last] {
                let oa = self.tree.translate(self.arena, va).expect("what the walk shows is translated");
                assert_eq!(oa.get(), stretch.oa + (va - start), "translate {va:#x}");
            }
            for va in [start.wrapping_sub(1), stretch.last.wrapping_add(1)] {
                let oa = self.tree.translate(self.arena, va).ok().map(|oa| oa.get());
                let untagged = self.f.extend(va & self.positions_last());
                let expected = self.plain.at(untagged).filter(|_| self.f.is_canonical(va)).map(|(oa, _)| oa);
                assert_eq!(oa, expected, "translate {va:#x}");
            }
        }
    }

    fn smallest(&self) -> u32 {
        let sizes = self.shapes.iter().fold(ptgen::Sizes::default(), |all, shape| all.or(shape.leaf_sizes));
        sizes.iter().next().expect("a format has leaves")
    }

    /// The largest leaf size for which VA and OA differ in no lower bit.
    fn fitting(&self, difference: u64) -> u32 {
        let sizes = self.shapes.iter().fold(ptgen::Sizes::default(), |all, shape| all.or(shape.leaf_sizes));
        sizes.largest_up_to(difference.trailing_zeros().min(63)).unwrap_or(self.smallest())
    }

    fn unit(&self, at: Where) -> u32 {
        let sizes: Vec<u32> = self.shapes.iter().flat_map(|shape| shape.leaf_sizes.iter()).collect();
        sizes[usize::from(at.unit) % sizes.len()]
    }

    fn positions_last(&self) -> u64 {
        let root = &self.shapes[0];
        let bits = root.shift + root.index_bits;
        if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
    }

    /// The positions that a `Where` means.
    fn part(&self, at: Where) -> Part {
        let (unit, small, top) = (self.unit(at), self.smallest(), self.positions_last());
        let zones = self.shapes.len() as u64 + 2;
        let base = match u64::from(at.zone) % zones {
            0 => 0,
            1 => top.saturating_sub((6 << unit) - 1),
            n => {
                // Around the boundary of a slot of each level; the middle of the root is where signs change.
                let shape = &self.shapes[(n - 2) as usize];
                let middle = 1 << (shape.shift + shape.index_bits - 1);
                (middle & !((1 << unit) - 1_u64)).saturating_sub(2 << unit)
            }
        };
        let start = base.saturating_add((u64::from(at.start) << unit) + (u64::from(at.offset) << small));
        let bytes = ((u64::from(at.units) << unit) + (u64::from(at.more) << small)).max(1 << small);
        let start = start.min(top & !((1 << small) - 1));
        Part { start, last: start.saturating_add(bytes - 1).min(top) }
    }

    /// Whether the VA of a part follow each other: it does not cross from one half of the address space into the other.
    fn is_one_piece(&self, part: Part) -> bool {
        self.f.extend(part.last).wrapping_sub(self.f.extend(part.start)) == part.last - part.start
    }

    fn shape(&self, level: u8) -> &Shape {
        self.shapes.iter().find(|shape| shape.number == level).expect("the level of a leaf is one of the levels")
    }
}

/// The leaf word after the machine has set all that it may; `None` if the machine clears bits, too.
fn touched<F: Format>(f: F, level: u8, word: F::Word) -> Option<F::Word> {
    struct Touch<W>(u8, W, Option<W>);
    impl<F: Format> EachLevel<F> for Touch<F::Word> {
        fn level<L: Level<Format = F>>(&mut self, f: F) {
            let (hardware, done): (u64, u64) = (L::hardware(f).into(), L::hardware_done(f).into());
            let word: u64 = self.1.into();
            if L::NUMBER == self.0 && hardware == done {
                self.2 = Some(F::Word::truncate(word | hardware));
            }
        }
    }
    let mut touch = Touch(level, word, None);
    each_level(f, &mut touch);
    touch.2
}

fn holes(refuse: bool) -> Holes {
    if refuse { Holes::Refuse } else { Holes::Skip }
}

fn partial(refuse: bool) -> Partial {
    if refuse { Partial::Refuse } else { Partial::Split }
}
