//! Mistakes of those who join.

use super::Caught::{By, Says};
use super::Mutation;
use super::Shown::{Driven, In};

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "joined_before_the_flush",
        file: "operations/join/settle.rs",
        original: "self.tlb.flush(&reach.request(self.target.f, range, sizes, true));",
        changed: "let _ = (range, sizes);",
        plants: "a joined table is written to and given back though walk caches may hold it",
        caught: By("I1"),
        shown: In("c_d", "x86_64_4level_usual"),
    },
    Mutation {
        name: "joined_without_waiting",
        file: "operations/join/settle.rs",
        original: "self.tlb.wait_for_readers();",
        changed: "",
        plants: "a joined table becomes garbage while a reader may be in it",
        caught: By("I4"),
        shown: Driven("joining", "x86_64_4level_usual"),
    },
    Mutation {
        name: "records_of_a_joined_table_lost",
        file: "operations/join/settle.rs",
        original: "self.keep_records::<L>(table, pending, None)?",
        changed: "()",
        plants: "what is recorded in a joined table before the flush is lost",
        caught: By("records of the machine"),
        shown: Driven("joining", "x86_64_4level_usual"),
    },
    Mutation {
        name: "differing_leaves_joined",
        file: "operations/join/uniform.rs",
        original: "template == before.template",
        changed: "true",
        plants: "leaves that say different things are joined",
        caught: By("I4"),
        shown: Driven("differing", "x86_64_4level_usual"),
    },
    Mutation {
        name: "scattered_leaves_joined",
        file: "operations/join/uniform.rs",
        original: "oa != before.oa.wrapping_add(at - self.first)",
        changed: "false",
        plants: "leaves that are not adjacent among the OA are joined",
        caught: By("I4"),
        shown: Driven("scattered", "x86_64_4level_usual"),
    },
    Mutation {
        name: "refusal_ignored",
        file: "operations/join/settle.rs",
        original: "self.ask.is_wanted(&leaf)",
        changed: "{ let _ = self.ask.is_wanted(&leaf); true }",
        plants: "a table is joined though the caller says no",
        caught: Says("as before"),
        shown: In("u_6", "x86_64_4level_usual"),
    },
];
