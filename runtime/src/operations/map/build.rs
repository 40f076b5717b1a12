//! Making the tables of a mapping, which nobody sees yet.

use super::Job;
use crate::engine::clean::clean_new;
use crate::engine::pieces::{fill_new, piece};
use crate::engine::reserve::Reserve;
use crate::error::Error;
use crate::format::{Format, Level};
use crate::memory::Memory;
use crate::tables::span::{Span, index, slot_last};
use crate::tables::table::NewTable;

impl<F: Format, M: Memory> Job<'_, F, M> {
    /// Makes a table with leaves for `span` and what is below it, which nobody sees yet.
    pub(super) fn build<L: Level<Format = F>>(&self, span: Span, reserve: &mut Reserve) -> Result<NewTable<L>, Error> {
        let f = self.f;
        let table = reserve.take::<L, M>(f, self.memory)?;
        if L::IS_FLOOR {
            return Ok(table);
        }
        let (first, last) = (index::<L>(f, span.first), index::<L>(f, span.last));
        table.open(f, self.memory, |slots| {
            let empty = L::empty(f);
            if first > 0 {
                slots.fill(0, first - 1, |_| empty);
            }
            slots.fill(last + 1, slots.len() - 1, |_| empty);
            self.leaf_pieces::<L>(span, |piece, (template, size), oa| {
                self.note(crate::Sizes::one(size));
                fill_new(f, &slots, piece, (template, size), oa, |w| w);
            })
        })??;
        if L::HAS_TABLES {
            self.build_below(&table, span, reserve)?;
        }
        clean_new(f, self.memory, &table);
        Ok(table)
    }

    /// Makes the tables below a new one, where it has no leaves.
    fn build_below<L: Level<Format = F>>(
        &self,
        table: &NewTable<L>,
        span: Span,
        reserve: &mut Reserve,
    ) -> Result<(), Error> {
        let (f, sizes) = (self.f, self.sizes::<L>());
        let mut at = span.first;
        loop {
            let piece = piece(sizes, L::shift(f), Span { first: at, last: span.last });
            let end = if piece.size.is_some() {
                piece.last
            } else {
                let end = slot_last::<L>(f, at).min(piece.last);
                let child = self.build::<L::Below>(Span { first: at, last: end }, reserve)?;
                let w = L::table(f, child.address().get());
                table.open(f, self.memory, |slots| slots.set(index::<L>(f, at), w))?;
                end
            };
            if end == span.last {
                return Ok(());
            }
            at = end + 1;
        }
    }
}
