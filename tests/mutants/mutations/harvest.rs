//! Mistakes of those who harvest records.

use super::Caught::By;
use super::Mutation;
use super::Shown::Driven;

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "harvested_by_a_store",
        file: "operations/harvest.rs",
        original: "slots.exchange(number, w, new)",
        changed: "{ slots.set(number, new); Ok(()) }",
        plants: "what was recorded is cleared by a store",
        caught: By("records of the machine"),
        shown: Driven("harvest", "x86_64_4level_usual"),
    },
    Mutation {
        name: "harvest_not_flushed",
        file: "operations/harvest.rs",
        original: "later(&mut self.request, reach.request(f, range, L::leaf_sizes(f), false));",
        changed: "let _ = (range, reach);",
        plants: "records are cleared and TLBs go on as if there were nothing to record",
        caught: By("I13"),
        shown: Driven("harvest", "x86_64_4level_usual"),
    },
];
