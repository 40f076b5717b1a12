//! Which instructions a request takes: single addresses, ranges, an address space, or everything.
//!
//! Nothing here executes anything. What the instructions of an architecture can do is said in [`Instructions`], so that
//! the decision is made, and tested, in one place for all of them; the modules beside this one turn each [`Step`] into an
//! instruction.

use crate::address::Va;
use crate::flush::FlushRequest;
use crate::format::Sizes;

/// Whose translations go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// Those of one address space, global ones left out.
    Space(
        /// The ASID, PCID or VMID.
        u32,
    ),
    /// Those of one address space, and global ones.
    SpaceAndGlobal(
        /// The ASID, PCID or VMID.
        u32,
    ),
    /// Those of all address spaces, and global ones.
    All,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// What translates one address, as a leaf of any size.
    Address {
        /// The address.
        va: Va,
        /// Whose.
        whose: Whose,
    },
    /// What translates the [`bytes`](Self::bytes) bytes from `start`.
    Range {
        /// A multiple of [`RangeSteps::align_lg2`].
        start: Va,
        /// The size of a unit is `2^(unit_lg2 + 5 * scale + 1)` bytes: 0 to 3.
        scale: u8,
        /// How many units: 1 to 32.
        count: u8,
        /// lg2 of the bytes of the smallest slot.
        unit_lg2: u32,
        /// Whose.
        whose: Whose,
    },
    /// Everything, walk caches included.
    Everything {
        /// Whose.
        whose: Whose,
    },
}

impl Step {
    /// How many bytes of VA a range has; 0 for other steps.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Range { scale, count, unit_lg2, .. } => (count as u64) << (5 * scale as u32 + 1 + unit_lg2),
            Self::Address { .. } | Self::Everything { .. } => 0,
        }
    }
}

/// What instructions by range can do: those of Arm's FEAT_TLBIRANGE, which name `count << (5 * scale + 1)` slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RangeSteps {
    /// lg2 of what the start has to be a multiple of.
    pub align_lg2: u32,
}

/// What the instructions of an architecture, and of this processor, can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instructions {
    /// The sizes of single slots, over all levels: a TLB may hold each slot of a run by itself, and an instruction by
    /// address removes one.
    pub slots: Sizes,
    /// From how many instructions by address on one for everything is cheaper: the most there may be.
    pub threshold: u32,
    /// Whether the processor tells address spaces apart. If not, requests are all for the one there is.
    pub spaces: bool,
    /// Whether there is an instruction by address for [`Whose::Space`].
    pub address_of_space: bool,
    /// Whether there is one for [`Whose::SpaceAndGlobal`].
    pub address_of_space_and_global: bool,
    /// Whether there is one for [`Whose::All`].
    pub address_of_all: bool,
    /// Whether there is an instruction for everything of [`Whose::Space`]. There is always one for [`Whose::All`].
    pub everything_of_space: bool,
    /// Whether instructions by address also remove what walk caches hold for the address.
    pub walk_caches: bool,
    /// Whether one instruction removes two neighbouring smallest leaves, the lower of which is at an even one's place.
    pub pairs: bool,
    /// Instructions by range, if there are any.
    pub ranges: Option<RangeSteps>,
}

impl Instructions {
    /// The space of steps for `request`, and who is meant if it goes address by address: `None` if it cannot.
    fn whose(&self, request: &FlushRequest) -> (Whose, Option<Whose>) {
        let whose = match request.space {
            _ if !self.spaces => {
                if request.global {
                    Whose::All
                } else {
                    Whose::Space(0)
                }
            }
            Some(space) if request.global => Whose::SpaceAndGlobal(space),
            Some(space) => Whose::Space(space),
            None => Whose::All,
        };
        let everything = match whose {
            Whose::Space(_) if self.everything_of_space => whose,
            _ => Whose::All,
        };
        let all = self.address_of_all.then_some(Whose::All);
        let by_address = match whose {
            Whose::Space(_) if self.address_of_space => Some(whose),
            Whose::Space(space) | Whose::SpaceAndGlobal(space) if self.address_of_space_and_global => {
                Some(Whose::SpaceAndGlobal(space))
            }
            _ => all,
        };
        (everything, by_address)
    }

    /// lg2 of the bytes from one address to the next that has to be named.
    ///
    /// An instruction by address removes a leaf of any size in which the address is, so the smallest size decides. Where
    /// tables were unlinked, each slot of theirs has to be named: the smallest of these is the second smallest of all.
    fn stride(&self, request: &FlushRequest) -> Option<u32> {
        let base = self.slots.smallest()?;
        let leaf = request.leaf_sizes.smallest().map_or(base, |lg2| self.slots.largest_up_to(lg2).unwrap_or(base));
        let table = Sizes(self.slots.0 & !Sizes::one(base).0).smallest().unwrap_or(base);
        let stride = if request.tables { leaf.min(table) } else { leaf };
        Some(if self.pairs && stride == base { base + 1 } else { stride })
    }

    /// The steps that `request` takes.
    #[must_use]
    pub fn steps(&self, request: &FlushRequest) -> Steps {
        if request.range.is_empty() {
            return Steps::NONE;
        }
        let (everything, by_address) = self.whose(request);
        by_address.and_then(|whose| self.by_address(request, whose)).unwrap_or(Steps::everything(everything))
    }

    /// The steps by address and range; `None` if there would be too many, or if they would not do.
    fn by_address(&self, request: &FlushRequest, whose: Whose) -> Option<Steps> {
        if request.tables && !self.walk_caches || request.range.is_reversed() {
            return None;
        }
        let stride = self.stride(request)?;
        let (first, last) = (request.range.start().get() >> stride, request.range.last().get() >> stride);
        let count = (last - first).checked_add(1)?;
        let unit = self.slots.smallest()?;
        let steps = Steps { first: first << stride, left: count, stride, whose, everything: false, ranges: None };
        match self.ranges {
            Some(ranges) if count > 1 => {
                let left = count.checked_mul(1 << (stride - unit))?;
                (left <= MOST_UNITS).then_some(Steps { left, stride: unit, ranges: Some(ranges), ..steps })
            }
            _ => (count <= u64::from(self.threshold)).then_some(steps),
        }
    }
}

/// The most slots that ranges are used for. More would take several of the longest ones.
const MOST_UNITS: u64 = 32 << (5 * 3 + 1);

/// The steps that a request takes, in order.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    first: u64,
    /// How many strides are left.
    left: u64,
    stride: u32,
    whose: Whose,
    everything: bool,
    ranges: Option<RangeSteps>,
}

impl Steps {
    const NONE: Self = Self { first: 0, left: 0, stride: 0, whose: Whose::All, everything: false, ranges: None };

    const fn everything(whose: Whose) -> Self {
        Self { left: 1, whose, everything: true, ..Self::NONE }
    }

    /// The longest range there is of what is left, and how many slots it has.
    fn range(&self, ranges: RangeSteps) -> Option<(Step, u64)> {
        let start = Va::new(self.first);
        if !start.is_aligned(ranges.align_lg2) {
            return None;
        }
        let count = |scale: u8| self.left >> (5 * u32::from(scale) + 1);
        let scale = (0..=3).rev().find(|&scale| count(scale) > 0)?;
        let count = count(scale).min(32);
        let units = count << (5 * u32::from(scale) + 1);
        let count = count as u8;
        Some((Step::Range { start, scale, count, unit_lg2: self.stride, whose: self.whose }, units))
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.left == 0 {
            return None;
        }
        if self.everything {
            self.left = 0;
            return Some(Step::Everything { whose: self.whose });
        }
        let one = (Step::Address { va: Va::new(self.first), whose: self.whose }, 1);
        let (step, strides) = self.ranges.and_then(|ranges| self.range(ranges)).unwrap_or(one);
        self.left -= strides;
        self.first = self.first.wrapping_add(strides << self.stride);
        Some(step)
    }
}

#[cfg(test)]
mod tests;
