//! Mistakes of those who say what is to be flushed.

use super::Caught::{By, Says};
use super::Mutation;
use super::Shown::{Driven, In};

/// The list.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "request_forgotten",
        file: "engine/edit.rs",
        original: "touched.request(f, reach, job.way == Way::Lazy)",
        changed: "None::<crate::FlushRequest>",
        plants: "a change asks for no flush",
        caught: By("I13"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "restriction_is_lazy",
        file: "engine/edit.rs",
        original: "touched.request(f, reach, job.way == Way::Lazy)",
        changed: "touched.request(f, reach, job.way <= Way::Live)",
        plants: "leaves that go or lose rights are not flushed, as if it were a change that may be lazy",
        caught: By("I13"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "range_too_small",
        file: "engine/progress.rs",
        original: "reach.request(f, va_range(f, hull.first, hull.last), sizes, tables)",
        changed: "reach.request(f, va_range(f, hull.first, hull.last - ((hull.last - hull.first) >> 1)), sizes, tables)",
        plants: "half of what was changed is flushed",
        caught: By("I13"),
        shown: In("c_i", "x86_64_4level_usual"),
    },
    Mutation {
        name: "tables_missing",
        file: "engine/progress.rs",
        original: "reach.request(f, va_range(f, hull.first, hull.last), sizes, tables)",
        changed: "reach.request(f, va_range(f, hull.first, hull.last), sizes, false)",
        plants: "the request leaves out walk caches",
        caught: By("I1"),
        shown: In("u_4", "x86_64_4level_usual"),
    },
    Mutation {
        name: "sizes_missing",
        file: "engine/progress.rs",
        original: "self.sizes = self.sizes.or(L::leaf_sizes(f));",
        changed: "",
        plants: "the request does not name the size of the leaves that were changed",
        caught: By("I13"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "sizes_below_missing",
        file: "engine/progress.rs",
        original: "self.sizes = self.sizes.or(all_sizes::<L>(f));",
        changed: "",
        plants: "the request does not name the sizes of leaves in a table that was unlinked",
        caught: By("I13"),
        shown: In("c_g", "x86_64_4level_usual"),
    },
    Mutation {
        name: "global_missing",
        file: "range_mut.rs",
        original: "FlushRequest { tables, global: f.has_global(), space, scope, ..FlushRequest::new(range, \
            leaf_sizes) }",
        changed: "FlushRequest { tables, global: false, space, scope, ..FlushRequest::new(range, leaf_sizes) }",
        plants: "the request leaves out leaves of all address spaces",
        caught: By("I13"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "other_processors_missing",
        file: "range_mut.rs",
        original: "FlushRequest { tables, global: f.has_global(), space, scope, ..FlushRequest::new(range, \
            leaf_sizes) }",
        changed: "FlushRequest { tables, global: f.has_global(), space, scope: Scope::Local, \
            ..FlushRequest::new(range, leaf_sizes) }",
        plants: "the request reaches this processor only",
        caught: By("I13"),
        shown: In("c_c", "x86_64_4level_usual"),
    },
    Mutation {
        name: "wrong_space",
        file: "range_mut.rs",
        original: "FlushRequest { tables, global: f.has_global(), space, scope, ..FlushRequest::new(range, \
            leaf_sizes) }",
        changed: "FlushRequest { tables, global: f.has_global(), space: space.map(|space| space ^ 1), scope, \
            ..FlushRequest::new(range, leaf_sizes) }",
        plants: "the request names another address space",
        caught: By("I1"),
        shown: Driven("space", "x86_64_4level_usual"),
    },
    Mutation {
        name: "merge_loses_sizes",
        file: "flush.rs",
        original: "self.leaf_sizes.or(other.leaf_sizes)",
        changed: "self.leaf_sizes",
        plants: "of two requests that are merged the sizes of one are lost",
        caught: By("I13"),
        shown: In("g_1", "x86_64_4level_usual"),
    },
    Mutation {
        name: "merge_loses_range",
        file: "flush.rs",
        original: "self.range.hull(other.range)",
        changed: "self.range",
        plants: "of two requests that are merged the range of one is lost",
        caught: By("I13"),
        shown: In("a_4", "x86_64_4level_usual"),
    },
    Mutation {
        name: "stale_is_not_noted",
        file: "batch.rs",
        original: "self.stale.add(request.range);",
        changed: "let _ = request;",
        plants: "a batch forgets which VA may still be held",
        caught: Says("Err(Stale {"),
        shown: In("g_5", "x86_64_4level_usual"),
    },
];
