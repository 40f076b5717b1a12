//! What an operation is declared to do.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use ptgen::{Format, Oa, VaRange};

use crate::machine::says;
use crate::oracle::{Oracle, Said};
use crate::piece::{Map, To};

/// A rule for what leaves say: given what was said before, if anything was translated, and what is said now.
type Rule = Box<dyn Fn(Option<&Said>, &Said) -> bool>;

/// What becomes of the translations of a range. Until it is done, each address is translated as before or as after, at
/// every instant; what no declaration covers stays as it is.
pub struct Expect {
    pub(crate) range: VaRange,
    pub(crate) root: Option<Oa>,
    pub(crate) aim: Aim,
    /// What the rule said, by sets.
    known: RefCell<HashMap<(Option<u32>, u32), bool>>,
    /// Translations may be absent meanwhile.
    pub(crate) breaking: bool,
    /// It may also not happen at all.
    pub(crate) optional: bool,
    /// The machine may have recorded something since.
    gains: bool,
}

/// Every translation of some range, at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(pub(crate) Rc<Map>);

pub(crate) enum Aim {
    Same,
    Recorded,
    Nothing,
    Hidden,
    Mapped(u64, Rule),
    Changed(Rule),
    Restored(Snapshot),
    Anything,
}

impl Expect {
    fn new(range: impl Into<VaRange>, aim: Aim) -> Self {
        Self {
            range: range.into(),
            root: None,
            aim,
            known: RefCell::default(),
            breaking: false,
            optional: false,
            gains: false,
        }
    }

    /// Every translation stays: leaves may be split and joined.
    pub fn same(range: impl Into<VaRange>) -> Self {
        Self::new(range, Aim::Same)
    }

    /// Every translation stays, but leaves may say that they have been accessed and written to which had not said so: leaves
    /// that differ in that may be joined.
    pub fn recorded(range: impl Into<VaRange>) -> Self {
        Self::new(range, Aim::Recorded)
    }

    /// Nothing is translated any more, but everything will be [as before](Self::restored): nothing that the machine records
    /// on the way may be lost.
    pub fn hidden(range: impl Into<VaRange>) -> Self {
        Self::new(range, Aim::Hidden)
    }

    /// Nothing is translated any more.
    pub fn unmapped(range: impl Into<VaRange>) -> Self {
        Self::new(range, Aim::Nothing)
    }

    /// The range is translated to `oa` and up, by leaves that say what `rule` accepts.
    pub fn mapped(range: impl Into<VaRange>, oa: impl Into<Oa>, rule: impl Fn(&Said) -> bool + 'static) -> Self {
        Self::new(range, Aim::Mapped(oa.into().get(), Box::new(move |_, said| rule(said))))
    }

    /// The range is translated to `oa` and up, by leaves that say what `attributes` do.
    pub fn mapped_as<F: Format>(range: impl Into<VaRange>, oa: impl Into<Oa>, attributes: &F::Attributes) -> Self {
        let attributes = *attributes;
        Self::mapped(range, oa, move |said| says::<F>(said, &attributes))
    }

    /// What is translated goes where it went, by leaves that say what `rule` accepts, given what they said before. Holes
    /// stay holes.
    pub fn changed(range: impl Into<VaRange>, rule: impl Fn(&Said, &Said) -> bool + 'static) -> Self {
        Self::new(range, Aim::Changed(Box::new(move |before, now| before.is_some_and(|before| rule(before, now)))))
    }

    /// Everything is translated as it was when the snapshot was taken.
    pub fn restored(range: impl Into<VaRange>, snapshot: &Snapshot) -> Self {
        Self::new(range, Aim::Restored(snapshot.clone()))
    }

    /// Whatever.
    pub fn anything(range: impl Into<VaRange>) -> Self {
        Self::new(range, Aim::Anything)
    }

    /// Under this root, where there are several. Otherwise, under the first one.
    #[must_use]
    pub const fn under(mut self, root: Oa) -> Self {
        self.root = Some(root);
        self
    }

    /// What is translated may be absent until it is done, whatever the format says.
    #[must_use]
    pub const fn breaking(mut self) -> Self {
        self.breaking = true;
        self
    }

    /// Or with more recorded than when the snapshot was taken.
    #[must_use]
    pub const fn or_recorded(mut self) -> Self {
        self.gains = true;
        self
    }

    /// Or nothing happens there: an operation that may end before it is done.
    #[must_use]
    pub const fn or_nothing(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Whether `now` is what becomes of `before` at `position`, with `first` being where the range begins; both are those of
    /// the same stretch.
    pub(crate) fn accepts(
        &self,
        oracle: &Oracle,
        (first, position, last): (u64, u64, u64),
        before: Option<To>,
        now: Option<To>,
    ) -> bool {
        match (&self.aim, before, now) {
            (Aim::Anything, _, _) | (Aim::Nothing | Aim::Hidden, _, None) => true,
            (Aim::Same, before, now) => before == now,
            (Aim::Recorded, before, now) => before == now || oracle.gained(before, now),
            (Aim::Changed(_), None, None) => true,
            (Aim::Nothing | Aim::Hidden, _, Some(_))
            | (Aim::Mapped(..) | Aim::Changed(_), _, None)
            | (Aim::Changed(_), None, _) => false,
            (Aim::Mapped(oa, rule), _, Some(now)) => {
                now.oa == oa.wrapping_add(position - first) && self.follows(oracle, rule, None, now)
            }
            (Aim::Changed(rule), Some(before), Some(now)) => {
                before.oa == now.oa && self.follows(oracle, rule, Some(before), now)
            }
            (Aim::Restored(snapshot), _, now) => {
                let mut same = true;
                snapshot.0.each(position, last, |from, _, then| {
                    let here = now.map(|now| now.further(from - position));
                    same &= then == here || (self.gains || oracle.records_in_runs()) && oracle.gained(then, here);
                });
                same
            }
        }
    }

    fn follows(&self, oracle: &Oracle, rule: &Rule, before: Option<To>, now: To) -> bool {
        let key = (before.map(|before| before.set.0), now.set.0);
        *self
            .known
            .borrow_mut()
            .entry(key)
            .or_insert_with(|| rule(before.map(|before| oracle.said(before.set)), oracle.said(now.set)))
    }
}

impl fmt::Debug for Expect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aim = match &self.aim {
            Aim::Same => "the same".to_owned(),
            Aim::Recorded => "the same, perhaps recorded".to_owned(),
            Aim::Nothing | Aim::Hidden => "nothing".to_owned(),
            Aim::Mapped(oa, _) => format!("{oa:#x} and up"),
            Aim::Changed(_) => "the same OA, changed".to_owned(),
            Aim::Restored(_) => "as before".to_owned(),
            Aim::Anything => "anything".to_owned(),
        };
        write!(out, "{:#x}..={:#x} → {aim}", self.range.start(), self.range.last())
    }
}
