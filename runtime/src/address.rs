//! Addresses and ranges of them.

use core::fmt;
use core::ops::{Add, Range, RangeInclusive, Sub};

macro_rules! address {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The address of this number.
            #[inline]
            #[must_use]
            pub const fn new(address: u64) -> Self {
                Self(address)
            }

            /// Its number.
            #[inline]
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Whether it is a multiple of `2^lg2` bytes.
            #[inline]
            #[must_use]
            pub const fn is_aligned(self, lg2: u32) -> bool {
                self.0.trailing_zeros() >= lg2
            }
        }

        impl From<u64> for $name {
            #[inline]
            fn from(address: u64) -> Self {
                Self(address)
            }
        }

        impl From<$name> for u64 {
            #[inline]
            fn from(address: $name) -> Self {
                address.0
            }
        }

        impl Add<u64> for $name {
            type Output = Self;

            #[inline]
            fn add(self, bytes: u64) -> Self {
                Self(self.0 + bytes)
            }
        }

        impl Sub<u64> for $name {
            type Output = Self;

            #[inline]
            fn sub(self, bytes: u64) -> Self {
                Self(self.0 - bytes)
            }
        }

        impl Sub for $name {
            type Output = u64;

            #[inline]
            fn sub(self, other: Self) -> u64 {
                self.0 - other.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:#x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, out)
            }
        }

        impl fmt::UpperHex for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::UpperHex::fmt(&self.0, out)
            }
        }
    };
}

address! {
    /// An address that is translated.
    Va
}

address! {
    /// An output address: what a VA is translated to, and where tables are.
    Oa
}

/// A range of VA. It may end with the last address there is.
///
/// Made from `a..b` (half-open), from `a..=b`, or from a start and a length; `u64` and [`Va`] both do. An empty range
/// is one on which operations do nothing. A reversed one can be written, but every operation refuses it.
///
/// ```
/// use ptgen::VaRange;
///
/// assert_eq!(VaRange::from(0x1000..0x3000), VaRange::new(0x1000, 0x2000));
/// assert_eq!(VaRange::from(0x1000..0x3000).to_string(), "0x1000..=0x2fff");
/// assert!(VaRange::from(0x1000..0x1000).is_empty());
/// assert!(VaRange::from(0x3000..0x1000).is_reversed());
/// assert_eq!(VaRange::new(u64::MAX - 0xfff, 0x1000).last().get(), u64::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VaRange {
    start: Va,
    last: Va,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Proper,
    Empty,
    Reversed,
}

impl VaRange {
    /// The `bytes` bytes from `start`; reversed if there are not so many addresses.
    #[inline]
    #[must_use]
    pub fn new(start: impl Into<Va>, bytes: u64) -> Self {
        let start = start.into();
        if bytes == 0 {
            return Self { start, last: start, kind: Kind::Empty };
        }
        let last = Va(start.0.wrapping_add(bytes - 1));
        Self { start, last, kind: if last < start { Kind::Reversed } else { Kind::Proper } }
    }

    /// The `count` blocks of `2^lg2` bytes from `start`; reversed if there are not so many addresses.
    pub(crate) fn blocks(start: Va, count: u64, lg2: u32) -> Self {
        let bytes = u128::from(count) << lg2.min(63);
        let Some(more) = bytes.checked_sub(1) else { return Self::new(start, 0) };
        match u64::try_from(u128::from(start.0) + more) {
            Ok(last) => Self::inclusive(start, last),
            Err(_) => Self { start, last: Va(u64::MAX), kind: Kind::Reversed },
        }
    }

    /// The addresses from `start` to `last`, both included.
    #[inline]
    #[must_use]
    pub fn inclusive(start: impl Into<Va>, last: impl Into<Va>) -> Self {
        let (start, last) = (start.into(), last.into());
        Self { start, last, kind: if last < start { Kind::Reversed } else { Kind::Proper } }
    }

    /// The first address.
    #[inline]
    #[must_use]
    pub const fn start(self) -> Va {
        self.start
    }

    /// The last address; of no meaning if the range is empty.
    #[inline]
    #[must_use]
    pub const fn last(self) -> Va {
        self.last
    }

    /// Whether there is no address in it.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self.kind, Kind::Empty)
    }

    /// Whether it ends before it starts, which is a mistake.
    #[inline]
    #[must_use]
    pub const fn is_reversed(self) -> bool {
        matches!(self.kind, Kind::Reversed)
    }

    /// How many bytes it has; `None` for all of the 2^64 there are, and for a reversed range.
    #[inline]
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        match self.kind {
            Kind::Proper => (self.last.0 - self.start.0).checked_add(1),
            Kind::Empty => Some(0),
            Kind::Reversed => None,
        }
    }

    /// Whether `va` is in it.
    #[inline]
    #[must_use]
    pub fn contains(self, va: impl Into<Va>) -> bool {
        let va = va.into();
        matches!(self.kind, Kind::Proper) && self.start <= va && va <= self.last
    }

    /// The smallest range that covers both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self::inclusive(self.start.min(other.start), self.last.max(other.last))
    }
}

impl From<Range<Va>> for VaRange {
    #[inline]
    fn from(range: Range<Va>) -> Self {
        let (start, end) = (range.start, range.end);
        let last = Va(end.0.wrapping_sub(1));
        let kind = if start < end {
            Kind::Proper
        } else if start == end {
            Kind::Empty
        } else {
            Kind::Reversed
        };
        Self { start, last: if start == end { start } else { last }, kind }
    }
}

impl From<Range<u64>> for VaRange {
    #[inline]
    fn from(range: Range<u64>) -> Self {
        Self::from(Va(range.start)..Va(range.end))
    }
}

impl From<RangeInclusive<Va>> for VaRange {
    #[inline]
    fn from(range: RangeInclusive<Va>) -> Self {
        Self::inclusive(*range.start(), *range.end())
    }
}

impl From<RangeInclusive<u64>> for VaRange {
    #[inline]
    fn from(range: RangeInclusive<u64>) -> Self {
        Self::inclusive(*range.start(), *range.end())
    }
}

impl fmt::Display for VaRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Empty => write!(out, "nothing at {}", self.start),
            Kind::Proper | Kind::Reversed => write!(out, "{}..={}", self.start, self.last),
        }
    }
}

impl fmt::Debug for VaRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Va, VaRange};

    #[test]
    fn blocks_end_where_addresses_do() {
        let blocks = |start, count, lg2| VaRange::blocks(Va::new(start), count, lg2);
        assert_eq!(blocks(0x3000, 2, 12), VaRange::from(0x3000..0x5000));
        assert!(blocks(0x3000, 0, 12).is_empty());
        assert_eq!(blocks(0, 1 << 52, 12), VaRange::inclusive(0, u64::MAX));
        assert_eq!(blocks(0u64.wrapping_sub(0x1000), 1, 12).last().get(), u64::MAX);
        for (start, count) in [(0, (1 << 52) + 1), (0x1000, 1 << 52), (0u64.wrapping_sub(0x1000), 2), (0, u64::MAX)] {
            assert!(blocks(start, count, 12).is_reversed(), "{start:#x}, {count:#x}");
        }
    }
}
