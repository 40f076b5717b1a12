//! Letting tables go that were pinned.

use crate::address::VaRange;
use crate::context::Context;
use crate::engine::clean::clean_slots;
use crate::engine::exchange::exchange_table;
use crate::engine::ownership::{is_foreign, is_pinned, pinned_bit};
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, RootVisitor, Way, WordOf};
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Target};
use crate::tables::span::{Span, index, slot_last};
use crate::tables::table::Table;

impl<F: Format> RangeMut<'_, F> {
    /// Lets the tables go that are [pinned](crate::Pin::Pinned) and translate nothing outside of `range`: they stay as
    /// long as they hold something, like others. Tables above one that is another root's stay pinned.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsInstruction`] if a change of what is live takes an instruction and the context has none,
    /// [`Error::Memory`], and what is wrong with `range`. No translation changes, but some tables may be pinned no more
    /// then.
    pub fn unpin<M: Memory, A, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
    ) -> Result<(), Error> {
        let target = self.target;
        target.f.root(UnpinAt { target, memory: &cx.memory, tlb: &mut cx.tlb, range: range.into() })
    }
}

/// `unpin` below a root.
struct UnpinAt<'a, F, M, T> {
    target: Target<F>,
    memory: &'a M,
    tlb: &'a mut T,
    range: VaRange,
}

impl<F: Format, M: Memory, T: Tlb> RootVisitor<F> for UnpinAt<'_, F, M, T> {
    type Output = Result<(), Error>;

    fn visit<L: Level<Format = F>>(mut self) -> Self::Output {
        let Some(span) = self.target.span_to_change::<L, M>(self.memory, self.range)? else { return Ok(()) };
        self.memory.begin();
        self.table(Table::<L>::at(self.target.root), span).map(drop)
    }
}

impl<F: Format, M: Memory, T: Tlb> UnpinAt<'_, F, M, T> {
    /// Lets go what is below `table`. Returns whether a link that `span` covers is pinned still, or foreign.
    fn table<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span) -> Result<bool, Error> {
        if !L::HAS_TABLES {
            return Ok(false);
        }
        let (f, mut first, mut stays) = (self.target.f, span.first, false);
        loop {
            let slot = Span { first: first & !(slot_last::<L>(f, 0)), last: slot_last::<L>(f, first) };
            let w = table.read(f, self.memory, first)?;
            if L::is_table(f, w) && is_foreign::<L>(f, w) {
                stays = true;
            } else if L::is_table(f, w) {
                let below = Span { first, last: slot.last.min(span.last) };
                let has_to_stay = self.table(Table::below::<L>(f, w), below)?;
                if is_pinned::<L>(f, w) && below == slot && !has_to_stay {
                    self.clear(table, w, slot)?;
                } else {
                    stays |= is_pinned::<L>(f, w);
                }
            }
            if slot.last >= span.last {
                return Ok(stays);
            }
            first = slot.last + 1;
        }
    }

    /// Clears the bit in the word of the slot, which was `w`. The machine may record something in it meanwhile.
    fn clear<L: Level<Format = F>>(&mut self, table: Table<L>, w: WordOf<L>, slot: Span) -> Result<(), Error> {
        let (f, pinned): (F, WordOf<L>) = (self.target.f, pinned_bit::<L>(self.target.f));
        if self.target.reach.is_live() && f.way(ChangeKind::Other) == Way::Instruction {
            return exchange_table(f, (table, slot.first), w, w & !pinned, ChangeKind::Other, self.tlb);
        }
        table.open(f, self.memory, |slots| {
            let number = index::<L>(f, slot.first);
            let mut old = slots.get(number);
            while let Err(now) = slots.exchange(number, old, old & !pinned) {
                old = now;
            }
        })?;
        clean_slots(f, self.memory, table, Span { first: slot.first, last: slot.first });
        Ok(())
    }
}
