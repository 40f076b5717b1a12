//! Words that no operation would write: reserved bits, forbidden combinations, words of other levels, noise.
//!
//! Tables are written word by word, and machine and emitted code must agree on what each address makes of them. Left
//! out, by name, is only what the manual leaves to the processor, or a machine is known to be lax about.

use ptdsl::walk;
use ptgen::{Arena, Format, Frames, Level, PageTable, TableShape, Word};
use ptgen_machines::Machine;
use rand::RngExt;
use rand::rngs::StdRng;

use super::attempt::{Attempt, accesses, expect, is_fair, run};
use super::ground::Ground;
use super::judge::Subject;
use super::memory::{WordOf, read, word_bytes, write};
use super::processor::Processor;
use super::random::{attributes, chance, one_of, rng};
use super::record::tables;
use super::space::{Space, low};
use super::tally::Tally;
use crate::levels::{EachLevel, each_level, shapes};

/// How often tables are filled anew.
const FILLINGS: u64 = 3;

/// Accesses for each filling, at least.
const PROBES: usize = 3_000;

/// Of so many accesses there is one about which something is certain, or the tables are no good.
const PATIENCE: usize = 1_000_000;

/// lg2 of the slots of a root that has few.
const FEW_SLOTS_LG2: u32 = 1;

/// How many tables each level below the root has.
const TABLES: usize = 3;

/// Has `machine` walk tables full of strange words, and compares with what emitted code (`P`) says.
///
/// The tally is printed, and disagreements are.
///
/// # Panics
///
/// If the machine and emitted code disagree.
pub fn judge_words<P, R>(subject: &Subject<P::Format, R>, machine: &dyn Machine, seed: u64) -> Tally
where
    P: PageTable,
    R: Processor,
{
    let mut tally = Tally::new(format!("{} on {}, strange words", subject.name, machine.name()));
    for filling in 0..FILLINGS {
        let mut rng = rng(seed.wrapping_add(filling), &subject.name);
        let ground = Ground::of(subject.format, machine, &subject.processor);
        let mut words = ground.words();
        let arena = Arena::new(ground.tables.start, &mut words);
        let mut image = machine.new_image().expect("the machine has memory");
        subject.processor.prepare(&image);
        let fields = subject.reference.fields::<<P::Format as Format>::Attributes>();
        let space = Space::<P>::new(subject.format, fields.clone(), &arena, &ground, machine.reserved());
        let root = space.table.root().get();
        fill(&space.table, &arena, &ground, &fields, &mut rng);
        ground.copy(&arena, &image);
        let attempts = attempts(&space.table, &arena, subject, machine, &ground, &mut rng, &mut tally);
        run(subject, machine, &mut image, root, &attempts, &mut tally);
    }
    println!("{tally}");
    assert_eq!(tally.disagreements, 0, "{tally}");
    assert!(tally.translated() * 20 > tally.probes && tally.refusals() * 20 > tally.probes, "one-sided: {tally}");
    tally
}

/// Accesses to try; those about which nothing is certain are counted and left out.
fn attempts<P, R>(
    table: &P,
    arena: &Arena<'_, WordOf<P>>,
    subject: &Subject<P::Format, R>,
    machine: &dyn Machine,
    ground: &Ground,
    rng: &mut StdRng,
    tally: &mut Tally,
) -> Vec<Attempt>
where
    P: PageTable,
    R: Processor,
{
    let root = table.root().get();
    let ranges: Vec<_> = ground.ranges(table).iter().map(|range| (range.start().get(), range.last().get())).collect();
    let mut attempts = Vec::new();
    for number in 0.. {
        if attempts.len() >= PROBES {
            break;
        }
        assert!(number < PATIENCE, "{}: nothing is certain about nearly all VA: {tally}", subject.name);
        let (first, last) = *one_of(rng, &ranges);
        let va = rng.random_range(first..=last);
        let probes = accesses(va, machine, rng);
        if let Some(reason) = uncertain(subject, arena, root, va) {
            *tally.left_out.entry(reason).or_default() += probes.len();
            continue;
        }
        let tried = probes.into_iter().map(|probe| expect(table, arena, &subject.processor, probe));
        attempts.extend(tried.filter(|attempt| is_fair(attempt, machine, ground, &subject.processor, tally)));
    }
    attempts
}

/// Why nothing is certain about the translation of `va`, if so.
fn uncertain<F: Format, R: Processor>(
    subject: &Subject<F, R>,
    arena: &Arena<'_, F::Word>,
    root: u64,
    va: u64,
) -> Option<&'static str> {
    let reference = &subject.reference;
    let walked = reference.walk(&|address| read(subject.format, arena, address), root, va);
    let reason = reference.words(&walked).iter().find_map(|word| subject.processor.uncertain(word));
    reason.or(match walked.outcome {
        walk::Outcome::Fault { fault: walk::Fault::NoMemory(_), .. } => Some("tables outside the memory"),
        walk::Outcome::Fault { fault: walk::Fault::SkippedBits, .. } if !subject.processor.looks_at_skipped_bits() => {
            Some("skipped bits of a VA, at which this emulator does not look")
        }
        // Arm DDI 0487, "The Contiguous bit": if entries of a group disagree, any of them may be used. The other
        // architectures have no runs of words that differ.
        walk::Outcome::Fault { fault: walk::Fault::Misplaced, .. } => Some("runs whose entries disagree"),
        _ => None,
    })
}

/// Fills the tables that are there, where they are empty, and new ones below the root.
fn fill<P: PageTable>(table: &P, arena: &Arena<'_, WordOf<P>>, ground: &Ground, fields: &[usize], rng: &mut StdRng) {
    let f = table.tree().format();
    let mut there = tables(table, arena);
    let mut tables = vec![Vec::new()];
    for shape in &shapes(f)[1..] {
        let lg2 = shape.index_bits + WordOf::<P>::BYTES_LG2;
        let mut frames = arena;
        tables.push(
            (0..TABLES)
                .map(|_| {
                    frames.allocate(TableShape::of_size(0, lg2)).expect("the arena is large enough").address().get()
                })
                .collect(),
        );
    }
    // First what each level may have, to choose from, then the words.
    let mut makers = Makers { ground, fields, rng, leaves: Vec::new() };
    each_level(f, &mut makers);
    let leaves = makers.leaves;
    let there: Vec<_> = shapes(f).iter().map(|shape| there.remove(&shape.number).unwrap_or_default()).collect();
    each_level(f, &mut Fill { arena, there: &there, tables: &tables, leaves: &leaves, rng, next: 0 });
}

/// Leaf words of every level.
struct Makers<'a> {
    ground: &'a Ground,
    fields: &'a [usize],
    rng: &'a mut StdRng,
    leaves: Vec<Vec<u64>>,
}

/// How many leaf words there are to choose from at a level.
const LEAVES: usize = 200;

impl<F: Format> EachLevel<F> for Makers<'_> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        let sizes: Vec<u32> = L::leaf_sizes(f).iter().collect();
        let mut leaves = Vec::new();
        while !sizes.is_empty() && leaves.len() < LEAVES {
            let lg2 = *one_of(self.rng, &sizes);
            let Ok(template) = L::template(f, &attributes::<F>(self.fields, self.rng), lg2) else { continue };
            let pages = &self.ground.pages;
            let oa = match self.ground.far() {
                Some(far) if chance(self.rng, 30) => self.rng.random_range(far..=self.ground.last_oa),
                _ => self.rng.random_range(pages.clone()),
            };
            let aligned = if L::run_is_identical(f, lg2) { lg2 } else { L::shift(f) };
            leaves.push(L::leaf(f, template, lg2, oa & !low(aligned)).into());
        }
        self.leaves.push(leaves);
    }
}

/// Writes the words.
struct Fill<'a, 'w, W: Word> {
    arena: &'a Arena<'w, W>,
    /// Tables in which something stands, from the root down.
    there: &'a [Vec<u64>],
    /// New ones, likewise.
    tables: &'a [Vec<u64>],
    /// Likewise.
    leaves: &'a [Vec<u64>],
    rng: &'a mut StdRng,
    /// The index of the level that comes next.
    next: usize,
}

impl<F: Format> EachLevel<F> for Fill<'_, '_, F::Word> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        let there = self.there[self.next].iter().map(|table| (table, true));
        for (&table, is_there) in there.chain(self.tables[self.next].iter().map(|table| (table, false))) {
            for slot in 0..1_u64 << L::index_bits(f) {
                let address = table + slot * word_bytes::<F::Word>();
                // What is there is what the machine's own program needs.
                if !is_there || read(f, self.arena, address) == Some(L::empty(f).into()) {
                    let word = self.word::<L>(f);
                    write(f, self.arena, address, word);
                }
            }
        }
        self.next += 1;
    }
}

impl<W: Word> Fill<'_, '_, W> {
    fn word<L: Level<Format: Format<Word = W>>>(&mut self, f: L::Format) -> u64 {
        let rng = &mut *self.rng;
        let is_small_root = self.next == 0 && L::index_bits(f) <= FEW_SLOTS_LG2;
        let below = self.tables.get(self.next + 1).filter(|_| L::HAS_TABLES);
        let own = &self.leaves[self.next];
        let made = match (rng.random_range(0..100), below) {
            // Down to the lower levels, most of the time; always from a root of few slots, or all ends there.
            (chosen, Some(below)) if chosen < 70 || is_small_root => {
                let word = L::table(f, *one_of(rng, below)).into();
                return match rng.random_range(0..100) {
                    0..45 => word,
                    _ if is_small_root => same_table::<L>(f, word, rng),
                    45..92 => same_table::<L>(f, word, rng),
                    _ => flipped::<W>(word, rng),
                };
            }
            (70..88, _) | (_, None) if !own.is_empty() && chance(rng, 85) => *one_of(rng, own),
            // A leaf word of another level.
            _ if chance(rng, 60) => {
                let others: Vec<_> = self.leaves.iter().filter(|leaves| !leaves.is_empty()).collect();
                let others = *one_of(rng, &others);
                *one_of(rng, others)
            }
            // Something with the lowest bits set, which often count, or nothing in particular.
            _ => rng.random::<u64>() & rng.random::<u64>() | u64::from(chance(rng, 80)),
        };
        if chance(rng, 50) { flipped::<W>(made, rng) } else { made }
    }
}

/// The word of a level.
type WordOfLevel<L> = <<L as Level>::Format as Format>::Word;

/// A word that points to the same table, with up to eight other bits changed: what tables limit, above all.
fn same_table<L: Level>(f: L::Format, word: u64, rng: &mut StdRng) -> u64 {
    (0..8).fold(word, |word, _| {
        let other = word ^ 1 << rng.random_range(0..WordOfLevel::<L>::BITS);
        let [new, old] = [other, word].map(WordOfLevel::<L>::truncate);
        let same = L::is_table(f, new) && L::table_address(f, new) == L::table_address(f, old);
        if same { other } else { word }
    })
}

/// A word with one to three bits changed.
fn flipped<W: Word>(word: u64, rng: &mut StdRng) -> u64 {
    (0..rng.random_range(1..4)).fold(word, |word, _| word ^ 1 << rng.random_range(0..W::BITS))
}
