//! What the machine records in the tables: that it is there, that it is all, and that it stays.

use std::collections::BTreeMap;

use ptgen::{
    Arena, Attributes, Change, Context, Error, Flow, Format, Level, NoTlb, PageTable, Protect, VaRange, Visit, Way,
    Word,
};
use ptgen_machines::{Access, Image};
use rand::rngs::StdRng;

use super::attempt::Attempt;
use super::ground::Ground;
use super::judge::Subject;
use super::memory::{WordOf, read, read_image, word_bytes, write};
use super::processor::Processor;
use super::random::{chance, change, flag, one_of};
use super::space::low;
use super::tally::Tally;
use crate::levels::{EachLevel, each_level};

/// How many changes are tried on leaves that were used.
const CHANGES: usize = 60;

/// Takes over into the arena what the machine changed in the image, if it was allowed to.
///
/// # Panics
///
/// If a word changed that was not used, if other bits than the machine's changed, or if an access that went through is
/// not recorded.
pub(super) fn read_back<P, R>(
    table: &mut P,
    arena: &Arena<'_, WordOf<P>>,
    ground: &Ground,
    image: &Image,
    processor: &R,
    attempts: &[Attempt],
    tally: &mut Tally,
) where
    P: PageTable,
    R: Processor,
{
    let f = table.tree().format();
    let uses = uses(table, arena, processor, attempts);
    let mut judge = Changes { arena, image, processor, uses, tables: tables(table, arena), changed: BTreeMap::new() };
    each_level(f, &mut judge);
    let changed = judge.changed;
    for address in ground.addresses::<WordOf<P>>() {
        let (before, after) = (read(f, arena, address), read_image(f, image, address));
        assert!(
            before == Some(after) || changed.contains_key(&address),
            "the machine changed {address:#x} from {before:x?} to {after:#x}, which is no word in use"
        );
    }
    tally.recorded += changed.len();
    for (address, word) in changed {
        write(f, arena, address, word);
    }
    if !records(processor) {
        return;
    }
    for Attempt { probe, .. } in attempts.iter().filter(|it| it.arrives() && processor.must_record(it.probe.access)) {
        let leaf = table.lookup(arena, probe.va).expect("what was reached is mapped").own_attributes();
        let seen = |name: &str| flag(&leaf, name) == Some(true);
        assert!(seen("accessed"), "the use of {:#x} is not seen", probe.va);
        assert!(probe.access != Access::Write || seen("dirty"), "the store to {:#x} is not seen", probe.va);
    }
}

/// Whether the processor records anything in leaves.
fn records<R: Processor>(processor: &R) -> bool {
    processor.used(0) != 0
}

/// What was done through a leaf word, and what may have been.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    used: bool,
    stored: bool,
    /// By an access that was refused, perhaps: a processor marks an entry that it uses "as part of linear-address
    /// translation" (Intel SDM vol. 3A, "Accessed and Dirty Flags"), whatever follows.
    perhaps_used: bool,
    perhaps_stored: bool,
}

/// What was done, by the address of the leaf word.
fn uses<P, R>(table: &P, arena: &Arena<'_, WordOf<P>>, processor: &R, attempts: &[Attempt]) -> BTreeMap<u64, Use>
where
    P: PageTable,
    R: Processor,
{
    let mut uses: BTreeMap<u64, Use> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| attempt.size_lg2.is_some()) {
        let it = uses.entry(slot(table, arena, attempt.probe.va)).or_default();
        let (arrives, stores) = (attempt.arrives(), attempt.probe.access == Access::Write);
        let must = arrives && processor.must_record(attempt.probe.access);
        it.used |= must;
        it.stored |= must && stores;
        it.perhaps_used = true;
        it.perhaps_stored |= attempt.translated && stores;
    }
    uses
}

/// Where the leaf word stands that translates `va`.
fn slot<P>(table: &P, arena: &Arena<'_, WordOf<P>>, va: u64) -> u64
where
    P: PageTable,
{
    let mut tables = vec![table.root().get()];
    let mut see = |visit: Visit<P::Format>| {
        if let Visit::Table { address, .. } = visit {
            tables.push(address.get());
        }
        Flow::Continue
    };
    table.walk(arena, VaRange::from(va..=va), &mut see).expect("tables in the arena can be walked");
    let shapes = crate::levels::shapes(table.tree().format());
    let shape = shapes[tables.len() - 1];
    let index = va >> shape.shift & low(shape.index_bits);
    tables[tables.len() - 1] + index * word_bytes::<WordOf<P>>()
}

/// Where tables are, by the number of their level.
pub(super) fn tables<P>(table: &P, arena: &Arena<'_, WordOf<P>>) -> BTreeMap<u8, Vec<u64>>
where
    P: PageTable,
{
    let shapes = crate::levels::shapes(table.tree().format());
    let mut tables = BTreeMap::from([(shapes[0].number, vec![table.root().get()])]);
    let below: BTreeMap<u8, u8> = shapes.windows(2).map(|pair| (pair[0].number, pair[1].number)).collect();
    for range in table.ranges() {
        let mut see = |visit: Visit<P::Format>| {
            if let Visit::Table { address, level, .. } = visit {
                tables.entry(below[&level]).or_default().push(address.get());
            }
            Flow::Continue
        };
        table.walk(arena, range, &mut see).expect("tables in the arena can be walked");
    }
    tables
}

/// Compares every word of every table before and after.
struct Changes<'a, 'w, W: Word, R> {
    arena: &'a Arena<'w, W>,
    image: &'a Image,
    processor: &'a R,
    uses: BTreeMap<u64, Use>,
    tables: BTreeMap<u8, Vec<u64>>,
    /// What changed, as it may.
    changed: BTreeMap<u64, u64>,
}

impl<F: Format, R: Processor> EachLevel<F> for Changes<'_, '_, F::Word, R> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        for table in self.tables.remove(&L::NUMBER).unwrap_or_default() {
            for slot in 0..1_u64 << L::index_bits(f) {
                let address = table + slot * word_bytes::<F::Word>();
                let before = read(f, self.arena, address).expect("tables are in the arena");
                let after = read_image(f, self.image, address);
                let possible = self.possible::<L>(f, address, before);
                assert!(
                    possible.contains(&after),
                    "the machine made {after:#x} of {before:#x} in {}; possible: {possible:x?}",
                    L::NAME
                );
                if before != after {
                    self.changed.insert(address, after);
                }
            }
        }
    }
}

impl<W: Word, R: Processor> Changes<'_, '_, W, R> {
    /// What may have become of a word after all that was done.
    fn possible<L: Level<Format: Format<Word = W>>>(&self, f: L::Format, address: u64, word: u64) -> Vec<u64> {
        let processor = self.processor;
        if L::is_table(f, W::truncate(word)) {
            return vec![word, processor.followed(word)];
        }
        if !L::is_leaf(f, W::truncate(word)) {
            return vec![word];
        }
        let done = self.uses.get(&address).copied().unwrap_or_default();
        let mut possible = vec![word];
        if done.used || done.perhaps_used || processor.speculates() {
            possible.push(processor.used(word));
        }
        if done.used {
            possible.remove(0);
        }
        if done.perhaps_stored {
            let stored: Vec<u64> = possible.iter().map(|&word| processor.stored(word)).collect();
            if done.stored {
                possible.clear();
            }
            possible.extend(stored);
        }
        possible
    }
}

/// Changes leaves that were used, as in a live table, and looks for what the machine had recorded.
///
/// # Panics
///
/// If it is lost, or if something else than asked for changes.
pub(super) fn survive<P, R>(
    table: &mut P,
    arena: &Arena<'_, WordOf<P>>,
    subject: &Subject<P::Format, R>,
    attempts: &[Attempt],
    rng: &mut StdRng,
    tally: &mut Tally,
) where
    P: PageTable,
    R: Processor,
{
    let processor = &subject.processor;
    let fields = subject.reference.fields::<<P::Format as Format>::Attributes>();
    let arrived: Vec<&Attempt> =
        attempts.iter().filter(|it| it.arrives() && processor.must_record(it.probe.access)).collect();
    let smallest_lg2 = crate::levels::shapes(subject.format).iter().flat_map(|shape| shape.leaf_sizes.iter()).min();
    let smallest_lg2 = smallest_lg2.expect("formats have leaves");
    table.set_use(ptgen::Use::Live);
    for _ in 0..CHANGES {
        let va = one_of(rng, &arrived).probe.va;
        let change = change::<P::Format>(&fields, rng);
        if table.tree().format().way_of(&change) >= Way::Instruction || sets_records::<P::Format>(&change) {
            continue;
        }
        let before = table.lookup(arena, va).expect("what was reached is mapped");
        let smallest = VaRange::new(va & !low(smallest_lg2), 1 << smallest_lg2);
        let whole = VaRange::inclusive(before.va, before.last());
        let range = if chance(rng, 50) { whole } else { smallest };
        let mut cx = Context::new(arena, arena, NoTlb);
        match table.protect(&mut cx, range, &change, Protect::mapped()) {
            Ok(unflushed) => unflushed.flush(&mut cx),
            Err(
                Error::Unencodable(_) | Error::Forbidden { .. } | Error::OutOfFrames | Error::BreakBeforeMake { .. },
            ) => {
                continue;
            }
            Err(error) => panic!("{before:?} cannot be changed: {error}"),
        }
        let after = table.lookup(arena, va).expect("a change of rights leaves everything mapped").own_attributes();
        let wanted = change.revise(&before.own_attributes());
        // What this machine does not have, where that is decided at run time, follows from what it has: no word says it.
        let as_asked = fields.iter().all(|&field| after.get(field) == wanted.get(field));
        assert!(as_asked, "{before:?} after {change:?}: {after:?} in place of {wanted:?}");
        if records(processor) {
            assert_eq!(flag(&after, "accessed"), Some(true), "{before:?} after {change:?}");
            tally.kept += 1;
        }
    }
    table.set_use(ptgen::Use::Offline);
}

/// Whether a change overwrites what the machine records.
fn sets_records<F: Format>(change: &F::Change) -> bool {
    let (none, all) = (F::Attributes::default(), F::Attributes::kernel_data());
    ["accessed", "dirty"].iter().any(|name| {
        let keeps = |attributes: &F::Attributes| flag(attributes, name) == flag(&change.revise(attributes), name);
        !keeps(&none) || !keeps(&all)
    })
}
