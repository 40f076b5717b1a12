//! Operations beside mapping, unmapping and protecting: one file each.

mod join;
mod records;

pub use join::Join;
