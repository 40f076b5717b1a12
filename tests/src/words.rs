//! Emitted code against the reference walker, on words of every kind at every level.
//!
//! Tables are filled with words that were made by the encoders, with such words after a few bits were flipped, and with
//! noise. Then addresses are translated by both; they must agree on every translation, every attribute, and every fault
//! with its level.

use ptdsl::model;
use ptdsl::walk::{self, Outcome, Value};
use ptgen::{
    Access, Arena, AttributeKind, Attributes, Context, FaultKind, Format, Frames, Level, Mapping, NoTlb, TableShape,
    Tree, Word,
};
use rand::{Rng, RngExt, SeedableRng};

use crate::encodings::name_of;
use crate::levels::{EachLevel, each_level, shapes, stored};
use crate::skips::skipping;

/// Where the tables stand.
const BASE: u64 = 0x80_0000;

/// How many tables each level has.
const TABLES: usize = 2;

/// How many addresses of each filling are translated.
const ADDRESSES: usize = 400;

/// Fills tables as `seed` says and compares.
///
/// # Panics
///
/// If emitted code and the reference walker disagree.
pub fn compare<F: Format>(f: F, model: &model::Format, range: usize, seed: u64) {
    let mut rng = rng(seed);
    let mut words = vec![F::Word::ZERO; (1 << 20) >> F::Word::BYTES_LG2];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let tree = Tree::new(&mut cx, f).expect("a root can be allocated");
    let tables = tables(f, &arena, tree.root().get());
    let mut fill = Fill { rng: &mut rng, model, arena: &arena, tables: &tables, next: 0 };
    each_level(f, &mut fill);

    let memory = |address: u64, _bytes: u32| arena.read(address).map(|word| u128::from(word.into()));
    for _ in 0..ADDRESSES {
        let va = address(f, &mut rng);
        let expected = walk::translate(model, range, &memory, tree.root().get(), va);
        judge(model, &expected, va, tree.lookup(&arena, va), tree.translate(&arena, va));
    }
}

fn rng(seed: u64) -> impl Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    rand::rngs::StdRng::from_seed(bytes)
}

/// Frames for the tables of each level, from the root down.
fn tables<F: Format>(f: F, arena: &Arena<'_, F::Word>, root: u64) -> Vec<Vec<u64>> {
    let mut all = vec![vec![root]];
    for shape in &shapes(f)[1..] {
        let lg2 = shape.index_bits + F::Word::BYTES_LG2;
        let mut frames = arena;
        let made = (0..TABLES)
            .map(|_| frames.allocate(TableShape::of_size(0, lg2)).expect("the arena is large enough").address().get());
        all.push(made.collect());
    }
    all
}

/// Writes words into every slot of the tables of a level.
struct Fill<'a, 'b, F: Format, R> {
    rng: &'a mut R,
    model: &'a model::Format,
    arena: &'a Arena<'b, F::Word>,
    tables: &'a [Vec<u64>],
    /// The index of the level that comes next.
    next: usize,
}

impl<F: Format, R: Rng> EachLevel<F> for Fill<'_, '_, F, R> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        let children = self.tables.get(self.next + 1).cloned().unwrap_or_default();
        let further = further::<L>(f, self.model, self.tables.get(self.next + 2..).unwrap_or_default());
        for &table in &self.tables[self.next] {
            for slot in 0..1_u64 << L::index_bits(f) {
                let mut word = word::<L, R>(f, self.rng, &children);
                if !further.is_empty() && self.rng.random_bool(0.25) {
                    word = further[self.rng.random_range(0..further.len())];
                }
                self.arena.write(table + (slot << F::Word::BYTES_LG2), stored(f, word));
            }
        }
        self.next += 1;
    }
}

/// Words of level `L` that point to the tables of levels further down than the next one: the first of `tables` are those of
/// the level below the next.
fn further<L: Level>(f: L::Format, model: &model::Format, tables: &[Vec<u64>]) -> Vec<<L::Format as Format>::Word> {
    let of_level = |(below, tables): (u8, &Vec<u64>)| {
        let child = L::NUMBER.checked_sub(below)?;
        let words = tables.iter().filter_map(|address| skipping::<L>(f, model, child, *address));
        Some(words.collect::<Vec<_>>())
    };
    (2..).zip(tables).filter_map(of_level).flatten().collect()
}

/// A word for a table of level `L`.
fn word<L: Level, R: Rng>(f: L::Format, rng: &mut R, children: &[u64]) -> <L::Format as Format>::Word {
    type W<L> = <<L as Level>::Format as Format>::Word;
    let made = match rng.random_range(0..8) {
        0..=3 if !children.is_empty() => L::table(f, children[rng.random_range(0..children.len())]),
        0..=5 => leaf::<L, R>(f, rng).unwrap_or(L::empty(f)),
        6 => L::absent(f, rng.random::<u64>() >> rng.random_range(0..64)),
        _ => W::<L>::truncate(rng.random::<u64>() & rng.random::<u64>()),
    };
    let flips = if rng.random_bool(0.5) { 0 } else { rng.random_range(1..4) };
    let mask = (0..flips).fold(0_u64, |mask, _| mask | 1 << rng.random_range(0..W::<L>::BITS));
    W::<L>::truncate(made.into() ^ mask)
}

/// A leaf word of random size, attributes and OA, if there are leaves at this level.
fn leaf<L: Level, R: Rng>(f: L::Format, rng: &mut R) -> Option<<L::Format as Format>::Word> {
    let sizes: Vec<u32> = L::leaf_sizes(f).iter().collect();
    let lg2 = *sizes.get(rng.random_range(0..sizes.len().max(1)))?;
    let mut attributes = <L::Format as Format>::Attributes::user_data();
    for (index, info) in <<L::Format as Format>::Attributes as Attributes>::FIELDS.iter().enumerate() {
        let value = match info.kind {
            AttributeKind::Flag => rng.random_range(0..2),
            AttributeKind::Number(bits) => rng.random::<u64>() & ((1 << bits) - 1),
            AttributeKind::Choice(names) => names[rng.random_range(0..names.len())].1,
        };
        attributes.set(index, value);
    }
    let template = L::template(f, &attributes, lg2).ok()?;
    let aligned = if L::run_is_identical(f, lg2) { lg2 } else { L::shift(f) };
    let oa = rng.random::<u64>() >> rng.random_range(0..64) & f.output_last() & !((1 << aligned) - 1);
    Some(L::leaf(f, template, lg2, oa))
}

/// An address: mostly canonical, mostly in the slots that share the most significant bits.
fn address<F: Format>(f: F, rng: &mut impl Rng) -> u64 {
    let position = rng.random::<u64>();
    // Some addresses have stretches of zeroes, for pointers that skip levels.
    let from = rng.random_range(0..64);
    let stretch = (1_u64.wrapping_shl(rng.random_range(1..28)) - 1) << from;
    let zeroes = if rng.random_bool(0.4) { stretch } else { 0 };
    let va = f.extend(position & positions(f) & !zeroes);
    if rng.random_bool(0.05) { va ^ 1 << rng.random_range(0..64) } else { va }
}

/// All translated bits.
fn positions<F: Format>(f: F) -> u64 {
    let root = shapes(f)[0];
    u64::MAX.checked_shr(64 - (root.shift + root.index_bits).min(64)).unwrap_or(0)
}

/// Compares what the reference says with what emitted code says.
pub(crate) fn judge<F: Format>(
    model: &model::Format,
    expected: &walk::Walk,
    va: u64,
    found: Result<Mapping<F>, ptgen::Fault>,
    translated: Result<ptgen::Oa, ptgen::Fault>,
) {
    let context = || format!("{} at {va:#x}: reference {expected:x?}, emitted {found:x?}", F::NAME);
    match &expected.outcome {
        Outcome::Leaf(leaf) => {
            let mapping = found.unwrap_or_else(|_| panic!("{}", context()));
            assert_eq!(translated.map(ptgen::Oa::get), Ok(leaf.oa), "{}", context());
            let offset = va & ((1_u64 << mapping.size_lg2) - 1);
            assert_eq!((mapping.oa + offset).get(), leaf.oa, "{}", context());
            assert_eq!(mapping.size_lg2, leaf.size_lg2, "{}", context());
            let untagged = mapping.format.extend(leaf.va & positions(mapping.format));
            assert_eq!(mapping.va.get(), untagged, "{}", context());
            assert_eq!(u32::from(mapping.level), model.levels[leaf.level].number, "{}", context());
            same_attributes(&leaf.attributes, &mapping.attributes(), model, &context);
            same_attributes(&leaf.own, &mapping.own_attributes(), model, &context);
            same_permissions(leaf, &mapping.attributes(), &context);
        }
        // What a machine makes of a run whose slots disagree is its own affair.
        Outcome::Fault { fault: walk::Fault::Misplaced, .. } => {}
        Outcome::Fault { fault, level } => {
            assert_eq!(translated.map(drop), found.map(drop), "{}", context());
            let Err(found) = found else { panic!("{}", context()) };
            let kind = match fault {
                walk::Fault::NotCanonical => FaultKind::NotCanonical,
                // The slots that a table lacks are holes.
                walk::Fault::Absent { .. } | walk::Fault::SkippedBits | walk::Fault::OutsideTable => FaultKind::Absent,
                walk::Fault::NoMemory(_) => FaultKind::Memory,
                _ => FaultKind::Reserved,
            };
            assert_eq!(found.kind, kind, "{}", context());
            if let Some(level) = level {
                assert_eq!(u32::from(found.level), model.levels[*level].number, "{}", context());
            }
        }
    }
}

/// Every attribute of the model has the value that emitted code decodes.
fn same_attributes<A: Attributes>(
    expected: &walk::Attributes,
    found: &A,
    model: &model::Format,
    context: &dyn Fn() -> String,
) {
    for (index, info) in A::FIELDS.iter().enumerate() {
        // Of a machine decided at run time, the model knows only what that machine has.
        if !model.attributes.iter().any(|known| known.name == info.name) {
            continue;
        }
        let value = found.get(index);
        match expected.get(info.name) {
            Some(Value::Flag(flag)) => assert_eq!(value, u64::from(*flag), "{}: {}", info.name, context()),
            Some(Value::Number(number) | Value::Unnamed(number)) => {
                assert_eq!(u128::from(value), *number, "{}: {}", info.name, context());
            }
            Some(Value::Name(name)) => {
                assert_eq!(name_of(info.kind, value), Some(name.as_str()), "{}: {}", info.name, context());
            }
            None => {}
        }
    }
}

/// Both let the same accesses through.
fn same_permissions<A: Attributes>(leaf: &walk::Leaf, found: &A, context: &dyn Fn() -> String) {
    let accesses = [
        (walk::Access::Read, Access::Read),
        (walk::Access::Write, Access::Write),
        (walk::Access::Execute, Access::Execute),
    ];
    for (reference, emitted) in accesses {
        for user in [false, true] {
            let expected = walk::permits(&leaf.attributes, reference, user);
            assert_eq!(found.permits(emitted, user), expected, "{emitted:?}, user {user}: {}", context());
        }
    }
}
