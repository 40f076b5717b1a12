//! A format as small as can be: three levels of two slots. An explored interleaving costs what its loads and stores
//! cost, so tables have as few words as they can.
//!
//! ```text
//! 62 dirty   61 accessed   60 write   57..56 software of tables   47..12 output   47..4 table   1 leaf   0 present
//! ```

use ptgen_loom::{Access, AttributeInfo, Bits, ChangeKind, Floor, LevelInfo, RootVisitor, Sizes, Unencodable, Way};

pub const PRESENT: u64 = 1;
pub const LEAF: u64 = 1 << 1;
pub const WRITE: u64 = 1 << 60;
pub const ACCESSED: u64 = 1 << 61;
pub const DIRTY: u64 = 1 << 62;
const ALL: u64 = WRITE | ACCESSED | DIRTY;
const SOFTWARE: u64 = 0b11 << 56;
const OUTPUT: u64 = 0xffff_ffff_f000;
const TABLE: u64 = 0xffff_ffff_fff0;

/// lg2 of the bytes of a page.
pub const PAGE_LG2: u32 = 12;
/// A page.
pub const PAGE: u64 = 1 << PAGE_LG2;
/// A leaf of the level above, or what a table of pages translates.
pub const LARGE: u64 = 2 * PAGE;
/// What a root translates.
pub const WHOLE: u64 = 8 * PAGE;

/// The format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Format {
    /// Whether the size of a live leaf may only change by way of absent.
    pub breaks: bool,
}

impl ptgen_loom::Format for Format {
    type Word = u64;
    type Attributes = Attributes;
    type Change = Change;
    type Patch = Bits<u64>;

    const NAME: &'static str = "tiny";

    fn is_canonical(self, va: u64) -> bool {
        va < WHOLE
    }

    fn extend(self, position: u64) -> u64 {
        position
    }

    fn output_last(self) -> u64 {
        OUTPUT | 0xfff
    }

    fn way(self, kind: ChangeKind) -> Way {
        match kind {
            ChangeKind::Fill | ChangeKind::Relax => Way::Lazy,
            ChangeKind::Size if self.breaks => Way::Break,
            _ => Way::Live,
        }
    }

    fn way_of(self, change: &Change) -> Way {
        if change.write == Some(false) || change.accessed == Some(false) || change.dirty == Some(false) {
            Way::Live
        } else {
            Way::Lazy
        }
    }

    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output {
        visitor.visit::<Top>()
    }

    fn is_absent(self, w: u64) -> bool {
        w & PRESENT == 0
    }

    fn is_table(self, w: u64) -> bool {
        w & !(TABLE | SOFTWARE) == PRESENT
    }

    fn table(self, address: u64) -> u64 {
        address | PRESENT
    }

    fn table_address(self, w: u64) -> u64 {
        w & TABLE
    }

    fn attributes(self, w: u64, _limits: u64) -> Attributes {
        Attributes { write: w & WRITE != 0, accessed: w & ACCESSED != 0, dirty: w & DIRTY != 0 }
    }

    fn template(self, attributes: &Attributes, _lg2: u32) -> Result<u64, Unencodable> {
        Ok(PRESENT | LEAF | attributes.bits())
    }

    fn leaf(self, template: u64, _lg2: u32, oa: u64) -> u64 {
        template | oa
    }

    fn resize(self, w: u64, _lg2: u32) -> Result<u64, Unencodable> {
        Ok(w & !OUTPUT)
    }

    fn patch(self, change: &Change) -> Result<Bits<u64>, Unencodable> {
        let flags = [(change.write, WRITE), (change.accessed, ACCESSED), (change.dirty, DIRTY)];
        let chosen = |wanted: fn(bool) -> bool| {
            flags.iter().fold(0, |bits, (value, bit)| if value.is_some_and(wanted) { bits | bit } else { bits })
        };
        Ok(Bits { clear: chosen(|_| true), set: chosen(|value| value) })
    }

    fn apply(self, patch: &Bits<u64>, w: u64) -> u64 {
        w & !patch.clear | patch.set
    }

    fn changes_fit(self) -> bool {
        true
    }

    fn hardware(self) -> u64 {
        ACCESSED | DIRTY
    }

    fn payload_mask(self) -> u64 {
        !PRESENT
    }
}

/// The root.
pub enum Top {}
/// Leaves of two pages, or tables of pages.
pub enum Middle {}
/// Pages.
pub enum Bottom {}

macro_rules! level {
    ($level:ident, $below:ty, $name:literal, $number:literal, $leaves:expr) => {
        impl ptgen_loom::Level for $level {
            type Format = Format;
            type Below = $below;

            const INFO: LevelInfo = LevelInfo::new($name, $number, PAGE_LG2 + $number, 1, $leaves);

            fn is_leaf(_: Format, w: u64) -> bool {
                !Self::INFO.leaf_sizes.is_empty()
                    && w & !(ALL | OUTPUT & !((1 << Self::INFO.shift) - 1)) == PRESENT | LEAF
            }

            fn leaf_oa(_: Format, w: u64) -> u64 {
                w & OUTPUT
            }

            fn descend(_: Format, w: u64, _: u32) -> Result<u64, Unencodable> {
                Ok(w & !OUTPUT)
            }

            fn table_software(_: Format) -> u64 {
                SOFTWARE
            }
        }
    };
}

level!(Top, Middle, "top", 2, Sizes(0));
level!(Middle, Bottom, "middle", 1, Sizes::one(PAGE_LG2 + 1));
level!(Bottom, Floor<Format>, "bottom", 0, Sizes::one(PAGE_LG2));

/// What a leaf says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    pub write: bool,
    pub accessed: bool,
    pub dirty: bool,
}

impl Attributes {
    fn bits(self) -> u64 {
        let bit = |value: bool, bit: u64| if value { bit } else { 0 };
        bit(self.write, WRITE) | bit(self.accessed, ACCESSED) | bit(self.dirty, DIRTY)
    }
}

impl ptgen_loom::Attributes for Attributes {
    const FIELDS: &'static [AttributeInfo] =
        &[AttributeInfo::flag("write"), AttributeInfo::flag("accessed"), AttributeInfo::flag("dirty")];

    fn get(&self, index: usize) -> u64 {
        [self.write, self.accessed, self.dirty].get(index).map_or(0, |&flag| u64::from(flag))
    }

    fn set(&mut self, index: usize, value: u64) -> bool {
        let flag = [&mut self.write, &mut self.accessed, &mut self.dirty].into_iter().nth(index);
        match (flag, value) {
            (Some(flag), 0 | 1) => {
                *flag = value == 1;
                true
            }
            _ => false,
        }
    }

    fn permits(&self, access: Access, _user: bool) -> bool {
        access != Access::Write || self.write
    }
}

/// What to change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub write: Option<bool>,
    pub accessed: Option<bool>,
    pub dirty: Option<bool>,
}

impl Change {
    /// Writing is allowed or not.
    pub fn write(write: bool) -> Self {
        Self { write: Some(write), ..Self::default() }
    }
}

impl ptgen_loom::Change for Change {
    type Attributes = Attributes;

    fn set(&mut self, index: usize, value: u64) -> bool {
        let flag = [&mut self.write, &mut self.accessed, &mut self.dirty].into_iter().nth(index);
        match (flag, value) {
            (Some(flag), 0 | 1) => {
                *flag = Some(value == 1);
                true
            }
            _ => false,
        }
    }

    fn revise(&self, attributes: &Attributes) -> Attributes {
        Attributes {
            write: self.write.unwrap_or(attributes.write),
            accessed: self.accessed.unwrap_or(attributes.accessed),
            dirty: self.dirty.unwrap_or(attributes.dirty),
        }
    }
}
