//! Doing with one slot what a function has said.

use super::super::later;
use super::{Applied, range_of};
use crate::address::Oa;
use crate::engine::clean::clean_slots;
use crate::engine::exchange::exchange_of;
use crate::engine::records::with_machine_records;
use crate::error::Error;
use crate::flush::{FlushRequest, Tlb};
use crate::format::{Attributes, Change, ChangeKind, Format, Level, Sizes, Way, WordOf};
use crate::memory::Memory;
use crate::range_mut::Target;
use crate::tables::span::{Span, index, low, va};
use crate::tables::table::Table;
use crate::tables::word::Word;

/// A slot that is to be changed.
pub(super) struct Store<'a, L: Level, M, T> {
    pub(super) target: Target<L::Format>,
    pub(super) memory: &'a M,
    pub(super) tlb: &'a mut T,
    pub(super) table: Table<L>,
    pub(super) slot: Span,
    pub(super) request: &'a mut Option<FlushRequest>,
}

/// What is made of the word that a slot holds when it is changed.
enum New<L: Level> {
    /// This word.
    Word(WordOf<L>),
    /// This leaf, with what the machine has recorded in the one before.
    Leaf(WordOf<L>),
    /// The leaf before, changed.
    Patched(<L::Format as Format>::Patch),
}

impl<L: Level> New<L> {
    fn of(&self, f: L::Format, old: WordOf<L>) -> WordOf<L> {
        match self {
            Self::Word(w) => *w,
            Self::Leaf(w) => with_machine_records::<L>(f, *w, old),
            Self::Patched(patch) => L::apply(f, patch, old),
        }
    }
}

/// Notes that a slot from which nothing was translated got a table or a leaf.
pub(super) fn filled<F: Format>(target: &Target<F>, request: &mut Option<FlushRequest>, slot: Span) {
    let Target { f, reach, .. } = *target;
    if reach.is_live() && f.way(ChangeKind::Fill) != Way::Lazy {
        later(request, reach.request(f, range_of(f, slot), Sizes(0), true));
    }
}

impl<L: Level, M: Memory, T: Tlb> Store<'_, L, M, T> {
    /// Does it with the slot that held `old`.
    pub(super) fn apply(mut self, old: WordOf<L>, applied: &Applied<L::Format>) -> Result<(), Error> {
        let f = self.target.f;
        let was_leaf = L::is_leaf(f, old);
        let (new, kind, way) = match applied {
            Applied::Keep => return Ok(()),
            Applied::Clear if L::is_empty(f, old) => return Ok(()),
            Applied::Clear => (New::Word(L::empty(f)), ChangeKind::Clear, f.way(ChangeKind::Clear)),
            Applied::Change(_) if !was_leaf => return Ok(()),
            Applied::Change(change) => (New::Patched(L::patch(f, change)?), ChangeKind::Other, f.way_of(change)),
            Applied::Set { oa, attributes } => {
                let leaf = self.leaf(*oa, attributes)?;
                if !was_leaf {
                    (New::Word(leaf), ChangeKind::Fill, f.way(ChangeKind::Fill))
                } else if L::leaf_oa(f, old) != oa.get() {
                    let way = f.way(ChangeKind::Output).max(self.way_to(old, attributes));
                    (New::Word(leaf), ChangeKind::Output, way)
                } else {
                    (New::Leaf(leaf), ChangeKind::Other, self.way_to(old, attributes))
                }
            }
        };
        let word = new.of(f, old);
        if word == old {
            return Ok(());
        }
        if !L::is_leaf(f, word) && !matches!(applied, Applied::Clear) {
            return Err(Error::Forbidden { va: va(f, self.slot.first), level: L::NUMBER, word: word.into() });
        }
        self.store(old, &new, kind, way)
    }

    /// The leaf word for the slot.
    fn leaf(&self, oa: Oa, attributes: &<L::Format as Format>::Attributes) -> Result<WordOf<L>, Error> {
        let (f, lg2) = (self.target.f, L::shift(self.target.f));
        if oa.get() & low(lg2) != 0 {
            return Err(Error::Misaligned { address: oa.get(), lg2 });
        }
        let (last, most) = (oa.get() | low(lg2), f.output_last());
        if last > most {
            return Err(Error::OutOfRange { oa: Oa::new(last), last: Oa::new(most) });
        }
        Ok(L::leaf(f, L::template(f, attributes, lg2)?, lg2, oa.get()))
    }

    /// How the leaf word `old` gets these attributes.
    fn way_to(&self, old: WordOf<L>, attributes: &<L::Format as Format>::Attributes) -> Way {
        let f = self.target.f;
        let before = L::attributes(f, old, f.no_limits());
        let mut change = <L::Format as Format>::Change::default();
        let fields = 0..<<L::Format as Format>::Attributes as Attributes>::FIELDS.len();
        let differs = |index: &usize| before.get(*index) != attributes.get(*index);
        // What no change can say is changed in the strictest way there is for attributes.
        let all = fields.filter(differs).all(|index| change.set(index, attributes.get(index)));
        if all { f.way_of(&change) } else { f.way_of(&change).max(f.way(ChangeKind::Other)) }
    }

    /// Changes the word, which was `old`.
    fn store(&mut self, mut old: WordOf<L>, new: &New<L>, kind: ChangeKind, way: Way) -> Result<(), Error> {
        let Target { f, reach, .. } = self.target;
        let (live, number) = (reach.is_live(), index::<L>(f, self.slot.first));
        let (va, was_leaf) = (va(f, self.slot.first), L::is_leaf(f, old));
        let request = reach.request(f, range_of(f, self.slot), Sizes::one(L::shift(f)), false);
        if live && way == Way::Instruction && (was_leaf || kind == ChangeKind::Fill) {
            return self.exchange(old, new, kind);
        }
        if live && way == Way::Break && was_leaf && kind != ChangeKind::Clear {
            if !reach.may_break() {
                return Err(Error::BreakBeforeMake { va, kind });
            }
            old = self.table.open(f, self.memory, |slots| slots.slot(number).take(L::empty(f)))?;
            clean_slots(f, self.memory, self.table, self.slot);
            self.tlb.flush(&request);
            self.table.open(f, self.memory, |slots| slots.set(number, new.of(f, old)))?;
            clean_slots(f, self.memory, self.table, self.slot);
            if f.way(ChangeKind::Fill) != Way::Lazy {
                later(self.request, request);
            }
            return Ok(());
        }
        self.table.open(f, self.memory, |slots| {
            // A machine may have recorded something since the word was read, and does so in a leaf only.
            while let Err(now) = slots.exchange(number, old, new.of(f, old)) {
                old = now;
            }
        })?;
        clean_slots(f, self.memory, self.table, self.slot);
        if live && way != Way::Lazy && (was_leaf || kind == ChangeKind::Fill) {
            later(self.request, request);
        }
        Ok(())
    }

    /// Changes the word, which was `old`, by the machine's instruction.
    fn exchange(&mut self, mut old: WordOf<L>, new: &New<L>, kind: ChangeKind) -> Result<(), Error> {
        let f = self.target.f;
        let refused = Error::NeedsInstruction { va: va(f, self.slot.first), kind };
        if !T::EXCHANGES {
            return Err(refused);
        }
        loop {
            let exchange = exchange_of(f, self.table, self.slot.first, old, new.of(f, old));
            match self.tlb.exchange(&exchange).map_err(WordOf::<L>::truncate) {
                Ok(()) => return Ok(()),
                Err(now) if now == old => return Err(refused),
                Err(now) => old = now,
            }
        }
    }
}
