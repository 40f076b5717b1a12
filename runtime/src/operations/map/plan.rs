//! Looking whether a range is free, and counting the tables that a mapping takes.

use super::{Job, Step, Turn, occupied};
use crate::engine::ownership::is_foreign;
use crate::engine::pieces::piece;
use crate::engine::reserve::Need;
use crate::error::Error;
use crate::format::{Format, Level};
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, slot_last, va};
use crate::tables::table::{Slots, Table};

impl<F: Format, M: Memory> Job<'_, F, M> {
    /// Checks that all of the span is free, and counts the tables that it takes. If it is not, says what is the first thing
    /// in the way.
    pub(super) fn plan_all<L: Level<Format = F>>(
        &self,
        root: Table<L>,
        span: Span,
        need: &mut Need,
    ) -> Result<(), Error> {
        self.plan(root, span, need).map_err(|error| match error {
            // That may be a table, in which something is.
            Error::Occupied { .. } => match self.first_in_the_way(root, span) {
                Ok(Some(at)) => Error::Occupied { va: va(self.f, at) },
                Ok(None) | Err(_) => error,
            },
            error => error,
        })
    }

    /// The first position in `span` where there is a leaf, or an absent word that carries something. Foreign tables are not
    /// looked into.
    #[cold]
    fn first_in_the_way<L: Level<Format = F>>(&self, table: Table<L>, span: Span) -> Result<Option<u64>, Error> {
        let f = self.f;
        let mut next = Some(span.first).filter(|_| !L::IS_FLOOR);
        while let Some(first) = next {
            let found = table.open(f, self.memory, |slots| {
                let stretch = slots.stretch(index::<L>(f, first), index::<L>(f, span.last));
                let is_used = |w: F::Word| !L::is_empty(f, w);
                let number = stretch.find(is_used)?;
                Some((number, stretch.get_acquire(number)))
            })?;
            let Some((number, w)) = found else { return Ok(None) };
            let at = if number == 0 { first } else { (first & !low(L::shift(f))) + ((number as u64) << L::shift(f)) };
            let end = slot_last::<L>(f, at).min(span.last);
            if !L::is_table(f, w) {
                return Ok(Some(at));
            }
            if !is_foreign::<L>(f, w)
                && let Some(at) = self.first_in_the_way(Table::below::<L>(f, w), Span { first: at, last: end })?
            {
                return Ok(Some(at));
            }
            next = (end < span.last).then(|| end + 1);
        }
        Ok(None)
    }

    /// Checks that the span is free, and counts the tables that it takes.
    pub(super) fn plan<L: Level<Format = F>>(&self, table: Table<L>, span: Span, need: &mut Need) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (mut at, mut most) = (span.first, 63);
        loop {
            let part = Span { first: at, last: span.last };
            let turn = table.open(self.f, self.memory, |slots| self.plan_slots(&slots, part, most, need))??;
            let below = match turn {
                None => return Ok(()),
                Some(Turn::Below(below, child)) => {
                    self.plan(child, below, need)?;
                    below
                }
                Some(Turn::New(below, _)) => {
                    self.count::<L::Below>(below, need, 1);
                    below
                }
                Some(Turn::Replace(run, size)) => {
                    if !self.are_vacant(table, run)? {
                        (at, most) = (run.first, size - 1);
                        continue;
                    }
                    run
                }
            };
            if below.last == span.last {
                return Ok(());
            }
            (at, most) = (below.last + 1, 63);
        }
    }

    #[inline]
    fn plan_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        Span { first: mut at, last }: Span,
        mut most: u32,
        need: &mut Need,
    ) -> Result<Option<Turn<L>>, Error> {
        let f = self.f;
        if !L::HAS_TABLES {
            let stretch = slots.stretch(index::<L>(f, at), index::<L>(f, last));
            let in_the_way = stretch.find(|w| !L::is_empty(f, w));
            return match in_the_way {
                None => Ok(None),
                Some(number) => {
                    let at = at + ((number as u64) << L::shift(f));
                    Err(occupied::<L>(f, slots.get(index::<L>(f, at)), at))
                }
            };
        }
        loop {
            let below = Span { first: at, last: slot_last::<L>(f, at).min(last) };
            let end = match self.step(slots, at, last, most)? {
                Step::Leaf(size) => at | low(size),
                Step::New(_) => {
                    self.count::<L::Below>(below, need, 1);
                    below.last
                }
                Step::Below(table) => return Ok(Some(Turn::Below(below, table))),
                Step::Replace(size) => return Ok(Some(Turn::Replace(Span { first: at, last: at | low(size) }, size))),
            };
            if end == last {
                return Ok(None);
            }
            (at, most) = (end + 1, 63);
        }
    }

    /// Counts the new tables that `span` takes, from one of level `L` on down, `times` times.
    fn count<L: Level<Format = F>>(&self, span: Span, need: &mut Need, times: u64) {
        need.add::<L>(times);
        if !L::HAS_TABLES {
            return;
        }
        let (shift, sizes) = (L::shift(self.f), self.sizes::<L>());
        let mut at = span.first;
        loop {
            let piece = piece(sizes, shift, Span { first: at, last: span.last });
            if piece.size.is_none() {
                let whole_slots = if at & low(shift) == 0 { (piece.last - at) >> shift } else { 0 };
                if whole_slots > 0 {
                    // Slots that are made below and are wholly covered take the same tables each.
                    let one = Span { first: at, last: at | low(shift) };
                    self.count::<L::Below>(one, need, times.saturating_mul(whole_slots));
                }
                let rest = Span { first: at + (whole_slots << shift), last: piece.last };
                self.count::<L::Below>(rest, need, times);
            }
            if piece.last == span.last {
                return;
            }
            at = piece.last + 1;
        }
    }
}
