//! Counting what is taken and what comes back.

use super::{Charge, TableShape};
use crate::MAX_LEVELS;

/// How many frames have been taken and given back, by level, and how many bytes are out: an account that can be shown
/// to balance.
///
/// It is charged through an [`Accounted`](super::Accounted). Levels are those of [`TableShape::level`].
///
/// ```
/// use ptgen::{Accounted, Arena, Frames, TableShape, Tally};
///
/// let mut words = vec![0_u64; 4 * 512];
/// let arena = Arena::new(0, &mut words);
/// let mut tally = Tally::new();
/// let mut frames = Accounted::new(&arena, &mut tally);
/// let frame = frames.allocate(TableShape::of_size(1, 12)).expect("the arena has some");
/// assert_eq!((frames.owner().out(1), frames.owner().bytes()), (1, 4096));
/// frames.free(frame);
/// assert!(tally.is_balanced());
/// assert_eq!(tally.taken(1), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    taken: [u64; MAX_LEVELS],
    returned: [u64; MAX_LEVELS],
    bytes: u64,
    most: u64,
}

impl Tally {
    /// Nothing counted yet, and no bound.
    #[must_use]
    pub const fn new() -> Self {
        Self::up_to(u64::MAX)
    }

    /// Nothing counted yet. Never more than `bytes` bytes are out.
    #[must_use]
    pub const fn up_to(bytes: u64) -> Self {
        Self { taken: [0; MAX_LEVELS], returned: [0; MAX_LEVELS], bytes: 0, most: bytes }
    }

    /// How many frames for tables of `level` have been taken so far. Zero for levels that there are none of.
    #[must_use]
    pub fn taken(&self, level: u8) -> u64 {
        self.taken.get(usize::from(level)).copied().unwrap_or(0)
    }

    /// How many frames for tables of `level` have been given back so far. Zero for levels that there are none of.
    #[must_use]
    pub fn returned(&self, level: u8) -> u64 {
        self.returned.get(usize::from(level)).copied().unwrap_or(0)
    }

    /// How many frames for tables of `level` are out.
    #[must_use]
    pub fn out(&self, level: u8) -> u64 {
        self.taken(level).saturating_sub(self.returned(level))
    }

    /// How many bytes are out.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing is out: at every level, as many frames have come back as have been taken.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.taken == self.returned && self.bytes == 0
    }

    /// Moves all that is out to another owner, who gives it back from now on: who pays for a tree changes. Returns
    /// whether it did; nothing is moved if that would be more than `other` may have.
    ///
    /// ```
    /// use ptgen::{Charge, TableShape, Tally};
    ///
    /// let (mut parent, mut child) = (Tally::new(), Tally::up_to(4096));
    /// assert!(parent.charge(TableShape::of_size(0, 12)));
    /// assert!(parent.move_to(&mut child));
    /// assert!(parent.is_balanced() && child.out(0) == 1);
    /// assert!(parent.charge(TableShape::of_size(0, 12)));
    /// assert!(!parent.move_to(&mut child));
    /// ```
    pub fn move_to(&mut self, other: &mut Self) -> bool {
        let sum = other.bytes.checked_add(self.bytes).filter(|&sum| sum <= other.most);
        let Some(sum) = sum else { return false };
        for level in 0..MAX_LEVELS {
            let out = self.taken[level].saturating_sub(self.returned[level]);
            other.taken[level] += out;
            self.returned[level] += out;
        }
        other.bytes = sum;
        self.bytes = 0;
        true
    }

    /// Moves one frame of this shape to another owner, likewise: false if none is out, or if `other` may not have it.
    pub fn move_one(&mut self, shape: TableShape, other: &mut impl Charge) -> bool {
        if self.out(shape.level) == 0 || !other.charge(shape) {
            return false;
        }
        self.uncharge(shape);
        true
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Charge for Tally {
    /// Refuses levels that no format has, and what is beyond the bound.
    fn charge(&mut self, shape: TableShape) -> bool {
        let bytes = 1_u64.checked_shl(shape.bytes_lg2).and_then(|bytes| self.bytes.checked_add(bytes));
        let (Some(bytes), Some(taken)) = (bytes, self.taken.get_mut(usize::from(shape.level))) else { return false };
        if bytes > self.most {
            return false;
        }
        *taken += 1;
        self.bytes = bytes;
        true
    }

    /// Levels that no format has are left out.
    fn uncharge(&mut self, shape: TableShape) {
        if let Some(returned) = self.returned.get_mut(usize::from(shape.level)) {
            *returned += 1;
            self.bytes = self.bytes.saturating_sub(1_u64.checked_shl(shape.bytes_lg2).unwrap_or(0));
        }
    }

    /// As if it had not been charged.
    fn revoke(&mut self, shape: TableShape) {
        if let Some(taken) = self.taken.get_mut(usize::from(shape.level)) {
            *taken = taken.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(1_u64.checked_shl(shape.bytes_lg2).unwrap_or(0));
        }
    }
}
