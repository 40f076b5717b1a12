//! What threads may do to one tree at once, explored: every interleaving of their loads and stores with up to a few
//! preemptions (of small models: all), and every value that the orderings allow a load to return.
//!
//! The code under test is the runtime itself. Each model is also run with atomics that do less than they are asked to,
//! and has to fail then: it would notice if the runtime asked for less.

mod breaking;
mod flushes;
mod installing;
mod joining;
mod machine;
mod meeting;
mod memory;
mod readers;
mod records;
mod retiring;
mod tiny;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ptgen_loom::{Context, Fault, FaultKind, Flow, NoTlb, Oa, Tree, Visit, Visitor};
use ptgen_loom_atomics::{Weakness, with_weakness};

use memory::{Pool, Reach, Tables};
use tiny::{Attributes, Format, WHOLE};

/// How often threads are stopped in the midst of something, unless `LOOM_MAX_PREEMPTIONS` says otherwise.
const PREEMPTIONS: usize = 2;

/// Explores `model`, as far as that takes no more than a few preemptions.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    check(builder, model);
}

/// Explores `model`, all of it.
fn explore_all(model: impl Fn() + Send + Sync + 'static) {
    check(loom::model::Builder::new(), model);
}

fn check(mut builder: loom::model::Builder, model: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    builder.max_branches = 20_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let runs = runs.load(Ordering::Relaxed);
    println!("{runs} executions");
    assert!(runs > 1, "there is nothing to explore");
}

/// Explores `model` with atomics of some weakness, and sees it fail for one of `reasons`.
fn fails(weakness: Weakness, reasons: &[&str], model: impl Fn() + Send + Sync + 'static) {
    let failed = catch_unwind(AssertUnwindSafe(|| with_weakness(weakness, || explore(model))));
    let Err(panic) = failed else { panic!("the model holds with {weakness:?} weak") };
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("no text");
    assert!(reasons.iter().any(|reason| text.contains(reason)), "fails with {weakness:?} weak, but for: {text}");
}

/// What loom says of a table that is opened by somebody who has not seen it being made, or after it was given back.
const NOT_ORDERED: &str = "Causality violation";

type Cx<T = NoTlb> = Context<Reach, Pool, T>;

/// Empty tables in so many frames, of which the first `own` are for the first thread.
fn start(frames: usize, own: usize, format: Format) -> (Arc<Tables>, Cx, Tree<Format>) {
    start_with(frames, own, format, NoTlb)
}

/// Likewise, with flushes.
fn start_with<T>(frames: usize, own: usize, format: Format, tlb: T) -> (Arc<Tables>, Cx<T>, Tree<Format>) {
    let tables = Tables::new(frames);
    let mut cx = Context::new(Reach(tables.clone()), Pool::new(&tables, 0..own), tlb);
    let tree = Tree::new(&mut cx, format).expect("there are frames");
    (tables, cx, tree)
}

/// What a thread works with that takes frames of these numbers.
fn context(tables: &Arc<Tables>, frames: Range<usize>) -> Cx {
    Context::new(Reach(tables.clone()), Pool::new(tables, frames), NoTlb)
}

/// Empty tables whose parts can be given to threads. Loom's threads do not end within a scope, so it lives on.
fn shared_tree(cx: &mut Cx, format: Format) -> &'static mut Tree<Format> {
    Box::leak(Box::new(Tree::new(cx, format).expect("there are frames")))
}

/// The tree at `root`, for a reader.
#[expect(unsafe_code, reason = "a reader's claim that the tables stand there")]
fn reader(format: Format, root: Oa) -> Tree<Format> {
    // SAFETY: the memory checks addresses, and this is only used to read.
    unsafe { Tree::from_root(format, root) }
}

/// What a reader may find of a page that comes or goes: all of it or nothing. Says which.
fn translates_or_not(found: Result<Oa, Fault>, oa: u64) -> bool {
    match found {
        Ok(found) => {
            assert_eq!(found.get(), oa, "a reader saw something else");
            true
        }
        Err(fault) => {
            assert_eq!(fault.kind, FaultKind::Absent, "a reader saw a slot before it was written");
            false
        }
    }
}

/// Sees every VA once, in order, where whatever is mapped is mapped to the VA plus an offset.
struct Everything {
    next: u64,
    offset: u64,
}

impl Visitor<Format> for Everything {
    fn visit(&mut self, visit: Visit<Format>) -> Flow {
        let (start, end) = match visit {
            Visit::Leaf(leaf) => {
                assert_eq!(leaf.oa.get(), leaf.va.get().wrapping_add(self.offset), "a reader saw something else");
                (leaf.va.get(), leaf.last().get() + 1)
            }
            Visit::Hole(range) => (range.start().get(), range.last().get() + 1),
            Visit::Table { .. } => return Flow::Continue,
            Visit::Reserved { .. } => panic!("a reader saw a slot before it was written"),
        };
        assert_eq!(start, self.next, "a reader saw it twice, or not at all");
        self.next = end;
        Flow::Continue
    }
}

/// Lets `walk` walk over everything.
fn walk_everything(offset: u64, walk: impl FnOnce(&mut Everything) -> Result<(), Fault>) {
    let mut everything = Everything { next: 0, offset };
    walk(&mut everything).expect("the walk ends");
    assert_eq!(everything.next, WHOLE);
}

/// All leaves: VA, OA, attributes.
fn leaves(tree: &Tree<Format>, memory: &Reach) -> Vec<(u64, u64, Attributes)> {
    let mut found = Vec::new();
    let mut visitor = |visit: Visit<Format>| {
        if let Visit::Leaf(leaf) = visit {
            found.push((leaf.va.get(), leaf.oa.get(), leaf.attributes()));
        }
        Flow::Continue
    };
    tree.walk(memory, 0..WHOLE, &mut visitor).expect("the walk ends");
    found
}
