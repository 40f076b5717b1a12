//! What the machine records in the tables: that it is there, that it is all, and that it stays.

use std::collections::{BTreeMap, BTreeSet};

use ptgen::{
    Arena, Change, Context, Error, Flow, Format, Level, NoTlb, PageTable, Protect, Use, VaRange, Visit, Way,
};
use ptgen_machines::{Access, Image};
use rand::rngs::StdRng;

use super::attempt::Attempt;
use super::ground::Ground;
use super::processor::{Processor, Recorded};
use super::random::{chance, change, flag, one_of};
use super::space::low;
use super::tally::Tally;
use crate::levels::{EachLevel, each_level};

/// How many changes are tried on leaves that were used.
const CHANGES: usize = 60;

/// Bytes of a word.
const WORD_LG2: u32 = 3;

/// Takes over into the arena what the machine changed in the image, if it was allowed to.
///
/// # Panics
///
/// If a word changed that was not used, if other bits than the machine's changed, or if an access that went through is
/// not recorded.
pub(super) fn read_back<P, R>(
    table: &mut P,
    arena: &Arena<'_, u64>,
    ground: &Ground,
    image: &Image,
    processor: &R,
    attempts: &[Attempt],
    tally: &mut Tally,
) where
    P: PageTable<Format: Format<Word = u64>>,
    R: Processor,
{
    let recorded = processor.recorded();
    let used = Used::of(table, arena, attempts);
    let mut judge = Changes { arena, image, recorded, used, tables: tables(table, arena), changed: BTreeMap::new() };
    each_level(table.tree().format(), &mut judge);
    let changed = judge.changed;
    for address in ground.addresses() {
        let (before, after) = (arena.read(address), image.read_u64(address));
        assert!(
            before == Some(after) || changed.contains_key(&address),
            "the machine changed {address:#x} from {before:x?} to {after:#x}, which is no word in use"
        );
    }
    tally.recorded += changed.len();
    for (address, word) in changed {
        arena.write(address, word);
    }
    for attempt in attempts.iter().filter(|attempt| attempt.arrives()) {
        let va = attempt.probe.va;
        let leaf = table.lookup(arena, va).expect("what was reached is mapped").own_attributes();
        let seen = |name: &str| flag(&leaf, name) == Some(true);
        assert!(recorded.leaf == 0 || seen("accessed"), "the use of {va:#x} is not seen");
        let stored = attempt.probe.access == Access::Write;
        assert!(recorded.written == 0 || !stored || seen("dirty"), "the store to {va:#x} is not seen");
    }
}

/// The slots of leaves through which the program went, or tried to.
struct Used {
    /// By an access that was refused, perhaps. It may be recorded: a processor marks an entry that it uses "as part of
    /// linear-address translation" (Intel SDM vol. 3A, "Accessed and Dirty Flags"), whatever follows.
    tried: BTreeSet<u64>,
    /// By any access.
    any: BTreeSet<u64>,
    /// By a store.
    stores: BTreeSet<u64>,
}

impl Used {
    fn of<P>(table: &P, arena: &Arena<'_, u64>, attempts: &[Attempt]) -> Self
    where
        P: PageTable<Format: Format<Word = u64>>,
    {
        let mut used = Self { tried: BTreeSet::new(), any: BTreeSet::new(), stores: BTreeSet::new() };
        for attempt in attempts.iter().filter(|attempt| attempt.size_lg2.is_some()) {
            let slot = slot(table, arena, attempt.probe.va);
            used.tried.insert(slot);
            if attempt.arrives() {
                used.any.insert(slot);
                if attempt.probe.access == Access::Write {
                    used.stores.insert(slot);
                }
            }
        }
        used
    }
}

/// Where the leaf word stands that translates `va`.
fn slot<P>(table: &P, arena: &Arena<'_, u64>, va: u64) -> u64
where
    P: PageTable<Format: Format<Word = u64>>,
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
    tables[tables.len() - 1] + (index << WORD_LG2)
}

/// Where tables are, by the number of their level.
fn tables<P>(table: &P, arena: &Arena<'_, u64>) -> BTreeMap<u8, Vec<u64>>
where
    P: PageTable<Format: Format<Word = u64>>,
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
struct Changes<'a, 'w> {
    arena: &'a Arena<'w, u64>,
    image: &'a Image,
    recorded: Recorded,
    used: Used,
    tables: BTreeMap<u8, Vec<u64>>,
    /// What changed, as it may.
    changed: BTreeMap<u64, u64>,
}

impl<F: Format<Word = u64>> EachLevel<F> for Changes<'_, '_> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        for table in self.tables.remove(&L::NUMBER).unwrap_or_default() {
            for slot in 0..1_u64 << L::index_bits(f) {
                let address = table + (slot << WORD_LG2);
                let before = self.arena.read(address).expect("tables are in the arena");
                let after = self.image.read_u64(address);
                let (must, may) = self.allowed::<L>(f, address, before);
                let set = before ^ after;
                assert!(
                    set & !may == 0 && after & must == must,
                    "the machine made {after:#x} of {before:#x} in {}, where it may set {may:#x} and must set {must:#x}",
                    L::NAME
                );
                if set != 0 {
                    self.changed.insert(address, after);
                }
            }
        }
    }
}

impl Changes<'_, '_> {
    /// The bits that must be set in a word after all that was done, and those that may have changed.
    fn allowed<L: Level>(&self, f: L::Format, address: u64, word: u64) -> (u64, u64)
    where
        L::Format: Format<Word = u64>,
    {
        let Recorded { table, leaf, written, speculates } = self.recorded;
        let unset = |bits: u64| bits & !word;
        if L::is_table(f, word) {
            return (0, unset(table));
        }
        if !L::is_leaf(f, word) {
            return (0, 0);
        }
        let used = if self.used.any.contains(&address) { leaf } else { 0 };
        let stored = if self.used.stores.contains(&address) { written } else { 0 };
        let may_be_used = speculates || self.used.tried.contains(&address);
        let may = stored | if may_be_used { leaf } else { 0 };
        (used | stored, unset(may))
    }
}

/// Changes leaves that were used, as in a live table, and looks for what the machine had recorded.
///
/// # Panics
///
/// If it is lost, or if something else than asked for changes.
pub(super) fn survive<P, R>(
    table: &mut P,
    arena: &Arena<'_, u64>,
    processor: &R,
    attempts: &[Attempt],
    rng: &mut StdRng,
    tally: &mut Tally,
) where
    P: PageTable<Format: Format<Word = u64>>,
    R: Processor,
{
    let Recorded { leaf: records, .. } = processor.recorded();
    let arrived: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.arrives()).collect();
    table.set_use(Use::Live);
    for _ in 0..CHANGES {
        let va = one_of(rng, &arrived).probe.va;
        let change = change::<P::Format>(rng);
        if table.tree().format().way_of(&change) >= Way::Instruction || sets_records::<P::Format>(&change) {
            continue;
        }
        let before = table.lookup(arena, va).expect("what was reached is mapped");
        let smallest = VaRange::new(va & !low(12), 1 << 12);
        let whole = VaRange::inclusive(before.va, before.last());
        let range = if chance(rng, 50) { whole } else { smallest };
        let mut cx = Context::new(arena, arena, NoTlb);
        match table.protect(&mut cx, range, &change, Protect::mapped()) {
            Ok(unflushed) => unflushed.flush(&mut cx),
            Err(Error::Unencodable(_) | Error::OutOfFrames | Error::BreakBeforeMake { .. }) => continue,
            Err(error) => panic!("{before:?} cannot be changed: {error}"),
        }
        let after = table.lookup(arena, va).expect("a change of rights leaves everything mapped").own_attributes();
        assert_eq!(after, change.revise(&before.own_attributes()), "{before:?} after {change:?}");
        if records != 0 {
            assert_eq!(flag(&after, "accessed"), Some(true), "{before:?} after {change:?}");
            tally.kept += 1;
        }
    }
    table.set_use(Use::Offline);
}

/// Whether a change overwrites what the machine records.
fn sets_records<F: Format>(change: &F::Change) -> bool {
    use ptgen::Attributes as _;
    let (none, all) = (F::Attributes::default(), F::Attributes::kernel_data());
    ["accessed", "dirty"].iter().any(|name| {
        let keeps = |attributes: &F::Attributes| flag(attributes, name) == flag(&change.revise(attributes), name);
        !keeps(&none) || !keeps(&all)
    })
}
