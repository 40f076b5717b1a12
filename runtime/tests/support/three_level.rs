//! RISC-V Sv39 or Sv48 (chosen at run time) with Svnapot, Svpbmt and Svadu, written by hand. Privileged specification,
//! "Sv39". The way in which leaves change their size is chosen at run time as well, to test what Arm demands.

use ptgen::{
    Access, AttributeInfo, AttributeKind, Bits, ChangeKind, Floor, Level, RootVisitor, Sizes, Unencodable, Way,
};

const VALID: u64 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const GLOBAL: u64 = 1 << 5;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
const SOFTWARE: u64 = 3 << 8;
/// What marks a leaf that no TLB holds, where there is such a thing.
pub const HELD: u64 = 1 << 9;
const OUTPUT: u64 = 0x003f_ffff_ffff_fc00;
const RESERVED: u64 = 0x7f << 54;
const PAGE_TYPE: u64 = 3 << 61;
const NAPOT: u64 = 1 << 63;
const RIGHTS: u64 = READ | WRITE | EXECUTE;
/// The low bits of the stored address that say 64 KiB.
const RUN: u64 = 0b1000 << 10;
const RUN_BITS: u64 = 0b1111 << 10;
const RUN_LG2: u32 = 16;

/// The format with what is decided at run time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {
    /// VA have zeroes above the translated bits.
    pub unsigned: bool,
    /// Four levels instead of three.
    pub four: bool,
    /// A live leaf must not change its size, nor its memory type.
    pub breaks: bool,
    /// Every change of a live entry takes an instruction.
    pub exchanges: bool,
    /// Walkers do not look into caches.
    pub cleans: bool,
    /// A leaf that changes its size stays there meanwhile, marked by a bit of software's that keeps TLBs from holding it.
    pub holds: bool,
}

impl ptgen::Format for Format {
    type Word = u64;
    type Attributes = Attributes;
    type Change = Change;
    type Patch = Bits<u64>;

    const NAME: &'static str = "three_level";

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
        let above = if self.four { 16 } else { 25 };
        if self.unsigned { position << above >> above } else { ((position << above) as i64 >> above) as u64 }
    }

    #[inline]
    fn output_last(self) -> u64 {
        (1 << 56) - 1
    }

    #[inline]
    fn way(self, kind: ChangeKind) -> Way {
        match kind {
            ChangeKind::Fill => Way::Live,
            _ if self.exchanges => Way::Instruction,
            ChangeKind::Relax => Way::Lazy,
            ChangeKind::Size | ChangeKind::MemoryType if self.breaks => Way::Break,
            _ => Way::Live,
        }
    }

    #[inline]
    fn way_of(self, change: &Change) -> Way {
        self.way(if change.page_type.is_some() { ChangeKind::MemoryType } else { ChangeKind::Restrict })
    }

    #[inline]
    fn cleans(self) -> bool {
        self.cleans
    }

    #[inline]
    fn table_software(self) -> u64 {
        SOFTWARE
    }

    #[inline]
    fn no_limits(self) -> u64 {
        0
    }

    #[inline]
    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output {
        if self.four { visitor.visit::<L3>() } else { visitor.visit::<L2>() }
    }
}

/// 512 GiB a slot.
pub enum L3 {}
/// 1 GiB a slot.
pub enum L2 {}
/// 2 MiB a slot.
pub enum L1 {}
/// 4 KiB a slot, or runs of 64 KiB.
pub enum L0 {}

macro_rules! level {
    ($level:ident, $below:ty, $name:literal, $number:literal, $shift:literal, tables $tables:literal, runs $runs:literal) => {
        impl $level {
            /// The fixed bits of a leaf of this size.
            #[inline]
            fn fixed(lg2: u32) -> u64 {
                if $runs && lg2 == RUN_LG2 { VALID | NAPOT | RUN } else { VALID }
            }

            #[inline]
            fn is_run(w: u64) -> bool {
                $runs && w & NAPOT != 0
            }
        }

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
                if $runs { Sizes::one($shift).or(Sizes::one(RUN_LG2)) } else { Sizes::one($shift) }
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
                w & VALID == 0
            }

            #[inline]
            fn is_table(_: Format, w: u64) -> bool {
                $tables && w & !(OUTPUT | SOFTWARE | GLOBAL) == VALID
            }

            #[inline]
            fn is_leaf(_: Format, w: u64) -> bool {
                let low = ((1_u64 << ($shift - 12)) - 1) << 10;
                w & VALID != 0
                    && w & (READ | EXECUTE) != 0
                    && w & (READ | WRITE) != WRITE
                    && w & RESERVED == 0
                    && w & PAGE_TYPE != PAGE_TYPE
                    && w & low == 0
                    && (w & NAPOT == 0 || $runs && w & RUN_BITS == RUN)
            }

            #[inline]
            fn table(_: Format, address: u64) -> u64 {
                VALID | address >> 2
            }

            #[inline]
            fn table_address(_: Format, w: u64) -> u64 {
                (w & OUTPUT) << 2
            }

            #[inline]
            fn limit(_: Format, limits: u64, w: u64) -> u64 {
                limits | w & GLOBAL
            }

            #[inline]
            fn output(f: Format, w: u64, va: u64) -> u64 {
                Self::leaf_oa(f, w) | va & ((1 << Self::leaf_lg2(f, w)) - 1)
            }

            #[inline]
            fn leaf_oa(_: Format, w: u64) -> u64 {
                let stored = if Self::is_run(w) { w & !RUN_BITS } else { w };
                (stored & OUTPUT) << 2
            }

            #[inline]
            fn leaf_lg2(_: Format, w: u64) -> u32 {
                if Self::is_run(w) { RUN_LG2 } else { $shift }
            }

            #[inline]
            fn run_is_identical(_: Format, _: u32) -> bool {
                true
            }

            #[inline]
            fn attributes(_: Format, w: u64, limits: u64) -> Attributes {
                Attributes::decode(w | limits)
            }

            #[inline]
            fn template(_: Format, attributes: &Attributes, lg2: u32) -> Result<u64, Unencodable> {
                Ok(attributes.encode()? | Self::fixed(lg2))
            }

            #[inline]
            fn leaf(_: Format, template: u64, _: u32, oa: u64) -> u64 {
                template | oa >> 2
            }

            #[inline]
            fn resize(_: Format, w: u64, lg2: u32) -> Result<u64, Unencodable> {
                Ok(w & !(OUTPUT | NAPOT) | Self::fixed(lg2))
            }

            #[inline]
            fn descend(_: Format, w: u64, lg2: u32) -> Result<u64, Unencodable> {
                let fixed = if lg2 == RUN_LG2 { VALID | NAPOT | RUN } else { VALID };
                Ok(w & !(OUTPUT | NAPOT) | fixed)
            }

            #[inline]
            fn patch(_: Format, change: &Change) -> Result<Bits<u64>, Unencodable> {
                change.patch()
            }

            #[inline]
            fn apply(_: Format, patch: &Bits<u64>, w: u64) -> u64 {
                w & !patch.clear | patch.set
            }

            #[inline]
            fn hardware(_: Format) -> u64 {
                ACCESSED | DIRTY
            }

            #[inline]
            fn held(f: Format, w: u64) -> u64 {
                if f.holds { w | HELD } else { 0 }
            }

            #[inline]
            fn payload_mask(_: Format) -> u64 {
                !VALID
            }
        }
    };
}

level!(L3, L2, "l3", 3, 39, tables true, runs false);
level!(L2, L1, "l2", 2, 30, tables true, runs false);
level!(L1, L0, "l1", 1, 21, tables true, runs false);
level!(L0, Floor<Format>, "l0", 0, 12, tables false, runs true);

/// What a leaf says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    pub read: bool,
    pub write: bool,
    pub execute: bool,
    pub user: bool,
    pub global: bool,
    pub accessed: bool,
    pub dirty: bool,
    /// 0 cached, 1 uncached, 2 device.
    pub page_type: u64,
}

const NAMES: [(&str, u64); 7] = [
    ("read", READ),
    ("write", WRITE),
    ("execute", EXECUTE),
    ("user", USER),
    ("global", GLOBAL),
    ("accessed", ACCESSED),
    ("dirty", DIRTY),
];

const TYPES: [(&str, u64); 3] = [("cached", 0), ("uncached", 1), ("device", 2)];

impl Attributes {
    #[inline]
    fn decode(w: u64) -> Self {
        Self {
            read: w & READ != 0,
            write: w & WRITE != 0,
            execute: w & EXECUTE != 0,
            user: w & USER != 0,
            global: w & GLOBAL != 0,
            accessed: w & ACCESSED != 0,
            dirty: w & DIRTY != 0,
            page_type: (w & PAGE_TYPE) >> 61,
        }
    }

    #[inline]
    fn flags(&self) -> [bool; 7] {
        [self.read, self.write, self.execute, self.user, self.global, self.accessed, self.dirty]
    }

    #[inline]
    fn encode(&self) -> Result<u64, Unencodable> {
        if !self.read && (self.write || !self.execute) {
            return Err(Unencodable { attribute: "read" });
        }
        if self.page_type > 2 {
            return Err(Unencodable { attribute: "page_type" });
        }
        let flags = self.flags().into_iter().zip(NAMES).filter(|(flag, _)| *flag);
        Ok(flags.fold(self.page_type << 61, |w, (_, (_, mask))| w | mask))
    }

    #[inline]
    fn kernel(write: bool, execute: bool) -> Self {
        Self { read: true, write, execute, global: true, accessed: true, dirty: true, ..Self::default() }
    }
}

impl ptgen::Attributes for Attributes {
    const FIELDS: &'static [AttributeInfo] = &[
        AttributeInfo { name: NAMES[0].0, kind: AttributeKind::Flag },
        AttributeInfo { name: NAMES[1].0, kind: AttributeKind::Flag },
        AttributeInfo { name: NAMES[2].0, kind: AttributeKind::Flag },
        AttributeInfo { name: NAMES[3].0, kind: AttributeKind::Flag },
        AttributeInfo { name: NAMES[4].0, kind: AttributeKind::Flag },
        AttributeInfo { name: NAMES[5].0, kind: AttributeKind::Flag },
        AttributeInfo { name: NAMES[6].0, kind: AttributeKind::Flag },
        AttributeInfo { name: "memory_type", kind: AttributeKind::Choice(&TYPES) },
    ];

    #[inline]
    fn get(&self, index: usize) -> u64 {
        match index {
            7 => self.page_type,
            _ => self.flags().get(index).map_or(0, |&flag| u64::from(flag)),
        }
    }

    #[inline]
    fn set(&mut self, index: usize, value: u64) -> bool {
        if index == 7 && value <= 2 {
            self.page_type = value;
            return true;
        }
        let flags = [
            &mut self.read,
            &mut self.write,
            &mut self.execute,
            &mut self.user,
            &mut self.global,
            &mut self.accessed,
            &mut self.dirty,
        ];
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
            Access::Read => self.read,
            Access::Write => self.write,
            Access::Execute => self.execute,
        };
        allowed && self.user == user
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
        match (index, value) {
            (1, 0 | 1) => self.write = Some(value == 1),
            (2, 0 | 1) => self.execute = Some(value == 1),
            (3, 0 | 1) => self.user = Some(value == 1),
            (5, 0 | 1) => self.accessed = Some(value == 1),
            (6, 0 | 1) => self.dirty = Some(value == 1),
            (7, 0..=2) => self.page_type = Some(value),
            _ => return false,
        }
        true
    }

    #[inline]
    fn revise(&self, old: &Attributes) -> Attributes {
        Attributes {
            write: self.write.unwrap_or(old.write),
            execute: self.execute.unwrap_or(old.execute),
            user: self.user.unwrap_or(old.user),
            accessed: self.accessed.unwrap_or(old.accessed),
            dirty: self.dirty.unwrap_or(old.dirty),
            page_type: self.page_type.unwrap_or(old.page_type),
            ..*old
        }
    }
}

/// Attributes to change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub write: Option<bool>,
    pub execute: Option<bool>,
    pub user: Option<bool>,
    pub accessed: Option<bool>,
    pub dirty: Option<bool>,
    pub page_type: Option<u64>,
}

impl Change {
    /// Writable or not.
    #[inline]
    pub fn write(write: bool) -> Self {
        Self { write: Some(write), ..Self::default() }
    }

    #[inline]
    fn patch(&self) -> Result<Bits<u64>, Unencodable> {
        let mut bits = Bits { clear: 0, set: 0 };
        let flags = [
            (self.write, WRITE),
            (self.execute, EXECUTE),
            (self.user, USER),
            (self.accessed, ACCESSED),
            (self.dirty, DIRTY),
        ];
        for (value, mask) in flags {
            if let Some(value) = value {
                bits.clear |= mask;
                bits.set |= if value { mask } else { 0 };
            }
        }
        if let Some(page_type) = self.page_type {
            if page_type > 2 {
                return Err(Unencodable { attribute: "page_type" });
            }
            bits.clear |= PAGE_TYPE;
            bits.set |= page_type << 61;
        }
        Ok(bits)
    }
}
