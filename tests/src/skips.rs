//! Pointers that skip levels: read as the reference walker reads them, refused by whoever would change what is below, and
//! followed when tables are given back.

use ptdsl::model::{self, LayoutKind};
use ptdsl::walk;
use ptgen::{
    Arena, Attributes, Change, Context, Error, Flow, Format, Leaves, Level, NoTlb, Protect, Tree, Unmap, Use, Va,
    VaRange, Visit, WithoutTables, Word, WordOf,
};

use crate::levels::{EachLevel, each_level, shapes, stored};
use crate::words::judge;

/// Where the tables stand.
const BASE: u64 = 0x80_0000;

/// The words of all tables.
const WORDS: usize = 1 << 14;

/// The word of level `L` that points to the table of another level at `address`, if the model has a field that names levels.
pub(crate) fn skipping<L: Level>(
    f: L::Format,
    model: &model::Format,
    child: u8,
    address: u64,
) -> Option<<L::Format as Format>::Word> {
    let here = model.levels.iter().find(|level| level.number == u32::from(L::NUMBER))?;
    let entries = here.entries.iter().filter(|entry| !entry.refused).map(|entry| &model.layouts[entry.layout]);
    let (named, layout) = entries
        .filter(|layout| layout.kind == LayoutKind::Table)
        .find_map(|layout| Some((layout.child_field.as_ref()?, layout)))?;
    let field = layout.fields.iter().find(|field| field.name == named.field)?;
    let (value, _) = named.levels.iter().find(|(_, level)| model.levels[**level].number == u32::from(child))?;
    let value = if field.inverted { !value } else { *value };
    let direct = u128::from(L::table(f, address).into());
    let word = field.pieces.iter().fold(direct, |word, piece| {
        let ones = (1_u128 << piece.bits) - 1;
        word & !(ones << piece.word_low) | (value >> piece.value_low & ones) << piece.word_low
    });
    u64::try_from(word).ok().map(Word::truncate)
}

/// Puts each pointer that skips levels where tables were, and compares.
///
/// # Panics
///
/// If readers see something else than the reference walker, if anything is changed beside such a pointer, or if the tables
/// behind it are not given back.
pub fn compare<F: Format>(f: F, model: &model::Format, range: usize) {
    each_level(f, &mut Check { model, range });
}

struct Check<'a> {
    model: &'a model::Format,
    range: usize,
}

impl<F: Format> EachLevel<F> for Check<'_> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        let children: Vec<u8> = (0..L::NUMBER.saturating_sub(1)).collect();
        let possible = children.into_iter().filter(|child| skipping::<L>(f, self.model, *child, 0).is_some());
        let possible: Vec<u8> = possible.collect();
        assert_eq!(L::SKIPS, !possible.is_empty(), "{}", L::NAME);
        for child in possible {
            let mut words = vec![F::Word::ZERO; WORDS];
            Skip::<L> { f, arena: &Arena::new(BASE, &mut words), child, start: 1 << L::shift(f) }.check(self);
        }
    }
}

/// A pointer in slot 1 of a table of level `L`.
struct Skip<'a, L: Level> {
    f: L::Format,
    arena: &'a Arena<'a, WordOf<L>>,
    /// The number of the level to which it points.
    child: u8,
    /// The first position of its slot.
    start: u64,
}

type Place<'a, L> = Context<&'a Arena<'a, WordOf<L>>, &'a Arena<'a, WordOf<L>>, NoTlb>;

impl<'a, L: Level> Skip<'a, L> {
    fn check(&self, check: &Check<'_>) {
        let (f, mut cx) = (self.f, Context::new(self.arena, self.arena, NoTlb));
        let mut tree = Tree::new(&mut cx, f).expect("there are frames");
        tree.set_use(Use::Offline);
        let shape = *shapes(f).iter().find(|shape| shape.number == self.child).expect("the level is there");
        let small = shapes(f).iter().filter_map(|shape| shape.leaf_sizes.smallest()).min().expect("there are leaves");
        let (page, reach) = (1_u64 << small, 1_u64 << (shape.shift + shape.index_bits));
        let pages = [self.start, self.start + reach - page];
        for (number, at) in (1..).zip(pages) {
            map(&mut tree, &mut cx, at, page, number * page).expect("nothing is there");
        }
        self.put(&tree, check);
        for at in [pages[0], pages[1] + page / 2, self.start + page, self.start + reach, 2 * self.start - 1] {
            let va = f.extend(at);
            let memory = |address: u64, _bytes: u32| self.arena.read(address).map(|word| u128::from(word.into()));
            let expected = walk::translate(check.model, check.range, &memory, tree.root().get(), va);
            judge(check.model, &expected, va, tree.lookup(self.arena, va), tree.translate(self.arena, va));
        }
        self.walk(&tree, &pages);
        self.refuse(&mut tree, &mut cx, page, reach);
        map(&mut tree, &mut cx, 2 * self.start, page, 0).expect("another slot");
        tree.free(&mut cx).expect("all tables can be reached");
        assert_eq!(self.arena.frames(), usize::from(L::NUMBER - self.child - 1), "those in between are linked nowhere");
    }

    /// Writes the pointer over the one to the tables that were made.
    fn put(&self, tree: &Tree<L::Format>, check: &Check<'_>) {
        let (mut above, mut child) = (tree.root().get(), 0);
        let mut see = |visit: Visit<L::Format>| {
            if let Visit::Table { level, address, .. } = visit {
                if level == L::NUMBER + 1 {
                    above = address.get();
                } else if level == self.child + 1 {
                    child = address.get();
                }
            }
            Flow::Continue
        };
        let va = self.f.extend(self.start);
        tree.walk(self.arena, VaRange::inclusive(va, va), &mut see).expect("all tables can be reached");
        let word = skipping::<L>(self.f, check.model, self.child, child).expect("the field names the level");
        assert!(L::is_skip(self.f, word) && !L::is_table(self.f, word) && !L::is_leaf(self.f, word), "{word:?}");
        assert_eq!((L::child(self.f, word), L::table_address(self.f, word)), (self.child, child));
        let slot = self.start >> L::shift(self.f) & ((1 << L::index_bits(self.f)) - 1);
        assert!(self.arena.write(above + (slot << WordOf::<L>::BYTES_LG2), stored(self.f, word)));
    }

    /// A walk shows both pages, and holes for all the rest of the slot.
    fn walk(&self, tree: &Tree<L::Format>, pages: &[u64]) {
        let (f, end) = (self.f, 2 * self.start - 1);
        let (mut next, mut seen) = (f.extend(self.start), Vec::new());
        let mut see = WithoutTables(|visit: Visit<L::Format>| {
            let (va, last) = match visit {
                Visit::Leaf(leaf) => {
                    seen.push(leaf.va.get());
                    (leaf.va.get(), leaf.last().get())
                }
                Visit::Hole(hole) => (hole.start().get(), hole.last().get()),
                other => panic!("{other:?}"),
            };
            assert_eq!(va, next, "nothing is left out");
            next = last.wrapping_add(1);
            Flow::Continue
        });
        let range = VaRange::inclusive(f.extend(self.start), f.extend(end));
        tree.walk(self.arena, range, &mut see).expect("all tables can be reached");
        assert_eq!(next, f.extend(end).wrapping_add(1));
        assert_eq!(seen, pages.iter().map(|at| f.extend(*at)).collect::<Vec<_>>());
    }

    /// Nothing in the slot can be changed, and nothing is.
    fn refuse(&self, tree: &mut Tree<L::Format>, cx: &mut Place<'a, L>, page: u64, reach: u64) {
        let (f, words, frames) = (self.f, self.words(), self.arena.frames());
        let slot = VaRange::inclusive(f.extend(self.start), f.extend(2 * self.start - 1));
        let first = VaRange::inclusive(f.extend(self.start), f.extend(self.start + page - 1));
        let mut change = <L::Format as Format>::Change::default();
        assert!(change.set(0, 0), "an attribute can be zero");
        let refused = [
            map(tree, cx, self.start + reach, page, 0),
            map(tree, cx, self.start + page, page, 0),
            tree.unmap(cx, slot, Unmap::everything()).map(drop),
            tree.unmap(cx, first, Unmap::mapped()).map(drop),
            tree.protect(cx, slot, &change, Protect::everything()).map(drop),
            tree.protect(cx, first, &change, Protect::mapped()).map(drop),
        ];
        let expected = Err(Error::SkippedLevels { va: Va::new(f.extend(self.start)), level: L::NUMBER });
        assert_eq!(refused, [expected; 6]);
        assert_eq!((self.words(), self.arena.frames()), (words, frames));
    }

    /// Everything in memory.
    fn words(&self) -> Vec<WordOf<L>> {
        (0..WORDS as u64).filter_map(|word| self.arena.read(BASE + (word << WordOf::<L>::BYTES_LG2))).collect()
    }
}

/// Maps a page at a position.
fn map<F: Format>(
    tree: &mut Tree<F>,
    cx: &mut Context<&Arena<'_, F::Word>, &Arena<'_, F::Word>, NoTlb>,
    at: u64,
    page: u64,
    oa: u64,
) -> Result<(), Error> {
    let f = tree.format();
    let range = VaRange::inclusive(f.extend(at), f.extend(at + page - 1));
    let leaves = Leaves::Exactly(page.trailing_zeros());
    tree.map(cx, range, oa, &F::Attributes::user_data(), leaves).map(|unflushed| unflushed.flush(cx))
}
