//! A format that no machine has, with what the others lack: 32-bit words with the highest byte first, runs of any power
//! of two whose slots hold their own OA, emptied slots that are not zero, little room in absent words, and a bit that
//! the machine clears.

use ptgen::{
    Access, AttributeInfo, AttributeKind, Bits, ChangeKind, Floor, Level, RootVisitor, Sizes, Unencodable, Way,
};

pub const VALID: u32 = 1;
pub const LEAF: u32 = 1 << 1;
pub const WRITE: u32 = 1 << 2;
/// Cleared by the machine when it writes.
pub const CLEAN: u32 = 1 << 3;
/// lg2 of the slots of the run.
pub const SLOTS: u32 = 0xf << 4;
pub const ADDRESS: u32 = 0xffff_f000;
/// What the low bits of an absent word are.
pub const ABSENT: u32 = 0x800;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {
    /// A live leaf must not be changed in place.
    pub breaks: bool,
}

impl ptgen::Format for Format {
    type Word = u32;
    type Attributes = Attributes;
    type Change = Change;
    type Patch = Bits<u32>;

    const NAME: &'static str = "odd";

    #[inline]
    fn big_endian(self) -> bool {
        true
    }

    #[inline]
    fn is_canonical(self, va: u64) -> bool {
        va >> 32 == 0
    }

    #[inline]
    fn extend(self, position: u64) -> u64 {
        position
    }

    #[inline]
    fn output_last(self) -> u64 {
        0xffff_ffff
    }

    #[inline]
    fn way(self, _: ChangeKind) -> Way {
        Way::Live
    }

    #[inline]
    fn way_of(self, _: &Change) -> Way {
        if self.breaks { Way::Break } else { Way::Live }
    }

    #[inline]
    fn has_global(self) -> bool {
        false
    }

    #[inline]
    fn no_limits(self) -> u32 {
        0
    }

    #[inline]
    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output {
        visitor.visit::<Upper>()
    }
}

/// 4 MiB a slot.
pub enum Upper {}
/// 4 KiB a slot.
pub enum Lower {}

macro_rules! level {
    ($level:ident, $below:ty, $name:literal, $number:literal, shift $shift:literal, tables $tables:literal, most $most:literal) => {
        impl Level for $level {
            type Format = Format;
            type Below = $below;

            const NAME: &'static str = $name;
            const NUMBER: u8 = $number;
            const HAS_TABLES: bool = $tables;

            #[inline]
            fn shift(_: Format) -> u32 {
                $shift
            }

            #[inline]
            fn index_bits(_: Format) -> u32 {
                10
            }

            #[inline]
            fn align_lg2(_: Format) -> u32 {
                12
            }

            #[inline]
            fn leaf_sizes(_: Format) -> Sizes {
                ($shift..=$shift + $most).fold(Sizes(0), |sizes, lg2| sizes.or(Sizes::one(lg2)))
            }

            #[inline]
            fn empty(_: Format) -> u32 {
                ABSENT
            }

            #[inline]
            fn is_absent(_: Format, w: u32) -> bool {
                w & !ADDRESS == ABSENT
            }

            #[inline]
            fn is_table(_: Format, w: u32) -> bool {
                $tables && w & !ADDRESS == VALID
            }

            #[inline]
            fn is_leaf(_: Format, w: u32) -> bool {
                let low = ((1_u64 << $shift) - 1) as u32;
                w & (VALID | LEAF | 0xf00) == VALID | LEAF && w >> 4 & 0xf <= $most && w & ADDRESS & low == 0
            }

            #[inline]
            fn table(_: Format, address: u64) -> u32 {
                VALID | address as u32
            }

            #[inline]
            fn table_address(_: Format, w: u32) -> u64 {
                u64::from(w & ADDRESS)
            }

            #[inline]
            fn output(_: Format, w: u32, va: u64) -> u64 {
                u64::from(w & ADDRESS) | va & ((1 << $shift) - 1)
            }

            #[inline]
            fn leaf_oa(_: Format, w: u32) -> u64 {
                u64::from(w & ADDRESS)
            }

            #[inline]
            fn leaf_lg2(_: Format, w: u32) -> u32 {
                $shift + (w >> 4 & 0xf)
            }

            #[inline]
            fn run_is_identical(_: Format, _: u32) -> bool {
                false
            }

            #[inline]
            fn attributes(_: Format, w: u32, _: u32) -> Attributes {
                Attributes { write: w & WRITE != 0, dirty: w & CLEAN == 0 }
            }

            #[inline]
            fn template(_: Format, attributes: &Attributes, lg2: u32) -> Result<u32, Unencodable> {
                let write = if attributes.write { WRITE } else { 0 };
                let clean = if attributes.dirty { 0 } else { CLEAN };
                Ok(VALID | LEAF | write | clean | (lg2 - $shift) << 4)
            }

            #[inline]
            fn leaf(_: Format, template: u32, _: u32, oa: u64) -> u32 {
                template | oa as u32
            }

            #[inline]
            fn resize(_: Format, w: u32, lg2: u32) -> Result<u32, Unencodable> {
                Ok(w & !(ADDRESS | SLOTS) | (lg2 - $shift) << 4)
            }

            #[inline]
            fn descend(_: Format, w: u32, lg2: u32) -> Result<u32, Unencodable> {
                Ok(w & !(ADDRESS | SLOTS) | (lg2 - 12) << 4)
            }

            #[inline]
            fn patch(_: Format, change: &Change) -> Result<Bits<u32>, Unencodable> {
                let mut bits = Bits { clear: 0, set: 0 };
                if let Some(write) = change.write {
                    bits.clear |= WRITE;
                    bits.set |= if write { WRITE } else { 0 };
                }
                if let Some(dirty) = change.dirty {
                    bits.clear |= CLEAN;
                    bits.set |= if dirty { 0 } else { CLEAN };
                }
                Ok(bits)
            }

            #[inline]
            fn apply(_: Format, patch: &Bits<u32>, w: u32) -> u32 {
                w & !patch.clear | patch.set
            }

            #[inline]
            fn changes_fit(_: Format) -> bool {
                true
            }

            #[inline]
            fn hardware(_: Format) -> u32 {
                CLEAN
            }

            #[inline]
            fn hardware_done(_: Format) -> u32 {
                0
            }

            #[inline]
            fn payload_mask(_: Format) -> u32 {
                ADDRESS
            }
        }
    };
}

level!(Upper, Lower, "upper", 1, shift 22, tables true, most 3);
level!(Lower, Floor<Format>, "lower", 0, shift 12, tables false, most 9);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    pub write: bool,
    pub dirty: bool,
}

impl ptgen::Attributes for Attributes {
    const FIELDS: &'static [AttributeInfo] = &[
        AttributeInfo { name: "write", kind: AttributeKind::Flag },
        AttributeInfo { name: "dirty", kind: AttributeKind::Flag },
    ];

    #[inline]
    fn get(&self, index: usize) -> u64 {
        [self.write, self.dirty].get(index).map_or(0, |&flag| u64::from(flag))
    }

    #[inline]
    fn set(&mut self, index: usize, value: u64) -> bool {
        match (index, value) {
            (0, 0 | 1) => self.write = value == 1,
            (1, 0 | 1) => self.dirty = value == 1,
            _ => return false,
        }
        true
    }

    #[inline]
    fn permits(&self, access: Access, _: bool) -> bool {
        access != Access::Write || self.write
    }

    #[inline]
    fn kernel_data() -> Self {
        Self { write: true, dirty: true }
    }

    #[inline]
    fn kernel_rodata() -> Self {
        Self { write: false, dirty: false }
    }

    #[inline]
    fn kernel_text() -> Self {
        Self::kernel_rodata()
    }

    #[inline]
    fn user_data() -> Self {
        Self::kernel_data()
    }

    #[inline]
    fn user_rodata() -> Self {
        Self::kernel_rodata()
    }

    #[inline]
    fn user_text() -> Self {
        Self::kernel_rodata()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub write: Option<bool>,
    pub dirty: Option<bool>,
}

impl ptgen::Change for Change {
    type Attributes = Attributes;

    #[inline]
    fn set(&mut self, index: usize, value: u64) -> bool {
        match (index, value) {
            (0, 0 | 1) => self.write = Some(value == 1),
            (1, 0 | 1) => self.dirty = Some(value == 1),
            _ => return false,
        }
        true
    }

    #[inline]
    fn revise(&self, old: &Attributes) -> Attributes {
        Attributes { write: self.write.unwrap_or(old.write), dirty: self.dirty.unwrap_or(old.dirty) }
    }
}
