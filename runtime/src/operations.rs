//! Operations beside mapping, unmapping and protecting: one file each.

mod apply;
mod grow;
mod harvest;
mod hide;
mod join;
mod populate;
mod protect_many;
mod records;
mod share;
mod split;
mod unpin;

pub use apply::{Applied, Apply, Cause, Holds, Occupant, Stopped, Visited};
pub use harvest::{Harvest, Records};
pub use hide::Hide;
pub use join::Join;
pub use populate::Pin;
pub use protect_many::Verdict;
pub use share::SharedTable;

use crate::flush::FlushRequest;

/// Adds `more` to what has to be flushed when an operation is done.
fn later(request: &mut Option<FlushRequest>, more: FlushRequest) {
    *request = Some(request.map_or(more, |before| before.hull(more)));
}
