//! Counting the owners of tables that several roots have.

#![expect(unsafe_code, reason = "hands out the frames of another source")]

use core::num::NonZeroU32;

use super::{Frame, Frames, TableShape};
use crate::address::Oa;

/// How many roots own a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owners {
    table: Oa,
    count: NonZeroU32,
}

impl Owners {
    /// Where the table is.
    #[must_use]
    pub const fn table(&self) -> Oa {
        self.table
    }

    /// How many roots own it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count.get()
    }
}

/// A source of frames that counts the owners of tables which several roots have. The table, and what is below it, is
/// given back when the last one has given it up.
///
/// How many tables can be shared at a time is how long the slice is that the caller gives. A table that was never shared
/// takes no place in it.
///
/// ```
/// use ptgen::{Arena, Frames, Oa, Shared};
///
/// let mut words = vec![0_u64; 512];
/// let arena = Arena::new(0, &mut words);
/// let mut owners = [None; 1];
/// let mut frames = Shared::new(&mut owners, &arena);
/// let table = Oa::new(0x1000);
/// assert!(frames.share(table));
/// assert_eq!(frames.owners(table), 2);
/// assert!(!frames.share(Oa::new(0x2000)));                // no place left
/// assert!(!frames.unshare(table));
/// assert!(frames.unshare(table));
/// assert!(!frames.unshare(table));
/// ```
#[derive(Debug)]
pub struct Shared<'s, A> {
    owners: &'s mut [Option<Owners>],
    source: A,
}

impl<'s, A: Frames> Shared<'s, A> {
    /// The frames of `source`, with the owners counted in `owners`. What that says already stays so.
    pub const fn new(owners: &'s mut [Option<Owners>], source: A) -> Self {
        Self { owners, source }
    }

    /// How many more tables can be shared.
    #[must_use]
    pub fn left(&self) -> usize {
        self.owners.iter().filter(|owners| owners.is_none()).count()
    }

    fn find(&mut self, table: Oa) -> Option<&mut Option<Owners>> {
        self.owners.iter_mut().find(|owners| owners.is_some_and(|owners| owners.table == table))
    }
}

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

// SAFETY: every frame comes from the source inside, which keeps the promise.
unsafe impl<A: Frames> Frames for Shared<'_, A> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        self.source.allocate(shape)
    }

    fn free(&mut self, frame: Frame) {
        self.source.free(frame);
    }

    /// The first time, the owner that had it and the new one are counted: two.
    fn share(&mut self, address: Oa) -> bool {
        if let Some(Some(owners)) = self.find(address) {
            let Some(count) = owners.count.checked_add(1) else { return false };
            owners.count = count;
            return true;
        }
        let Some(free) = self.owners.iter_mut().find(|owners| owners.is_none()) else { return false };
        *free = Some(Owners { table: address, count: TWO });
        true
    }

    fn owners(&self, address: Oa) -> u32 {
        self.owners.iter().flatten().find(|owners| owners.table == address).map_or(0, Owners::count)
    }

    /// False also for a table that is not shared: it is somebody else's.
    fn unshare(&mut self, address: Oa) -> bool {
        let Some(place) = self.find(address) else { return false };
        let left = place.and_then(|owners| NonZeroU32::new(owners.count() - 1));
        *place = left.map(|count| Owners { table: address, count });
        left.is_none()
    }
}
