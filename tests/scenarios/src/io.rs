//! Tables that devices walk.

pub mod four;
pub mod one;
pub mod three;
pub mod two;
