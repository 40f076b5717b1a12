//! Calling a function for every slot of a range.
//!
//! The function sees what a slot holds as a value, made of one read, and says what becomes of the slot. It never has a
//! table in its hands, and what it says takes effect before it is called for the next slot. Its error ends the operation:
//! what was done stays done, and the error says how far that was.

mod store;

use super::populate::{Pin, Populate};
use super::split::split_span;
use crate::address::{Oa, Va, VaRange};
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::garbage::Garbage;
use crate::engine::lock::read_unlocked;
use crate::engine::ownership::is_foreign;
use crate::error::Error;
use crate::flush::{FlushRequest, Tlb, Unflushed};
use crate::format::{Format, Level, RootVisitor, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::unmap::Partial;
use crate::range_mut::{RangeMut, Target};
use crate::reading::translate::Mapping;
use crate::tables::skips::unfit;
use crate::tables::span::{Span, check_aligned, low, slot_last, va, va_range};
use crate::tables::table::Table;

/// Which slots a function is called for.
///
/// ```
/// use ptgen::{Apply, Partial, Visited};
///
/// assert_eq!(Apply::create(12), Apply { visited: Visited::All, leaf_lg2: 12, larger: Partial::Refuse });
/// assert_eq!(Apply::existing(21).split_larger().larger, Partial::Split);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Apply {
    /// Which slots.
    pub visited: Visited,
    /// lg2 of the bytes of a slot: one that leaves of the format have, runs excepted.
    pub leaf_lg2: u32,
    /// What larger leaves mean, runs among them: they are split, or end the operation.
    pub larger: Partial,
}

/// For which of a range's slots a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visited {
    /// All. Tables are made where there are none.
    All,
    /// Those that are not empty.
    Occupied,
    /// All of the tables that there are.
    Existing,
}

impl Apply {
    /// All slots of `2^leaf_lg2` bytes; tables are made for them.
    #[must_use]
    pub const fn create(leaf_lg2: u32) -> Self {
        Self { visited: Visited::All, leaf_lg2, larger: Partial::Refuse }
    }

    /// The slots that are not empty.
    #[must_use]
    pub const fn existing(leaf_lg2: u32) -> Self {
        Self { visited: Visited::Occupied, ..Self::create(leaf_lg2) }
    }

    /// The slots of the tables that there are, empty ones too.
    #[must_use]
    pub const fn existing_and_empty(leaf_lg2: u32) -> Self {
        Self { visited: Visited::Existing, ..Self::create(leaf_lg2) }
    }

    /// Larger leaves are split.
    #[must_use]
    pub const fn split_larger(self) -> Self {
        Self { larger: Partial::Split, ..self }
    }
}

/// What a function is shown of a slot: what it held a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupant<F: Format> {
    /// The first VA of the slot.
    pub va: Va,
    /// lg2 of the bytes of the slot.
    pub size_lg2: u32,
    /// The number of the level.
    pub level: u8,
    /// The word.
    pub word: F::Word,
    /// What the word says.
    pub holds: Holds<F>,
}

impl<F: Format> Occupant<F> {
    /// The leaf, if there is one.
    #[must_use]
    pub const fn leaf(&self) -> Option<&Mapping<F>> {
        match &self.holds {
            Holds::Leaf(leaf) => Some(leaf),
            Holds::Nothing | Holds::Payload(_) => None,
        }
    }
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds<F: Format> {
    /// Nothing.
    Nothing,
    /// Nothing that translates, but something of the client's.
    Payload(
        /// What it is.
        u64,
    ),
    /// A leaf.
    Leaf(
        /// What it translates and says.
        Mapping<F>,
    ),
}

/// What becomes of a slot.
#[derive(Clone, Copy, Debug)]
pub enum Applied<F: Format> {
    /// It stays as it is.
    Keep,
    /// It gets a leaf. What a machine has recorded in a leaf with the same OA that was there is kept.
    Set {
        /// The OA, a multiple of the slot's size.
        oa: Oa,
        /// What the leaf says.
        attributes: F::Attributes,
    },
    /// It is emptied.
    Clear,
    /// The attributes of its leaf are changed. If it has none, nothing happens.
    Change(
        /// Which, and what to.
        F::Change,
    ),
}

/// An operation that ended before it was done.
#[must_use = "what was done until then has to be flushed"]
#[derive(Debug)]
pub struct Stopped<F: Format, E> {
    /// Everything below this address has been done, and nothing from it on.
    pub done: Va,
    /// What has to be flushed.
    pub unflushed: Unflushed<F>,
    /// Why it ended.
    pub cause: Cause<E>,
}

/// Why an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<E> {
    /// It cannot go on.
    Refused(
        /// Because of this.
        Error,
    ),
    /// The function has returned an error.
    Function(
        /// This one.
        E,
    ),
}

impl<E> From<Error> for Cause<E> {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl<E> From<crate::MemoryError> for Cause<E> {
    fn from(error: crate::MemoryError) -> Self {
        Self::Refused(error.into())
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Calls `function` for the slots of `range`, in order, and does with each what it returns. Each slot is shown once,
    /// as it was when it was read; what a machine records in a leaf meanwhile is kept in a leaf that stays.
    ///
    /// Tables that had to be made stay, even if nothing is put into them. Larger leaves that are split are flushed before
    /// a part of them is shown.
    ///
    /// # Errors
    ///
    /// The operation ends with the first error, which is the function's or says what is in the way: the range;
    /// [`Error::NoSuchSize`]; [`Error::PartialLeaf`] at a larger leaf that must not be split; [`Error::Occupied`] where
    /// there are smaller leaves, or something of the client's in place of a table; [`Error::Borrowed`];
    /// [`Error::OutOfFrames`]; what the function asks for and the format does not allow.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn apply<M: Memory, A: Frames, T: Tlb, E, C: FnMut(&Occupant<F>) -> Result<Applied<F>, E>>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Apply,
        function: C,
    ) -> Result<Unflushed<F>, Stopped<F, E>> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(ApplyAt { target, place, cx, range: range.into(), policy, function })
    }
}

/// `apply` below a root.
struct ApplyAt<'a, F, M, A, T, C> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    policy: Apply,
    function: C,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb, E, C: FnMut(&Occupant<F>) -> Result<Applied<F>, E>> RootVisitor<F>
    for ApplyAt<'_, F, M, A, T, C>
{
    type Output = Result<Unflushed<F>, Stopped<F, E>>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, policy, function } = self;
        let f = target.f;
        let lg2 = policy.leaf_lg2;
        let span = target.span_to_change::<L, M>(&cx.memory, range).and_then(|span| {
            let has_slots = has_slots::<L>(f, lg2);
            let aligned = span.map_or(Ok(()), |span| check_aligned(f, span, lg2));
            if has_slots { aligned.map(|()| span) } else { Err(Error::NoSuchSize { lg2 }) }
        });
        let span = match span {
            Ok(Some(span)) => span,
            Ok(None) => return Ok(Unflushed::nothing(f)),
            Err(error) => {
                let unflushed = Unflushed::nothing(f);
                return Err(Stopped { done: range.start(), unflushed, cause: Cause::Refused(error) });
            }
        };
        let mut job = Job { target, cx, policy, function, request: None };
        let mut at = span.first;
        let result = job.run::<L>(&mut at, span.last);
        let unflushed = Unflushed::new(f, job.request, Garbage::NONE, place);
        match result {
            Ok(()) => Ok(unflushed),
            Err(cause) => Err(Stopped { done: va(f, at), unflushed, cause }),
        }
    }
}

/// Whether leaves of `2^lg2` bytes stand in slots of that size.
fn has_slots<L: Level>(f: L::Format, lg2: u32) -> bool {
    !L::IS_FLOOR && (L::shift(f) == lg2 && L::leaf_sizes(f).has(lg2) || L::HAS_TABLES && has_slots::<L::Below>(f, lg2))
}

/// An application under way.
struct Job<'a, F: Format, M, A, T, C> {
    target: Target<F>,
    cx: &'a mut Context<M, A, T>,
    policy: Apply,
    function: C,
    request: Option<FlushRequest>,
}

/// Why a way down ended where it did.
enum Halt {
    /// At the end.
    Done,
    /// There is no table for the slot.
    NoTable,
    /// There is a larger leaf; its last position.
    Larger(u64),
}

impl<F: Format, M: Memory, A: Frames, T: Tlb, E, C: FnMut(&Occupant<F>) -> Result<Applied<F>, E>>
    Job<'_, F, M, A, T, C>
{
    /// Goes through all slots from `at` to `last`.
    fn run<L: Level<Format = F>>(&mut self, at: &mut u64, last: u64) -> Result<(), Cause<E>> {
        let Target { f, root, reach, .. } = self.target;
        let root = Table::<L>::at(root);
        let lg2 = self.policy.leaf_lg2;
        loop {
            self.cx.memory.begin();
            match self.table(root, at, last, f.no_limits())? {
                Halt::Done => return Ok(()),
                Halt::NoTable => {
                    let Context { memory, frames, tlb } = &mut *self.cx;
                    let (live, has_instruction) = (reach.is_live(), T::EXCHANGES);
                    let populate = Populate { f, memory: &*memory, live, lg2, pin: Pin::Plain, has_instruction };
                    let slot = Span { first: *at, last: *at | low(lg2) };
                    populate.run(root, slot, frames, tlb)?;
                    store::filled(&self.target, &mut self.request, slot);
                }
                Halt::Larger(leaf_last) => {
                    let part = Span { first: *at, last: leaf_last.min(last) };
                    let place = Place::unknown();
                    let split = split_span::<L, _, _, _>(self.target, self.cx, part, lg2, place)?;
                    split.flush(self.cx);
                }
            }
        }
    }

    /// Goes through the slots of a table and below from `at` on, until something has to be made first.
    fn table<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        at: &mut u64,
        last: u64,
        limits: F::Word,
    ) -> Result<Halt, Cause<E>> {
        let f = self.target.f;
        if L::IS_FLOOR {
            return Ok(Halt::Done);
        }
        let is_end = L::shift(f) == self.policy.leaf_lg2;
        let visited = self.policy.visited;
        loop {
            let (found, w) = table.open(f, &self.cx.memory, |slots| {
                // Empty slots that nobody wants to see.
                let mut next = *at;
                loop {
                    let w = read_unlocked::<L>(&self.target, &slots, next);
                    let end = slot_last::<L>(f, next);
                    let skips = L::is_absent(f, w)
                        && if is_end {
                            visited == Visited::Occupied && L::is_empty(f, w)
                        } else {
                            visited != Visited::All
                        };
                    if !skips || end >= last {
                        return (if skips { None } else { Some(next) }, w);
                    }
                    next = end + 1;
                }
            })?;
            let Some(found) = found else { return Ok(Halt::Done) };
            *at = found;
            let end = slot_last::<L>(f, found);
            if is_end {
                if let Some(halt) = self.slot(table, found, w, limits)? {
                    return Ok(halt);
                }
            } else if L::is_table(f, w) {
                if is_foreign::<L>(f, w) {
                    return Err(Error::Borrowed { va: va(f, found & !low(L::shift(f))) }.into());
                }
                let limits = L::limit(f, limits, w);
                match self.table(Table::below::<L>(f, w), at, end.min(last), limits)? {
                    Halt::Done => {}
                    halt => return Ok(halt),
                }
            } else {
                return self.no_table::<L>(w, found);
            }
            if end >= last {
                return Ok(Halt::Done);
            }
            *at = end + 1;
        }
    }

    /// What to do about the word `w` where a table should be.
    fn no_table<L: Level<Format = F>>(&self, w: WordOf<L>, at: u64) -> Result<Halt, Cause<E>> {
        let f = self.target.f;
        if L::is_empty(f, w) {
            return Ok(Halt::NoTable);
        }
        let va = va(f, at & !low(L::shift(f)));
        if L::is_leaf(f, w) {
            return self.larger::<L>(w, at);
        }
        Err(if L::is_absent(f, w) { Error::Occupied { va }.into() } else { unfit::<L>(f, w, at).into() })
    }

    /// What to do about a leaf that is larger than a slot.
    fn larger<L: Level<Format = F>>(&self, w: WordOf<L>, at: u64) -> Result<Halt, Cause<E>> {
        let (f, size_lg2) = (self.target.f, L::leaf_lg2(self.target.f, w));
        match self.policy.larger {
            Partial::Split => Ok(Halt::Larger(at | low(size_lg2))),
            Partial::Refuse => Err(Error::PartialLeaf { va: va(f, at & !low(size_lg2)), size_lg2 }.into()),
        }
    }

    /// Shows the slot of `at`, which held `w`, and does what is wanted.
    fn slot<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        at: u64,
        w: WordOf<L>,
        limits: F::Word,
    ) -> Result<Option<Halt>, Cause<E>> {
        let (f, size_lg2) = (self.target.f, L::shift(self.target.f));
        let va = va(f, at);
        let holds = if L::is_empty(f, w) {
            Holds::Nothing
        } else if L::is_absent(f, w) {
            Holds::Payload(L::payload(f, w))
        } else if L::is_leaf(f, w) {
            if L::leaf_lg2(f, w) > size_lg2 {
                return self.larger::<L>(w, at).map(Some);
            }
            Holds::Leaf(Mapping::of::<L>(f, w, limits, at))
        } else if L::is_table(f, w) {
            return Err(Error::Occupied { va }.into());
        } else {
            return Err(unfit::<L>(f, w, at).into());
        };
        let occupant = Occupant { va, size_lg2, level: L::NUMBER, word: w, holds };
        let applied = (self.function)(&occupant).map_err(Cause::Function)?;
        let slot = Span { first: at, last: at | low(size_lg2) };
        let Context { memory, tlb, .. } = &mut *self.cx;
        store::Store { target: self.target, memory: &*memory, tlb, table, slot, request: &mut self.request }
            .apply(w, &applied)?;
        Ok(None)
    }
}

/// The VA of a slot.
fn range_of<F: Format>(f: F, slot: Span) -> VaRange {
    va_range(f, slot.first, slot.last)
}
