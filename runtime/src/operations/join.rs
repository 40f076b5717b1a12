//! Joining leaves into larger ones: what splitting took apart becomes one leaf again.
//!
//! A table goes if its slots are all leaves, or tables of which this holds, that translate to adjacent OA and say the
//! same: a leaf in the slot that pointed to it translates all of it. Leaves within a table become runs. No translation
//! changes.
//!
//! # What the machine does meanwhile
//!
//! **Where the format lets a leaf change its size in place**, the leaf replaces the table word in one store. From then on
//! until the flush a walker that has the table in its walk cache may still read it, and record accesses in its words. So
//! the table stays as it is until then: the flush is issued here, and the table is garbage only after it. Then what its
//! words have recorded is read once more, and recorded in the leaf: before the flush a record goes to one of the two
//! places, after it to the leaf, which is changed by compare-and-exchange. None is lost. If the leaf says already that
//! all is recorded, there is nothing to read.
//!
//! **Where it has to go through absent**, the slot is emptied and flushed. After that no walker can reach the table, its
//! words are final, and the leaf is made of them. Where the format has a word for that, the slot holds the leaf as one that
//! no TLB keeps instead, and what is recorded in that is kept as well. Runs have no table: each word is exchanged for an empty one, and what
//! was in it last is what counts.
//!
//! What a TLB holds of the leaves that are joined has to be what their words say: a change of them that asks for a flush
//! must have been flushed before. Otherwise a TLB may hold two things about one address that differ in more than size. A
//! change that asks for none is one of which a stale copy is harmless (it lets through less, and the machine may use either),
//! and that is so beside a leaf of any size; the flush that a join asks for, or issues, covers it.

mod runs;
mod settle;
mod uniform;

use super::{Unused, later};
use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::clean::clean_slots;
use crate::engine::exchange::exchange_table;
use crate::engine::garbage::{Garbage, can_unlink};
use crate::engine::ownership::{is_foreign, is_pinned};
use crate::error::Error;
use crate::flush::{FlushRequest, Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Target};
use crate::reading::translate::Mapping;
use crate::tables::span::{Span, all_sizes, check_aligned, index, low, slot_last, va, va_range};
use crate::tables::table::Table;
use crate::tables::word::Word;
use settle::{Batch, Has, Pending};
use uniform::Gather;

/// Which leaves are joined.
///
/// ```
/// use ptgen::Join;
///
/// let large = Join::up_to(21).exactly().unless(1 << 9);
/// assert_eq!(large, Join { up_to: 21, normalise: false, veto: 0x200 });
/// assert_eq!(Join::default(), Join::up_to(63));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Join {
    /// lg2 of the bytes of the largest leaf that is made.
    pub up_to: u32,
    /// Whether leaves go together that differ in accessed or dirty: the leaf that is made says either if one of them did.
    pub normalise: bool,
    /// Bits of leaf words, as they stand in the word: a leaf that has one of them set stays by itself. For software bits.
    pub veto: u64,
}

impl Join {
    /// Leaves of up to `2^lg2` bytes; accessed and dirty may differ.
    #[must_use]
    pub const fn up_to(lg2: u32) -> Self {
        Self { up_to: lg2, normalise: true, veto: 0 }
    }

    /// But only of leaves that say the same about accessed and dirty when they are looked at. What the machine records
    /// from then on is recorded in the leaf.
    #[must_use]
    pub const fn exactly(self) -> Self {
        Self { normalise: false, ..self }
    }

    /// But not of leaves whose words have one of `bits`.
    #[must_use]
    pub const fn unless(self, bits: u64) -> Self {
        Self { veto: bits, ..self }
    }
}

impl Default for Join {
    /// As large as can be.
    fn default() -> Self {
        Self::up_to(63)
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Joins the leaves in `range` with their neighbours into larger ones, as large as can be. What is made may reach
    /// beyond `range`, but not beyond the range of VA that this value may change. Pinned tables stay, and so does what is
    /// below tables of other roots.
    ///
    /// Changes of these leaves that asked for a flush must have been flushed before. Where a table of a live root goes, its flush is issued
    /// here, once for a batch of tables, because a table must not be touched before; what is returned has the tables, and
    /// asks for a flush only for runs and where the format needs one after a leaf has appeared.
    ///
    /// # Errors
    ///
    /// [`Error::BreakBeforeMake`] if there is something to be joined and the format lets a live leaf change its size only
    /// by way of absent, which the use of the tables forbids; [`Error::NeedsInstruction`] if that takes an instruction and
    /// the context has none; what is wrong with `range`. Nothing has been changed then. [`Error::Memory`] if a table
    /// cannot be reached: some leaves may have been joined by then, and no translation has changed.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn join<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Join,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(JoinAt { target, place, cx, range: range.into(), policy, ask: Always })
    }

    /// As [`join`](Self::join), but asks before a table goes: when it is unlinked and flushed, so that nobody can use what
    /// it translates and nothing about it changes any more. If the answer is no, the table is linked again, with every
    /// word as it was. What is asked about is the leaf that would be made, with what it says by itself. Runs are not
    /// made.
    ///
    /// # Errors
    ///
    /// As for [`join`](Self::join). The tables must not be [`Live`](crate::Use::Live), in every format, for what is asked
    /// about is absent meanwhile.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn join_with<M: Memory, A: Frames, T: Tlb, C: FnMut(&Mapping<F>) -> bool>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Join,
        is_wanted: C,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(JoinAt { target, place, cx, range: range.into(), policy, ask: Asking(is_wanted) })
    }
}

/// Who says whether a leaf is made.
trait Ask<F: Format> {
    /// Whether anybody is asked.
    const ASKS: bool;

    fn is_wanted(&mut self, leaf: &Mapping<F>) -> bool;
}

struct Always;

impl<F: Format> Ask<F> for Always {
    const ASKS: bool = false;

    fn is_wanted(&mut self, _leaf: &Mapping<F>) -> bool {
        true
    }
}

struct Asking<C>(C);

impl<F: Format, C: FnMut(&Mapping<F>) -> bool> Ask<F> for Asking<C> {
    const ASKS: bool = true;

    fn is_wanted(&mut self, leaf: &Mapping<F>) -> bool {
        (self.0)(leaf)
    }
}

/// `join` below a root.
struct JoinAt<'a, F, M, A, T, C> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    policy: Join,
    ask: C,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb, C: Ask<F>> RootVisitor<F> for JoinAt<'_, F, M, A, T, C> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, policy, ask } = self;
        let f = target.f;
        let Some(span) = target.span_to_change::<L, M>(&cx.memory, range)? else { return Ok(Unflushed::nothing(f)) };
        check_aligned(f, span, all_sizes::<L>(f).smallest().unwrap_or(0))?;
        let mut job = Job {
            target,
            memory: &cx.memory,
            tlb: &mut cx.tlb,
            policy,
            ask,
            counted: None,
            pending: Batch::default(),
            garbage: Garbage::NONE,
            request: None,
        };
        job.memory.begin();
        let mut result = job.table(Table::<L>::at(target.root), span);
        if result.is_ok() || !job.pending.is_empty() {
            result = result.and(job.settle());
        }
        let unflushed = Unflushed::new(f, job.request, job.garbage, place);
        match result {
            Ok(()) => Ok(unflushed),
            Err(error) => {
                unflushed.flush(cx);
                Err(error)
            }
        }
    }
}

/// How many leaves `join` would make in `range` below a root of level `L` of what stands there. Nothing is changed.
pub(crate) fn count_joins<L: Level, M: Memory>(
    target: Target<L::Format>,
    memory: &M,
    range: VaRange,
    policy: Join,
) -> Result<u64, Error> {
    let f = target.f;
    let Some(span) = target.span_to_change::<L, M>(memory, range)? else { return Ok(0) };
    check_aligned(f, span, all_sizes::<L>(f).smallest().unwrap_or(0))?;
    let mut job = Job {
        target,
        memory,
        tlb: &mut Unused,
        policy,
        ask: Always,
        counted: Some(0),
        pending: Batch::default(),
        garbage: Garbage::NONE,
        request: None,
    };
    memory.begin();
    job.table(Table::<L>::at(target.root), span)?;
    Ok(job.counted.unwrap_or(0))
}

/// A join under way.
struct Job<'a, F: Format, M, T, C> {
    target: Target<F>,
    memory: &'a M,
    tlb: &'a mut T,
    policy: Join,
    ask: C,
    /// How many leaves would be made, if they are only counted.
    counted: Option<u64>,
    /// What has been unlinked since the last flush.
    pending: Batch<F>,
    /// Unlinked and flushed tables.
    garbage: Garbage,
    /// What has to be flushed afterwards.
    request: Option<FlushRequest>,
}

/// Why looking through a table's slots stopped.
enum Stop<W> {
    /// There are no more.
    End,
    /// A leaf does not go with the others.
    Differs,
    /// There is something else than a leaf.
    Other(W),
}

impl<F: Format, M: Memory, T: Tlb, C: Ask<F>> Job<'_, F, M, T, C> {
    /// Joins what is in `span` of a table and below.
    fn table<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        if L::HAS_TABLES {
            self.tables_below(table, span)?;
        }
        self.runs(table, span)
    }

    /// Joins what is in the tables below, as far as they are in `span`.
    fn tables_below<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span) -> Result<(), Error> {
        let f = self.target.f;
        let mut at = span.first;
        while let Some((found, w)) = self.next_table(table, Span { first: at, ..span })? {
            let slot = Span { first: found & !low(L::shift(f)), last: slot_last::<L>(f, found) };
            if !is_foreign::<L>(f, w) && !self.join_table::<L>(table, slot, w)? {
                let below = Span { first: found, last: slot.last.min(span.last) };
                self.table(Table::below::<L>(f, w), below)?;
            }
            if slot.last >= span.last {
                break;
            }
            at = slot.last + 1;
        }
        Ok(())
    }

    /// The first position in `span` where there is a table, and the word that points to it.
    fn next_table<L: Level<Format = F>>(&self, table: Table<L>, span: Span) -> Result<Option<(u64, WordOf<L>)>, Error> {
        let f = self.target.f;
        Ok(table.open(f, self.memory, |slots| {
            let mut at = span.first;
            loop {
                let w = slots.get_acquire(index::<L>(f, at));
                if L::is_table(f, w) {
                    return Some((at, w));
                }
                let end = slot_last::<L>(f, at);
                if end >= span.last {
                    return None;
                }
                at = end + 1;
            }
        })?)
    }

    /// Replaces the table word `w` by a leaf, if that can be. Returns whether it did.
    fn join_table<L: Level<Format = F>>(&mut self, table: Table<L>, slot: Span, w: WordOf<L>) -> Result<bool, Error> {
        let f = self.target.f;
        if !self.target.owns(slot) || !can_unlink::<L::Below>(f) {
            return Ok(false);
        }
        let Some(leaf) = self.whole::<L>(w, slot.first, self.policy.normalise)? else { return Ok(false) };
        self.replace(table, slot, w, leaf).map(|()| true)
    }

    /// The leaf that says all that the table says to which `w` points, if there is one.
    fn whole<L: Level<Format = F>>(
        &self,
        w: WordOf<L>,
        first: u64,
        normalise: bool,
    ) -> Result<Option<WordOf<L>>, Error> {
        let (f, size) = (self.target.f, L::shift(self.target.f));
        if L::IS_FLOOR
            || !L::leaf_sizes(f).has(size)
            || size > self.policy.up_to
            || is_pinned::<L>(f, w)
            || is_foreign::<L>(f, w)
        {
            return Ok(None);
        }
        let table = Table::below::<L>(f, w);
        let veto = WordOf::<L>::truncate(self.policy.veto);
        let mut leaves = Gather::<L::Below>::new(f, first, size, veto, normalise);
        let mut number = 0;
        loop {
            let at = |number: usize| first + ((number as u64) << L::Below::shift(f));
            let stop = table.open(f, self.memory, |slots| {
                while number < slots.len() {
                    let w = slots.get_acquire(number);
                    if !L::Below::is_leaf(f, w) {
                        return Stop::Other(w);
                    }
                    if !leaves.add(w, at(number)) {
                        return Stop::Differs;
                    }
                    number += 1;
                }
                Stop::End
            })?;
            match stop {
                Stop::End => break,
                Stop::Other(below) if L::Below::is_table(f, below) => {
                    let leaf = self.whole::<L::Below>(below, at(number), normalise)?;
                    if !leaf.is_some_and(|leaf| leaves.add(leaf, at(number))) {
                        return Ok(None);
                    }
                    number += 1;
                }
                Stop::Other(_) | Stop::Differs => return Ok(None),
            }
        }
        let leaf = leaves.end().and_then(|leaves| leaves.above::<L>(f));
        let leaf = leaf.map(|leaf| L::leaf_for(f, leaf, w));
        // What the table word takes away from its leaves, the leaf would have to say.
        let says = |leaf, limits| L::attributes(f, leaf, limits);
        let limits = L::limit(f, f.no_limits(), w);
        Ok(leaf.filter(|&leaf| says(leaf, limits) == says(leaf, f.no_limits())))
    }

    /// Replaces the table word `w` by `leaf`.
    fn replace<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        slot: Span,
        w: WordOf<L>,
        leaf: WordOf<L>,
    ) -> Result<(), Error> {
        let Target { f, reach, .. } = self.target;
        let (number, live, way) = (index::<L>(f, slot.first), reach.is_live(), f.way(ChangeKind::Size));
        let (va, kind) = (va(f, slot.first), ChangeKind::Size);
        let breaks = C::ASKS || live && way == Way::Break;
        if breaks && live && !reach.may_break() {
            return Err(Error::BreakBeforeMake { va, kind });
        }
        if live && way == Way::Instruction && !T::EXCHANGES {
            return Err(Error::NeedsInstruction { va, kind });
        }
        if self.is_counted() {
            return Ok(());
        }
        if self.pending.is_full() {
            self.settle()?;
        }
        let (new, slot_has) = match L::held(f, leaf) {
            _ if !breaks => (leaf, Has::Leaf),
            held if !C::ASKS && held != L::empty(f) => (held, Has::Held(leaf)),
            _ => (L::empty(f), Has::Nothing),
        };
        if live && way == Way::Instruction {
            exchange_table(f, (table, slot.first), w, new, kind, self.tlb)?;
        } else {
            table.open(f, self.memory, |slots| slots.link(number, new))?;
        }
        clean_slots(f, self.memory, table, slot);
        let sizes = all_sizes::<L::Below>(f).or(Sizes::one(L::shift(f)));
        let (range, word) = (va_range(f, slot.first, slot.last), w);
        self.pending.push(Pending { table: table.address(), level: L::NUMBER, slot, word, slot_has }, range, sizes);
        Ok(())
    }

    /// Whether a leaf that could be made is only counted; counts it.
    fn is_counted(&mut self) -> bool {
        let Some(count) = &mut self.counted else { return false };
        *count += 1;
        true
    }

    /// Flushes, also for `range`, when the operation is done.
    fn flush_later(&mut self, range: VaRange, sizes: Sizes, tables: bool) {
        let Target { f, reach, .. } = self.target;
        later(&mut self.request, reach.request(f, range, sizes, tables));
    }
}
