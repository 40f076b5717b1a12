//! Tables of guests, with faults from all sides.

pub mod one;
