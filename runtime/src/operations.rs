//! Operations beside mapping, unmapping and protecting: one file each.

mod hide;
mod join;
mod records;

pub use hide::Hide;
pub use join::Join;
