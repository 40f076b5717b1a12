//! The cells.

use std::ptr;
use std::sync::atomic::{self, Ordering};

use crate::observer::{StoreKind, interfere, report};

/// Whether a store of this ordering comes after all that was written before.
const fn is_release(ordering: Ordering) -> bool {
    matches!(ordering, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

macro_rules! cell {
    ($(#[$doc:meta])* $name:ident, $word:ty) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub struct $name(atomic::$name);

        #[expect(clippy::allow_attributes, reason = "the conversion does nothing for one of the widths")]
        #[allow(clippy::useless_conversion, clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "as above")]
        impl $name {
            /// A cell that holds `word`.
            #[must_use]
            pub const fn new(word: $word) -> Self {
                Self(atomic::$name::new(word))
            }

            fn address(&self) -> usize {
                ptr::from_ref(self).addr()
            }

            /// What it holds.
            pub fn load(&self, ordering: Ordering) -> $word {
                self.0.load(ordering)
            }

            /// Writes it.
            pub fn store(&self, word: $word, ordering: Ordering) {
                let old = self.0.load(Ordering::Relaxed);
                self.0.store(word, ordering);
                let kind = StoreKind::Plain { release: is_release(ordering) };
                report(self.address(), old.into(), word.into(), kind);
            }

            /// Writes it as long as nobody else knows of it.
            pub fn store_private(&self, word: $word) {
                let old = self.0.load(Ordering::Relaxed);
                self.0.store(word, Ordering::Relaxed);
                report(self.address(), old.into(), word.into(), StoreKind::Private);
            }

            /// Writes it and returns what it held.
            pub fn swap(&self, word: $word, ordering: Ordering) -> $word {
                let old = self.0.swap(word, ordering);
                report(self.address(), old.into(), word.into(), StoreKind::Exchange);
                old
            }

            /// Adds to it and returns what it held.
            pub fn fetch_add(&self, more: $word, ordering: Ordering) -> $word {
                let old = self.0.fetch_add(more, ordering);
                report(self.address(), old.into(), old.wrapping_add(more).into(), StoreKind::Exchange);
                old
            }

            /// Sets bits and returns what it held.
            pub fn fetch_or(&self, bits: $word, ordering: Ordering) -> $word {
                let old = self.0.fetch_or(bits, ordering);
                report(self.address(), old.into(), (old | bits).into(), StoreKind::Exchange);
                old
            }

            /// Keeps only some bits and returns what it held.
            pub fn fetch_and(&self, bits: $word, ordering: Ordering) -> $word {
                let old = self.0.fetch_and(bits, ordering);
                report(self.address(), old.into(), (old & bits).into(), StoreKind::Exchange);
                old
            }

            /// Writes `new` if it holds `old`, and returns what it held.
            ///
            /// # Errors
            ///
            /// What it holds instead.
            pub fn compare_exchange(
                &self,
                old: $word,
                new: $word,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$word, $word> {
                let now = self.0.load(Ordering::Relaxed);
                if let Some(other) = interfere(self.address(), now.into()) {
                    self.0.store(other as $word, Ordering::Relaxed);
                }
                let result = self.0.compare_exchange(old, new, success, failure);
                if result.is_ok() {
                    report(self.address(), old.into(), new.into(), StoreKind::Exchange);
                }
                result
            }

            /// As [`compare_exchange`](Self::compare_exchange); it does not fail without a reason.
            ///
            /// # Errors
            ///
            /// What it holds instead.
            pub fn compare_exchange_weak(
                &self,
                old: $word,
                new: $word,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$word, $word> {
                self.compare_exchange(old, new, success, failure)
            }
        }
    };
}

cell! {
    /// An integer of 32 bits in memory.
    AtomicU32, u32
}
cell! {
    /// An integer of 64 bits in memory.
    AtomicU64, u64
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::{Observer, Store, observe};

    #[derive(Default)]
    struct Log {
        stores: RefCell<Vec<Store>>,
        interfere: RefCell<Option<u64>>,
    }

    impl Observer for Log {
        fn stored(&self, store: &Store) {
            self.stores.borrow_mut().push(*store);
        }

        fn before_exchange(&self, _cell: usize, now: u64) -> Option<u64> {
            self.interfere.borrow_mut().take().map(|bits| now | bits)
        }
    }

    #[test]
    fn every_way_of_writing_is_reported() {
        let log = Rc::new(Log::default());
        let watched = observe(log.clone());
        let cell = AtomicU32::new(0);
        cell.store(1, Ordering::Relaxed);
        cell.store(2, Ordering::Release);
        cell.store_private(3);
        assert_eq!(cell.compare_exchange(3, 4, Ordering::AcqRel, Ordering::Acquire), Ok(3));
        assert_eq!(cell.compare_exchange(3, 5, Ordering::AcqRel, Ordering::Acquire), Err(4));
        assert_eq!(cell.swap(6, Ordering::AcqRel), 4);
        assert_eq!(cell.fetch_or(8, Ordering::AcqRel), 6);
        assert_eq!(cell.fetch_and(12, Ordering::AcqRel), 14);
        assert_eq!(cell.fetch_add(1, Ordering::AcqRel), 12);
        drop(watched);
        let found: Vec<_> = log.stores.borrow().iter().map(|store| (store.old, store.new, store.kind)).collect();
        let (relaxed, release) = (StoreKind::Plain { release: false }, StoreKind::Plain { release: true });
        let exchange = StoreKind::Exchange;
        let expected = [
            (0, 1, relaxed),
            (1, 2, release),
            (2, 3, StoreKind::Private),
            (3, 4, exchange),
            (4, 6, exchange),
            (6, 14, exchange),
            (14, 12, exchange),
            (12, 13, exchange),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_exchange_fails_where_somebody_else_was_first() {
        let log = Rc::new(Log::default());
        *log.interfere.borrow_mut() = Some(0x20);
        let _watched = observe(log.clone());
        let cell = AtomicU64::new(1);
        assert_eq!(cell.compare_exchange(1, 2, Ordering::AcqRel, Ordering::Acquire), Err(0x21));
        assert_eq!(cell.compare_exchange(0x21, 2, Ordering::AcqRel, Ordering::Acquire), Ok(0x21));
    }
}
