//! Atomic integers that report every store to an observer of their thread.
//!
//! They have the size and the bits of the core library's, so that a slice of integers can be seen as a slice of them, and
//! the methods of them that the runtime uses. Compiled against these instead, the runtime shows every word that it writes,
//! when it writes it: what a simulator needs that looks at tables after each store.
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use std::sync::atomic::Ordering;
//!
//! use ptgen_cells::{AtomicU64, Observer, Store, observe};
//!
//! #[derive(Default)]
//! struct List(RefCell<Vec<(u64, u64)>>);
//!
//! impl Observer for List {
//!     fn stored(&self, store: &Store) {
//!         self.0.borrow_mut().push((store.old, store.new));
//!     }
//! }
//!
//! let list = Rc::new(List::default());
//! let watched = observe(list.clone());
//! let cell = AtomicU64::new(1);
//! cell.store(2, Ordering::Release);
//! drop(watched);
//! cell.store(3, Ordering::Release);
//! assert_eq!(*list.0.borrow(), [(1, 2)]);
//! ```

mod cell;
mod observer;

pub use cell::{AtomicU32, AtomicU64};
pub use observer::{Observer, Store, StoreKind, Watched, observe, spin_loop, unobserved};
