//! The runtime's own source, with mistakes planted in it.
//!
//! The build script reads `runtime/src` and puts each mistake of the list (`tests/mutants/mutations`) beside the text that
//! it replaces: which of the two runs is decided by [`mutant`], at run time and for each thread, so that one build serves
//! all. Stores are reported, as they are in `ptgen-watched`.
#![allow(
    clippy::all,
    clippy::pedantic,
    unused_parens,
    unused_braces,
    unused_variables,
    missing_docs,
    unused_macros,
    unused_imports,
    reason = "what is looked at by lints is the runtime itself, without what is planted"
)]

/// Which of the planted mistakes is made.
pub mod mutant {
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// From now on, this thread makes the mistake of this number in the list, and no other; none, if none is said.
    pub fn switch(number: Option<usize>) {
        ON.set(number);
    }

    /// Whether this thread makes a mistake.
    #[inline]
    pub(crate) fn is(number: usize) -> bool {
        ON.get() == Some(number)
    }
}

include!(concat!(env!("OUT_DIR"), "/runtime/lib.rs"));
