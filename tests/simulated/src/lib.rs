//! Some of the formats, under their bindings, in the simulator: which, its `Cargo.toml` says by its name.
//!
//! One source, compiled once for each package beside it: the code of all formats at once takes more memory to compile than
//! machines have. [`every_case!`] calls a macro once for each case: each is a module of [`cases`] with a `CASE`, `values()` and
//! `tables`. `ptgen_cases::PARTS` says which files of formats are in which package.

#[deny(warnings)]
#[macro_use]
pub mod cases;
#[deny(warnings)]
#[macro_use]
pub mod growing;

pub use ptgen_cases::{Case, Decided};
use ptgen_scenarios::{Ready, Suite};

/// Every scenario on these formats.
pub static SUITE: Suite = Suite::new(|| {
    let mut all = Vec::new();
    macro_rules! add {
        ($case:ident) => {{
            use crate::cases::$case::{CASE, tables, values};
            all.push(Ready::new::<tables::PageTable>(&CASE, values()));
        }};
    }
    every_case!(add);
    #[allow(unused_macros, reason = "not every part has a format that grows")]
    macro_rules! add_growing {
        ($case:ident) => {{
            use crate::growing::$case::{CASE, tables, values};
            all.push(Ready::growing::<tables::PageTable>(&CASE, values()));
        }};
    }
    every_growing_case!(add_growing);
    all
});
