//! A format that no machine has, with tables of several sizes, all but the root's smaller than a page: 30-bit VA, tables
//! of 256, 512 and 1024 bytes, leaves of 4 KiB, 128 KiB and 8 MiB, and software bits in the words that point to tables.

use ptgen::{AttributeInfo, Bits, ChangeKind, Floor, Level, RootVisitor, Sizes, Unencodable, Way};

use super::oracle::{Dump, Known};

pub const VALID: u64 = 1;
pub const LEAF: u64 = 1 << 1;
pub const WRITE: u64 = 1 << 2;
pub const ADDRESS: u64 = 0xffff_ffff_ff00;
pub const PINNED: u64 = 1 << 56;
pub const FOREIGN: u64 = 1 << 57;
const SOFTWARE: u64 = PINNED | FOREIGN;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {
    /// Whether table words have no bits of software's.
    pub plain: bool,
}

impl ptgen::Format for Format {
    type Word = u64;
    type Attributes = Attributes;
    type Change = Change;
    type Patch = Bits<u64>;

    const NAME: &'static str = "small";

    fn is_canonical(self, va: u64) -> bool {
        va >> 30 == 0
    }

    fn extend(self, position: u64) -> u64 {
        position
    }

    fn output_last(self) -> u64 {
        (1 << 48) - 1
    }

    fn way(self, kind: ChangeKind) -> Way {
        if kind == ChangeKind::Fill { Way::Lazy } else { Way::Live }
    }

    fn way_of(self, _: &Change) -> Way {
        Way::Live
    }

    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output {
        visitor.visit::<Upper>()
    }

    fn is_absent(self, w: u64) -> bool {
        w & VALID == 0
    }

    fn is_table(self, w: u64) -> bool {
        let software = if self.plain { 0 } else { SOFTWARE };
        w & !(ADDRESS | software) == VALID
    }

    fn table(self, address: u64) -> u64 {
        VALID | address
    }

    fn table_address(self, w: u64) -> u64 {
        w & ADDRESS
    }

    fn table_software(self) -> u64 {
        if self.plain { 0 } else { SOFTWARE }
    }

    fn attributes(self, w: u64, _: u64) -> Attributes {
        Attributes { write: w & WRITE != 0 }
    }

    fn template(self, attributes: &Attributes, _: u32) -> Result<u64, Unencodable> {
        Ok(VALID | LEAF | if attributes.write { WRITE } else { 0 })
    }

    fn leaf(self, template: u64, _: u32, oa: u64) -> u64 {
        template | oa
    }

    fn resize(self, w: u64, _: u32) -> Result<u64, Unencodable> {
        Ok(w & !ADDRESS)
    }

    fn patch(self, change: &Change) -> Result<Bits<u64>, Unencodable> {
        let set = if change.write == Some(true) { WRITE } else { 0 };
        Ok(Bits { clear: if change.write.is_some() { WRITE } else { 0 }, set })
    }

    fn apply(self, patch: &Bits<u64>, w: u64) -> u64 {
        w & !patch.clear | patch.set
    }

    fn changes_fit(self) -> bool {
        true
    }

    fn payload_mask(self) -> u64 {
        !VALID
    }
}

/// 8 MiB a slot, 128 slots.
pub enum Upper {}
/// 128 KiB a slot, 64 slots.
pub enum Middle {}
/// 4 KiB a slot, 32 slots.
pub enum Lower {}

macro_rules! level {
    ($level:ident, $below:ty, $name:literal, $number:literal, shift $shift:literal, bits $bits:literal) => {
        impl Level for $level {
            type Format = Format;
            type Below = $below;

            const NAME: &'static str = $name;
            const NUMBER: u8 = $number;

            fn shift(_: Format) -> u32 {
                $shift
            }

            fn index_bits(_: Format) -> u32 {
                $bits
            }

            fn leaf_sizes(_: Format) -> Sizes {
                Sizes::one($shift)
            }

            fn is_leaf(_: Format, w: u64) -> bool {
                let address = ADDRESS & !((1 << $shift) - 1);
                w & !(address | WRITE) == VALID | LEAF
            }

            fn leaf_oa(_: Format, w: u64) -> u64 {
                w & ADDRESS
            }

            fn descend(_: Format, w: u64, _: u32) -> Result<u64, Unencodable> {
                Ok(w & !ADDRESS)
            }
        }
    };
}

level!(Upper, Middle, "upper", 2, shift 23, bits 7);
level!(Middle, Lower, "middle", 1, shift 17, bits 6);
level!(Lower, Floor<Format>, "lower", 0, shift 12, bits 5);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    pub write: bool,
}

impl ptgen::Attributes for Attributes {
    const FIELDS: &'static [AttributeInfo] = &[AttributeInfo::flag("write")];

    fn get(&self, index: usize) -> u64 {
        u64::from(index == 0 && self.write)
    }

    fn set(&mut self, index: usize, value: u64) -> bool {
        let known = index == 0 && value <= 1;
        if known {
            self.write = value == 1;
        }
        known
    }

    fn permits(&self, access: ptgen::Access, _: bool) -> bool {
        access != ptgen::Access::Write || self.write
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub write: Option<bool>,
}

impl ptgen::Change for Change {
    type Attributes = Attributes;

    fn set(&mut self, index: usize, value: u64) -> bool {
        let known = index == 0 && value <= 1;
        if known {
            self.write = Some(value == 1);
        }
        known
    }

    fn revise(&self, old: &Attributes) -> Attributes {
        Attributes { write: self.write.unwrap_or(old.write) }
    }
}

impl Known for Format {
    fn dump(self, read: &dyn Fn(u64) -> u64, root: u64) -> Dump<Attributes> {
        let mut dump = Dump::new();
        walk(read, root, 2, 0, &mut dump);
        dump
    }

    fn width(self) -> u32 {
        30
    }

    const SIZES: &'static [u32] = &[12, 17, 23];

    fn some_attributes(number: u64) -> Attributes {
        Attributes { write: number & 1 != 0 }
    }

    fn some_change(number: u64) -> Change {
        Change { write: (number & 1 == 0).then_some(number & 2 != 0) }
    }
}

fn walk(read: &dyn Fn(u64) -> u64, table: u64, level: usize, base: u64, dump: &mut Dump<Attributes>) {
    dump.tables += 1;
    let (shift, bits) = [(12, 5), (17, 6), (23, 7)][level];
    assert_eq!(table % (8 << bits), 0, "a misaligned table");
    for slot in 0..1 << bits {
        let w = read(table + 8 * slot);
        if w != 0 {
            dump.word(table + 8 * slot, w);
        }
        let start = base + (slot << shift);
        let address = w & 0xffff_ffff_ff00;
        match w & 3 {
            1 if level > 0 => {
                assert_eq!(w >> 58 << 10 | w >> 48 & 0xff | w & 0xfc, 0, "reserved bits in {w:#x}");
                walk(read, address, level - 1, start, dump);
            }
            3 => {
                assert_eq!((address % (1 << shift), w >> 48), (0, 0), "reserved bits in {w:#x}");
                dump.leaf(start, shift, address, Attributes { write: w & 4 != 0 });
            }
            0 | 2 => {}
            _ => panic!("no word of the format: {w:#x}"),
        }
    }
}
