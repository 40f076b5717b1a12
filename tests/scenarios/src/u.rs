//! The user half of an address space: gathering, table lifetimes, huge pages split and collapsed.

pub mod eight;
pub mod five;
pub mod four;
pub mod one;
pub mod seven;
pub mod six;
pub mod three;
pub mod two;
