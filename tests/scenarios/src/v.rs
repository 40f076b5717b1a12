//! Mapping ranges of kernel memory, as for stacks, modules and device windows.

pub mod eight;
pub mod five;
pub mod four;
pub mod one;
pub mod seven;
pub mod six;
pub mod three;
pub mod two;

use crate::facts::{Facts, LevelFacts};

/// The level below one.
fn below<'f>(facts: &'f Facts, level: &LevelFacts) -> &'f LevelFacts {
    &facts.levels[usize::from(level.number) - 1]
}
