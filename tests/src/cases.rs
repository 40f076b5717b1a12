//! Every format, under several bindings.

pub use ptgen_cases::{Case, Decided};

include!(concat!(env!("OUT_DIR"), "/cases.rs"));
