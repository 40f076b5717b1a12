//! Making translations.

mod build;
mod commit;
mod plan;
mod replace;

use core::cell::Cell;

use crate::address::{Oa, VaRange};
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::clean::clean_slots;
use crate::engine::garbage::{Garbage, can_unlink};
use crate::engine::lock::read_unlocked;
use crate::engine::ownership::{foreign_bit, is_foreign, pinned_bit};
use crate::engine::pieces::{Piece, fill, piece};
use crate::engine::progress::Progress;
use crate::engine::reserve::{Need, Reserve};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Target};
use crate::tables::skips::unfit;
use crate::tables::span::{Span, all_sizes, check_aligned, index, length_lg2, low, slot_last, va};
use crate::tables::table::{Slots, Table};
use crate::tables::word::Word;

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
        let (target, place) = (&self.target, Place::of_caller());
        let wanted = Wanted { range: range.into(), oa: oa.into(), attributes, leaves };
        target.f.root(Map { target, place, cx, wanted })
    }
}

/// What is to be mapped.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a, F: Format> {
    pub(crate) range: VaRange,
    pub(crate) oa: Oa,
    pub(crate) attributes: &'a F::Attributes,
    pub(crate) leaves: Leaves,
}

impl<F: Format> Wanted<'_, F> {
    /// Plans only: says what `map` would refuse, and counts what it would need. Nothing is changed.
    pub(crate) fn plan<L: Level<Format = F>, M: Memory>(
        &self,
        target: &Target<F>,
        memory: &M,
        need: &mut Need,
    ) -> Result<(), Error> {
        let Some(span) = target.span_to_change::<L, M>(memory, self.range)? else { return Ok(()) };
        let job = Job::new::<L>(target, memory, (span, self.oa.get()), self.attributes, self.leaves)?;
        memory.begin();
        job.plan_all(Table::<L>::at(target.root), span, need)
    }
}

/// `map` below a root.
struct Map<'a, F: Format, M, A, T> {
    target: &'a Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    wanted: Wanted<'a, F>,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for Map<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let target = self.target;
        let f = target.f;
        let Context { memory, frames, tlb } = self.cx;
        let wanted = self.wanted;
        let Some(span) = target.span_to_change::<L, M>(memory, wanted.range)? else { return Ok(Unflushed::nothing(f)) };
        let memory = &*memory;
        let job = Job::new::<L>(target, memory, (span, wanted.oa.get()), wanted.attributes, wanted.leaves)?;
        let job = Job { has_instruction: T::EXCHANGES, ..job };
        let root = Table::<L>::at(self.target.root);
        memory.begin();
        if job.at_once(root, span)? {
            let flush = f.way(ChangeKind::Fill) != Way::Lazy && target.reach.is_live();
            let request = flush.then(|| target.reach.request(f, wanted.range, job.sizes, false));
            return Ok(Unflushed::new(f, request, Garbage::NONE, self.place));
        }
        let Progress { garbage, touched } = job.in_two_steps(root, span, frames, tlb)?;
        let request = touched.request(f, target.reach, false);
        Ok(Unflushed::new(f, request, garbage, self.place))
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

/// A template, and of which leaves.
#[derive(Clone, Copy)]
struct Template<W> {
    /// The number of the level.
    level: u8,
    /// lg2 of the size.
    size: u32,
    word: W,
}

/// The sizes at `L` and below that are asked for and can say the attributes, and the template of the last of them, the
/// smallest at the lowest level.
fn sizes<L: Level>(
    f: L::Format,
    attributes: &<L::Format as Format>::Attributes,
    leaves: Leaves,
) -> Result<(Sizes, Template<WordOf<L>>), Error> {
    let all = all_sizes::<L>(f);
    let wanted = match leaves {
        Leaves::Largest => all,
        Leaves::Exactly(lg2) if all.has(lg2) => Sizes::one(lg2),
        Leaves::Exactly(lg2) => return Err(Error::NoSuchSize { lg2 }),
    };
    let mut lost = None;
    // No leaf has this size.
    let mut made = Template { level: 0, size: u32::MAX, word: WordOf::<L>::ZERO };
    let sizes = without_unencodable::<L>(f, attributes, wanted, (&mut made, &mut lost));
    match lost {
        Some(lost) if sizes.is_empty() => Err(lost.into()),
        _ => Ok((sizes, made)),
    }
}

#[inline]
fn without_unencodable<L: Level>(
    f: L::Format,
    attributes: &<L::Format as Format>::Attributes,
    wanted: Sizes,
    (made, lost): (&mut Template<WordOf<L>>, &mut Option<Unencodable>),
) -> Sizes {
    if L::IS_FLOOR {
        return wanted;
    }
    let mut sizes = wanted;
    for size in wanted.and(L::leaf_sizes(f)).iter() {
        match L::template(f, attributes, size) {
            Ok(word) => *made = Template { level: L::NUMBER, size, word },
            Err(error) => {
                sizes = Sizes(sizes.0 & !Sizes::one(size).0);
                *lost = Some(error);
            }
        }
    }
    if L::HAS_TABLES { without_unencodable::<L::Below>(f, attributes, sizes, (made, lost)) } else { sizes }
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
    target: &'a Target<F>,
    memory: &'a M,
    attributes: &'a F::Attributes,
    /// One of the templates, which was made when the attributes were checked: mostly the only one.
    made: Template<F::Word>,
    /// The sizes that may be used.
    sizes: Sizes,
    /// Those that have been.
    used: Cell<Sizes>,
    /// OA minus position.
    delta: u64,
    /// Whether there is an instruction for what takes one.
    has_instruction: bool,
}

/// What a commit works with, beside the tables.
struct Env<'a, T> {
    tlb: &'a mut T,
    reserve: Reserve,
    progress: Progress,
}

/// What happens to the slots from a position on.
enum Step<L: Level> {
    /// They become one leaf of `2^size` bytes.
    Leaf(u32),
    /// So they do, if the tables there hold nothing.
    Replace(u32),
    /// One, which holds this word, becomes a pointer to a new table.
    New(WordOf<L>),
    /// The rest is done in the table below it.
    Below(Table<L::Below>),
}

/// Where an operation leaves a table's slots for one of the tables below.
enum Turn<L: Level> {
    /// For a table that is there.
    Below(Span, Table<L::Below>),
    /// For one that has to be made, for a slot that holds this word.
    New(Span, WordOf<L>),
    /// For tables that a leaf of `2^size` bytes may replace.
    Replace(Span, u32),
}

impl<'a, F: Format, M: Memory> Job<'a, F, M> {
    /// The job to translate `span` to `oa` and up below a root of level `L`. Refuses what can be refused without looking
    /// at tables.
    fn new<L: Level<Format = F>>(
        target: &'a Target<F>,
        memory: &'a M,
        (span, oa): (Span, u64),
        attributes: &'a F::Attributes,
        leaves: Leaves,
    ) -> Result<Self, Error> {
        let f = target.f;
        check_output(f, span, oa)?;
        let (sizes, made) = sizes::<L>(f, attributes, leaves)?;
        let delta = oa.wrapping_sub(span.first);
        let sizes = congruent(f, sizes, span, oa, delta)?;
        if target.reach.is_live() && f.way(ChangeKind::Fill) == Way::Instruction {
            return Err(Error::NeedsInstruction { va: va(f, span.first), kind: ChangeKind::Fill });
        }
        let used = Cell::new(Sizes(0));
        Ok(Self { f, target, memory, attributes, made, sizes, used, delta, has_instruction: true })
    }

    /// The template of leaves of `2^size` bytes at level `L`.
    #[inline(always)]
    fn template<L: Level<Format = F>>(&self, size: u32) -> Result<WordOf<L>, Unencodable> {
        if self.made.level == L::NUMBER && self.made.size == size {
            return Ok(self.made.word);
        }
        L::template(self.f, self.attributes, size)
    }

    /// Notes that leaves may have been made of these sizes.
    #[inline(always)]
    fn note(&self, sizes: Sizes) {
        self.used.set(self.used.get().or(sizes));
    }

    /// Whether tables at level `L` that hold nothing may be taken out.
    fn may_replace<L: Level<Format = F>>(&self) -> bool {
        can_unlink::<L>(self.f) && (self.has_instruction || !self.unlinks_by_instruction())
    }

    /// Whether tables in use are unlinked by an instruction.
    fn unlinks_by_instruction(&self) -> bool {
        self.target.reach.is_live() && self.f.way(ChangeKind::Unlink) == Way::Instruction
    }

    /// The sizes of leaves that may be used in tables of level `L`.
    #[inline(always)]
    fn sizes<L: Level<Format = F>>(&self) -> Sizes {
        L::leaf_sizes(self.f).and(self.sizes)
    }

    /// Plans, takes the frames, and commits, on two ways down. Not inlined, for small mappings do without.
    #[inline(never)]
    fn in_two_steps<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        frames: &mut A,
        tlb: &mut T,
    ) -> Result<Progress, Error> {
        let (f, memory) = (self.f, self.memory);
        let mut need = Need::default();
        memory.begin();
        self.plan_all(root, span, &mut need)?;
        let reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let mut env = Env { tlb, reserve, progress: Progress::NOTHING };
        let committed = self.commit(root, span, &mut env);
        env.reserve.give_back(f, memory, frames);
        committed?;
        if f.way(ChangeKind::Fill) != Way::Lazy {
            env.progress.touched.filled(span, self.used.get(), !need.is_nothing());
        }
        Ok(env.progress)
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
            let done = table.open(f, memory, |slots| {
                let (first, last) = (index::<L>(f, span.first), index::<L>(f, span.last));
                if first == last {
                    // One page, as most mappings are: the span is aligned to a size of this level, so to the slot's.
                    let size = L::shift(f);
                    let template = self.template::<L>(size)?;
                    let is_free = L::is_empty(f, slots.get(first));
                    if is_free {
                        slots.set(first, L::leaf(f, template, size, span.first.wrapping_add(self.delta)));
                    }
                    return Ok(is_free);
                }
                let stretch = slots.stretch(first, last);
                if stretch.find(|w| !L::is_empty(f, w)).is_some() {
                    return Ok(false);
                }
                self.commit_leaves(&slots, span).map(|()| true)
            })?;
            clean_slots(f, memory, table, span);
            return done;
        }
        if span.last > slot_last::<L>(f, span.first) {
            return Ok(false);
        }
        if !<L::Below as Level>::HAS_TABLES {
            // A leaf here may take the place of a table.
            let (shift, length) = (L::shift(f), span.last - span.first);
            if self.sizes.up_to(shift - 1).is_empty() || length == low(shift) && self.sizes.has(shift) {
                return Ok(false);
            }
        }
        let w = table.read(f, memory, span.first)?;
        if L::is_table(f, w) && !is_foreign::<L>(f, w) {
            self.at_once(Table::below::<L>(f, w), span)
        } else {
            Ok(false)
        }
    }

    /// Says what happens at `at`, with leaves of at most `2^most` bytes, or that something is in the way.
    #[inline]
    fn step<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        at: u64,
        last: u64,
        most: u32,
    ) -> Result<Step<L>, Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let first = index::<L>(f, at);
        if at & low(shift) == 0 {
            let mut sizes = self.sizes::<L>().up_to(at.trailing_zeros().min(length_lg2(at, last)).min(most));
            while let Some(size) = sizes.largest_up_to(63) {
                let run = slots.stretch(first, first + low(size - shift) as usize);
                let in_the_way = run.find(|w| !L::is_empty(f, w));
                let Some(number) = in_the_way else { return Ok(Step::Leaf(size)) };
                let w = slots.get(first + number);
                if !L::is_table(f, w) {
                    return Err(occupied::<L>(f, w, at + ((number as u64) << shift)));
                }
                if self.may_replace::<L::Below>() && run.find(|w| !L::is_empty(f, w) & !may_go::<L>(f, w)).is_none() {
                    return Ok(Step::Replace(size));
                }
                sizes = Sizes(sizes.0 & !Sizes::one(size).0);
            }
        }
        let w = read_unlocked::<L>(self.target, slots, at);
        let smaller = shift > 0 && !self.sizes.up_to(shift - 1).is_empty();
        if L::is_table(f, w) && smaller {
            if is_foreign::<L>(f, w) {
                return Err(Error::Borrowed { va: va(f, at & !low(shift)) });
            }
            Ok(Step::Below(Table::below::<L>(f, w)))
        } else if L::is_empty(f, w) && smaller {
            Ok(Step::New(w))
        } else {
            Err(occupied::<L>(f, w, at))
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
                let template = self.template::<L>(size)?;
                put(Span { first: at, last }, (template, size), at.wrapping_add(self.delta));
            }
            if last == span.last {
                return Ok(());
            }
            at = last + 1;
        }
    }
}

/// Whether `w` points to a table that may be taken out.
#[inline(always)]
fn may_go<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    L::is_table(f, w) & (w & (pinned_bit::<L>(f) | foreign_bit::<L>(f)) == WordOf::<L>::from(0))
}

/// What is in the way of a leaf at `at`.
#[cold]
fn occupied<L: Level>(f: L::Format, w: <L::Format as Format>::Word, at: u64) -> Error {
    if L::is_absent(f, w) || L::is_leaf(f, w) || L::is_table(f, w) {
        Error::Occupied { va: va(f, at) }
    } else {
        unfit::<L>(f, w, at)
    }
}
