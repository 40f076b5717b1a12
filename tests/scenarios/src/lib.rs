//! What kernels and hypervisors do with page tables, for every format, on a simulated machine that judges every store.
//!
//! Nothing here knows a format. The packages in `tests/simulated` have the cases, some in each, and run all of this on them: a
//! [`Suite`].
//!
//! # Scenarios
//!
//! A scenario is a piece of work that kernels do, told once for every format that it applies to. The simulated machine
//! judges every store; a scenario adds what must hold of its work alone: how many tables, how many flushes, in which order,
//! and which words come back as they were. How operations are declared to the machine says [`ptgen_simulator`].
//!
//! To add one:
//!
//! 1. A module in the folder of its family (`c`, `g`, …), say `c::x`, with two functions:
//!    - `pub fn applies(facts: &Facts) -> Applies` decides from [facts](Facts) of a format: sizes of leaves, attributes by
//!      name, ways of change; never from its name. [`Applies::if_all`] takes the facts that are needed, each with the words
//!      for a format that lacks it. What the runtime cannot do yet is no such fact: a scenario applies then, and fails.
//!    - `pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome` is the scenario. An operation that
//!      takes frames is followed by `?`, as it may run out of them (below); everything else that goes wrong is a panic.
//! 2. A line in [`registry!`], with what its tests are called, its name, and what it shows.
//!
//! That makes a test for each case (`cargo test -p ptgen-simulated-x86 c_x`), a second one that runs it once for each of its
//! allocations, failing that one, and a column of the tables in `docs/scenarios`, which
//! `PTGEN_BLESS=1 cargo test --workspace table_of_scenarios` writes anew.
//!
//! [`Steps`] has the plain operations, declared to the machine and flushed; [`Area`] says where to map something. [`window`]
//! has what temporary maps need. [`ptgen_simulator::Judge::during`] is for what comes about in the midst of something else.

pub mod a;
pub mod c;
mod facts;
pub mod g;
pub mod io;
pub mod k;
pub mod kv;
pub mod m;
pub mod n;
mod registry;
mod steps;
mod table;
pub mod u;
pub mod v;
pub mod window;

pub use facts::{Applies, Facts, LevelFacts};
pub use ptgen_cases::{Case, Decided};
pub use registry::{Ready, SCENARIOS, Scenario, Suite, Verdict};
pub use steps::{
    Area, AttributesOf, ChangeOf, CxOf, Outcome, Steps, assert_flushed_before_free, assert_words, change, data,
    memory_types,
};
pub use table::{index, table};
