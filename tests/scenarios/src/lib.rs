//! What kernels and hypervisors do with page tables, for every format, on a simulated machine that judges every store.
//!
//! [`every_case!`](crate::every_case) calls a macro once for each case: each is a module of [`cases`] with a `CASE`,
//! `values()` and `tables`. How a scenario is written says [`ptgen_simulator`].

#[deny(warnings)]
pub mod cases;
pub mod random;

pub use ptgen_cases::{Case, Decided};
