//! Making translations.

use crate::address::{Oa, VaRange};
use crate::alarm::Place;
use crate::context::Context;
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Unencodable, Way};
use crate::frames::Frames;
use crate::garbage::Garbage;
use crate::memory::Memory;
use crate::pieces::{Piece, fill, fill_new, piece};
use crate::range_mut::{RangeMut, Target};
use crate::reserve::{Need, Reserve};
use crate::span::{Span, all_sizes, check_aligned, index, length_lg2, low, slot_last, va};
use crate::table::{NewTable, Slots, Table};

/// Of which leaves a mapping is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaves {
    /// As large as VA, OA, length and attributes allow. Where a table is in the way, what fits under it.
    Largest,
    /// All of `2^lg2` bytes.
    Exactly(
        /// The lg2.
        u32,
    ),
}

impl<F: Format> RangeMut<'_, F> {
    /// Translates `range` to `oa` and up. Nothing may be there yet.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is in the way; nothing has been changed then.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn map<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        oa: impl Into<Oa>,
        attributes: &F::Attributes,
        leaves: Leaves,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        let wanted = Wanted { range: range.into(), oa: oa.into(), attributes, leaves };
        target.f.root(Map { target, place, cx, wanted })
    }
}

/// A job and the span that it is for.
type Spanned<J> = (Span, J);

/// What is to be mapped.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a, F: Format> {
    pub(crate) range: VaRange,
    pub(crate) oa: Oa,
    pub(crate) attributes: &'a F::Attributes,
    pub(crate) leaves: Leaves,
}

impl<'a, F: Format> Wanted<'a, F> {
    /// The job of mapping it below a root of level `L`, unless there is nothing to map.
    #[inline]
    fn job<'m, L: Level<Format = F>, M: Memory>(
        &self,
        target: &Target<F>,
        memory: &'m M,
    ) -> Result<Option<Spanned<Job<'m, F, M>>>, Error>
    where
        'a: 'm,
    {
        let f = target.f;
        let Some(span) = target.span::<L>(self.range)? else { return Ok(None) };
        let oa = self.oa.get();
        check_output(f, span, oa)?;
        let sizes = sizes::<L>(f, self.attributes, self.leaves)?;
        let delta = oa.wrapping_sub(span.first);
        let sizes = congruent(f, sizes, span, oa, delta)?;
        if target.reach.is_live() && f.way(ChangeKind::Fill) == Way::Instruction {
            return Err(Error::NeedsInstruction { va: va(f, span.first), kind: ChangeKind::Fill });
        }
        Ok(Some((span, Job { f, memory, attributes: self.attributes, sizes, delta })))
    }

    /// Plans only: says what `map` would refuse, and counts what it would need. Nothing is changed.
    pub(crate) fn plan<L: Level<Format = F>, M: Memory>(
        &self,
        target: &Target<F>,
        memory: &M,
        need: &mut Need,
    ) -> Result<(), Error> {
        let Some((span, job)) = self.job::<L, M>(target, memory)? else { return Ok(()) };
        memory.begin();
        job.plan(Table::<L>::at(target.root), span, need)
    }
}

/// `map` below a root.
struct Map<'a, F: Format, M, A, T> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    wanted: Wanted<'a, F>,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for Map<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Target { f, reach, root, .. } = self.target;
        let Context { memory, frames, .. } = self.cx;
        let memory = &*memory;
        let Some((span, job)) = self.wanted.job::<L, M>(&self.target, memory)? else {
            return Ok(Unflushed::nothing(f));
        };
        let root = Table::<L>::at(root);
        memory.begin();
        let tables = !job.at_once(root, span)? && job.in_two_steps(root, span, frames)?;
        let flush = reach.is_live() && f.way(ChangeKind::Fill) != Way::Lazy;
        let request = flush.then(|| reach.request(f, self.wanted.range, job.sizes, tables));
        Ok(Unflushed::new(f, request, Garbage::NONE, self.place))
    }
}

/// Refuses OA that the format cannot say.
#[inline]
fn check_output<F: Format>(f: F, span: Span, oa: u64) -> Result<(), Error> {
    let last = f.output_last();
    match oa.checked_add(span.last - span.first) {
        Some(end) if end <= last => Ok(()),
        end => Err(Error::OutOfRange { oa: Oa::new(end.unwrap_or(u64::MAX)), last: Oa::new(last) }),
    }
}

/// The sizes at `L` and below that are asked for and can say the attributes.
fn sizes<L: Level>(
    f: L::Format,
    attributes: &<L::Format as Format>::Attributes,
    leaves: Leaves,
) -> Result<Sizes, Error> {
    let all = all_sizes::<L>(f);
    let wanted = match leaves {
        Leaves::Largest => all,
        Leaves::Exactly(lg2) if all.has(lg2) => Sizes::one(lg2),
        Leaves::Exactly(lg2) => return Err(Error::NoSuchSize { lg2 }),
    };
    let mut lost = None;
    let sizes = without_unencodable::<L>(f, attributes, wanted, &mut lost);
    match lost {
        Some(lost) if sizes.is_empty() => Err(lost.into()),
        _ => Ok(sizes),
    }
}

#[inline]
fn without_unencodable<L: Level>(
    f: L::Format,
    attributes: &<L::Format as Format>::Attributes,
    wanted: Sizes,
    lost: &mut Option<Unencodable>,
) -> Sizes {
    if L::IS_FLOOR {
        return wanted;
    }
    let mut sizes = wanted;
    for size in wanted.and(L::leaf_sizes(f)).iter() {
        if let Err(error) = L::template(f, attributes, size) {
            sizes = Sizes(sizes.0 & !Sizes::one(size).0);
            *lost = Some(error);
        }
    }
    if L::HAS_TABLES { without_unencodable::<L::Below>(f, attributes, sizes, lost) } else { sizes }
}

/// Those sizes of which a multiple among the VA is one among the OA. Refuses a span that cannot be made of them.
#[inline]
fn congruent<F: Format>(f: F, sizes: Sizes, span: Span, oa: u64, delta: u64) -> Result<Sizes, Error> {
    let Some(smallest) = sizes.smallest() else { return Err(Error::NoSuchSize { lg2: 0 }) };
    check_aligned(f, span, smallest)?;
    if oa & low(smallest) != 0 {
        return Err(Error::Misaligned { address: oa, lg2: smallest });
    }
    Ok(sizes.up_to(delta.trailing_zeros()))
}

/// What is the same for the whole operation.
struct Job<'a, F: Format, M> {
    f: F,
    memory: &'a M,
    attributes: &'a F::Attributes,
    /// The sizes that may be used.
    sizes: Sizes,
    /// OA minus position.
    delta: u64,
}

/// What happens to the slots from a position on.
enum Step<L: Level> {
    /// They become one leaf of `2^size` bytes.
    Leaf(u32),
    /// One becomes a pointer to a new table.
    New,
    /// The rest is done in the table below it.
    Below(Table<L::Below>),
}

/// Where an operation leaves a table's slots for one of the tables below.
struct Descent<L: Level> {
    span: Span,
    /// The table, or none if it has to be made.
    table: Option<Table<L::Below>>,
}

impl<F: Format, M: Memory> Job<'_, F, M> {
    /// The sizes of leaves that may be used in tables of level `L`.
    #[inline(always)]
    fn sizes<L: Level<Format = F>>(&self) -> Sizes {
        L::leaf_sizes(self.f).and(self.sizes)
    }

    /// Plans, takes the frames, and commits, on two ways down. Returns whether there are new tables. Not inlined, for
    /// small mappings do without.
    #[inline(never)]
    fn in_two_steps<L: Level<Format = F>, A: Frames>(
        &self,
        root: Table<L>,
        span: Span,
        frames: &mut A,
    ) -> Result<bool, Error> {
        let (f, memory) = (self.f, self.memory);
        let mut need = Need::default();
        memory.begin();
        self.plan(root, span, &mut need)?;
        let mut reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let committed = self.commit(root, span, &mut reserve);
        reserve.give_back(f, memory, frames);
        committed.map(|()| !need.is_nothing())
    }

    /// Plans and commits on one way down, where the whole span is in one table that can only have leaves and is free
    /// there: most of what is mapped is small. Returns whether it is; if not, nothing was done.
    #[inline]
    fn at_once<L: Level<Format = F>>(&self, table: Table<L>, span: Span) -> Result<bool, Error> {
        let (f, memory) = (self.f, self.memory);
        if L::IS_FLOOR {
            return Ok(false);
        }
        if !L::HAS_TABLES {
            memory.commit();
            return table.open(f, memory, |slots| {
                let stretch = slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last));
                if stretch.find(|w| !L::is_empty(f, w)).is_some() {
                    return Ok(false);
                }
                self.commit_leaves(&slots, span).map(|()| true)
            })?;
        }
        if span.last > slot_last::<L>(f, span.first) || self.sizes.up_to(L::shift(f).saturating_sub(1)).is_empty() {
            return Ok(false);
        }
        let w = table.read(f, memory, span.first)?;
        if L::is_table(f, w) { self.at_once(Table::below::<L>(f, w), span) } else { Ok(false) }
    }

    /// Says what happens at `at`, or that something is in the way.
    #[inline]
    fn step<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, at: u64, last: u64) -> Result<Step<L>, Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let first = index::<L>(f, at);
        if at & low(shift) == 0 {
            let mut sizes = self.sizes::<L>().up_to(at.trailing_zeros().min(length_lg2(at, last)));
            while let Some(size) = sizes.largest_up_to(63) {
                let run = slots.stretch(first, first + low(size - shift) as usize);
                let in_the_way = run.find(|w| !L::is_empty(f, w));
                let Some(number) = in_the_way else { return Ok(Step::Leaf(size)) };
                let w = slots.get(first + number);
                if !L::is_table(f, w) {
                    return Err(occupied::<L>(f, w, at + ((number as u64) << shift)));
                }
                sizes = Sizes(sizes.0 & !Sizes::one(size).0);
            }
        }
        let w = slots.get_acquire(first);
        let smaller = shift > 0 && !self.sizes.up_to(shift - 1).is_empty();
        if L::is_table(f, w) && smaller {
            Ok(Step::Below(Table::below::<L>(f, w)))
        } else if L::is_empty(f, w) && smaller {
            Ok(Step::New)
        } else {
            Err(occupied::<L>(f, w, at))
        }
    }

    /// Checks that the span is free, and counts the tables that it takes.
    fn plan<L: Level<Format = F>>(&self, table: Table<L>, span: Span, need: &mut Need) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let mut at = span.first;
        loop {
            let descent = table.open(self.f, self.memory, |slots| self.plan_slots(&slots, at, span.last, need))??;
            let Some(Descent { span: below, table: Some(table) }) = descent else { return Ok(()) };
            self.plan(table, below, need)?;
            if below.last == span.last {
                return Ok(());
            }
            at = below.last + 1;
        }
    }

    #[inline]
    fn plan_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        mut at: u64,
        last: u64,
        need: &mut Need,
    ) -> Result<Option<Descent<L>>, Error> {
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
            let end = match self.step(slots, at, last)? {
                Step::Leaf(size) => at | low(size),
                Step::New => {
                    let end = slot_last::<L>(f, at).min(last);
                    self.count::<L::Below>(Span { first: at, last: end }, need, 1);
                    end
                }
                Step::Below(table) => {
                    let span = Span { first: at, last: slot_last::<L>(f, at).min(last) };
                    return Ok(Some(Descent { span, table: Some(table) }));
                }
            };
            if end == last {
                return Ok(None);
            }
            at = end + 1;
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

    /// Writes what has been planned.
    fn commit<L: Level<Format = F>>(&self, table: Table<L>, span: Span, reserve: &mut Reserve) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let mut at = span.first;
        loop {
            let descent = table.open(self.f, self.memory, |slots| self.commit_slots(&slots, at, span.last))??;
            let Some(Descent { span: below, table: child }) = descent else { return Ok(()) };
            match child {
                Some(child) => self.commit(child, below, reserve)?,
                None => {
                    let child = self.build::<L::Below>(below, reserve)?;
                    let w = L::table(self.f, child.address().get());
                    table.open(self.f, self.memory, |slots| slots.link(index::<L>(self.f, below.first), w))?;
                }
            }
            if below.last == span.last {
                return Ok(());
            }
            at = below.last + 1;
        }
    }

    #[inline]
    fn commit_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        mut at: u64,
        last: u64,
    ) -> Result<Option<Descent<L>>, Error> {
        let f = self.f;
        if !L::HAS_TABLES {
            return self.commit_leaves(slots, Span { first: at, last }).map(|()| None);
        }
        loop {
            let table = match self.step(slots, at, last)? {
                Step::Leaf(size) => {
                    let end = at | low(size);
                    let template = L::template(f, self.attributes, size)?;
                    let oa = at.wrapping_add(self.delta);
                    fill(f, slots, Span { first: at, last: end }, (template, size), oa, |w| w);
                    if end == last {
                        return Ok(None);
                    }
                    at = end + 1;
                    continue;
                }
                Step::New => None,
                Step::Below(table) => Some(table),
            };
            return Ok(Some(Descent { span: Span { first: at, last: slot_last::<L>(f, at).min(last) }, table }));
        }
    }

    /// Writes leaves into slots that have been found empty.
    #[inline]
    fn commit_leaves<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, span: Span) -> Result<(), Error> {
        self.leaf_pieces::<L>(span, |piece, (template, size), oa| {
            fill(self.f, slots, piece, (template, size), oa, |w| w);
        })
    }

    /// Calls `put` with each piece of `span` that is made of leaves of one size, their template and size, and their OA.
    #[inline(always)]
    fn leaf_pieces<L: Level<Format = F>>(
        &self,
        span: Span,
        mut put: impl FnMut(Span, (F::Word, u32), u64),
    ) -> Result<(), Error> {
        let (f, sizes) = (self.f, self.sizes::<L>());
        let mut at = span.first;
        loop {
            let Piece { last, size } = piece(sizes, L::shift(f), Span { first: at, last: span.last });
            if let Some(size) = size {
                let template = L::template(f, self.attributes, size)?;
                put(Span { first: at, last }, (template, size), at.wrapping_add(self.delta));
            }
            if last == span.last {
                return Ok(());
            }
            at = last + 1;
        }
    }

    /// Makes a table with leaves for `span` and what is below it, which nobody sees yet.
    fn build<L: Level<Format = F>>(&self, span: Span, reserve: &mut Reserve) -> Result<NewTable<L>, Error> {
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
                fill_new(f, &slots, piece, (template, size), oa, |w| w);
            })
        })??;
        if L::HAS_TABLES {
            self.build_below(&table, span, reserve)?;
        }
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

/// What is in the way of a leaf at `at`.
#[cold]
fn occupied<L: Level>(f: L::Format, w: <L::Format as Format>::Word, at: u64) -> Error {
    if L::is_absent(f, w) || L::is_leaf(f, w) || L::is_table(f, w) {
        Error::Occupied { va: va(f, at) }
    } else {
        Error::Reserved { va: va(f, at), level: L::NUMBER, word: w.into() }
    }
}
