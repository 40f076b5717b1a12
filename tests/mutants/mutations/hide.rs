//! Mistakes of those who hide and show.

use super::Caught::By;
use super::Mutation;
use super::Shown::{Driven, In};

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "records_lost_when_shown",
        file: "operations/hide.rs",
        original: "shown::<L>(f, w)",
        changed: "shown::<L>(f, w).map(|leaf| leaf & !L::hardware(f))",
        plants: "what was recorded in a hidden leaf is not there when it is shown",
        caught: By("I4"),
        shown: In("c_d", "x86_64_4level_usual"),
    },
    Mutation {
        name: "hidden_by_a_store",
        file: "engine/edit.rs",
        original: "slot.replace(w, new, live && !Self::SEES_ABSENT)",
        changed: "slot.replace(w, new, false)",
        plants: "a leaf is hidden by a store, and what the machine records just then is lost",
        caught: By("records of the machine"),
        shown: Driven("hiding", "x86_64_4level_usual"),
    },
];
