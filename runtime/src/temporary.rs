//! Maps that last a moment, of one processor: made and taken away without allocating, and without telling others.
//!
//! Their VA are set aside and their tables made beforehand. [`LocalMaps`] are single pages that are taken away in the
//! reverse order, with a flush each. [`RingMaps`] are stretches of pages that are taken away in any order, and flushed
//! when their VA come round again.

mod local;
mod ring;
mod slots;

pub use local::{LocalMap, LocalMaps, LocalSlots, Nest};
pub use ring::{Reserved, ReservedMap, RingMap, RingMaps, Stale};
