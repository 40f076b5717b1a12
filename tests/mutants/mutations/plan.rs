//! Mistakes of those who plan.

use super::Caught::{By, Says};
use super::Mutation;
use super::Shown::{Driven, In};

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "needs_one_table_less",
        file: "engine/split/build.rs",
        original: "need.add_once::<L::Below>(leaf.span.first, counted.as_deref_mut());",
        changed: "",
        plants: "a split is planned without the frame of its table",
        caught: Says("no more frames for tables"),
        shown: In("c_l", "x86_64_4level_usual"),
    },
    Mutation {
        name: "needs_one_table_more",
        file: "engine/split/build.rs",
        original: "need.add_once::<L::Below>(leaf.span.first, counted.as_deref_mut());",
        changed: "need.add::<L::Below>(2);",
        plants: "a split takes one frame more than it has tables",
        caught: Says("expected 1 of Alloc, found 2"),
        shown: In("c_l", "x86_64_4level_usual"),
    },
    Mutation {
        name: "map_needs_one_table_less",
        file: "operations/map/plan.rs",
        original: "need.add::<L>(times);",
        changed: "need.add::<L>(if L::HAS_TABLES { times } else { times - 1 });",
        plants: "a mapping is planned without the frame of one of its lowest tables",
        caught: By("I7"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "holes_are_skipped",
        file: "engine/job.rs",
        original: "policy.holes == Holes::Refuse",
        changed: "false",
        plants: "a hole is skipped where the caller has said that it is an error",
        caught: Says("Err(Hole {"),
        shown: In("c_i", "x86_64_4level_usual"),
    },
    Mutation {
        name: "partial_leaves_are_split",
        file: "engine/job.rs",
        original: "policy.partial == Partial::Refuse",
        changed: "false",
        plants: "a leaf is split where the caller has said that none may be",
        caught: Says("only a part of the leaf is in the range"),
        shown: In("v_5", "x86_64_4level_usual"),
    },
    Mutation {
        name: "occupied_is_not_seen",
        file: "operations/map/plan.rs",
        original: "stretch.find(|w| !L::is_empty(f, w))",
        changed: "None::<usize>",
        plants: "nobody looks whether the slots of a lowest table are free before something is mapped there",
        caught: By("I5"),
        shown: In("v_3", "aarch64_stage1_4k_usual"),
    },
    Mutation {
        name: "break_is_not_refused",
        file: "engine/plan.rs",
        original: "self.live && !self.target.reach.may_break() && !goes",
        changed: "false",
        plants: "what the format lets change only by way of absent is changed in tables that must not break",
        caught: By("I6"),
        shown: In("c_e", "aarch64_stage1_4k_usual"),
    },
    Mutation {
        name: "forbidden_word_is_not_seen",
        file: "engine/plan.rs",
        original: "E::fits::<L>(self.f) || L::is_leaf(self.f, changed)",
        changed: "true",
        plants: "nobody looks whether a changed word is a leaf still",
        caught: By("I8"),
        shown: Driven("forbidden", "riscv_sv39_full"),
    },
    Mutation {
        name: "foreign_is_entered",
        file: "engine/plan.rs",
        original: "is_foreign::<L>(f, w) && !goes",
        changed: "false",
        plants: "a table of another root is not refused",
        caught: By("I6"),
        shown: Driven("shared", "x86_64_4level_usual"),
    },
];
