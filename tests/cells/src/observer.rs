//! Who is told of stores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How a word was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// By a plain store, which nobody else may see half done.
    Private,
    /// By an atomic store; `release` if everything that was written before is seen by whoever sees this.
    Plain {
        /// Whether it is ordered after what was written before.
        release: bool,
    },
    /// By an exchange that found what it expected, or that always writes. It is ordered after what was written before.
    Exchange,
}

/// A word was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// The address of the cell in this process.
    pub cell: usize,
    /// What it held.
    pub old: u64,
    /// What it holds now.
    pub new: u64,
    /// How it was written.
    pub kind: StoreKind,
}

/// Somebody who looks at every store of a thread.
pub trait Observer {
    /// A word has been written. Stores from within are not reported.
    fn stored(&self, store: &Store);

    /// A cell that holds `now` is about to be compared and exchanged. Whoever else writes to the word at just this moment,
    /// as a machine does, says what: it is stored (and not reported) before the exchange looks.
    fn before_exchange(&self, cell: usize, now: u64) -> Option<u64> {
        let _ = (cell, now);
        None
    }

    /// The thread waits for somebody else to store something. What is stored from within is reported.
    fn waits(&self) {}
}

thread_local! {
    static OBSERVER: RefCell<Option<Rc<dyn Observer>>> = const { RefCell::new(None) };
    /// Whether there is an observer, and nothing that it does itself is under way.
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// As long as this lives, its observer is told. Then, the one before.
#[must_use = "the observer is told only as long as this lives"]
pub struct Watched {
    before: Option<Rc<dyn Observer>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let before = self.before.take();
        WATCHING.set(before.is_some());
        OBSERVER.replace(before);
    }
}

/// From now on, `observer` is told of every store of this thread.
pub fn observe(observer: Rc<dyn Observer>) -> Watched {
    let before = OBSERVER.replace(Some(observer));
    WATCHING.set(true);
    Watched { before }
}

/// Does something whose stores are reported to nobody.
pub fn unobserved<R>(action: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHING.set(self.0);
        }
    }
    let _restore = Restore(WATCHING.replace(false));
    action()
}

/// Tells of a store.
#[inline]
pub(crate) fn report(cell: usize, old: u64, new: u64, kind: StoreKind) {
    if WATCHING.get() {
        told(&Store { cell, old, new, kind });
    }
}

fn told(store: &Store) {
    OBSERVER.with_borrow(|observer| {
        if let Some(observer) = observer {
            unobserved(|| observer.stored(store));
        }
    });
}

/// In a loop that waits for somebody else's store. Tells the observer, who may have it come about.
#[inline]
pub fn spin_loop() {
    let observer = OBSERVER.with_borrow(Option::clone).filter(|_| WATCHING.get());
    match observer {
        Some(observer) => observer.waits(),
        None => std::hint::spin_loop(),
    }
}

/// Asks whether somebody writes to the cell first.
#[inline]
pub(crate) fn interfere(cell: usize, now: u64) -> Option<u64> {
    if !WATCHING.get() {
        return None;
    }
    OBSERVER.with_borrow(|observer| {
        let observer = observer.as_ref()?;
        unobserved(|| observer.before_exchange(cell, now))
    })
}
