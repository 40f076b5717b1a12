//! What has to hold for every format, written once.
//!
//! [`cases`] lists every format under several bindings; it is written by the build script from the format files, so a new
//! file is tested with no new test code. [`words`] compares emitted code with the reference walker, word by word, [`facts`]
//! compares what it says about whole levels.
//! [`operations`] compares sequences of operations with a plain map of VA to OA.

#[deny(warnings)]
pub mod cases;
pub mod encodings;
pub mod facts;
pub mod levels;
pub mod machine;
pub mod operations;
pub mod skips;
pub mod words;

pub use cases::{Case, Decided};

/// The example of the README runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The examples of the guide to the operations, too.
#[cfg(doctest)]
#[doc = include_str!("../../docs/operations.md")]
pub struct Operations;
