//! Mistakes of those who change what is live: absent first, instructions, caches.

use super::Caught::By;
use super::Mutation;
use super::Shown::In;

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "split_not_flushed",
        file: "engine/split.rs",
        original: "if let Some(request) = touched.request(self.f, self.target.reach, false) { \
            env.tlb.flush(&request); }",
        changed: "",
        plants: "a part of a split leaf is changed before the leaf is flushed",
        caught: By("I5"),
        shown: In("c_l", "x86_64_4level_usual"),
    },
    Mutation {
        name: "break_not_flushed",
        file: "engine/careful.rs",
        original: "if let Some(request) = touched.request(self.f, self.target.reach, false) { tlb.flush(&request); }",
        changed: "",
        plants: "what has been made absent for a change is not flushed before it comes back",
        caught: By("I5"),
        shown: In("c_e", "aarch64_stage1_4k_usual"),
    },
    Mutation {
        name: "break_skipped",
        file: "engine/split.rs",
        original: "self.split_by_absent(table, &leaf, (part.last, span), env)?",
        changed: "{ if self.split_in_place(table, leaf, span, env)? { leaf.span.last.checked_add(1) } else { Some(at) } }",
        plants: "a leaf that has to go through absent is replaced by a table in one store",
        caught: By("I5"),
        shown: In("c_l", "aarch64_stage1_4k_usual"),
    },
    Mutation {
        name: "change_without_break",
        file: "engine/careful.rs",
        original: "end = self.break_stretch(table, Span { first: at, last: span.last }, env)?;",
        changed: "table.open(f, memory, |slots| self.edit.change_one(f, &slots.slot(index::<L>(f, at)), true))??;",
        plants: "what may change only by way of absent is changed in one store",
        caught: By("I5"),
        shown: In("c_e", "aarch64_stage1_4k_usual"),
    },
    Mutation {
        name: "instruction_skipped",
        file: "engine/careful.rs",
        original: "tlb.exchange(&exchange_of::<L>(f, table, at, w, new))",
        changed: "{ table.open(f, self.memory, |slots| slots.set(index::<L>(f, at), new))?; Ok::<(), u64>(()) }",
        plants: "a live leaf is changed by a store where the format asks for an instruction",
        caught: By("I5"),
        shown: In("c_m", "rowan_full"),
    },
    Mutation {
        name: "split_without_instruction",
        file: "engine/split/link.rs",
        original: "return Ok(tlb.exchange(&exchange).map_err(WordOf::<L>::truncate));",
        changed: "let _ = &exchange; table.open(f, self.memory, |slots| slots.link(number, w))?; return Ok(Ok(()));",
        plants: "a table takes the place of a live leaf by a store where the format asks for an instruction",
        caught: By("I5"),
        shown: In("c_m", "rowan_full"),
    },
    Mutation {
        name: "new_table_not_cleaned",
        file: "engine/clean.rs",
        original: "memory.clean(table.address(), 1 << (L::index_bits(f) + WordOf::<L>::BYTES_LG2));",
        changed: "let _ = (memory, table);",
        plants: "a new table is linked before it is written out of the caches",
        caught: By("I3"),
        shown: In("c_c", "juniper_usual"),
    },
    Mutation {
        name: "slots_not_cleaned",
        file: "engine/clean.rs",
        original: "memory.clean(table.address() + (first << word_lg2), (last + 1 - first) << word_lg2);",
        changed: "let _ = (memory, table, first, last, word_lg2);",
        plants: "what has been written to a table stays in the caches",
        caught: By("I3"),
        shown: In("c_c", "juniper_usual"),
    },
];
