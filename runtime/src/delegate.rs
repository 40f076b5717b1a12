//! The operations of [`RangeMut`](crate::RangeMut) on all that a tree translates: one line for each.

/// Methods of [`Tree`](crate::Tree) that are those of the range that covers everything.
macro_rules! delegate {
    ($($name:ident $(<$($generic:ident: $bound:path),*>)? ($($argument:ident: $of:ty),* $(,)?) -> $gives:ty;)*) => {
        impl<F: $crate::Format> $crate::Tree<F> {
            $(
                #[doc = concat!("[`RangeMut::", stringify!($name), "`](crate::RangeMut::", stringify!($name), ") on all ")]
                #[doc = "that the tables can translate, which says what it does and when it fails."]
                ///
                /// # Errors
                ///
                /// As there; nothing has been changed then, unless it says otherwise.
                #[inline]
                #[cfg_attr(debug_assertions, track_caller)]
                pub fn $name<M: $crate::Memory, A: $crate::Frames, T: $crate::Tlb $($(, $generic: $bound)*)?>(
                    &mut self,
                    cx: &mut $crate::Context<M, A, T>,
                    $($argument: $of),*
                ) -> $gives {
                    self.range_mut().$name(cx, $($argument),*)
                }
            )*
        }
    };
}

use crate::address::{Oa, Va, VaRange};
use crate::error::Error;
use crate::flush::Unflushed;
use crate::operations::map::Leaves;
use crate::operations::protect::Protect;
use crate::operations::request::Request;
use crate::operations::unmap::Unmap;
use crate::operations::{Applied, Apply, Harvest, Hide, Join, Occupant, Pin, Records, Stopped, Verdict};
use crate::reading::translate::Mapping;

delegate! {
    map(range: impl Into<VaRange>, oa: impl Into<Oa>, attributes: &F::Attributes, leaves: Leaves)
        -> Result<Unflushed<F>, Error>;
    unmap(range: impl Into<VaRange>, policy: Unmap) -> Result<Unflushed<F>, Error>;
    protect(range: impl Into<VaRange>, change: &F::Change, policy: Protect) -> Result<Unflushed<F>, Error>;
    join(range: impl Into<VaRange>, policy: Join) -> Result<Unflushed<F>, Error>;
    join_with<C: FnMut(&Mapping<F>) -> bool>(range: impl Into<VaRange>, policy: Join, is_wanted: C)
        -> Result<Unflushed<F>, Error>;
    hide(range: impl Into<VaRange>, policy: Hide) -> Result<Unflushed<F>, Error>;
    show(range: impl Into<VaRange>, policy: Hide) -> Result<Unflushed<F>, Error>;
    populate(range: impl Into<VaRange>, lg2: u32, pin: Pin) -> Result<Unflushed<F>, Error>;
    harvest<V: FnMut(&Mapping<F>, Records)>(range: impl Into<VaRange>, policy: Harvest, visitor: V)
        -> Result<Unflushed<F>, Error>;
    split(range: impl Into<VaRange>, lg2: u32) -> Result<Unflushed<F>, Error>;
    apply<E: Sized, C: FnMut(&Occupant<F>) -> Result<Applied<F>, E>>(range: impl Into<VaRange>, policy: Apply, function: C)
        -> Result<Unflushed<F>, Stopped<F, E>>;
    protect_each(changes: &[(VaRange, F::Change)], policy: Protect) -> Result<Unflushed<F>, Error>;
    protect_where<R: FnMut(Va) -> Verdict, D: FnMut(VaRange)>(
        range: impl Into<VaRange>,
        change: &F::Change,
        policy: Protect,
        rule: R,
        denied: D,
    ) -> Result<Unflushed<F>, Error>;
    commit(range: impl Into<VaRange>, request: &Request<'_, F>) -> Result<Unflushed<F>, Error>;
}
