//! Levels and leaf sizes in numbers.

/// A level in numbers, for code that does not know the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelInfo {
    /// The name in the manual.
    pub name: &'static str,
    /// [`Level::NUMBER`](crate::Level::NUMBER).
    pub number: u8,
    /// [`Level::shift`](crate::Level::shift).
    pub shift: u32,
    /// [`Level::index_bits`](crate::Level::index_bits).
    pub index_bits: u32,
    /// [`Level::leaf_sizes`](crate::Level::leaf_sizes), as far as they are decided at compile time: all that there may be.
    pub leaf_sizes: Sizes,
}

impl LevelInfo {
    /// The numbers of a level that says them otherwise.
    pub const UNSAID: Self = Self::new("", 0, 0, 0, Sizes(0));

    /// A level.
    #[must_use]
    pub const fn new(name: &'static str, number: u8, shift: u32, index_bits: u32, leaf_sizes: Sizes) -> Self {
        Self { name, number, shift, index_bits, leaf_sizes }
    }
}

/// A set of leaf sizes, by lg2 of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Sizes(pub u64);

impl Sizes {
    /// The set with only `2^lg2` bytes.
    #[must_use]
    pub const fn one(lg2: u32) -> Self {
        Self(1 << lg2)
    }

    /// Whether `2^lg2` bytes is in the set.
    #[must_use]
    pub const fn has(self, lg2: u32) -> bool {
        lg2 < 64 && self.0 >> lg2 & 1 != 0
    }

    /// Whether there are no sizes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The sizes in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The largest size of at most `2^lg2` bytes.
    #[must_use]
    pub const fn largest_up_to(self, lg2: u32) -> Option<u32> {
        let below = self.up_to(lg2).0;
        if below == 0 { None } else { Some(63 - below.leading_zeros()) }
    }

    /// The sizes in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The sizes of at most `2^lg2` bytes.
    #[must_use]
    pub const fn up_to(self, lg2: u32) -> Self {
        if lg2 >= 63 { self } else { Self(self.0 & ((2 << lg2) - 1)) }
    }

    /// The smallest size.
    #[must_use]
    pub const fn smallest(self) -> Option<u32> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros()) }
    }

    /// The sizes, from the smallest.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let lg2 = Sizes(left).smallest()?;
            left &= left - 1;
            Some(lg2)
        })
    }
}
