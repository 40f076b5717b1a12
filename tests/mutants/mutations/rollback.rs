//! Mistakes of those who undo.

use super::Caught::By;
use super::Mutation;
use super::Shown::{Driven, In};

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "frames_of_a_failed_plan_leaked",
        file: "engine/reserve.rs",
        original: "reserve.give_back(f, memory, frames); return Err(error);",
        changed: "return Err(error);",
        plants: "frames that were taken before there were too few are lost",
        caught: By("I7"),
        shown: In("v_6", "x86_64_4level_usual"),
    },
    Mutation {
        name: "undo_forgets_tables_below",
        file: "engine/undo.rs",
        original: "take_down_below(f, memory, &table, reserve)?;",
        changed: "",
        plants: "what is taken down because somebody was first loses its tables below",
        caught: By("I7"),
        shown: Driven("recording", "x86_64_4level_usual"),
    },
    Mutation {
        name: "undo_forgets_the_table",
        file: "engine/split/link.rs",
        original: "take_down(f, self.memory, child, &mut env.reserve)?;",
        changed: "let _ = child;",
        plants: "a table that could not be linked is lost when the split is tried again",
        caught: By("I7"),
        shown: Driven("recording", "x86_64_4level_usual"),
    },
];
