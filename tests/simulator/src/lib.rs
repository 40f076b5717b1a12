//! A simulated machine that judges the runtime store by store.
//!
//! The runtime is compiled once more, against atomics that report every store ([`ptgen_cells`]); here it is the crate
//! `ptgen`, so that tests are written as clients are. Its tables stand in simulated memory, its frames are typed, poisoned
//! when they come back, and run out on request, and its flushes reach simulated processors. After every store the state of
//! the whole is looked at, and what breaks an [`Invariant`] is reported with its name and what led to it.
//!
//! # What is simulated
//!
//! - **Words** mean what the reference walker (`ptdsl::walk`) says, never what emitted code says.
//! - **TLBs and walk caches** are adversaries: they hold all that they could have seen since the last flush that covers it,
//!   on every processor. What the tables say now they may hold anyway; what they said before is kept as a set, not as a
//!   sample. A flush drops what it covers and nothing else: leaves of the sizes in the request only, tables only if it says
//!   so, global leaves only if it says so, this processor's only if it is local.
//! - **Readers**: after [`Machine::set_readers`], tables may be given back only after `wait_for_readers`.
//! - **The machine's own stores**: [`Machine::touch`] records an access in a leaf; after [`Machine::interfere`] the machine
//!   does so just before exchanges, too.
//!
//! # How to write a scenario
//!
//! Make a [`Machine`] for each value of each case (the package `ptgen-scenarios` has a list of all), then [`run`](Machine::run) operations with what they are declared
//! to do. An operation that returns what is to be flushed is flushed; whatever went wrong meanwhile is a panic that names the
//! invariant and shows the last events. [`begin`](Machine::begin) and [`end`](Machine::end) are the parts of it, for
//! operations that are flushed later.
//!
//! ```
//! use ptgen::{Attributes, Format, Leaves, PageTable, Unmap};
//! use ptgen_simulator::{Case, Decided, Kind, Machine, simulate};
//!
//! /// A page is mapped and unmapped again; its table is given back after the flush.
//! fn map_and_unmap<P: PageTable>(machine: &mut Machine<'_, P>) {
//!     let data = <P::Format as Format>::Attributes::kernel_data();
//!     let (va, oa) = (machine.va(0x20_0000), 0x40_0000);
//!     let page = va..va + machine.smallest();
//!
//!     let mapped = vec![machine.mapped(page.clone(), oa, &data)];
//!     machine.run(mapped, |table, cx| table.map(cx, page.clone(), oa, &data, Leaves::Largest)).unwrap();
//!     machine.log(|log| {
//!         log.assert_order(&[Kind::Alloc, Kind::Private, Kind::Link]);
//!         log.assert_count(Kind::Free, 0);
//!     });
//!
//!     let unmapped = vec![machine.unmapped(page.clone())];
//!     machine.run(unmapped, |table, cx| table.unmap(cx, page.clone(), Unmap::everything())).unwrap();
//!     machine.log(|log| log.assert_order(&[Kind::Unlink, Kind::Flush, Kind::Free]));
//!     machine.free_data(oa, 0x1000);
//!     machine.assert_balanced();
//! }
//!
//! #[ptgen::pagetable(format = "riscv_sv39")]
//! mod tables {}
//!
//! let case = Case { name: "plain", format: "riscv_sv39", text: None };
//! let decided = Decided { features: &[], parameters: &[], range: 0 };
//! simulate::<tables::PageTable>(tables::Format {}, &case, &decided, |mut machine| {
//!     map_and_unmap(&mut machine);
//!     machine.finish();
//! });
//! ```

mod expect;
mod judge;
mod log;
mod machine;
mod memory;
mod moment;
mod oracle;
mod piece;
mod state;
mod violation;

pub use expect::{Expect, Snapshot};
pub use judge::Judge;
pub use log::{Event, Kind, Log};
pub use machine::{Cx, Machine, simulate};
pub use memory::Simulator;
pub use moment::Moment;
pub use oracle::{Oracle, Said};
pub use ptdsl::walk::Value;
pub use ptgen_cases::{Case, Decided};
pub use violation::{Invariant, Violation};
