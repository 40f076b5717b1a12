//! Mistakes of those who write leaves and tables.

use super::Caught::{By, Says};
use super::Mutation;
use super::Shown::{Driven, In};

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "wrong_output",
        file: "engine/pieces.rs",
        original: "L::leaf(f, template, size, oa.wrapping_add(number << shift))",
        changed: "L::leaf(f, template, size, oa.wrapping_add((number + number / 8) << shift))",
        plants: "from the ninth leaf of a stretch on, the OA is too high",
        caught: By("I4"),
        shown: In("u_1", "x86_64_4level_usual"),
    },
    Mutation {
        name: "one_page_too_many",
        file: "engine/commit.rs",
        original: "slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last))",
        changed: "slots.stretch(index::<L>(f, span.first), (index::<L>(f, span.last) + 1).min(slots.len() - 1))",
        plants: "the page behind the range is changed as well",
        caught: By("I6"),
        shown: In("c_l", "x86_64_4level_usual"),
    },
    Mutation {
        name: "one_page_too_few",
        file: "engine/commit.rs",
        original: "slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last))",
        changed: "slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last).max(index::<L>(f, span.first) + \
            1) - 1)",
        plants: "the last page of the range stays as it was",
        caught: By("I4"),
        shown: In("c_i", "x86_64_4level_usual"),
    },
    Mutation {
        name: "link_without_order",
        file: "tables/table.rs",
        original: "Ordering::Release",
        changed: "Ordering::Relaxed",
        plants: "the store that links a table is not ordered after those to the table",
        caught: By("I3"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "linked_before_it_is_filled",
        file: "operations/map/commit.rs",
        original: "self.build::<L::Below>(span, &mut env.reserve)?",
        changed: "{ let early = env.reserve.take::<L::Below, M>(f, memory)?; table.open(f, memory, |slots| \
            slots.link(number, L::table(f, early.address().get())))?; env.reserve.put(f, memory, early)?; \
            self.build::<L::Below>(span, &mut env.reserve)? }",
        plants: "a mapping links a new table and then fills it: the parent before the child",
        caught: By("I3"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "split_linked_before_it_is_filled",
        file: "engine/split/link.rs",
        original: "self.build_split::<L>(&leaf, part, is_changed, &mut env.reserve)?",
        changed: "{ let early = env.reserve.take::<L::Below, M>(f, self.memory)?; table.open(f, self.memory, |slots| \
            slots.link(index::<L>(f, leaf.span.first), L::table(f, early.address().get())))?; env.reserve.put(f, \
            self.memory, early)?; self.build_split::<L>(&leaf, part, is_changed, &mut env.reserve)? }",
        plants: "a split links the table and then writes the parts of the leaf",
        caught: By("I3"),
        shown: In("c_l", "x86_64_4level_usual"),
    },
    Mutation {
        name: "rest_of_a_table_not_emptied",
        file: "operations/map/build.rs",
        original: "slots.fill(last + 1, slots.len() - 1, |_| empty);",
        changed: "",
        plants: "the slots of a new table behind what is mapped keep what the frame held",
        caught: By("I3"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "bits_not_moved",
        file: "engine/split/build.rs",
        original: "L::descend(f, leaf.word, size)",
        changed: "Ok(leaf.word)",
        plants: "the parts of a leaf are made of its bits as they stand in its own word, none moved",
        caught: By("I8"),
        shown: In("c_l", "aarch64_stage1_4k_usual"),
    },
    Mutation {
        name: "rights_lost_in_a_run",
        file: "engine/split/build.rs",
        original: "L::resize(f, leaf.word, size)",
        changed: "L::template(f, &<F::Attributes as crate::Attributes>::kernel_rodata(), size)",
        plants: "the parts of a run that is taken apart do not say what the run said",
        caught: By("I6"),
        shown: In("c_k", "riscv_sv39_full"),
    },
    Mutation {
        name: "records_overwritten",
        file: "tables/table.rs",
        original: "if is_settled::<L>(f, old) { return self.set(change(old)); }",
        changed: "return self.set(change(old));",
        plants: "a leaf is changed by a store where the machine may be recording in it",
        caught: By("records of the machine"),
        shown: Driven("recording", "x86_64_4level_usual"),
    },
    Mutation {
        name: "records_overwritten_in_one",
        file: "tables/table.rs",
        original: "!live || is_settled::<L>(f, old)",
        changed: "true",
        plants: "likewise, where one leaf is exchanged for another",
        caught: By("records of the machine"),
        shown: Driven("hiding", "x86_64_4level_usual"),
    },
    Mutation {
        name: "records_overwritten_by_split",
        file: "engine/split/link.rs",
        original: "self.live && L::is_leaf(f, old) && !is_settled::<L>(f, old)",
        changed: "false",
        plants: "a table is stored over a leaf in which the machine may be recording",
        caught: By("records of the machine"),
        shown: Driven("recording", "x86_64_4level_usual"),
    },
    Mutation {
        name: "records_of_a_run_forgotten",
        file: "engine/split/link.rs",
        original: "words.fold(leaf.word, |word, other| recording.merge(word, other))",
        changed: "{ let _ = (words, recording); leaf.word }",
        plants: "of a run that is taken apart only the records of one word are kept",
        caught: Says("may have been written to"),
        shown: Driven("run", "riscv_sv39_full"),
    },
    Mutation {
        name: "run_stays_together",
        file: "engine/split.rs",
        original: "table.open(f, self.memory, |slots| self.take_apart::<L>(&slots, &leaf, part))??;",
        changed: "if self.ends == Ends::AtOnce { return Ok(true); } \
            table.open(f, self.memory, |slots| self.take_apart::<L>(&slots, &leaf, part))??;",
        plants: "a slot of a run is cleared, and the others still say that they are the run",
        caught: By("I5"),
        shown: In("m_1", "riscv_sv39_full"),
    },
    Mutation {
        name: "run_stays_together_while_changed",
        file: "engine/split.rs",
        original: "table.open(f, self.memory, |slots| self.take_apart::<L>(&slots, &leaf, part))??;",
        changed: "return Ok(true);",
        plants: "a slot of a run is changed, and the others still say that they are the run",
        caught: By("I5"),
        shown: In("c_k", "riscv_sv39_full"),
    },
];
