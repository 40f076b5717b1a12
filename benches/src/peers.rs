//! All the peers.

mod hand;
mod multiarch;
mod x86_64_crate;

use crate::Peer;
use crate::arena::Arena;

/// The row that a kernel-grade library is compared with.
pub const BASELINE: &str = "hand: chk+atomic";

/// Everybody, in the order of the table.
#[must_use]
pub fn all(arena: Arena) -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(hand::Hand::<hand::LeafFill>::new(arena)),
        Box::new(hand::Hand::<hand::Checked>::new(arena)),
        Box::new(hand::Hand::<hand::Atomic>::new(arena)),
        Box::new(hand::Hand::<hand::Building>::new(arena)),
        Box::new(hand::Hand::<hand::Keeping>::new(arena)),
        Box::new(hand::Hand::<hand::Exchanging>::new(arena)),
        Box::new(hand::Hand::<hand::Freeing>::new(arena)),
        Box::new(hand::Hand::<hand::PerPage>::new(arena)),
        Box::new(x86_64_crate::Mapped::new(arena)),
        Box::new(multiarch::Multiarch::new(arena)),
    ]
}
