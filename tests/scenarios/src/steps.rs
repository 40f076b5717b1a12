//! What scenarios are made of: plain operations, declared to the machine and flushed at once.

use std::mem::ManuallyDrop;

use ptgen::{
    AttributeInfo, AttributeKind, Attributes, Change, ChangeKind, Context, Error, Format, Hide, Join, Leaves, Mapping,
    PageTable, Protect, Unflushed, Unmap, VaRange, Way,
};
use ptgen_simulator::{Cx, Expect, Kind, Log, Machine, Said, Snapshot, Value};

use crate::facts::Facts;

/// What becomes of a scenario: an error is that of an operation that the scenario needs, and that ran out of frames.
pub type Outcome = Result<(), Error>;

/// The attributes of a table's format.
pub type AttributesOf<P> = <<P as PageTable>::Format as Format>::Attributes;
/// The changes of a table's format.
pub type ChangeOf<P> = <<P as PageTable>::Format as Format>::Change;

/// The context of a machine's operations.
pub type CxOf<'m, P> = Cx<'m, <<P as PageTable>::Format as Format>::Word>;

/// A stretch of VA with the OA that it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The first VA.
    pub va: u64,
    /// The first OA.
    pub oa: u64,
    /// lg2 of its bytes.
    pub lg2: u32,
}

impl Area {
    /// The stretch number `number` of `2^lg2` bytes, both addresses being multiples of that.
    ///
    /// # Panics
    ///
    /// If it is beyond what the format translates.
    #[must_use]
    pub fn new<P: PageTable>(machine: &Machine<'_, P>, facts: &Facts, lg2: u32, number: u64) -> Self {
        let top = facts.levels.last().map_or(0, |level| level.shift + level.index_bits);
        assert!(lg2 < top && number < 1 << (top - lg2), "there is no stretch {number} of 2^{lg2} bytes");
        let oa = number << lg2;
        assert!(oa | ((1 << lg2) - 1) <= facts.output_last, "there is no OA {oa:#x}");
        Self { va: machine.va(number << lg2), oa, lg2 }
    }

    /// All of it.
    #[must_use]
    pub fn range(&self) -> VaRange {
        VaRange::new(self.va, 1 << self.lg2)
    }

    /// Some units of `2^lg2` bytes in it, from number `first`.
    #[must_use]
    pub fn part(&self, lg2: u32, first: u64, count: u64) -> VaRange {
        VaRange::new(self.va + (first << lg2), count << lg2)
    }

    /// Unit `number` of `2^lg2` bytes.
    #[must_use]
    pub const fn sub(&self, lg2: u32, number: u64) -> Self {
        Self { va: self.va + (number << lg2), oa: self.oa + (number << lg2), lg2 }
    }
}

/// A change of attributes by name.
///
/// # Panics
///
/// If there is no such attribute or value.
pub fn change<P: PageTable>(to: &[(&str, u64)]) -> ChangeOf<P> {
    let mut change = ChangeOf::<P>::default();
    for (name, value) in to {
        let index = AttributesOf::<P>::index(name).unwrap_or_else(|| panic!("there is no `{name}`"));
        assert!(change.set(index, *value), "`{name}` cannot be {value}");
    }
    change
}

/// What kernel data says.
pub fn data<P: PageTable>() -> AttributesOf<P> {
    AttributesOf::<P>::kernel_data()
}

/// The values of the memory type, if there are several.
#[must_use]
pub fn memory_types(facts: &Facts) -> Vec<u64> {
    let field = AttributeInfo::index(facts.attributes, "memory_type").map(|index| facts.attributes[index].kind);
    match field {
        Some(AttributeKind::Choice(names)) => names.iter().map(|(_, value)| *value).collect(),
        _ => Vec::new(),
    }
}

/// Every word is what it was.
///
/// # Panics
///
/// If not, with the first that is not.
#[track_caller]
pub fn assert_words<P: PageTable>(machine: &Machine<'_, P>, before: &[(u64, u64)]) {
    let now = machine.words();
    let other = now.iter().zip(before).find(|(now, before)| now != before);
    if let Some(((address, now), (was_at, was))) = other {
        panic!("the word at {address:#x} is {now:#x}, not {was:#x} (at {was_at:#x}) as before");
    }
    assert_eq!(now.len(), before.len(), "there are as many words as before");
}

/// Every table that was unlinked has been flushed, walk caches included, before any is given back: by a flush after all of
/// them, or where the instruction unlinks, by that, each.
///
/// # Panics
///
/// If not.
#[track_caller]
pub fn assert_flushed_before_free(log: &Log, facts: &Facts) {
    log.assert_before(Kind::Unlink, Kind::Free);
    if facts.way(ChangeKind::Unlink) == Way::Instruction {
        for pair in log.events().windows(2) {
            let [before, after] = pair else { continue };
            assert!(
                after.kind() != Kind::Unlink || before.kind() == Kind::Replace,
                "a table is unlinked, but not by the instruction:\n{log}"
            );
        }
        return;
    }
    log.assert_before(Kind::Unlink, Kind::Flush);
    log.assert_before(Kind::Flush, Kind::Free);
    assert!(log.flushes().any(|request| request.tables), "walk caches are not flushed:\n{log}");
}

/// Whether a leaf says what it said, but for what is recorded in it now and was not then.
fn only_records(before: &Said, now: &Said) -> bool {
    before.attributes.iter().all(|(name, was)| {
        let is = now.attributes.get(name);
        is == Some(was) || ["accessed", "dirty"].contains(&name.as_str()) && is == Some(&Value::Flag(true))
    })
}

/// Plain operations on a machine.
pub trait Steps<'m, P: PageTable> {
    /// Maps an area.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn map(&mut self, area: &Area, attributes: &AttributesOf<P>, leaves: Leaves) -> Outcome;

    /// Maps an area by one leaf.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn map_leaf(&mut self, area: &Area, attributes: &AttributesOf<P>) -> Outcome {
        self.map(area, attributes, Leaves::Exactly(area.lg2))
    }

    /// Changes attributes; leaves are split, and holes are errors.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn protect(&mut self, range: VaRange, change: &ChangeOf<P>) -> Outcome;

    /// Changes attributes of what is there, whatever is a hole.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn protect_what_is_there(&mut self, range: VaRange, change: &ChangeOf<P>) -> Outcome;

    /// Unmaps all there is.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn unmap(&mut self, range: VaRange) -> Outcome;

    /// Hides what is mapped, which is all; leaves are split.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn hide(&mut self, range: VaRange) -> Outcome;

    /// Shows what is hidden, which is all; everything is to be translated as in `before`.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn show(&mut self, range: VaRange, before: &Snapshot) -> Outcome;

    /// Joins leaves up to `2^lg2` bytes; what the machine has recorded in one of them is recorded in all.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn join(&mut self, range: VaRange, lg2: u32) -> Outcome {
        self.join_unless(range, lg2, 0)
    }

    /// As [`join`](Self::join), but not leaves that have one of the bits of `veto`.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn join_unless(&mut self, range: VaRange, lg2: u32, veto: u64) -> Outcome;

    /// An operation that is flushed later.
    ///
    /// # Errors
    ///
    /// That of the operation.
    fn deferred(
        &mut self,
        expects: Vec<Expect>,
        operation: impl FnOnce(&mut P, &mut CxOf<'m, P>) -> Result<Unflushed<P::Format>, Error>,
    ) -> Result<Unflushed<P::Format>, Error>;

    /// The leaf that translates an address.
    ///
    /// # Panics
    ///
    /// If there is none.
    fn leaf(&mut self, va: u64) -> Mapping<P::Format>;
}

impl<'m, P: PageTable> Steps<'m, P> for Machine<'m, P> {
    #[track_caller]
    fn map(&mut self, area: &Area, attributes: &AttributesOf<P>, leaves: Leaves) -> Outcome {
        let expects = vec![self.mapped(area.range(), area.oa, attributes)];
        self.run(expects, |table, cx| table.map(cx, area.range(), area.oa, attributes, leaves))
    }

    #[track_caller]
    fn protect(&mut self, range: VaRange, change: &ChangeOf<P>) -> Outcome {
        let expects = vec![self.protected(range, change)];
        self.run(expects, |table, cx| table.protect(cx, range, change, Protect::mapped()))
    }

    #[track_caller]
    fn protect_what_is_there(&mut self, range: VaRange, change: &ChangeOf<P>) -> Outcome {
        let expects = vec![self.protected(range, change)];
        self.run(expects, |table, cx| table.protect(cx, range, change, Protect::everything()))
    }

    #[track_caller]
    fn unmap(&mut self, range: VaRange) -> Outcome {
        let expects = vec![self.unmapped(range)];
        self.run(expects, |table, cx| table.unmap(cx, range, Unmap::everything()))
    }

    #[track_caller]
    fn hide(&mut self, range: VaRange) -> Outcome {
        let expects = vec![self.unmapped(range)];
        self.run(expects, |table, cx| table.tree_mut().hide(cx, range, Hide::mapped()))
    }

    #[track_caller]
    fn show(&mut self, range: VaRange, before: &Snapshot) -> Outcome {
        let expects = vec![Expect::restored(range, before)];
        self.run(expects, |table, cx| table.tree_mut().show(cx, range, Hide::mapped()))
    }

    #[track_caller]
    fn join_unless(&mut self, range: VaRange, lg2: u32, veto: u64) -> Outcome {
        let expects = vec![Expect::changed(range, only_records)];
        self.run(expects, |table, cx| table.tree_mut().join(cx, range, Join::up_to(lg2).unless(veto)))
    }

    #[track_caller]
    fn deferred(
        &mut self,
        expects: Vec<Expect>,
        operation: impl FnOnce(&mut P, &mut CxOf<'m, P>) -> Result<Unflushed<P::Format>, Error>,
    ) -> Result<Unflushed<P::Format>, Error> {
        self.begin(expects);
        let (table, cx) = self.parts();
        // What is dropped while a panic unwinds may say nothing.
        let result = ManuallyDrop::new(operation(table, cx));
        if result.is_ok() {
            self.done()
        } else {
            self.failed()
        }
        self.check();
        ManuallyDrop::into_inner(result)
    }

    #[track_caller]
    fn leaf(&mut self, va: u64) -> Mapping<P::Format> {
        let (table, Context { memory, .. }) = self.parts();
        table.lookup(memory, va).unwrap_or_else(|fault| panic!("{va:#x}: {fault}"))
    }
}
