//! The atomics that words in memory are.
//!
//! The core library's, except where the same source is compiled to be watched: against atomics that explore every
//! interleaving, or that report every store.

#[cfg(not(any(ptgen_loom, ptgen_watched)))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(ptgen_watched)]
pub(crate) use ptgen_cells::{AtomicU32, AtomicU64, spin_loop};
#[cfg(ptgen_loom)]
pub(crate) use ptgen_loom_atomics::{AtomicU32, AtomicU64};

#[cfg(not(any(ptgen_loom, ptgen_watched)))]
pub(crate) use core::hint::spin_loop;
pub(crate) use core::sync::atomic::Ordering;
#[cfg(not(ptgen_loom))]
pub(crate) use core::sync::atomic::fence;
#[cfg(ptgen_loom)]
pub(crate) use ptgen_loom_atomics::{fence, spin_loop};

/// The atomics that are not words of tables: threads share them, and nobody watches them.
pub(crate) mod shared {
    #[cfg(not(ptgen_loom))]
    pub(crate) use core::sync::atomic::AtomicU64;
    #[cfg(ptgen_loom)]
    pub(crate) use ptgen_loom_atomics::AtomicU64;
}
