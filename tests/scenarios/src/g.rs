//! Taking pages out of the direct map and putting them back: what guests' private memory is for.

pub mod five;
pub mod four;
pub mod one;
pub mod seven;
pub mod six;
pub mod three;
pub mod two;
