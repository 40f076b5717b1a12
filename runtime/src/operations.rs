//! What clients call: one file for each operation, with its policy and what it does to a leaf.

mod apply;
mod grow;
mod harvest;
mod hide;
mod join;
pub(crate) mod map;
mod populate;
pub(crate) mod prepare;
pub(crate) mod protect;
mod protect_many;
pub(crate) mod request;
pub(crate) mod reservation;
mod share;
mod split;
pub(crate) mod unmap;
mod unpin;

pub use apply::{Applied, Apply, Cause, Holds, Occupant, Stopped, Visited};
pub use harvest::{Harvest, Records};
pub use hide::Hide;
pub(crate) use hide::{Hiding, Showing};
pub use join::Join;
pub(crate) use join::count_joins;
pub use populate::Pin;
pub(crate) use populate::Populate;
pub use protect_many::Verdict;
pub use share::SharedTable;
pub(crate) use split::plan_split;

use crate::flush::{FlushRequest, Tlb};

/// Adds `more` to what has to be flushed when an operation is done.
fn later(request: &mut Option<FlushRequest>, more: FlushRequest) {
    *request = Some(request.map_or(more, |before| before.hull(more)));
}

/// TLBs of which a plan has no use. Whether there is an instruction for what takes one, it does not know.
pub(crate) struct Unused;

impl Tlb for Unused {
    const EXCHANGES: bool = true;

    fn flush(&mut self, _request: &FlushRequest) {}
}
