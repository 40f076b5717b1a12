//! Tables that several roots have.
//!
//! The word that points to such a table says so, in one of software's bits: the table is foreign to each of these roots.
//! Through none of them is it changed, or anything below it; walks go through it as through any other. All tables above
//! it are pinned, so that no link to it goes unnoticed: where a range is unmapped that covers it, the link is taken out
//! and flushed at once, and only then there is one owner less.

use core::fmt;
use core::mem;

use crate::address::{Oa, Va};
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::clean::clean_slots;
use crate::engine::garbage::{Garbage, free_subtree};
use crate::engine::ownership::{foreign_bit, is_foreign};
use crate::error::Error;
use crate::flush::{NoTlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::populate::{Pin, Populate};
use crate::range_mut::{RangeMut, Reach, Target};
use crate::tables::skips::unfit;
use crate::tables::span::{Span, all_sizes, index, low, slot_last, span, va, va_range};
use crate::tables::table::Table;
use crate::tables::word::Word;

/// One root's share of a table, which is linked nowhere yet: made by [`RangeMut::share`], to be
/// [adopted](RangeMut::adopt) by another root. The table stays for as long as there is this value, or a root that has it.
///
/// To drop it is to keep the table for ever; in debug builds that is a panic which says where it was made.
#[must_use = "it counts as an owner until it is adopted or given up"]
pub struct SharedTable<F> {
    format: F,
    address: Oa,
    level: u8,
    place: Place,
}

impl<F: Format> SharedTable<F> {
    /// Where the table is.
    pub const fn address(&self) -> Oa {
        self.address
    }

    /// The number of its level.
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// Gives the share up. If it was the last one, the table and what is below it goes back.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if a table cannot be reached; those below it are lost then.
    pub fn give_up<M: Memory, A: Frames, T>(self, cx: &mut Context<M, A, T>) -> Result<(), Error> {
        let (f, address, level) = (self.format, self.address, self.level);
        mem::forget(self);
        cx.memory.begin();
        cx.memory.commit();
        if cx.frames.unshare(address) { f.root(FreeAt { f, cx, address, level }) } else { Ok(()) }
    }
}

impl<F> Drop for SharedTable<F> {
    fn drop(&mut self) {
        self.place.alarm("the share of a table that was made");
    }
}

impl<F: Format> fmt::Debug for SharedTable<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SharedTable(level {} of {} at {})", self.level, F::NAME, self.address)
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Shares the table of level `level` that translates `va` and up, so that another root can have it as well. From then
    /// on it is changed through neither. The source of frames counts its owners ([`Shared`](crate::Shared) does).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchLevel`] if no slot points to such tables, [`Error::Misaligned`] if they do not start at `va`,
    /// [`Error::Hole`] or [`Error::Occupied`] if there is nothing or a leaf in the place of the table,
    /// [`Error::Borrowed`] if it is another root's that does not share it, [`Error::Unshareable`] if the source does not
    /// count owners, [`Error::Unencodable`] if the format has no bits to say that a table is foreign,
    /// [`Error::NeedsInstruction`], [`Error::Memory`], and what is wrong with `va`. Nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn share<M: Memory, A: Frames, T>(
        &mut self,
        cx: &mut Context<M, A, T>,
        va: impl Into<Va>,
        level: u8,
    ) -> Result<SharedTable<F>, Error> {
        let (target, place, va) = (self.target, Place::of_caller(), va.into());
        let address = target.f.root(At { target, cx, va, level, what: Share })?;
        Ok(SharedTable { format: target.f, address, level, place })
    }

    /// Links a table that another root shares, in the place of an empty slot: it translates `va` and up. Tables above
    /// are made as needed, and pinned.
    ///
    /// # Errors
    ///
    /// [`Error::Occupied`] if there is something, [`Error::NoSuchLevel`] if no slot of this root points to such tables,
    /// or if the table is of a format that differs in what is decided at run time, and as for [`share`](Self::share) and
    /// [`populate`](Self::populate). Nothing has been changed then, and the share is handed back.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn adopt<M: Memory, A: Frames, T>(
        &mut self,
        cx: &mut Context<M, A, T>,
        va: impl Into<Va>,
        table: SharedTable<F>,
    ) -> Result<Unflushed<F>, (Error, SharedTable<F>)> {
        let SharedTable { format, address, level, .. } = table;
        if format != self.target.f {
            return Err((Error::NoSuchLevel { level }, table));
        }
        match self.link(cx, va.into(), level, address, Place::of_caller()) {
            Ok(unflushed) => {
                mem::forget(table);
                Ok(unflushed)
            }
            Err(error) => Err((error, table)),
        }
    }

    /// Links the table of level `level` at `table`, which another root owns, in the place of an empty slot: it translates
    /// `va` and up. Nobody counts this: the table stays the other root's. For what all roots have in common, a kernel's
    /// half, say.
    ///
    /// # Errors
    ///
    /// As for [`adopt`](Self::adopt), [`Error::Misaligned`] and [`Error::OutOfRange`] also for `table`.
    ///
    /// # Safety
    ///
    /// There is such a table of this format at `table`, in every memory that this root is used with, and neither it nor
    /// what it points to goes away for as long as it is linked here. It does not point to itself.
    #[cfg_attr(debug_assertions, track_caller)]
    #[expect(unsafe_code, reason = "the address of a table is claimed, as by `Tree::from_root`")]
    pub unsafe fn borrow<M: Memory, A: Frames, T>(
        &mut self,
        cx: &mut Context<M, A, T>,
        va: impl Into<Va>,
        level: u8,
        table: Oa,
    ) -> Result<Unflushed<F>, Error> {
        self.link(cx, va.into(), level, table, Place::of_caller())
    }

    /// Makes the table of level `level` that translates `va` and up this root's own again, if it is shared with no other
    /// root any more: it can be changed again. Returns whether it was.
    ///
    /// # Errors
    ///
    /// As for [`share`](Self::share).
    pub fn reclaim<M: Memory, A: Frames, T>(
        &mut self,
        cx: &mut Context<M, A, T>,
        va: impl Into<Va>,
        level: u8,
    ) -> Result<bool, Error> {
        let (target, va) = (self.target, va.into());
        target.f.root(At { target, cx, va, level, what: Reclaim })
    }

    fn link<M: Memory, A: Frames, T>(
        &mut self,
        cx: &mut Context<M, A, T>,
        va: Va,
        level: u8,
        table: Oa,
        place: Place,
    ) -> Result<Unflushed<F>, Error> {
        let target = self.target;
        target.f.root(At { target, cx, va, level, what: Link { table, place } })
    }
}

/// What is done to the slot that points to a table of some level.
trait Deed<F: Format>: Sized {
    type Output;

    /// Does it to the slot for `slot` of level `L`. The tables above `L` are pinned by [`pin`].
    fn run<R: Level<Format = F>, L: Level<Format = F>, M: Memory, A: Frames, T>(
        self,
        at: Found<'_, R, M, A, T>,
        slot: Span,
    ) -> Result<Self::Output, Error>;
}

/// Below which root the slot is.
struct Found<'c, R: Level, M, A, T> {
    root: Table<R>,
    reach: Reach,
    cx: &'c mut Context<M, A, T>,
    f: R::Format,
}

/// A deed below a root.
struct At<'c, F, M, A, T, D> {
    target: Target<F>,
    cx: &'c mut Context<M, A, T>,
    va: Va,
    level: u8,
    what: D,
}

impl<F: Format, M: Memory, A: Frames, T, D: Deed<F>> RootVisitor<F> for At<'_, F, M, A, T, D> {
    type Output = Result<D::Output, Error>;

    fn visit<R: Level<Format = F>>(self) -> Self::Output {
        self.cx.memory.begin();
        let root = Table::<R>::at(self.target.root);
        self.down::<R, R>(root)
    }
}

impl<F: Format, M: Memory, A: Frames, T, D: Deed<F>> At<'_, F, M, A, T, D> {
    /// Goes down to the level that points to tables of the level wanted.
    fn down<R: Level<Format = F>, L: Level<Format = F>>(self, root: Table<R>) -> Result<D::Output, Error> {
        let Self { target, cx, va: address, level, what } = self;
        let f = target.f;
        if L::IS_FLOOR || !L::HAS_TABLES || level >= L::NUMBER {
            return Err(Error::NoSuchLevel { level });
        }
        if L::Below::NUMBER != level {
            return At { target, cx, va: address, level, what }.down::<R, L::Below>(root);
        }
        let range = crate::VaRange::inclusive(address.get(), address.get());
        let Some(Span { first, .. }) = span::<R>(f, range)? else { return Err(Error::NotCanonical { va: address }) };
        let shift = L::shift(f);
        if first & low(shift) != 0 {
            return Err(Error::Misaligned { address: address.get(), lg2: shift });
        }
        let slot = Span { first, last: slot_last::<L>(f, first) };
        if !target.owns(slot) {
            return Err(Error::NotInRange { range: va_range(f, slot.first, slot.last) });
        }
        if foreign_bit::<L>(f) == WordOf::<L>::ZERO {
            return Err(Unencodable { attribute: "foreign" }.into());
        }
        what.run::<R, L, M, A, T>(Found { root, reach: target.reach, cx, f }, slot)
    }
}

impl<R: Level, M: Memory, A: Frames, T> Found<'_, R, M, A, T> {
    /// The table of level `L` with the slot for `at`, if there is one. Refuses foreign tables above.
    fn table<L: Level<Format = R::Format>>(&self, at: u64) -> Result<Option<Table<L>>, Error> {
        find::<R, L, M>(self.f, &self.cx.memory, self.root, at)
    }

    /// Makes and pins all tables from the root to that of level `L` with `slot`.
    fn pin<L: Level<Format = R::Format>>(&mut self, slot: Span) -> Result<(), Error> {
        let (f, live) = (self.f, self.reach.is_live());
        // What is shared is linked by a store, and so what is above it.
        let job =
            Populate { f, memory: &self.cx.memory, live, lg2: L::shift(f), pin: Pin::Pinned, has_instruction: false };
        job.run(self.root, slot, &mut self.cx.frames, &mut NoTlb).map(drop)
    }

    /// Refuses a change of `kind` that takes an instruction.
    fn check_way(&self, at: u64, kind: ChangeKind) -> Result<(), Error> {
        if self.reach.is_live() && self.f.way(kind) == Way::Instruction {
            return Err(Error::NeedsInstruction { va: va(self.f, at), kind });
        }
        Ok(())
    }

    /// Writes software's bits in the table word of the slot: `change` gives the word that is wanted.
    fn mark<L: Level<Format = R::Format>>(
        &self,
        table: Table<L>,
        slot: Span,
        change: impl Fn(WordOf<L>) -> WordOf<L>,
    ) -> Result<(), Error> {
        let (f, memory) = (self.f, &self.cx.memory);
        table.open(f, memory, |slots| {
            let number = index::<L>(f, slot.first);
            let mut old = slots.get(number);
            // The machine may record something in the word meanwhile.
            while let Err(now) = slots.exchange(number, old, change(old)) {
                old = now;
            }
        })?;
        clean_slots(f, memory, table, Span { first: slot.first, last: slot.first });
        Ok(())
    }
}

/// The table of level `L` on the way to `at` from `table` on down, if there is one.
fn find<R: Level, L: Level<Format = R::Format>, M: Memory>(
    f: R::Format,
    memory: &M,
    table: Table<R>,
    at: u64,
) -> Result<Option<Table<L>>, Error> {
    if R::IS_FLOOR || R::NUMBER == L::NUMBER {
        return Ok(Some(Table::at(table.address())));
    }
    let w = table.read(f, memory, at)?;
    if !R::is_table(f, w) {
        return if R::SKIPS && R::is_skip(f, w) { Err(unfit::<R>(f, w, at)) } else { Ok(None) };
    }
    if is_foreign::<R>(f, w) {
        return Err(Error::Borrowed { va: va(f, at) });
    }
    find::<R::Below, L, M>(f, memory, Table::below::<R>(f, w), at)
}

/// The error for the word of a slot that does not point to a table.
fn no_table<L: Level>(f: L::Format, w: WordOf<L>, at: u64) -> Error {
    let va = va(f, at);
    if L::is_leaf(f, w) {
        Error::Occupied { va }
    } else if L::is_absent(f, w) {
        Error::Hole { va }
    } else {
        unfit::<L>(f, w, at)
    }
}

/// Counts one owner more, and says so in the word.
struct Share;

impl<F: Format> Deed<F> for Share {
    type Output = Oa;

    fn run<R: Level<Format = F>, L: Level<Format = F>, M: Memory, A: Frames, T>(
        self,
        mut at: Found<'_, R, M, A, T>,
        slot: Span,
    ) -> Result<Oa, Error> {
        let (f, here) = (at.f, va(at.f, slot.first));
        let Some(table) = at.table::<L>(slot.first)? else { return Err(Error::Hole { va: here }) };
        let w = table.read(f, &at.cx.memory, slot.first)?;
        if !L::is_table(f, w) {
            return Err(no_table::<L>(f, w, slot.first));
        }
        at.check_way(slot.first, ChangeKind::Other)?;
        let address = Table::below::<L>(f, w).address();
        if is_foreign::<L>(f, w) && at.cx.frames.owners(address) == 0 {
            return Err(Error::Borrowed { va: here });
        }
        if !at.cx.frames.share(address) {
            return Err(Error::Unshareable { va: here });
        }
        let foreign = foreign_bit::<L>(f);
        let marked = at.pin::<L>(slot).and_then(|()| at.mark(table, slot, |w| w | foreign));
        marked.inspect_err(|_| _ = at.cx.frames.unshare(address)).map(|()| address)
    }
}

/// Says in the word that the table is this root's own, if nobody else has it.
struct Reclaim;

impl<F: Format> Deed<F> for Reclaim {
    type Output = bool;

    fn run<R: Level<Format = F>, L: Level<Format = F>, M: Memory, A: Frames, T>(
        self,
        at: Found<'_, R, M, A, T>,
        slot: Span,
    ) -> Result<bool, Error> {
        let (f, here) = (at.f, va(at.f, slot.first));
        let Some(table) = at.table::<L>(slot.first)? else { return Err(Error::Hole { va: here }) };
        let w = table.read(f, &at.cx.memory, slot.first)?;
        if !L::is_table(f, w) {
            return Err(no_table::<L>(f, w, slot.first));
        }
        let address = Table::below::<L>(f, w).address();
        if !is_foreign::<L>(f, w) || at.cx.frames.owners(address) != 1 {
            return Ok(false);
        }
        at.check_way(slot.first, ChangeKind::Other)?;
        let foreign = foreign_bit::<L>(f);
        at.mark(table, slot, |w| w & !foreign)?;
        Ok(at.cx.frames.unshare(address))
    }
}

/// Links a table of another root.
struct Link {
    table: Oa,
    place: Place,
}

impl<F: Format> Deed<F> for Link {
    type Output = Unflushed<F>;

    fn run<R: Level<Format = F>, L: Level<Format = F>, M: Memory, A: Frames, T>(
        self,
        mut at: Found<'_, R, M, A, T>,
        slot: Span,
    ) -> Result<Unflushed<F>, Error> {
        let (f, here, address) = (at.f, va(at.f, slot.first), self.table);
        let align = L::Below::align_lg2(f);
        if !address.is_aligned(align) {
            return Err(Error::Misaligned { address: address.get(), lg2: align });
        }
        let (last, limit) =
            (address.get() | low(crate::engine::reserve::shape::<L::Below>(f).bytes_lg2), f.table_last());
        if last > limit {
            return Err(Error::OutOfRange { oa: Oa::new(last), last: Oa::new(limit) });
        }
        if let Some(table) = at.table::<L>(slot.first)?
            && !L::is_empty(f, table.read(f, &at.cx.memory, slot.first)?)
        {
            return Err(Error::Occupied { va: here });
        }
        at.check_way(slot.first, ChangeKind::Fill)?;
        at.pin::<L>(slot)?;
        let Some(table) = at.table::<L>(slot.first)? else { return Err(Error::Hole { va: here }) };
        let (word, memory) = (L::table(f, address.get()) | foreign_bit::<L>(f), &at.cx.memory);
        table.open(f, memory, |slots| slots.link(index::<L>(f, slot.first), word))?;
        clean_slots(f, memory, table, Span { first: slot.first, last: slot.first });
        let flush = at.reach.is_live() && f.way(ChangeKind::Fill) != Way::Lazy;
        let range = va_range(f, slot.first, slot.last);
        let request = flush.then(|| at.reach.request(f, range, all_sizes::<L::Below>(f), true));
        Ok(Unflushed::new(f, request, Garbage::NONE, self.place))
    }
}

/// Gives back the table of some level at `address`, and what is below.
struct FreeAt<'c, F, M, A, T> {
    f: F,
    cx: &'c mut Context<M, A, T>,
    address: Oa,
    level: u8,
}

impl<F: Format, M: Memory, A: Frames, T> RootVisitor<F> for FreeAt<'_, F, M, A, T> {
    type Output = Result<(), Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if L::IS_FLOOR {
            return Ok(());
        }
        if L::NUMBER != self.level {
            return self.visit::<L::Below>();
        }
        let Self { f, cx, address, .. } = self;
        Ok(free_subtree(f, &cx.memory, &mut cx.frames, Table::<L>::at(address))?)
    }
}
