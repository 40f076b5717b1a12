//! All the peers.

mod hand;
mod multiarch;
mod ours;
mod x86_64_crate;

pub use ours::{ArenaFrames, arena_memory};

use crate::Peer;
use crate::arena::Arena;

/// The row that a kernel-grade library is compared with.
pub const BASELINE: &str = "hand: chk+atomic";
/// The row of ours that does what the baseline does.
pub const OURS: &str = ours::PLAIN.name;

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
        Box::new(ours::Ours::new(arena, ours::PLAIN)),
        Box::new(ours::Ours::new(arena, ours::LIVE_SET)),
        Box::new(ours::Ours::new(arena, ours::LIVE_CLEAR)),
        Box::new(ours::Ours::new(arena, ours::FREEING)),
        Box::new(ours::Ours::new(arena, ours::SKIPPING)),
    ]
}
