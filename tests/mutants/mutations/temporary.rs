//! Mistakes of temporary maps.

use super::Caught::{By, Says};
use super::Mutation;
use super::Shown::Driven;

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "ring_reused_before_the_flush",
        file: "temporary/ring.rs",
        original: "self.taken.get().gap(self.next.get(), end, pages)",
        changed: "self.live.get().gap(0, end, pages)",
        plants: "VA of a ring are used again before the flush",
        caught: By("I5"),
        shown: Driven("ring", "x86_64_4level_usual"),
    },
    Mutation {
        name: "local_not_flushed",
        file: "temporary/local.rs",
        original: "drop(slots.flush(unflushed));",
        changed: "core::mem::forget(unflushed);",
        plants: "a local map is taken away and not flushed",
        caught: By("I5"),
        shown: Driven("local", "x86_64_4level_usual"),
    },
    Mutation {
        name: "local_flushed_everywhere_else",
        file: "temporary/slots.rs",
        original: "range.target.reach.scope = Scope::Local;",
        changed: "",
        plants: "temporary maps flush all processors",
        caught: Says("no other processor has to be told"),
        shown: Driven("local", "x86_64_4level_usual"),
    },
];
