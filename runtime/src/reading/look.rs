//! Looking at what a range of VA is translated to, by whoever may change it.

use crate::address::{Oa, Va, VaRange};
use crate::error::{Fault, FaultKind};
use crate::format::{Format, Level, RootVisitor};
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Target};
use crate::reading::translate::{Lookup, Mapping, Translate};
use crate::reading::walk::{Visitor, Walk};

impl<F: Format> RangeMut<'_, F> {
    /// What `va`, an address in the range, is translated to. Others may be changing their ranges meanwhile.
    ///
    /// # Errors
    ///
    /// [`Fault`] if it is not. A word that the format forbids translates nothing; an address outside of the range is not
    /// looked at ([`FaultKind::NotInRange`]).
    #[inline]
    pub fn translate<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Oa, Fault> {
        let (f, root, va) = (self.target.f, self.target.root, va.into());
        self.check(VaRange::inclusive(va, va))?;
        memory.begin();
        f.root(Translate { f, memory, root, va: va.get() })
    }

    /// The leaf that translates `va`, an address in the range. It may be larger than the range.
    ///
    /// # Errors
    ///
    /// As for [`translate`](Self::translate).
    #[inline]
    pub fn lookup<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Mapping<F>, Fault> {
        let (f, root, va) = (self.target.f, self.target.root, va.into());
        self.check(VaRange::inclusive(va, va))?;
        memory.begin();
        f.root(Lookup { f, memory, root, va: va.get() })
    }

    /// Shows `visitor` all there is in `range`, a part of the range, in order. Others may be changing their ranges
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`Fault`] if a table cannot be reached, or if not all of `range` is in the range.
    pub fn walk<M: Memory, V: Visitor<F>>(
        &self,
        memory: &M,
        range: impl Into<VaRange>,
        visitor: &mut V,
    ) -> Result<(), Fault> {
        let (f, root, range) = (self.target.f, self.target.root, range.into());
        self.check(range)?;
        memory.begin();
        f.root(Walk { f, memory, root, range, visitor })
    }

    /// Refuses what is outside: tables there may be given back at any time by whoever may change them.
    #[inline]
    fn check(&self, range: VaRange) -> Result<(), Fault> {
        self.target.f.root(Within { target: &self.target, range })
    }
}

/// Whether a range is in that of a target.
struct Within<'a, F> {
    target: &'a Target<F>,
    range: VaRange,
}

impl<F: Format> RootVisitor<F> for Within<'_, F> {
    type Output = Result<(), Fault>;

    #[inline]
    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        match self.target.span::<L>(self.range) {
            Ok(_) => Ok(()),
            Err(crate::Error::NotInRange { .. }) => Err(Fault { kind: FaultKind::NotInRange, level: L::NUMBER }),
            Err(_) => Err(Fault { kind: FaultKind::NotCanonical, level: L::NUMBER }),
        }
    }
}
