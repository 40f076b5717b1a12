//! Who watches a machine.

use std::fmt;
use std::rc::Rc;

use ptgen::{Format, Oa, PageTable, Va, VaRange};

use crate::expect::{Expect, Snapshot};
use crate::log::Log;
use crate::moment::Moment;
use crate::state::{Shared, State};
use crate::violation::{Invariant, Violation};

/// Is told what is to happen on a [`Machine`](crate::Machine), and says what has. A machine is one; to be cloned, for when
/// the tables are somebody else's: as long as there are temporary maps, say.
#[derive(Clone)]
pub struct Judge {
    shared: Rc<Shared>,
    /// Which type the tables have.
    tables: &'static str,
    /// The name of their format.
    format: &'static str,
}

impl Judge {
    pub(crate) fn new<P: PageTable>(shared: Rc<Shared>) -> Self {
        Self { shared, tables: std::any::type_name::<P>(), format: P::Format::NAME }
    }

    pub(crate) fn state<R>(&self, use_state: impl FnOnce(&mut State) -> R) -> R {
        use_state(&mut self.shared.0.borrow_mut())
    }

    /// An operation begins: the log is empty, and nothing but what `expects` declares may happen.
    pub fn begin(&self, expects: Vec<Expect>) {
        self.state(|state| state.begin(expects));
    }

    /// The operation has been done, and what it returned has perhaps not been flushed yet.
    ///
    /// # Panics
    ///
    /// If an invariant is broken.
    #[track_caller]
    pub fn end(&self) {
        self.done();
        self.check();
    }

    /// As [`end`](Self::end), but what is broken is only noted.
    pub fn done(&self) {
        self.state(State::done);
    }

    /// The operation has failed, and everything has to be as it was when it began; likewise only noted.
    pub fn failed(&self) {
        self.state(State::failed);
    }

    /// What the operations that have been done owed has been flushed.
    ///
    /// # Panics
    ///
    /// If something may still be held.
    #[track_caller]
    pub fn assert_flushed(&self) {
        self.flushed();
        self.check();
    }

    /// As [`assert_flushed`](Self::assert_flushed), but what is broken is only noted.
    pub fn flushed(&self) {
        self.state(State::check_flushed);
    }

    /// Something else comes about: `hook` is called at each moment while `action` runs, but not for what it does itself.
    pub fn during<R>(&self, hook: &mut dyn FnMut(Moment), action: impl FnOnce() -> R) -> R {
        self.shared.1.during(hook, action)
    }

    /// Nothing has been broken.
    ///
    /// # Panics
    ///
    /// If something has, with its name and the last events.
    #[track_caller]
    pub fn check(&self) {
        let text = self.state(|state| {
            let first = state.violations.first()?;
            let more = state.violations.len() - 1;
            let more = if more == 0 { String::new() } else { format!("\n(and {more} more)") };
            Some(format!("{first}{more}\nafter:\n{}", state.log.tail(first.at)))
        });
        if let Some(text) = text {
            // What is being tested is wrong already: no use in saying that its tables are lost, too.
            panic!("{} of {}: {text}", self.tables, self.format);
        }
    }

    /// What has been broken so far, which is forgotten.
    pub fn violations(&self) -> Vec<Violation> {
        self.state(|state| std::mem::take(&mut state.violations))
    }

    /// What was broken first is this.
    ///
    /// # Panics
    ///
    /// If it is something else, or nothing was.
    #[track_caller]
    pub fn assert_broken(&self, invariant: Invariant) {
        let found = self.violations();
        let first = found.first().map(|violation| violation.invariant);
        assert!(first == Some(invariant), "expected {invariant} to be broken, found {found:#?}");
    }

    /// Looks at the log.
    pub fn log<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        self.state(|state| look(&state.log))
    }

    /// Nothing may be allocated from now on, or anything again.
    pub fn ban_allocations(&self, banned: bool) {
        self.state(|state| state.banned = banned);
    }

    /// So many more allocations work, then none; all, if none is said.
    pub fn limit_allocations(&self, allocations: Option<usize>) {
        self.state(|state| state.limit(allocations));
    }

    /// Whether allocations are going to fail, or have failed.
    pub fn limits_allocations(&self) -> bool {
        self.state(|state| state.limits())
    }

    /// So many readers may be in the tables at any time, without a lock.
    pub fn set_readers(&self, readers: usize) {
        self.state(|state| state.readers = readers);
    }

    /// Pages are given back.
    ///
    /// # Panics
    ///
    /// If something may still translate to them.
    #[track_caller]
    pub fn free_data(&self, oa: impl Into<Oa>, bytes: u64) {
        self.data_freed(oa, bytes);
        self.check();
    }

    /// As [`free_data`](Self::free_data), but what is broken is only noted.
    pub fn data_freed(&self, oa: impl Into<Oa>, bytes: u64) {
        let oa = oa.into().get();
        self.state(|state| state.free_data(oa, bytes));
    }

    /// From now on, the machine sometimes records an access just before a word is exchanged.
    pub fn interfere(&self, seed: u64) {
        self.state(|state| state.interfere(seed));
    }

    /// From now on, it does so only by [`touch`](crate::Machine::touch).
    pub fn settle(&self) {
        self.state(State::settle);
    }

    /// How many frames are handed out, by the number of the level.
    pub fn frames(&self) -> [usize; 8] {
        self.state(|state| state.out())
    }

    /// Every frame that is handed out is a table that walkers get to.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let (out, reachable) = self.state(|state| (state.out(), state.reachable()));
        let balance = Invariant::I12Balance;
        assert!(
            out == reachable,
            "{balance}: {out:?} frames are handed out, by level, but walkers get to {reachable:?}"
        );
    }

    /// Every word of every table that walkers get to, by address.
    pub fn words(&self) -> Vec<(u64, u64)> {
        self.state(|state| state.words())
    }

    /// What a range is translated to now, to be compared with later.
    pub fn snapshot(&self, range: impl Into<VaRange>) -> Snapshot {
        self.state(|state| state.snapshot(0, range.into()))
    }

    /// What a VA is translated to now.
    pub fn translate(&self, va: impl Into<Va>) -> Option<u64> {
        self.state(|state| state.translate(va.into().get()))
    }

    /// Whether all that a snapshot says was translated as the other one says, or has been recorded in runs since.
    pub fn is_like(&self, now: &Snapshot, before: &Snapshot) -> bool {
        self.state(|state| {
            let mut same = now == before;
            if !same && state.oracle.records_in_runs() {
                same = true;
                let last = state.oracle.last();
                before.0.each(0, last, |first, last, was| {
                    now.0.each(first, last, |at, _, is| {
                        let was = was.map(|was| was.further(at - first));
                        same &= was == is || state.oracle.gained(was, is);
                    });
                });
            }
            same
        })
    }

    /// Whether nothing in a range is translated.
    pub fn is_free(&self, range: impl Into<VaRange>) -> bool {
        self.state(|state| state.is_free(range.into()))
    }

    /// How many stretches TLBs and walk caches may hold that the tables do not say any more.
    pub fn stale(&self) -> usize {
        self.state(|state| state.stale())
    }

    /// Processors forget all that the tables do not say any more.
    pub fn forget_all(&self) {
        self.state(State::forget_all);
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Judge of {} ({})", self.tables, self.format)
    }
}
