//! What leaf words record of the accesses that were made through them: accessed and dirty.
//!
//! Some of it the machine writes by itself, and may do so at any time. A bit that says so is never lost when words are
//! replaced: what was recorded in the old word is recorded in the new one.

use crate::format::{AttributeInfo, Attributes, AttributesOf, Change, ChangeOf, Format, Level, WordOf};
use crate::tables::word::Word;

const ACCESSED: &str = "accessed";
const DIRTY: &str = "dirty";

/// Where a level's leaf words record accesses, and what the bits are when all is recorded.
#[derive(Clone, Copy)]
pub(crate) struct Recording<W> {
    mask: W,
    done: W,
}

impl<W: Word> Recording<W> {
    /// What the machine writes at level `L`.
    #[inline]
    pub(crate) fn of_machine<L: Level>(f: L::Format) -> Self
    where
        L::Format: Format<Word = W>,
    {
        Self { mask: L::hardware(f), done: L::hardware_done(f) }
    }

    /// What the machine writes at level `L`, and what the format calls accessed and dirty in the leaf word `w`, whoever
    /// writes it.
    pub(crate) fn of_all<L: Level>(f: L::Format, w: W) -> Self
    where
        L::Format: Format<Word = W>,
    {
        let Self { mask, done } = Self::of_machine::<L>(f);
        let with = |value| {
            let change = change_records::<L>(value, true, true).0;
            L::patch(f, &change).map_or(w, |patch| L::apply(f, &patch, w))
        };
        let (recorded, not_recorded) = (with(1), with(0));
        let others = (recorded ^ not_recorded) & !mask;
        Self { mask: mask | others, done: done | recorded & others }
    }

    /// `word`, with what is recorded in `other` recorded as well.
    #[inline]
    pub(crate) fn merge(self, word: W, other: W) -> W {
        word ^ (word ^ other) & (word ^ self.done) & self.mask
    }

    /// `word`, with everything recorded.
    #[inline]
    pub(crate) fn all(self, word: W) -> W {
        word & !self.mask | self.done & self.mask
    }
}

/// A change of level `L`'s attributes that sets accessed and dirty to `value`, where wanted, and which of the two it
/// sets: not those that the format does not have.
pub(crate) fn change_records<L: Level>(value: u64, accessed: bool, dirty: bool) -> (ChangeOf<L>, (bool, bool)) {
    let mut change = ChangeOf::<L>::default();
    let mut set = |wanted: bool, name| {
        let fields = <AttributesOf<L> as Attributes>::FIELDS;
        wanted && AttributeInfo::index(fields, name).is_some_and(|index| change.set(index, value))
    };
    let does = (set(accessed, ACCESSED), set(dirty, DIRTY));
    (change, does)
}

/// Whether two leaf words of level `L` say the same, what they record left out.
pub(crate) fn says_the_same<L: Level>(f: L::Format, one: WordOf<L>, other: WordOf<L>) -> bool {
    let (one, other) = (L::attributes(f, one, f.no_limits()), L::attributes(f, other, f.no_limits()));
    let fields = <AttributesOf<L> as Attributes>::FIELDS.iter().enumerate();
    let mut others = fields.filter(|(_, field)| field.name != ACCESSED && field.name != DIRTY);
    others.all(|(index, _)| one.get(index) == other.get(index))
}

/// What the leaf word `w` of level `L` records.
pub(crate) fn recorded<L: Level>(f: L::Format, w: WordOf<L>) -> (bool, bool) {
    let attributes = L::attributes(f, w, f.no_limits());
    let says = |name| {
        let index = AttributeInfo::index(<AttributesOf<L> as Attributes>::FIELDS, name);
        index.is_some_and(|index| attributes.get(index) != 0)
    };
    (says(ACCESSED), says(DIRTY))
}

/// The leaf word `w` of level `L`, which says something else than `old`, with what the machine has recorded in `old`. Its
/// rights are its own: where a right is written down together with what is recorded, the machine's bits are not copied.
pub(crate) fn with_machine_records<L: Level>(f: L::Format, w: WordOf<L>, old: WordOf<L>) -> WordOf<L> {
    if L::hardware(f) == WordOf::<L>::ZERO {
        return w;
    }
    let (accessed, dirty) = recorded::<L>(f, old);
    let change = change_records::<L>(1, accessed, dirty).0;
    let kept = L::patch(f, &change).map_or(w, |patch| L::apply(f, &patch, w));
    if L::is_leaf(f, kept) { kept } else { w }
}
