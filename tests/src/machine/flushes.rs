//! Whether changes ask for the flushes that they need.
//!
//! An IOMMU goes on running while its tables are changed. Before each change it is made to remember translations of what
//! will be changed and of other places, and then it is told to forget exactly what the change asks for. Afterwards it has
//! to find what the tables say. That it would not have is seen, too: between the stores and the flush it is asked once
//! more, and often finds what was there before.

use std::ops::Range;

use ptgen::{
    Arena, Callback, ChangeKind, Context, FlushRequest, Format, Leaves, NoTlb, PageTable, Protect, Unmap, Use, VaRange,
    Way, Word,
};
use ptgen_machines::{Access, Image, Invalidation, Machine, Outcome, Probe, Session};
use rand::RngExt;
use rand::rngs::StdRng;

use super::attempt::expect;
use super::judge::Subject;
use super::memory::{WordOf, raw, word_bytes, write_raw};
use super::processor::{Expected, Processor};
use super::random::{attributes, chance, change, one_of, rng};
use super::space::low;
use crate::levels::shapes;

/// How many changes are made, and how often that is tried.
const CHANGES: usize = 120;
const TRIES: usize = 10 * CHANGES;

/// Places that are asked about for each change: among what is changed, and elsewhere.
const INSIDE: usize = 6;
const ELSEWHERE: usize = 3;

/// Bytes for tables.
const TABLES: u64 = 1 << 20;

/// lg2 of the bytes of the largest leaves that are made.
const LARGEST_LG2: u32 = 22;

/// Changes are made in so many bytes on both sides of a boundary of 1 GiB.
const SIDE: u64 = 16 << 20;

/// What came of it, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushes {
    /// Changes that were made.
    pub changes: usize,
    /// Flushes that they asked for.
    pub flushes: usize,
    /// Accesses after changes, all of which found what the tables say.
    pub probes: usize,
    /// Accesses between the stores and the flush that found what had been there before.
    pub stale: usize,
    /// Accesses that were refused by an old copy with fewer rights, and arrived when repeated. Only where the format says
    /// that more rights need no flush.
    pub repeated: usize,
}

/// Has emitted code (`P`) change tables under a unit that remembers them.
///
/// # Panics
///
/// If the unit does not find what the tables say after the flush that a change asked for, or if hardly any flush was
/// needed.
pub fn judge_flushes<P, R>(subject: &Subject<P::Format, R>, machine: &dyn Machine, seed: u64) -> Flushes
where
    P: PageTable,
    R: Processor,
{
    let mut rng = rng(seed, &subject.name);
    let tables = machine.memory().start..machine.memory().start + TABLES;
    let mut words = vec![<WordOf<P>>::ZERO; (TABLES / word_bytes::<WordOf<P>>()) as usize];
    let arena = Arena::new(tables.start, &mut words);
    let image = machine.new_image().expect("the machine has memory");
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut table = P::new_in(&mut cx, subject.format).expect("a root can be allocated");
    table.set_use(Use::Live);
    let memory = Memory { tables, arena: &arena, image: &image };
    memory.copy();
    let session = machine.session(&image, &subject.processor.mmu(table.root().get())).expect("the unit runs");
    let mut course =
        Course { table, memory, session, subject, machine, regions: Vec::new(), found: Flushes::default() };
    for _ in 0..TRIES {
        course.step(&mut rng);
    }
    let found = course.found;
    println!("{} on {}, remembered: {found:?}", subject.name, machine.name());
    assert!(found.changes >= CHANGES && found.flushes * 10 > CHANGES, "few changes: {found:?}");
    assert!(found.stale > found.flushes, "flushes were hardly needed: {found:?}");
    found
}

/// The tables, as emitted code and as the unit see them.
struct Memory<'a, 'w, W: Word> {
    tables: Range<u64>,
    arena: &'a Arena<'w, W>,
    image: &'a Image,
}

impl<W: Word> Memory<'_, '_, W> {
    /// Shows the unit what was stored.
    fn copy(&self) {
        for address in self.tables.clone().step_by(word_bytes::<W>() as usize) {
            let word = self.arena.read(address).expect("the arena has all tables");
            if raw::<W>(self.image, address) != word {
                write_raw(self.image, address, word);
            }
        }
    }
}

/// Tables, the unit, and what was mapped.
struct Course<'a, 'w, P: PageTable, R> {
    table: P,
    memory: Memory<'a, 'w, WordOf<P>>,
    session: Session<'a>,
    subject: &'a Subject<P::Format, R>,
    machine: &'a dyn Machine,
    /// What was mapped. Parts may be gone.
    regions: Vec<(u64, u64)>,
    found: Flushes,
}

/// A change.
enum Step<F: Format> {
    Map(u64, F::Attributes, Leaves),
    Protect(F::Change),
    Unmap,
}

impl<P: PageTable, R: Processor> Course<'_, '_, P, R> {
    /// Tries one change.
    fn step(&mut self, rng: &mut StdRng) {
        if self.found.changes >= CHANGES {
            return;
        }
        let (first, last, step) = self.choose(rng);
        let places = self.places(first, last, rng);
        let before = self.look(&places);
        let Memory { arena, .. } = self.memory;
        let (memory, session, flushes) = (&self.memory, &mut self.session, &mut self.found.flushes);
        let mut between = None;
        let tlb = Callback(|request: &FlushRequest| {
            memory.copy();
            between = Some(session.probe(&places).expect("the unit runs"));
            let (first, last) = (request.range.start().get(), request.range.last().get());
            session.forget(&Invalidation::Range { first, last, tables: request.tables }).expect("the unit runs");
            *flushes += 1;
        });
        let mut cx = Context::new(arena, arena, tlb);
        let range = VaRange::inclusive(first, last);
        let done = match &step {
            Step::Map(oa, attributes, leaves) => self.table.map(&mut cx, range, *oa, attributes, *leaves),
            Step::Protect(change) => self.table.protect(&mut cx, range, change, Protect::everything()),
            Step::Unmap => self.table.unmap(&mut cx, range, Unmap::everything()),
        };
        // What fails has changed nothing, and that has to be seen, too.
        let changed = done.map(|unflushed| unflushed.flush(&mut cx)).is_ok();
        self.memory.copy();
        let after = self.look(&places);
        self.found.changes += usize::from(changed);
        if changed && matches!(step, Step::Map(..)) {
            self.regions.push((first, last));
        }
        for (index, between) in between.into_iter().flatten().enumerate() {
            self.found.stale += usize::from(between == before[index] && between != after[index]);
        }
    }

    /// Asks the unit, which must find what the tables say.
    fn look(&mut self, places: &[Probe]) -> Vec<Outcome> {
        let Memory { arena, image, .. } = self.memory;
        let processor = &self.subject.processor;
        let expect = |probe: &Probe| expect(&self.table, arena, processor, *probe).expected;
        let expected: Vec<Expected> = places.iter().map(expect).collect();
        for expected in &expected {
            if let Expected::Reached(oa) = expected {
                image.tag(*oa);
            }
        }
        let mut outcomes = self.session.probe(places).expect("the unit runs");
        for ((probe, expected), outcome) in places.iter().zip(&expected).zip(&mut outcomes) {
            if matches!(expected, Expected::Reached(_)) && outcome.fault().is_some() && self.repeats() {
                *outcome = self.repeat(probe);
            }
            let agrees = match (expected, &*outcome) {
                (Expected::Reached(oa), Outcome::Reached(found)) => oa == found,
                // What is remembered is refused for less precise reasons.
                (Expected::Refused(..), Outcome::Fault(_)) => true,
                _ => false,
            };
            assert!(agrees, "{}: {probe:x?}: {expected:x?}, the unit: {outcome}", self.subject.name);
        }
        self.found.probes += places.len();
        outcomes
    }

    /// Whether what is refused is looked at again: the format says that a copy with fewer rights does no harm, for who
    /// handles the fault makes the machine forget it.
    fn repeats(&self) -> bool {
        self.subject.format.way(ChangeKind::Relax) == Way::Lazy
    }

    /// Does as the handler of a fault.
    fn repeat(&mut self, probe: &Probe) -> Outcome {
        self.found.repeated += 1;
        let page = Invalidation::Range { first: probe.va, last: probe.va, tables: false };
        self.session.forget(&page).expect("the unit runs");
        self.session.probe(&[*probe]).expect("the unit runs")[0]
    }

    /// A change, and where.
    fn choose(&self, rng: &mut StdRng) -> (u64, u64, Step<P::Format>) {
        let fields = self.subject.reference.fields::<<P::Format as Format>::Attributes>();
        if self.regions.is_empty() || chance(rng, 45) {
            let lg2 = *one_of(rng, &self.sizes());
            let first = self.anywhere(rng) & !low(lg2);
            let oa = rng.random_range(self.memory.tables.end..self.machine.memory().end - SIDE) & !low(lg2);
            let oa = oa.max(self.memory.tables.end.next_multiple_of(1 << lg2));
            let last = first + (rng.random_range(1..4) << lg2) - 1;
            let leaves = if chance(rng, 70) { Leaves::Largest } else { Leaves::Exactly(lg2) };
            return (first, last, Step::Map(oa, attributes::<P::Format>(&fields, rng), leaves));
        }
        let (first, last) = self.part(rng);
        match chance(rng, 40) {
            true => (first, last, Step::Protect(change::<P::Format>(&fields, rng))),
            false => (first, last, Step::Unmap),
        }
    }

    /// The sizes of leaves that are made.
    fn sizes(&self) -> Vec<u32> {
        let shapes = shapes(self.subject.format);
        let sizes = shapes.iter().flat_map(|shape| shape.leaf_sizes.iter());
        sizes.filter(|&lg2| lg2 <= LARGEST_LG2).collect()
    }

    /// Some pages of a region, or all of it.
    fn part(&self, rng: &mut StdRng) -> (u64, u64) {
        let (first, last) = *one_of(rng, &self.regions);
        if chance(rng, 40) {
            return (first, last);
        }
        let smallest = self.sizes().into_iter().min().expect("formats have leaves");
        let start = (rng.random_range(first..=last) & !low(smallest)).max(first);
        (start, (start + (rng.random_range(1..20) << smallest) - 1).min(last))
    }

    /// An address where changes are made.
    fn anywhere(&self, rng: &mut StdRng) -> u64 {
        let range = self.table.range();
        let (first, last) = (range.start().get(), range.last().get());
        let boundary = (first + (last - first) / 2).next_multiple_of(1 << 30);
        rng.random_range(boundary - SIDE..boundary + SIDE)
    }

    /// Accesses to what is about to change, and to other places.
    fn places(&self, first: u64, last: u64, rng: &mut StdRng) -> Vec<Probe> {
        let mut places = Vec::new();
        while places.len() < INSIDE + ELSEWHERE {
            let va = match self.regions.is_empty() || places.len() < INSIDE {
                true => rng.random_range(first..=last),
                false => {
                    let (first, last) = *one_of(rng, &self.regions);
                    rng.random_range(first..=last)
                }
            };
            let access = *one_of(rng, &[Access::Read, Access::Write]);
            let probe = Probe::supervisor(va, access);
            if self.machine.answers(&probe) {
                places.push(probe);
            }
        }
        places
    }
}
