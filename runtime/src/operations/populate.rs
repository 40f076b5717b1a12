//! Tables without leaves: so that what is mapped later takes no frames.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::atomic::{Ordering, fence};
use crate::context::Context;
use crate::engine::clean::{clean_new, clean_slots};
use crate::engine::exchange::exchange_of;
use crate::engine::garbage::Garbage;
use crate::engine::ownership::{is_foreign, is_pinned, pinned_bit};
use crate::engine::reserve::{Need, Reserve};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::prepare::count_below;
use crate::range_mut::{RangeMut, Target};
use crate::tables::skips::unfit;
use crate::tables::span::{Span, all_sizes, index, low, slot_last, va};
use crate::tables::table::{Slots, Table};
use crate::tables::word::Word;

/// Whether tables stay when they are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pin {
    /// They stay until the tree is given back: no operation unlinks them. That is written into software's bits of the
    /// words that point to them.
    Pinned,
    /// They go like others, when a range that they are in is unmapped.
    Plain,
}

impl<F: Format> RangeMut<'_, F> {
    /// Makes the tables that leaves of `2^lg2` bytes anywhere in `range` take, without making leaves: later maps of such
    /// leaves take no frames. With [`Pin::Pinned`], tables that are there already are pinned as well, and all above
    /// them. No translation changes.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchSize`] if the format has no such leaves, [`Error::Occupied`] if a larger leaf is in the way, or a
    /// larger absent word that carries something, [`Error::Borrowed`] if another root's table is,
    /// [`Error::Unencodable`] if tables are to be pinned and the format has no bits for that,
    /// [`Error::NeedsInstruction`], [`Error::OutOfFrames`], [`Error::Memory`], and what is wrong with `range`. Nothing
    /// has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn populate<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        lg2: u32,
        pin: Pin,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(PopulateAt { target, place, cx, range: range.into(), lg2, pin })
    }
}

/// `populate` below a root.
struct PopulateAt<'a, F, M, A, T> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    lg2: u32,
    pin: Pin,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for PopulateAt<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, lg2, pin } = self;
        let f = target.f;
        let Context { memory, frames, tlb } = cx;
        let Some((span, job)) = Populate::new::<L>(&target, &*memory, range, (lg2, pin))? else {
            return Ok(Unflushed::nothing(f));
        };
        let job = Populate { has_instruction: T::EXCHANGES, ..job };
        let root = Table::<L>::at(target.root);
        let new = job.run(root, span, frames, tlb)?;
        let flush = new && job.live && f.way(ChangeKind::Fill) != Way::Lazy;
        let request = flush.then(|| target.reach.request(f, range, Sizes::one(lg2), true));
        Ok(Unflushed::new(f, request, Garbage::NONE, place))
    }
}

/// Making tables.
pub(crate) struct Populate<'a, F, M> {
    pub(crate) f: F,
    pub(crate) memory: &'a M,
    pub(crate) live: bool,
    /// Slots of at most `2^lg2` bytes need no tables.
    pub(crate) lg2: u32,
    pub(crate) pin: Pin,
    /// Whether there is an instruction for what takes one.
    pub(crate) has_instruction: bool,
}

impl<'a, F: Format, M: Memory> Populate<'a, F, M> {
    /// The job for `range` below a root of level `L`, unless there is nothing to do. It takes it that there is an
    /// instruction for what takes one.
    pub(crate) fn new<L: Level<Format = F>>(
        target: &Target<F>,
        memory: &'a M,
        range: VaRange,
        (lg2, pin): (u32, Pin),
    ) -> Result<Option<(Span, Self)>, Error> {
        let f = target.f;
        if !all_sizes::<L>(f).has(lg2) {
            return Err(Error::NoSuchSize { lg2 });
        }
        let span = target.span_to_change::<L, M>(memory, range)?;
        let live = target.reach.is_live();
        Ok(span.map(|span| (span, Self { f, memory, live, lg2, pin, has_instruction: true })))
    }

    /// Looks for what is in the way, takes the frames, and makes the tables. Returns whether there are new ones.
    pub(crate) fn run<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        frames: &mut A,
        tlb: &mut T,
    ) -> Result<bool, Error> {
        let (f, memory) = (self.f, self.memory);
        let mut need = Need::default();
        memory.begin();
        self.plan(root, span, &mut need)?;
        let mut reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let committed = self.commit(root, span, &mut reserve, tlb);
        reserve.give_back(f, memory, frames);
        committed.map(|()| !need.is_nothing())
    }

    /// Whether slots of level `L` need no tables.
    fn is_end<L: Level<Format = F>>(&self) -> bool {
        !L::HAS_TABLES || L::shift(self.f) <= self.lg2
    }

    /// Looks for what is in the way, and counts the tables that are missing.
    pub(crate) fn plan<L: Level<Format = F>>(&self, table: Table<L>, span: Span, need: &mut Need) -> Result<(), Error> {
        if self.is_end::<L>() {
            return Ok(());
        }
        if self.pin == Pin::Pinned && pinned_bit::<L>(self.f) == WordOf::<L>::ZERO {
            return Err(Unencodable { attribute: "pinned" }.into());
        }
        let mut at = Some(span.first);
        while let Some(first) = at {
            let child = table.open(self.f, self.memory, |slots| self.plan_slots(&slots, &mut at, span, need))??;
            if let Some(child) = child {
                let first = at.unwrap_or(first);
                let below = Span { first, last: slot_last::<L>(self.f, first).min(span.last) };
                self.plan(child, below, need)?;
                at = (below.last < span.last).then(|| below.last + 1);
            }
        }
        Ok(())
    }

    /// Plans from `at` to the next slot that has a table, or to the end.
    fn plan_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        at: &mut Option<u64>,
        span: Span,
        need: &mut Need,
    ) -> Result<Option<Table<L::Below>>, Error> {
        let f = self.f;
        while let Some(first) = *at {
            let (w, end) = (slots.get_acquire(index::<L>(f, first)), slot_last::<L>(f, first));
            if L::is_table(f, w) {
                self.check_table::<L>(w, first)?;
                return Ok(Some(Table::below::<L>(f, w)));
            }
            if !L::is_empty(f, w) {
                return Err(in_the_way::<L>(f, w, first));
            }
            self.check_way::<L>(first, ChangeKind::Fill)?;
            count_below::<L>(f, self.lg2, Span { first, last: end.min(span.last) }, need);
            *at = (end < span.last).then(|| end + 1);
        }
        Ok(None)
    }

    /// Refuses a table that is another root's, and one that is to be pinned and cannot be.
    fn check_table<L: Level<Format = F>>(&self, w: WordOf<L>, at: u64) -> Result<(), Error> {
        let f = self.f;
        if is_foreign::<L>(f, w) {
            return Err(Error::Borrowed { va: va(f, at) });
        }
        if self.pin == Pin::Pinned && !is_pinned::<L>(f, w) {
            return self.check_way::<L>(at, ChangeKind::Other);
        }
        Ok(())
    }

    /// Refuses a change of `kind` that takes an instruction, if there is none.
    fn check_way<L: Level<Format = F>>(&self, at: u64, kind: ChangeKind) -> Result<(), Error> {
        if self.takes_instruction(kind) && !self.has_instruction {
            return Err(Error::NeedsInstruction { va: va(self.f, at & !low(L::shift(self.f))), kind });
        }
        Ok(())
    }

    /// Whether a change of `kind` takes an instruction here.
    fn takes_instruction(&self, kind: ChangeKind) -> bool {
        self.live && self.f.way(kind) == Way::Instruction
    }

    /// Makes what has been planned, from above: a new table is linked while it is empty.
    fn commit<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        reserve: &mut Reserve,
        tlb: &mut T,
    ) -> Result<(), Error> {
        if self.is_end::<L>() {
            return Ok(());
        }
        let mut first = span.first;
        loop {
            let below = Span { first, last: slot_last::<L>(self.f, first).min(span.last) };
            let child = self.child(table, first, reserve, tlb)?;
            self.commit(child, below, reserve, tlb)?;
            if below.last == span.last {
                return Ok(());
            }
            first = below.last + 1;
        }
    }

    /// The table below the slot of `at`, made if there is none, and pinned if that is wanted. Whoever changes
    /// neighbouring ranges may make it at the same time: who comes second uses the first one's.
    fn child<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        at: u64,
        reserve: &mut Reserve,
        tlb: &mut T,
    ) -> Result<Table<L::Below>, Error> {
        let (f, memory) = (self.f, self.memory);
        let pin = if self.pin == Pin::Pinned { pinned_bit::<L>(f) } else { WordOf::<L>::ZERO };
        let mut old = table.read(f, memory, at)?;
        while L::is_table(f, old) {
            if old & pin == pin {
                return Ok(Table::below::<L>(f, old));
            }
            // The machine may record something in the word meanwhile.
            let changed = self.exchange((table, at), old, old | pin, ChangeKind::Other, tlb)?;
            old = changed.err().unwrap_or(old | pin);
        }
        let new = reserve.take::<L::Below, M>(f, memory)?;
        let empty = L::Below::empty(f);
        new.open(f, memory, |slots| slots.fill(0, slots.len() - 1, |_| empty))?;
        clean_new(f, memory, &new);
        let word = L::table(f, new.address().get()) | pin;
        match self.exchange((table, at), old, word, ChangeKind::Fill, tlb) {
            Ok(Ok(())) => Ok(Table::below::<L>(f, word)),
            Ok(Err(now)) if L::is_table(f, now) => {
                reserve.put(f, memory, new)?;
                self.child(table, at, reserve, tlb)
            }
            Ok(Err(now)) => {
                reserve.put(f, memory, new)?;
                Err(in_the_way::<L>(f, now, at))
            }
            Err(error) => {
                reserve.put(f, memory, new)?;
                Err(error)
            }
        }
    }

    /// Writes `new` in the slot of `at`, where `old` has been seen, by the instruction if a change of `kind` takes one. If
    /// `old` is not there any more, says what is.
    fn exchange<L: Level<Format = F>, T: Tlb>(
        &self,
        (table, at): (Table<L>, u64),
        old: WordOf<L>,
        new: WordOf<L>,
        kind: ChangeKind,
        tlb: &mut T,
    ) -> Result<Result<(), WordOf<L>>, Error> {
        let (f, memory) = (self.f, self.memory);
        if self.takes_instruction(kind) {
            // The instruction does not say that earlier stores come before it.
            fence(Ordering::Release);
            let exchanged = tlb.exchange(&exchange_of(f, table, at, old, new)).map_err(WordOf::<L>::truncate);
            if exchanged == Err(old) {
                return Err(Error::NeedsInstruction { va: va(f, at & !low(L::shift(f))), kind });
            }
            return Ok(exchanged);
        }
        let exchanged = table.open(f, memory, |slots| slots.exchange(index::<L>(f, at), old, new))?;
        clean_slots(f, memory, table, Span { first: at, last: at });
        Ok(exchanged)
    }
}

/// Why there can be no table at `at`.
#[cold]
fn in_the_way<L: Level>(f: L::Format, w: WordOf<L>, at: u64) -> Error {
    if L::is_absent(f, w) || L::is_leaf(f, w) { Error::Occupied { va: va(f, at) } } else { unfit::<L>(f, w, at) }
}
