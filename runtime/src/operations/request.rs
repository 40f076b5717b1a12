//! Operations as values: what one would take is said without doing it, and done later.

use core::fmt;

use crate::MAX_LEVELS;
use crate::address::{Oa, VaRange};
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::edit::{Edit, Policy};
use crate::engine::job::Job;
use crate::engine::reserve::{Need, Reserve};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{Format, Level, RootVisitor};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::map::{Leaves, Wanted};
use crate::operations::protect::{Patch, Protect};
use crate::operations::reservation::Reservation;
use crate::operations::unmap::{Clear, Unmap};
use crate::operations::{Hide, Hiding, Join, Pin, Populate, Showing, count_joins, plan_split};
use crate::range_mut::{RangeMut, Target};
use crate::tables::span::{all_sizes, check_aligned};
use crate::tables::table::Table;
use crate::tree::Tree;

/// An operation on a range of VA.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Request<'a, F: Format> {
    /// [`RangeMut::map`].
    Map {
        /// What the range starts at.
        oa: Oa,
        /// What the leaves say.
        attributes: &'a F::Attributes,
        /// Of which leaves.
        leaves: Leaves,
    },
    /// [`RangeMut::unmap`].
    Unmap(Unmap),
    /// [`RangeMut::protect`].
    Protect(
        /// What the leaves say from then on.
        &'a F::Change,
        Protect,
    ),
    /// [`RangeMut::hide`].
    Hide(Hide),
    /// [`RangeMut::show`].
    Show(Hide),
    /// [`RangeMut::split`].
    Split(
        /// lg2 of the bytes of the largest leaves that are to be left.
        u32,
    ),
    /// [`RangeMut::join`].
    Join(Join),
    /// [`RangeMut::populate`].
    Populate {
        /// lg2 of the bytes of the leaves that are to be mapped later.
        lg2: u32,
        /// Whether the tables stay.
        pin: Pin,
    },
}

/// What an operation would take, as the tables stand. Made by [`RangeMut::plan`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plan<F> {
    format: F,
    need: Need,
    joins: u64,
}

impl<F: Format> Plan<F> {
    /// How many new tables of `level`. Zero for levels that there are none of.
    #[must_use]
    pub fn tables(&self, level: u8) -> u64 {
        self.need.counts().get(usize::from(level)).copied().unwrap_or(0)
    }

    /// How many new tables.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.need.counts().iter().sum()
    }

    /// How many leaves would be split, runs that are taken apart included.
    #[must_use]
    pub const fn splits(&self) -> u64 {
        self.need.splits()
    }

    /// How many leaves would be made of smaller ones, as these stand there: a run of leaves that are themselves made by
    /// the operation is not counted.
    #[must_use]
    pub const fn joins(&self) -> u64 {
        self.joins
    }

    /// Takes just the frames that the operation needs. Given a context [with the reservation](Context::with_frames), it
    /// neither allocates nor fails, as long as the range is what it was when it was planned.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfFrames`], [`Error::OutOfRange`] if a frame is beyond what words can say, [`Error::Memory`]. Nothing
    /// is taken then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn reserve<M: Memory + Clone, A: Frames, T>(
        &self,
        cx: &mut Context<M, A, T>,
    ) -> Result<Reservation<F, M>, Error> {
        let place = Place::of_caller();
        cx.memory.begin();
        let reserve = Reserve::take_all(self.format, &cx.memory, &mut cx.frames, &self.need)?;
        Ok(Reservation::new(self.format, cx.memory.clone(), reserve, place))
    }
}

impl<F> fmt::Debug for Plan<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: [u64; MAX_LEVELS] = self.need.counts();
        out.debug_struct("Plan")
            .field("tables", &tables)
            .field("splits", &self.need.splits())
            .field("joins", &self.joins)
            .finish()
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Says what `request` would take on `range`, and what of its policy, of the format or of the tables would stop it.
    /// Nothing is changed.
    ///
    /// ```
    /// use ptgen::{Arena, Attributes, Context, Error, Format, Leaves, NoTlb, Request, Tree};
    ///
    /// fn example<F: Format<Word = u64>>(f: F) -> Result<(), Error> {
    ///     let mut words = vec![0_u64; 64 * 512];
    ///     let arena = Arena::new(0x10_0000, &mut words);
    ///     let mut cx = Context::new(&arena, &arena, NoTlb);
    ///     let mut tree = Tree::new(&mut cx, f)?;
    ///     let attributes = F::Attributes::kernel_data();
    ///     let request = Request::Map { oa: 0x1000.into(), attributes: &attributes, leaves: Leaves::Largest };
    ///
    ///     // Here one may sleep, or fail.
    ///     let plan = tree.plan(&cx, 0x1000..0x5000_u64, &request)?;
    ///     let mut reservation = plan.reserve(&mut cx)?;
    ///     // Here one may not.
    ///     let mut prepared = cx.with_frames(&mut reservation);
    ///     tree.commit(&mut prepared, 0x1000..0x5000_u64, &request)?.flush(&mut prepared);
    ///     assert!(reservation.is_empty());
    ///     tree.free(&mut cx)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the operation, [`Error::OutOfFrames`] excepted. Where the machine needs an instruction, a plan takes the
    /// context to have it.
    pub fn plan<M: Memory>(
        &self,
        memory: &M,
        range: impl Into<VaRange>,
        request: &Request<'_, F>,
    ) -> Result<Plan<F>, Error> {
        let target = self.target;
        target.f.root(PlanAt { target, memory, range: range.into(), request })
    }

    /// Does what `request` says on `range`: the method that it is named after.
    ///
    /// # Errors
    ///
    /// As there; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn commit<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        request: &Request<'_, F>,
    ) -> Result<Unflushed<F>, Error> {
        match *request {
            Request::Map { oa, attributes, leaves } => self.map(cx, range, oa, attributes, leaves),
            Request::Unmap(policy) => self.unmap(cx, range, policy),
            Request::Protect(change, policy) => self.protect(cx, range, change, policy),
            Request::Hide(policy) => self.hide(cx, range, policy),
            Request::Show(policy) => self.show(cx, range, policy),
            Request::Split(lg2) => self.split(cx, range, lg2),
            Request::Join(policy) => self.join(cx, range, policy),
            Request::Populate { lg2, pin } => self.populate(cx, range, lg2, pin),
        }
    }
}

impl<F: Format> Tree<F> {
    /// [`RangeMut::plan`] in all that the tables can translate, which says what it does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn plan<M: Memory>(
        &mut self,
        memory: &M,
        range: impl Into<VaRange>,
        request: &Request<'_, F>,
    ) -> Result<Plan<F>, Error> {
        self.range_mut().plan(memory, range, request)
    }
}

/// A plan below a root.
struct PlanAt<'a, 'r, F: Format, M> {
    target: Target<F>,
    memory: &'a M,
    range: VaRange,
    request: &'a Request<'r, F>,
}

impl<F: Format, M: Memory> RootVisitor<F> for PlanAt<'_, '_, F, M> {
    type Output = Result<Plan<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, memory, range, request } = self;
        let mut plan = Plan { format: target.f, need: Need::default(), joins: 0 };
        let need = &mut plan.need;
        match *request {
            Request::Map { oa, attributes, leaves } => {
                Wanted { range, oa, attributes, leaves }.plan::<L, M>(&target, memory, need)?;
            }
            Request::Unmap(policy) => self.edit::<L, _>(Clear, policy.policy(), need)?,
            Request::Protect(change, policy) => self.edit::<L, _>(Patch::<F>(change), policy.policy(), need)?,
            Request::Hide(policy) => self.edit::<L, _>(Hiding, policy.policy(), need)?,
            Request::Show(policy) => self.edit::<L, _>(Showing, policy.policy(), need)?,
            Request::Split(lg2) => plan_split::<L, M>(target, memory, range, lg2, need)?,
            Request::Join(policy) => plan.joins = count_joins::<L, M>(target, memory, range, policy)?,
            Request::Populate { lg2, pin } => {
                if let Some((span, job)) = Populate::new::<L>(&target, memory, range, (lg2, pin))? {
                    memory.begin();
                    job.plan(Table::<L>::at(target.root), span, need)?;
                }
            }
        }
        Ok(plan)
    }
}

impl<F: Format, M: Memory> PlanAt<'_, '_, F, M> {
    /// Plans an edit.
    fn edit<L: Level<Format = F>, E: Edit<F>>(&self, edit: E, policy: Policy, need: &mut Need) -> Result<(), Error> {
        let target = &self.target;
        let Some(span) = target.span_to_change::<L, M>(self.memory, self.range)? else { return Ok(()) };
        check_aligned(target.f, span, all_sizes::<L>(target.f).smallest().unwrap_or(0))?;
        Job::new::<L>(target, self.memory, edit, policy).plan_only(Table::<L>::at(target.root), span, need)
    }
}
