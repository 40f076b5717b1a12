//! Operations beside mapping, unmapping and protecting: one file each.

mod hide;
mod join;
mod populate;
mod records;
mod share;
mod unpin;

pub use hide::Hide;
pub use join::Join;
pub use populate::Pin;
pub use share::SharedTable;
