//! Formats written by hand for tests of the runtime, as the attribute would emit them, and what the tests share.

#![allow(dead_code, missing_docs, reason = "for tests, each of which uses a part of it")]

pub mod four_level;
pub mod memory;
pub mod model;
pub mod odd;
pub mod oracle;
pub mod random;
pub mod small;
pub mod three_level;
