//! The atomics with which the runtime is compiled for loom's models.
//!
//! They are loom's, and explore every interleaving and every value that a load may return. Beside that they can be told
//! to be [`Weakness`]: to do less than they are asked to. A model of something that needs an ordering, or needs an
//! exchange to be one step, has to fail without it: so a model shows that it can fail, and that the runtime asks for
//! what it needs, without a second version of the runtime.

use std::cell::Cell;

pub use loom::hint::spin_loop;
pub use loom::sync::atomic::Ordering;

/// What the atomics do not do although they are asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weakness {
    /// Nothing: they do what they are asked to.
    #[default]
    Nothing,
    /// Stores release nothing.
    Stores,
    /// Loads acquire nothing.
    Loads,
    /// Exchanges are a load and then a store.
    Exchanges,
    /// Fences do not order.
    Fences,
}

thread_local! {
    /// Loom runs all threads of a model on the thread that checks it.
    static WEAKNESS: Cell<Weakness> = const { Cell::new(Weakness::Nothing) };
}

/// Calls `check`, which checks a model, with atomics of this weakness on this thread.
pub fn with_weakness<R>(weakness: Weakness, check: impl FnOnce() -> R) -> R {
    /// Puts back what was there, after a panic as well.
    struct Restore(Weakness);
    impl Drop for Restore {
        fn drop(&mut self) {
            WEAKNESS.set(self.0);
        }
    }
    let _restore = Restore(WEAKNESS.replace(weakness));
    check()
}

fn has(weakness: Weakness) -> bool {
    WEAKNESS.get() == weakness
}

/// What a load does of what it is asked to.
fn of_load(ordering: Ordering) -> Ordering {
    if has(Weakness::Loads) { Ordering::Relaxed } else { ordering }
}

/// What a store does of what it is asked to.
fn of_store(ordering: Ordering) -> Ordering {
    if has(Weakness::Stores) { Ordering::Relaxed } else { ordering }
}

/// What an exchange does of what it is asked to.
fn of_exchange(ordering: Ordering) -> Ordering {
    match (ordering, WEAKNESS.get()) {
        (Ordering::AcqRel, Weakness::Stores) => Ordering::Acquire,
        (Ordering::AcqRel, Weakness::Loads) => Ordering::Release,
        (Ordering::Release, Weakness::Stores) | (Ordering::Acquire, Weakness::Loads) => Ordering::Relaxed,
        (ordering, _) => ordering,
    }
}

/// The ordering of the load in an exchange that is taken apart.
const fn load_part(ordering: Ordering) -> Ordering {
    match ordering {
        Ordering::AcqRel | Ordering::Acquire => Ordering::Acquire,
        Ordering::SeqCst => Ordering::SeqCst,
        _ => Ordering::Relaxed,
    }
}

/// The ordering of the store in an exchange that is taken apart.
const fn store_part(ordering: Ordering) -> Ordering {
    match ordering {
        Ordering::AcqRel | Ordering::Release => Ordering::Release,
        Ordering::SeqCst => Ordering::SeqCst,
        _ => Ordering::Relaxed,
    }
}

/// A fence.
pub fn fence(ordering: Ordering) {
    if !has(Weakness::Fences) {
        loom::sync::atomic::fence(ordering);
    }
}

/// The order in which threads use a cell, as something that loom explores.
///
/// Loom decides which orders are worth a try by who used a cell last. It forgets a thread's load when another one loads,
/// and so does not try what happens if the second thread stores before the first one has loaded. Here every use of a cell
/// is one that matters to all others: an attempt to take a lock that is never free, which orders nothing.
#[derive(Debug)]
struct Turns(loom::sync::Mutex<()>);

impl Turns {
    fn new() -> Self {
        let turns = Self(loom::sync::Mutex::new(()));
        std::mem::forget(turns.0.lock());
        turns
    }

    fn take(&self) {
        assert!(self.0.try_lock().is_err(), "the lock is never free");
    }
}

macro_rules! atomic {
    ($name:ident, $word:ty, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub struct $name {
            cell: loom::sync::atomic::$name,
            turns: Turns,
        }

        impl $name {
            /// One with a value. Only within a model.
            #[must_use]
            pub fn new(word: $word) -> Self {
                Self { cell: loom::sync::atomic::$name::new(word), turns: Turns::new() }
            }

            /// Its value.
            #[must_use]
            pub fn load(&self, ordering: Ordering) -> $word {
                self.turns.take();
                self.cell.load(of_load(ordering))
            }

            /// Gives it a value.
            pub fn store(&self, word: $word, ordering: Ordering) {
                self.turns.take();
                self.cell.store(word, of_store(ordering));
            }

            /// Gives it the value `new` if it has the value `old`.
            ///
            /// # Errors
            ///
            /// The value it has instead.
            pub fn compare_exchange(
                &self,
                old: $word,
                new: $word,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$word, $word> {
                self.turns.take();
                if !has(Weakness::Exchanges) {
                    return self.cell.compare_exchange(old, new, of_exchange(success), of_load(failure));
                }
                let found = self.cell.load(load_part(success));
                if found != old {
                    return Err(found);
                }
                self.turns.take();
                self.cell.store(new, store_part(success));
                Ok(found)
            }

            /// As [`compare_exchange`](Self::compare_exchange). It does not fail without a reason here.
            ///
            /// # Errors
            ///
            /// The value it has instead.
            pub fn compare_exchange_weak(
                &self,
                old: $word,
                new: $word,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$word, $word> {
                self.compare_exchange(old, new, success, failure)
            }

            /// Gives it another value and returns the one it had.
            pub fn swap(&self, word: $word, ordering: Ordering) -> $word {
                self.revise(|_| word, ordering, |cell, ordering| cell.swap(word, ordering))
            }

            /// Keeps the bits of `mask` only, and returns the value it had.
            pub fn fetch_and(&self, mask: $word, ordering: Ordering) -> $word {
                self.revise(|word| word & mask, ordering, |cell, ordering| cell.fetch_and(mask, ordering))
            }

            /// Sets the bits of `mask`, and returns the value it had.
            pub fn fetch_or(&self, mask: $word, ordering: Ordering) -> $word {
                self.revise(|word| word | mask, ordering, |cell, ordering| cell.fetch_or(mask, ordering))
            }

            /// Adds `count`, wrapping, and returns the value it had.
            pub fn fetch_add(&self, count: $word, ordering: Ordering) -> $word {
                let added = |word: $word| word.wrapping_add(count);
                self.revise(added, ordering, |cell, ordering| cell.fetch_add(count, ordering))
            }

            /// Subtracts `count`, wrapping, and returns the value it had.
            pub fn fetch_sub(&self, count: $word, ordering: Ordering) -> $word {
                let subtracted = |word: $word| word.wrapping_sub(count);
                self.revise(subtracted, ordering, |cell, ordering| cell.fetch_sub(count, ordering))
            }

            /// Sets the bits of `mask` if it has the value `old`, as a machine does that records an access: in one
            /// step, however weak the atomics of programs are. Returns whether it did.
            pub fn record(&self, old: $word, mask: $word) -> bool {
                self.turns.take();
                self.cell.compare_exchange(old, old | mask, Ordering::AcqRel, Ordering::Acquire).is_ok()
            }

            fn revise(
                &self,
                revised: impl FnOnce($word) -> $word,
                ordering: Ordering,
                at_once: impl FnOnce(&loom::sync::atomic::$name, Ordering) -> $word,
            ) -> $word {
                self.turns.take();
                if !has(Weakness::Exchanges) {
                    return at_once(&self.cell, of_exchange(ordering));
                }
                let found = self.cell.load(load_part(ordering));
                self.turns.take();
                self.cell.store(revised(found), store_part(ordering));
                found
            }
        }
    };
}

atomic!(AtomicU32, u32, "32 bits that threads share.");
atomic!(AtomicU64, u64, "64 bits that threads share.");
atomic!(AtomicUsize, usize, "A number that threads share.");
