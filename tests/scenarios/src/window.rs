//! VA that are set aside, for maps that last a moment.

use ptgen::{ChangeKind, Error, Format, LocalSlots, PageTable, RangeMut, RingMaps, Scope, Tree, Unmap, VaRange, Way};
use ptgen_simulator::{Event, Expect, Judge, Kind, Machine, Simulator};

use crate::facts::Facts;
use crate::steps::{Outcome, data};

/// The simulated memory and processors of a machine.
pub type SimOf<'m, P> = Simulator<'m, <<P as PageTable>::Format as Format>::Word>;
/// Slots for single pages on a machine.
pub type SlotsOf<'t, 'm, P> = LocalSlots<'t, <P as PageTable>::Format, SimOf<'m, P>, SimOf<'m, P>>;
/// A ring on a machine.
pub type RingOf<'t, 'm, P, const WORDS: usize> =
    RingMaps<'t, <P as PageTable>::Format, SimOf<'m, P>, SimOf<'m, P>, WORDS>;
/// Its reserved page.
pub type ReservedOf<'t, 'm, P> = ptgen::Reserved<'t, <P as PageTable>::Format, SimOf<'m, P>, SimOf<'m, P>>;

/// Some pages of VA, on both sides of the end of a table where there are several.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    va: u64,
    /// lg2 of a page: of the smallest leaf.
    lg2: u32,
    /// How many there are.
    pub pages: u64,
    /// How many words a page takes.
    words: usize,
    fill: Way,
    clear: Way,
}

impl Window {
    /// `pages` pages, an even number.
    ///
    /// # Panics
    ///
    /// If the format has no room for them.
    #[must_use]
    pub fn new<P: PageTable>(machine: &Machine<'_, P>, facts: &Facts, pages: u64) -> Self {
        let lg2 = facts.smallest();
        let level = facts.levels.iter().find(|level| level.sizes.has(lg2)).expect("some level has such leaves");
        let end = level.shift + level.index_bits;
        // Where a table ends, or several have.
        let middle = (pages << lg2).next_power_of_two().max(1 << end);
        let va = machine.va(middle - ((pages / 2) << lg2));
        let words = 1 << (lg2 - level.shift);
        let (fill, clear) = (facts.way(ChangeKind::Fill), facts.way(ChangeKind::Clear));
        Self { va, lg2, pages, words, fill, clear }
    }

    /// All of it.
    #[must_use]
    pub fn range(&self) -> VaRange {
        VaRange::new(self.va, self.pages << self.lg2)
    }

    /// Some of its pages.
    #[must_use]
    pub fn part(&self, first: u64, pages: u64) -> VaRange {
        VaRange::new(self.va + (first << self.lg2), pages << self.lg2)
    }

    /// The page of this number.
    #[must_use]
    pub fn page(&self, number: u64) -> VaRange {
        self.part(number, 1)
    }

    /// The page before all.
    #[must_use]
    pub fn before(&self) -> VaRange {
        VaRange::new(self.va - self.bytes(), self.bytes())
    }

    /// The page behind all.
    #[must_use]
    pub fn behind(&self) -> VaRange {
        self.page(self.pages)
    }

    /// lg2 of the bytes of a page.
    #[must_use]
    pub const fn lg2(&self) -> u32 {
        self.lg2
    }

    /// The number of the page of a VA.
    #[must_use]
    pub const fn number(&self, va: u64) -> u64 {
        (va - self.va) >> self.lg2
    }

    /// The OA of a page of data; there are some thousand.
    #[must_use]
    pub const fn oa(&self, number: u64) -> u64 {
        (0x80 + number) << self.lg2
    }

    /// How many bytes a page has.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        1 << self.lg2
    }

    /// A page of data is mapped at page `number`.
    #[must_use]
    pub fn mapped<P: PageTable>(&self, number: u64, oa: u64) -> Expect {
        Expect::mapped_as::<P::Format>(self.page(number), oa, &data::<P>())
    }

    /// Page `number` is not mapped any more.
    #[must_use]
    pub fn unmapped(&self, number: u64) -> Expect {
        Expect::unmapped(self.page(number))
    }

    /// The right to change it.
    fn take<'t, F: Format>(&self, tree: &'t mut Tree<F>) -> Result<RangeMut<'t, F>, Error> {
        let range = self.range();
        tree.range_mut().split_at(range.start())?.1.split_at(range.last() + 1).map(|(inside, _)| inside)
    }

    /// How many flushes it takes to map something where nothing was.
    #[must_use]
    pub const fn flushes_to_fill(&self) -> usize {
        match self.fill {
            Way::Lazy => 0,
            _ => 1,
        }
    }

    /// How many flushes it takes to be rid of what was mapped: none, where each word is purged by an instruction.
    #[must_use]
    pub const fn flushes_to_clear(&self) -> usize {
        match self.clear {
            Way::Instruction => 0,
            _ => 1,
        }
    }

    /// Words have been written to map pages, or to take them away, and nothing else has been done but flushes on this
    /// processor: none of them for more than `pages` pages, nor for tables.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn assert_local(&self, judge: &Judge, (filled, cleared): (usize, usize), flushes: usize, pages: u64) {
        let replaced = if self.clear == Way::Instruction { cleared * self.words } else { 0 };
        judge.log(|log| {
            log.assert_count(Kind::Set, (filled + cleared) * self.words);
            log.assert_count(Kind::Replace, replaced);
            log.assert_count(Kind::Flush, flushes);
            for kind in [Kind::Alloc, Kind::AllocFailed, Kind::Free, Kind::Link, Kind::Unlink, Kind::Private] {
                log.assert_count(kind, 0);
            }
            for event in log.events() {
                let Event::Flush(request) = event else { continue };
                assert_eq!(request.scope, Scope::Local, "no other processor is told: {event}");
                assert!(!request.tables, "no table has changed: {event}");
                assert!(request.range.bytes().is_some_and(|bytes| bytes <= pages << self.lg2), "{event}");
                let ends = [request.range.start(), request.range.last()];
                assert!(ends.iter().all(|end| self.range().contains(*end)), "{event}");
            }
        });
    }
}

/// Does something on a machine that is declared, after which nothing stale is left that has to be flushed.
#[track_caller]
pub fn step<R>(judge: &Judge, expects: Vec<Expect>, action: impl FnOnce() -> R) -> R {
    judge.begin(expects);
    let result = action();
    judge.assert_flushed();
    judge.end();
    result
}

/// Makes slots for single pages of a window, of a processor's own. Nothing may be allocated while they are used, and
/// nothing may be mapped when that ends.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an invariant is broken.
#[track_caller]
pub fn with_slots<'m, P: PageTable>(
    machine: &mut Machine<'m, P>,
    window: &Window,
    use_slots: impl FnOnce(&SlotsOf<'_, 'm, P>, &Judge),
) -> Outcome {
    within(machine, window, |judge, range, memory, frames, tlb| {
        let slots = LocalSlots::prepare(range, memory, frames, tlb)?;
        prepared(judge);
        assert_eq!(slots.count() as u64, window.pages);
        use_slots(&slots, judge);
        Ok(())
    })
}

/// Makes a ring in a window, with its last page reserved, likewise.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an invariant is broken.
#[track_caller]
pub fn with_ring<'m, P: PageTable, const WORDS: usize>(
    machine: &mut Machine<'m, P>,
    window: &Window,
    use_ring: impl FnOnce(RingOf<'_, 'm, P, WORDS>, ReservedOf<'_, 'm, P>, &Judge),
) -> Outcome {
    within(machine, window, |judge, range, memory, frames, tlb| {
        let (ring, reserved) = RingMaps::prepare(range, memory, frames, tlb)?;
        prepared(judge);
        use_ring(ring, reserved, judge);
        Ok(())
    })
}

/// The tables are there: nothing is allocated from now on.
#[track_caller]
fn prepared(judge: &Judge) {
    judge.assert_flushed();
    judge.end();
    judge.assert_balanced();
    judge.ban_allocations(true);
}

/// Runs `action` with a window, its memory, frames and processors, and takes the window away.
#[track_caller]
fn within<'m, P: PageTable>(
    machine: &mut Machine<'m, P>,
    window: &Window,
    action: impl FnOnce(&Judge, RangeMut<'_, P::Format>, SimOf<'m, P>, &mut SimOf<'m, P>, SimOf<'m, P>) -> Outcome,
) -> Outcome {
    machine.set_scope(Scope::Local);
    let judge = machine.judge();
    judge.begin(Vec::new());
    let (table, cx) = machine.parts();
    let (memory, tlb) = (cx.memory.clone(), cx.tlb.clone());
    let range = window.take(table.tree_mut()).expect("the window is inside");
    let result = action(&judge, range, memory, &mut cx.frames, tlb);
    judge.ban_allocations(false);
    if result.is_err() {
        judge.failed();
        judge.check();
        return result;
    }
    judge.assert_balanced();
    assert!(judge.is_free(window.range()), "nothing is mapped any more");
    // No tables are left but those that are pinned.
    machine.run(Vec::new(), |table, cx| table.unmap(cx, window.range(), Unmap::everything()))
}
