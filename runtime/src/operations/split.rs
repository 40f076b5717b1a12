//! Splitting leaves into smaller ones that say the same.
//!
//! The plan looks for what is in the way and counts the tables, the commit makes them. A new table says what the leaf
//! said, all of it, before it is linked in the leaf's place; what the machine records in the leaf until then is said by
//! the parts. Where a leaf must not change its size in place, it goes through absent and a flush.

mod build;

use super::records::Recording;
use super::{Unused, later};
use crate::address::VaRange;
use crate::alarm::Place;
use crate::atomic::{Ordering, fence};
use crate::clean::{clean_new, clean_slots};
use crate::context::Context;
use crate::edit::Leaf;
use crate::error::Error;
use crate::exchange::exchange_of;
use crate::flush::{FlushRequest, Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Way, WordOf};
use crate::frames::Frames;
use crate::garbage::Garbage;
use crate::lock::{locked, read_unlocked};
use crate::memory::Memory;
use crate::ownership::is_foreign;
use crate::range_mut::{RangeMut, Target};
use crate::reserve::{Need, Reserve};
use crate::span::{Span, all_sizes, check_aligned, index, low, slot_last, va, va_range};
use crate::table::{Slots, Table};
use crate::undo::take_down;
use crate::word::Word;

impl<F: Format> RangeMut<'_, F> {
    /// Splits leaves until none in `range` is larger than `2^lg2` bytes. They say what they said, in every bit. What is
    /// not in `range` stays in leaves as large as can be.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchSize`] if the format has no leaves so small; [`Error::OutOfFrames`];
    /// [`Error::PartialLeaf`] or [`Error::Unencodable`] if a leaf says what smaller ones cannot;
    /// [`Error::BreakBeforeMake`] and [`Error::NeedsInstruction`] if a live leaf cannot change its size here;
    /// [`Error::Borrowed`] if `range` has tables of another root. Nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn split<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        lg2: u32,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(SplitAt { target, place, cx, range: range.into(), lg2 })
    }
}

/// `split` below a root.
struct SplitAt<'a, F, M, A, T> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    lg2: u32,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for SplitAt<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, lg2 } = self;
        let Some(span) = target.span::<L>(range)? else { return Ok(Unflushed::nothing(target.f)) };
        check_aligned(target.f, span, all_sizes::<L>(target.f).smallest().unwrap_or(0))?;
        split_span::<L, _, _, _>(target, cx, span, lg2, place)
    }
}

/// Splits the leaves in `span` below a root of level `L`.
pub(super) fn split_span<L: Level, M: Memory, A: Frames, T: Tlb>(
    target: Target<L::Format>,
    cx: &mut Context<M, A, T>,
    span: Span,
    lg2: u32,
    place: Place,
) -> Result<Unflushed<L::Format>, Error> {
    let f = target.f;
    if all_sizes::<L>(f).up_to(lg2).is_empty() {
        return Err(Error::NoSuchSize { lg2 });
    }
    let Context { memory, frames, tlb } = cx;
    let mut job = Job { target, memory: &*memory, tlb, lg2, request: None };
    let (root, mut need) = (Table::<L>::at(target.root), Need::default());
    memory.begin();
    job.plan(root, span, &mut need)?;
    let mut reserve = Reserve::take_all(f, job.memory, frames, &need)?;
    memory.commit();
    let committed = job.commit(root, span, &mut reserve);
    let request = job.request;
    reserve.give_back(f, &*memory, frames);
    let unflushed = Unflushed::new(f, request, Garbage::NONE, place);
    match committed {
        Ok(()) => Ok(unflushed),
        Err(error) => {
            unflushed.flush(cx);
            Err(error)
        }
    }
}

/// Says what `split` would refuse in `range` below a root of level `L`, and counts what it would need. Nothing is
/// changed.
pub(crate) fn plan_split<L: Level, M: Memory>(
    target: Target<L::Format>,
    memory: &M,
    range: VaRange,
    lg2: u32,
    need: &mut Need,
) -> Result<(), Error> {
    let f = target.f;
    let Some(span) = target.span::<L>(range)? else { return Ok(()) };
    check_aligned(f, span, all_sizes::<L>(f).smallest().unwrap_or(0))?;
    if all_sizes::<L>(f).up_to(lg2).is_empty() {
        return Err(Error::NoSuchSize { lg2 });
    }
    memory.begin();
    Job { target, memory, tlb: &mut Unused, lg2, request: None }.plan(Table::<L>::at(target.root), span, need)
}

/// A split under way.
struct Job<'a, F, M, T> {
    target: Target<F>,
    memory: &'a M,
    tlb: &'a mut T,
    /// Leaves are to have at most `2^lg2` bytes.
    lg2: u32,
    request: Option<FlushRequest>,
}

/// What a table's slots have that is not done with them.
enum Found<L: Level> {
    /// A table below.
    Table(WordOf<L>),
    /// A leaf that is too large.
    Leaf(Leaf<WordOf<L>>),
}

impl<F: Format, M: Memory, T: Tlb> Job<'_, F, M, T> {
    /// The first thing in `span` of a table that is a table or too large a leaf, and where it is.
    fn next<L: Level<Format = F>>(&self, table: Table<L>, span: Span) -> Result<Option<(u64, Found<L>)>, Error> {
        let f = self.target.f;
        Ok(table.open(f, self.memory, |slots| {
            let mut at = span.first;
            loop {
                let w = read_unlocked::<L>(&self.target, &slots, at);
                let mut end = slot_last::<L>(f, at);
                if L::is_table(f, w) {
                    return Some((at, Found::Table(w)));
                }
                if L::is_leaf(f, w) {
                    let leaf = Leaf::of::<L>(f, w, at);
                    if leaf.size_lg2 > self.lg2 {
                        return Some((at, Found::Leaf(leaf)));
                    }
                    end = leaf.span.last;
                }
                if end >= span.last {
                    return None;
                }
                at = end + 1;
            }
        })?)
    }

    /// Looks for what is in the way, and counts the tables that are needed.
    fn plan<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span, need: &mut Need) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let Target { f, reach, .. } = self.target;
        let (kind, way) = (ChangeKind::Size, f.way(ChangeKind::Size));
        let mut at = span.first;
        while let Some((found, what)) = self.next(table, Span { first: at, ..span })? {
            let va = va(f, found & !low(L::shift(f)));
            let end = match what {
                Found::Table(w) if is_foreign::<L>(f, w) => return Err(Error::Borrowed { va }),
                Found::Table(w) => {
                    let below = Span { first: found, last: slot_last::<L>(f, found).min(span.last) };
                    self.plan(Table::below::<L>(f, w), below, need)?;
                    below.last
                }
                Found::Leaf(leaf) if reach.is_live() && way == Way::Break && !self.may_break::<L>(&leaf) => {
                    return Err(Error::BreakBeforeMake { va: crate::span::va(f, leaf.span.first), kind });
                }
                Found::Leaf(leaf)
                    if reach.is_live() && way == Way::Instruction && (!T::EXCHANGES || leaf.size_lg2 > L::shift(f)) =>
                {
                    return Err(Error::NeedsInstruction { va: crate::span::va(f, leaf.span.first), kind });
                }
                Found::Leaf(leaf) => {
                    need.count_split();
                    build::plan_leaf::<L>(f, self.lg2, &leaf, leaf.part(span), need)?;
                    leaf.span.last
                }
            };
            if end >= span.last {
                break;
            }
            at = end + 1;
        }
        Ok(())
    }

    /// Whether a leaf may go through absent: if nothing here depends on it, and who shares it can be told to wait.
    fn may_break<L: Level<Format = F>>(&self, leaf: &Leaf<WordOf<L>>) -> bool {
        let Target { f, reach, .. } = self.target;
        let can_lock = leaf.size_lg2 == L::shift(f) && locked::<L>(f).is_some();
        reach.may_break() && (can_lock || self.target.owns(leaf.span))
    }

    /// Splits what has been planned.
    fn commit<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        span: Span,
        reserve: &mut Reserve,
    ) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let f = self.target.f;
        let mut at = span.first;
        while let Some((found, what)) = self.next(table, Span { first: at, ..span })? {
            let end = match what {
                Found::Table(w) => {
                    let below = Span { first: found, last: slot_last::<L>(f, found).min(span.last) };
                    self.commit(Table::below::<L>(f, w), below, reserve)?;
                    below.last
                }
                Found::Leaf(leaf) if leaf.size_lg2 > L::shift(f) => {
                    self.take_apart(table, &leaf, leaf.part(span))?;
                    // Its parts may still be too large.
                    at = found;
                    continue;
                }
                Found::Leaf(leaf) => {
                    self.split_slot(table, &leaf, leaf.part(span), reserve)?;
                    leaf.span.last
                }
            };
            if end >= span.last {
                break;
            }
            at = end + 1;
        }
        Ok(())
    }

    /// Writes a run as leaves that are no larger than wanted in `part`, or slots of their own.
    fn take_apart<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
    ) -> Result<(), Error> {
        let Target { f, reach, .. } = self.target;
        let recording = Recording::of_machine::<L>(f);
        let (first, last) = (index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
        let breaks = reach.is_live() && f.way(ChangeKind::Size) == Way::Break;
        let range = va_range(f, leaf.span.first, leaf.span.last);
        let oa = L::leaf_oa(f, leaf.word) & !low(leaf.size_lg2);
        // The machine may have recorded something in any of the run's words.
        let word = table.open(f, self.memory, |slots| {
            let run = slots.stretch(first, last);
            run.iter().fold(leaf.word, |word, slot| {
                recording.merge(word, if breaks { slot.take(L::empty(f)) } else { slot.get() })
            })
        })?;
        if breaks {
            clean_slots(f, self.memory, table, leaf.span);
            self.tlb.flush(&reach.request(f, range, L::leaf_sizes(f), false));
        }
        // Slots may be somebody else's, who has taken the run apart already.
        let size_lg2 = (!breaks).then_some(leaf.size_lg2);
        table.open(f, self.memory, |slots| {
            build::pieces_of_run::<L>(f, self.lg2, &Leaf { word, ..*leaf }, part, |span, template, size| {
                rewrite(f, &slots, span, (template, size), oa + (span.first - leaf.span.first), size_lg2);
            })
        })??;
        clean_slots(f, self.memory, table, leaf.span);
        if reach.is_live() && (!breaks || f.way(ChangeKind::Fill) != Way::Lazy) {
            later(&mut self.request, reach.request(f, range, L::leaf_sizes(f), false));
        }
        Ok(())
    }

    /// Replaces the leaf in a slot by a table with its parts.
    fn split_slot<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        reserve: &mut Reserve,
    ) -> Result<(), Error> {
        let Target { f, reach, .. } = self.target;
        let (live, number) = (reach.is_live(), index::<L>(f, leaf.span.first));
        let way = if live { f.way(ChangeKind::Size) } else { Way::Lazy };
        let range = va_range(f, leaf.span.first, leaf.span.last);
        let sizes = Sizes::one(leaf.size_lg2).or(all_sizes::<L::Below>(f));
        let mut leaf = *leaf;
        let mut held = None;
        loop {
            if way == Way::Break && held.is_none() {
                let word = if self.target.owns(leaf.span) { Some(L::empty(f)) } else { locked::<L>(f) };
                let word = word.unwrap_or(L::empty(f));
                let taken = table.open(f, self.memory, |slots| slots.exchange(number, leaf.word, word))?;
                if taken.is_ok() {
                    held = Some(word);
                    clean_slots(f, self.memory, table, leaf.span);
                    self.tlb.flush(&reach.request(f, range, sizes, true));
                } else if !self.is_still(table, &mut leaf)? {
                    return self.go_on(table, &leaf, part, reserve);
                }
                continue;
            }
            let child = build::table_below::<L, M>(f, self.memory, self.lg2, &leaf, part, reserve);
            if let (Some(held), true) = (held, child.is_err()) {
                let _ = table.open(f, self.memory, |slots| slots.exchange(number, held, leaf.word))?;
            }
            let child = child?;
            clean_new(f, self.memory, &child);
            let new = L::table(f, child.address().get());
            let linked = if way == Way::Instruction {
                let exchange = exchange_of(f, table, leaf.span.first, leaf.word, new);
                // The instruction does not say that earlier stores come before it.
                fence(Ordering::Release);
                self.tlb.exchange(&exchange).map_err(WordOf::<L>::truncate)
            } else {
                table.open(f, self.memory, |slots| slots.exchange(number, held.unwrap_or(leaf.word), new))?
            };
            if linked.is_ok() {
                break;
            }
            take_down(f, self.memory, child, reserve)?;
            if !self.is_still(table, &mut leaf)? {
                return self.go_on(table, &leaf, part, reserve);
            }
        }
        clean_slots(f, self.memory, table, leaf.span);
        if live && way != Way::Instruction && (way != Way::Break || f.way(ChangeKind::Fill) != Way::Lazy) {
            later(&mut self.request, reach.request(f, range, sizes, true));
        }
        Ok(())
    }

    /// Whether there is still a leaf in the slot, in which the machine has recorded something: its parts have to know.
    fn is_still<L: Level<Format = F>>(&self, table: Table<L>, leaf: &mut Leaf<WordOf<L>>) -> Result<bool, Error> {
        let f = self.target.f;
        let at = leaf.span.first;
        let now = table.open(f, self.memory, |slots| read_unlocked::<L>(&self.target, &slots, at))?;
        let still = L::is_leaf(f, now) && L::leaf_lg2(f, now) == leaf.size_lg2;
        if still {
            leaf.word = now;
        }
        Ok(still)
    }

    /// Goes on in the table that whoever changes a neighbouring range has made of the leaf.
    fn go_on<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        reserve: &mut Reserve,
    ) -> Result<(), Error> {
        let f = self.target.f;
        let now = table.read(f, self.memory, leaf.span.first)?;
        if L::is_table(f, now) {
            return self.commit(Table::below::<L>(f, now), part, reserve);
        }
        Err(Error::Hole { va: va(f, leaf.span.first) })
    }
}

/// Writes leaves over a part of a run. Where there is still the run, of `2^size_lg2` bytes, what the machine records
/// meanwhile is kept, and what is not the run any more is left alone.
fn rewrite<L: Level>(
    f: L::Format,
    slots: &Slots<'_, L>,
    span: Span,
    (template, size): (WordOf<L>, u32),
    oa: u64,
    size_lg2: Option<u32>,
) {
    let recording = Recording::of_machine::<L>(f);
    let is_identical = size > L::shift(f) && L::run_is_identical(f, size);
    let (first, last) = (index::<L>(f, span.first), index::<L>(f, span.last));
    for (offset, number) in (0..).zip(first..=last) {
        let oa = oa + (offset << L::shift(f));
        let new = L::leaf(f, template, size, if is_identical { oa & !low(size) } else { oa });
        let Some(size_lg2) = size_lg2 else {
            slots.set(number, new);
            continue;
        };
        let mut old = slots.get(number);
        while L::is_leaf(f, old) && L::leaf_lg2(f, old) == size_lg2 {
            match slots.exchange(number, old, recording.merge(new, old)) {
                Ok(()) => break,
                Err(now) => old = now,
            }
        }
    }
}
