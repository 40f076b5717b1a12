//! x86-64 with four levels, written by hand: 48-bit sign-extended VA, OA of 46 bits, no-execute and gigabyte pages on.
//! Intel SDM vol. 3A, "Paging".

use ptgen::{
    Access, AttributeInfo, AttributeKind, Bits, ChangeKind, Floor, Level, RootVisitor, Sizes, Unencodable, Way,
};

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const PWT: u64 = 1 << 3;
const PCD: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const PAGE_SIZE: u64 = 1 << 7;
const PAT_PAGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const PAT_LARGE: u64 = 1 << 12;
const NOT_EXECUTE: u64 = 1 << 63;
/// The OA's bits in a page; those above 46 bits are reserved.
const OUTPUT: u64 = 0x3fff_ffff_f000;
const RESERVED_HIGH: u64 = 0x000f_c000_0000_0000;
const SOFTWARE: u64 = 0x07f0_0000_0000_0e00;
const WIDTH: u32 = 46;

/// The format; nothing is decided at run time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {}

impl ptgen::Format for Format {
    type Word = u64;
    type Attributes = Attributes;
    type Change = Change;
    type Patch = Bits<u64>;

    const NAME: &'static str = "four_level";

    #[inline]
    fn big_endian(self) -> bool {
        false
    }

    #[inline]
    fn is_canonical(self, va: u64) -> bool {
        self.extend(va) == va
    }

    #[inline]
    fn extend(self, position: u64) -> u64 {
        ((position << 16) as i64 >> 16) as u64
    }

    #[inline]
    fn output_last(self) -> u64 {
        (1 << WIDTH) - 1
    }

    #[inline]
    fn way(self, kind: ChangeKind) -> Way {
        match kind {
            ChangeKind::Fill | ChangeKind::Relax => Way::Lazy,
            _ => Way::Live,
        }
    }

    #[inline]
    fn way_of(self, change: &Change) -> Way {
        let relaxes = |value: Option<bool>| value != Some(false);
        let relaxed = relaxes(change.write) && relaxes(change.user) && relaxes(change.execute);
        let other = change.global.is_some() || change.memory_type.is_some() || change.software.is_some();
        let other = other || change.accessed.is_some() || change.dirty.is_some();
        if relaxed && !other { Way::Lazy } else { Way::Live }
    }

    #[inline]
    fn no_limits(self) -> u64 {
        WRITE | USER
    }

    #[inline]
    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output {
        visitor.visit::<Pml4>()
    }
}

/// The root.
pub enum Pml4 {}
/// 1 GiB a slot.
pub enum Pdpt {}
/// 2 MiB a slot.
pub enum Pd {}
/// 4 KiB a slot.
pub enum Pt {}

macro_rules! level {
    ($level:ident, $below:ty, $name:literal, $number:literal, shift $shift:literal, tables $tables:literal, $leaf:ident) => {
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
                9
            }

            #[inline]
            fn align_lg2(_: Format) -> u32 {
                12
            }

            #[inline]
            fn leaf_sizes(_: Format) -> Sizes {
                $leaf::sizes($shift)
            }

            #[inline]
            fn empty(_: Format) -> u64 {
                0
            }

            #[inline]
            fn is_empty(_: Format, w: u64) -> bool {
                w == 0
            }

            #[inline]
            fn is_absent(_: Format, w: u64) -> bool {
                w & PRESENT == 0
            }

            #[inline]
            fn is_table(_: Format, w: u64) -> bool {
                $tables && w & (PRESENT | PAGE_SIZE | RESERVED_HIGH) == PRESENT
            }

            #[inline]
            fn is_leaf(_: Format, w: u64) -> bool {
                $leaf::is_leaf(w, $shift)
            }

            #[inline]
            fn table(_: Format, address: u64) -> u64 {
                PRESENT | WRITE | USER | address
            }

            #[inline]
            fn table_address(_: Format, w: u64) -> u64 {
                w & OUTPUT
            }

            #[inline]
            fn limit(_: Format, limits: u64, w: u64) -> u64 {
                (limits & w & (WRITE | USER)) | ((limits | w) & NOT_EXECUTE)
            }

            #[inline]
            fn output(f: Format, w: u64, va: u64) -> u64 {
                Self::leaf_oa(f, w) | va & ((1 << $shift) - 1)
            }

            #[inline]
            fn leaf_oa(_: Format, w: u64) -> u64 {
                w & OUTPUT & !((1 << $shift) - 1)
            }

            #[inline]
            fn leaf_lg2(_: Format, _: u64) -> u32 {
                $shift
            }

            #[inline]
            fn run_is_identical(_: Format, _: u32) -> bool {
                false
            }

            #[inline]
            fn attributes(_: Format, w: u64, limits: u64) -> Attributes {
                Attributes::decode(w, limits, $leaf::PAT)
            }

            #[inline]
            fn template(_: Format, attributes: &Attributes, _: u32) -> Result<u64, Unencodable> {
                attributes.encode($leaf::PAT, $leaf::FIXED)
            }

            #[inline]
            fn leaf(_: Format, template: u64, _: u32, oa: u64) -> u64 {
                template | oa
            }

            #[inline]
            fn resize(_: Format, w: u64, _: u32) -> Result<u64, Unencodable> {
                Ok(w & !(OUTPUT & !((1 << $shift) - 1)))
            }

            #[inline]
            fn descend(_: Format, w: u64, lg2: u32) -> Result<u64, Unencodable> {
                let kept = w & !OUTPUT & !PAGE_SIZE;
                let pat = w & PAT_LARGE != 0;
                Ok(if lg2 == 12 {
                    kept | if pat { PAT_PAGE } else { 0 }
                } else {
                    kept | PAGE_SIZE | if pat { PAT_LARGE } else { 0 }
                })
            }

            #[inline]
            fn patch(_: Format, change: &Change) -> Result<Bits<u64>, Unencodable> {
                change.patch($leaf::PAT)
            }

            #[inline]
            fn apply(_: Format, patch: &Bits<u64>, w: u64) -> u64 {
                w & !patch.clear | patch.set
            }

            #[inline]
            fn changes_fit(_: Format) -> bool {
                true
            }

            #[inline]
            fn hardware(_: Format) -> u64 {
                ACCESSED | DIRTY
            }

            #[inline]
            fn payload_mask(_: Format) -> u64 {
                !1
            }
        }
    };
}

level!(Pml4, Pdpt, "pml4", 3, shift 39, tables true, no_leaf);
level!(Pdpt, Pd, "pdpt", 2, shift 30, tables true, large);
level!(Pd, Pt, "pd", 1, shift 21, tables true, large);
level!(Pt, Floor<Format>, "pt", 0, shift 12, tables false, page);

mod no_leaf {
    use super::*;

    pub const PAT: u64 = PAT_LARGE;
    pub const FIXED: u64 = PRESENT | PAGE_SIZE;

    #[inline]
    pub fn sizes(_: u32) -> Sizes {
        Sizes(0)
    }

    #[inline]
    pub fn is_leaf(_: u64, _: u32) -> bool {
        false
    }
}

mod large {
    use super::*;

    pub const PAT: u64 = PAT_LARGE;
    pub const FIXED: u64 = PRESENT | PAGE_SIZE;

    #[inline]
    pub fn sizes(shift: u32) -> Sizes {
        Sizes::one(shift)
    }

    #[inline]
    pub fn is_leaf(w: u64, shift: u32) -> bool {
        let reserved = RESERVED_HIGH | ((1 << shift) - 1) & !0x1fff;
        w & (PRESENT | PAGE_SIZE | reserved) == PRESENT | PAGE_SIZE
    }
}

mod page {
    use super::*;

    pub const PAT: u64 = PAT_PAGE;
    pub const FIXED: u64 = PRESENT;

    #[inline]
    pub fn sizes(shift: u32) -> Sizes {
        Sizes::one(shift)
    }

    #[inline]
    pub fn is_leaf(w: u64, _: u32) -> bool {
        w & (PRESENT | RESERVED_HIGH) == PRESENT
    }
}

/// What a leaf says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    pub write: bool,
    pub user: bool,
    pub execute: bool,
    pub global: bool,
    pub accessed: bool,
    pub dirty: bool,
    pub memory_type: MemoryType,
    pub software: u64,
}

/// The slots of the page-attribute table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryType {
    #[default]
    WriteBack,
    WriteCombining,
    UncachedMinus,
    Uncached,
    WriteProtected,
    WriteThrough,
}

impl MemoryType {
    const ALL: [(Self, u64); 6] = [
        (Self::WriteBack, 0),
        (Self::WriteCombining, 1),
        (Self::UncachedMinus, 2),
        (Self::Uncached, 3),
        (Self::WriteProtected, 5),
        (Self::WriteThrough, 7),
    ];

    #[inline]
    fn number(self) -> u64 {
        match self {
            Self::WriteBack => 0,
            Self::WriteCombining => 1,
            Self::UncachedMinus => 2,
            Self::Uncached => 3,
            Self::WriteProtected => 5,
            Self::WriteThrough => 7,
        }
    }

    #[inline]
    fn bits(self, pat: u64) -> u64 {
        let number = self.number();
        let bit = |n: u32, mask: u64| if number >> n & 1 != 0 { mask } else { 0 };
        bit(0, PWT) | bit(1, PCD) | bit(2, pat)
    }

    #[inline]
    fn of(w: u64, pat: u64) -> Self {
        match (w & pat != 0, w & PCD != 0, w & PWT != 0) {
            (_, false, false) => Self::WriteBack,
            (false, false, true) => Self::WriteCombining,
            (_, true, false) => Self::UncachedMinus,
            (false, true, true) => Self::Uncached,
            (true, false, true) => Self::WriteProtected,
            (true, true, true) => Self::WriteThrough,
        }
    }
}

const FLAGS: [(&str, u64); 6] =
    [("write", WRITE), ("user", USER), ("execute", 0), ("global", GLOBAL), ("accessed", ACCESSED), ("dirty", DIRTY)];

impl Attributes {
    #[inline]
    fn decode(w: u64, limits: u64, pat: u64) -> Self {
        Self {
            write: w & limits & WRITE != 0,
            user: w & limits & USER != 0,
            execute: (w | limits) & NOT_EXECUTE == 0,
            global: w & GLOBAL != 0,
            accessed: w & ACCESSED != 0,
            dirty: w & DIRTY != 0,
            memory_type: MemoryType::of(w, pat),
            software: w & SOFTWARE,
        }
    }

    #[inline]
    fn encode(&self, pat: u64, fixed: u64) -> Result<u64, Unencodable> {
        if self.software & !SOFTWARE != 0 {
            return Err(Unencodable { attribute: "software" });
        }
        let bit = |value: bool, mask: u64| if value { mask } else { 0 };
        Ok(fixed
            | bit(self.write, WRITE)
            | bit(self.user, USER)
            | bit(!self.execute, NOT_EXECUTE)
            | bit(self.global, GLOBAL)
            | bit(self.accessed, ACCESSED)
            | bit(self.dirty, DIRTY)
            | self.memory_type.bits(pat)
            | self.software)
    }

    #[inline]
    fn kernel(write: bool, execute: bool) -> Self {
        Self { write, execute, global: true, accessed: true, dirty: true, ..Self::default() }
    }
}

impl Default for Attributes {
    #[inline]
    fn default() -> Self {
        Self {
            write: false,
            user: false,
            execute: false,
            global: false,
            accessed: false,
            dirty: false,
            memory_type: MemoryType::WriteBack,
            software: 0,
        }
    }
}

const TYPES: [(&str, u64); 6] = [
    ("write_back", 0),
    ("write_combining", 1),
    ("uncached_minus", 2),
    ("uncached", 3),
    ("write_protected", 5),
    ("write_through", 7),
];

impl ptgen::Attributes for Attributes {
    const FIELDS: &'static [AttributeInfo] = &[
        AttributeInfo { name: FLAGS[0].0, kind: AttributeKind::Flag },
        AttributeInfo { name: FLAGS[1].0, kind: AttributeKind::Flag },
        AttributeInfo { name: FLAGS[2].0, kind: AttributeKind::Flag },
        AttributeInfo { name: FLAGS[3].0, kind: AttributeKind::Flag },
        AttributeInfo { name: FLAGS[4].0, kind: AttributeKind::Flag },
        AttributeInfo { name: FLAGS[5].0, kind: AttributeKind::Flag },
        AttributeInfo { name: "memory_type", kind: AttributeKind::Choice(&TYPES) },
    ];

    #[inline]
    fn get(&self, index: usize) -> u64 {
        let flags = [self.write, self.user, self.execute, self.global, self.accessed, self.dirty];
        match index {
            6 => self.memory_type.number(),
            _ => flags.get(index).map_or(0, |&flag| u64::from(flag)),
        }
    }

    #[inline]
    fn set(&mut self, index: usize, value: u64) -> bool {
        if index == 6 {
            let Some((memory_type, _)) = MemoryType::ALL.into_iter().find(|(_, number)| *number == value) else {
                return false;
            };
            self.memory_type = memory_type;
            return true;
        }
        let flags =
            [&mut self.write, &mut self.user, &mut self.execute, &mut self.global, &mut self.accessed, &mut self.dirty];
        match (flags.into_iter().nth(index), value) {
            (Some(flag), 0 | 1) => {
                *flag = value == 1;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn permits(&self, access: Access, user: bool) -> bool {
        let allowed = match access {
            Access::Read => true,
            Access::Write => self.write,
            Access::Execute => self.execute,
        };
        allowed && (self.user || !user)
    }

    #[inline]
    fn kernel_data() -> Self {
        Self::kernel(true, false)
    }

    #[inline]
    fn kernel_rodata() -> Self {
        Self::kernel(false, false)
    }

    #[inline]
    fn kernel_text() -> Self {
        Self::kernel(false, true)
    }

    #[inline]
    fn user_data() -> Self {
        Self { user: true, global: false, ..Self::kernel_data() }
    }

    #[inline]
    fn user_rodata() -> Self {
        Self { user: true, global: false, ..Self::kernel_rodata() }
    }

    #[inline]
    fn user_text() -> Self {
        Self { user: true, global: false, ..Self::kernel_text() }
    }
}

impl ptgen::Change for Change {
    type Attributes = Attributes;

    #[inline]
    fn set(&mut self, index: usize, value: u64) -> bool {
        let mut attributes = Attributes::default();
        if !ptgen::Attributes::set(&mut attributes, index, value) {
            return false;
        }
        match index {
            0 => self.write = Some(attributes.write),
            1 => self.user = Some(attributes.user),
            2 => self.execute = Some(attributes.execute),
            3 => self.global = Some(attributes.global),
            4 => self.accessed = Some(attributes.accessed),
            5 => self.dirty = Some(attributes.dirty),
            _ => self.memory_type = Some(attributes.memory_type),
        }
        true
    }

    #[inline]
    fn revise(&self, old: &Attributes) -> Attributes {
        Attributes {
            write: self.write.unwrap_or(old.write),
            user: self.user.unwrap_or(old.user),
            execute: self.execute.unwrap_or(old.execute),
            global: self.global.unwrap_or(old.global),
            accessed: self.accessed.unwrap_or(old.accessed),
            dirty: self.dirty.unwrap_or(old.dirty),
            memory_type: self.memory_type.unwrap_or(old.memory_type),
            software: self.software.unwrap_or(old.software),
        }
    }
}

/// Attributes to change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub write: Option<bool>,
    pub user: Option<bool>,
    pub execute: Option<bool>,
    pub global: Option<bool>,
    pub accessed: Option<bool>,
    pub dirty: Option<bool>,
    pub memory_type: Option<MemoryType>,
    pub software: Option<u64>,
}

impl Change {
    /// Writable or not.
    #[inline]
    pub fn write(write: bool) -> Self {
        Self { write: Some(write), ..Self::default() }
    }

    #[inline]
    fn patch(&self, pat: u64) -> Result<Bits<u64>, Unencodable> {
        let mut bits = Bits { clear: 0, set: 0 };
        let mut put = |mask: u64, value: u64| {
            bits.clear |= mask;
            bits.set |= value;
        };
        let mut flag = |value: Option<bool>, mask: u64, sense: bool| {
            if let Some(value) = value {
                put(mask, if value == sense { mask } else { 0 });
            }
        };
        flag(self.write, WRITE, true);
        flag(self.user, USER, true);
        flag(self.execute, NOT_EXECUTE, false);
        flag(self.global, GLOBAL, true);
        flag(self.accessed, ACCESSED, true);
        flag(self.dirty, DIRTY, true);
        if let Some(memory_type) = self.memory_type {
            put(PWT | PCD | pat, memory_type.bits(pat));
        }
        if let Some(software) = self.software {
            if software & !SOFTWARE != 0 {
                return Err(Unencodable { attribute: "software" });
            }
            put(SOFTWARE, software);
        }
        Ok(bits)
    }
}
