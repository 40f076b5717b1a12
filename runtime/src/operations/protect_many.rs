//! Changing attributes in several places by one operation, all or nothing.
//!
//! Every place is planned before the first store, and the frames for all of them are taken. Then each is changed as it
//! would be by itself.

use super::protect::{Patch, Protect};
use crate::address::{Va, VaRange};
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::edit::Edit;
use crate::engine::job::Job;
use crate::engine::progress::Progress;
use crate::engine::reserve::{Counted, Need, Reserve};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{Format, Level, RootVisitor, Way};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::reservation::Reservation;
use crate::range_mut::{RangeMut, Target};
use crate::tables::span::{Span, all_sizes, check_aligned, low, va, va_range};
use crate::tables::table::Table;

/// What a rule says about a VA and those that follow it.
///
/// ```
/// use ptgen::{Va, Verdict};
///
/// let verdict = Verdict { allowed: false, until: Va::new(0x20_0000) };
/// assert!(!verdict.allowed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Whether the change may be made.
    pub allowed: bool,
    /// The first VA behind those for which that holds: a multiple of the smallest leaf. Zero, or any address that is not
    /// above the one asked about, means the rest of the range.
    pub until: Va,
}

impl<F: Format> RangeMut<'_, F> {
    /// Changes what leaves say in several ranges, each in its own way: a mapping and its aliases, say. All or nothing.
    /// What is returned covers every range in which something has changed, whichever that is. The ranges must not
    /// overlap.
    ///
    /// # Errors
    ///
    /// [`Error::Overlap`], and those of [`protect`](Self::protect) for any of the ranges. Nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn protect_each<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        changes: &[(VaRange, F::Change)],
        policy: Protect,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(ProtectEach { target, place, cx, changes, policy })
    }

    /// Changes what the leaves in `range` say where `rule` allows it. The rule is asked about an address and says what
    /// holds from there until where; leaves are split at these places. `denied` is shown each part that was left alone.
    ///
    /// The rule is asked twice about each part, before anything is changed and when it is, and has to say the same. A
    /// part begins and ends at a multiple of the smallest leaf.
    ///
    /// # Errors
    ///
    /// Those of [`protect`](Self::protect) for what is allowed; [`Error::Misaligned`] if the rule changes its mind within
    /// a page. Nothing has been changed then, and `denied` has been shown nothing.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn protect_where<M: Memory, A: Frames, T: Tlb, R: FnMut(Va) -> Verdict, D: FnMut(VaRange)>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        change: &F::Change,
        policy: Protect,
        rule: R,
        denied: D,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(ProtectWhere { target, place, cx, range: range.into(), change, policy, rule, denied })
    }
}

/// Changes that are made together.
struct Together<'a, F: Format, M> {
    target: Target<F>,
    memory: &'a M,
    policy: Protect,
    need: Need,
    counted: Counted,
    unflushed: Unflushed<F>,
    place: Place,
}

impl<'a, F: Format, M: Memory> Together<'a, F, M> {
    fn new(target: Target<F>, memory: &'a M, policy: Protect, place: Place) -> Self {
        let (need, counted) = (Need::default(), Counted::default());
        Self { target, memory, policy, need, counted, unflushed: Unflushed::nothing(target.f), place }
    }

    /// Plans the change of `span`.
    fn plan<L: Level<Format = F>, T: Tlb>(&mut self, change: &F::Change, span: Span) -> Result<(), Error> {
        check_aligned(self.target.f, span, all_sizes::<L>(self.target.f).smallest().unwrap_or(0))?;
        let job = Job::new::<L>(&self.target, self.memory, Patch::<F>(change), self.policy.policy());
        let job = job.with_instruction(T::EXCHANGES);
        job.plan_splits(Table::<L>::at(self.target.root), span, (&mut self.need, Some(&mut self.counted))).map(drop)
    }

    /// Takes the frames for all that has been planned.
    fn take<A: Frames>(&self, frames: &mut A) -> Result<Reservation<F, &'a M>, Error> {
        let f = self.target.f;
        let reserve = Reserve::take_all(f, self.memory, frames, &self.need)?;
        Ok(Reservation::new(f, self.memory, reserve, self.place))
    }

    /// Makes the change of `span`.
    fn commit<L: Level<Format = F>, A: Frames, T: Tlb>(
        mut self,
        change: &F::Change,
        span: Span,
        (frames, tlb): (&mut A, &mut T),
    ) -> (Self, Result<(), Error>) {
        let Target { f, root, reach, .. } = self.target;
        let edit = Patch::<F>(change);
        let is_lazy = Edit::<F>::way(&edit, f) == Way::Lazy;
        let job = Job::new::<L>(&self.target, self.memory, edit, self.policy.policy());
        let job = job.with_instruction(T::EXCHANGES);
        match job.run(Table::<L>::at(root), span, frames, tlb) {
            Ok(Progress { garbage, touched }) => {
                let request = touched.request(f, reach, is_lazy);
                let unflushed = Unflushed::new(f, request, garbage, self.place);
                self.unflushed = self.unflushed.merge(unflushed, self.memory);
                (self, Ok(()))
            }
            Err(error) => (self, Err(error)),
        }
    }
}

/// `protect_each` below a root.
struct ProtectEach<'a, F: Format, M, A, T> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    changes: &'a [(VaRange, F::Change)],
    policy: Protect,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for ProtectEach<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, changes, policy } = self;
        let Context { memory, frames, tlb } = &mut *cx;
        let mut all = Together::new(target, &*memory, policy, place);
        for (number, (range, change)) in changes.iter().enumerate() {
            let Some(span) = target.span_to_change::<L, M>(&*memory, *range)? else { continue };
            for (other, _) in &changes[..number] {
                if let Some(other) = target.span::<L>(*other)?
                    && other.first <= span.last
                    && span.first <= other.last
                {
                    return Err(Error::Overlap { va: va(target.f, other.first.max(span.first)) });
                }
            }
            all.plan::<L, T>(change, span)?;
        }
        let mut reservation = all.take(frames)?;
        let mut result = Ok(());
        for (range, change) in changes {
            if let (Ok(()), Some(span)) = (&result, target.span::<L>(*range)?) {
                (all, result) = all.commit::<L, _, _>(change, span, (&mut reservation, &mut *tlb));
            }
        }
        reservation.release(frames);
        let unflushed = all.unflushed;
        end(unflushed, result, cx)
    }
}

/// What a caller gets: if the memory has refused in the middle, what was done by then is flushed.
fn end<F: Format, M: Memory, A: Frames, T: Tlb>(
    unflushed: Unflushed<F>,
    result: Result<(), Error>,
    cx: &mut Context<M, A, T>,
) -> Result<Unflushed<F>, Error> {
    match result {
        Ok(()) => Ok(unflushed),
        Err(error) => {
            unflushed.flush(cx);
            Err(error)
        }
    }
}

/// `protect_where` below a root.
struct ProtectWhere<'a, F: Format, M, A, T, R, D> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    change: &'a F::Change,
    policy: Protect,
    rule: R,
    denied: D,
}

/// The part of `span` from `at` on for which one verdict of `rule` holds.
fn part<F: Format>(f: F, span: Span, at: u64, rule: &mut impl FnMut(Va) -> Verdict) -> (bool, Span) {
    let start = va(f, at);
    let Verdict { allowed, until } = rule(start);
    let bytes = until.get().wrapping_sub(start.get());
    let last = if until <= start { span.last } else { at.saturating_add(bytes - 1).min(span.last) };
    (allowed, Span { first: at, last })
}

impl<F: Format, M: Memory, A: Frames, T: Tlb, R: FnMut(Va) -> Verdict, D: FnMut(VaRange)> RootVisitor<F>
    for ProtectWhere<'_, F, M, A, T, R, D>
{
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, change, policy, mut rule, mut denied } = self;
        let f = target.f;
        let Context { memory, frames, tlb } = &mut *cx;
        let Some(span) = target.span_to_change::<L, M>(&*memory, range)? else { return Ok(Unflushed::nothing(f)) };
        let mut all = Together::new(target, &*memory, policy, place);
        let lg2 = all_sizes::<L>(f).smallest().unwrap_or(0);
        check_aligned(f, span, lg2)?;
        let mut next = Some(span.first);
        while let Some(at) = next {
            let (allowed, part) = part(f, span, at, &mut rule);
            if part.last != span.last && part.last & low(lg2) != low(lg2) {
                return Err(Error::Misaligned { address: va(f, part.last).get().wrapping_add(1), lg2 });
            }
            if allowed {
                all.plan::<L, T>(change, part)?;
            }
            next = (part.last < span.last).then(|| part.last + 1);
        }
        let mut reservation = all.take(frames)?;
        let mut result = Ok(());
        let mut next = Some(span.first);
        while let (Ok(()), Some(at)) = (&result, next) {
            let (allowed, part) = part(f, span, at, &mut rule);
            if allowed {
                (all, result) = all.commit::<L, _, _>(change, part, (&mut reservation, &mut *tlb));
            } else {
                denied(va_range(f, part.first, part.last));
            }
            next = (part.last < span.last).then(|| part.last + 1);
        }
        reservation.release(frames);
        let unflushed = all.unflushed;
        end(unflushed, result, cx)
    }
}
