//! The model: one format under one binding, with nothing left undecided.
//!
//! A description with features is a family of models, one for each binding. Whoever needs several bindings at once (a
//! client that decides some at run time) looks at several models and merges what agrees; a model itself has no
//! conditions. The only quantities that may stay open are numbers bound at run time out of a long span, such as the
//! width of the output address: see [`Bits`] and [`Mask`].
//!
//! Bit 0 is the lowest bit of a word. Names are those of the format file.

use std::collections::BTreeMap;

/// One format under one binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// Its name.
    pub name: String,
    /// The lines of `///` before it.
    pub docs: Vec<String>,
    /// The lines of `//!` of its file: the manuals it was written from.
    pub sources: Vec<String>,
    /// The line of the file on which it begins, counted from 1.
    pub line: usize,
    /// Which features are on, with every feature of the description.
    pub features: BTreeMap<String, bool>,
    /// What each parameter is bound to. Parameters that exist per level are named `parameter.level`.
    pub parameters: BTreeMap<String, Bits>,
    /// The addresses that parameters stand for (`address per level`), named like the parameters; `None` if decided at
    /// run time.
    pub addresses: BTreeMap<String, Option<u128>>,
    /// The ranges of VA that have a root of their own, in the order of the description.
    pub ranges: Vec<Range>,
    /// Width of the OA in bits.
    pub output: Bits,
    /// The levels that this binding uses, from the root (of the widest range) to the lowest.
    pub levels: Vec<Level>,
    /// Every layout that some level uses, and then the layouts of root words. A layout that is not the same at every
    /// level (its reserved low bits differ, say) is here once for each shape, under one name.
    pub layouts: Vec<Layout>,
    /// The layout of the word that names the root of the range that the client chose, as an index into `layouts`.
    pub root_word: Option<usize>,
    /// Everything that a leaf says beside its OA, in the order of first mention, each name once.
    pub attributes: Vec<Attribute>,
    /// The ways of change and what the machine does by itself.
    pub update: Update,
}

/// A number of bits or a bit position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bits {
    /// Known.
    Fixed(u32),
    /// Bound at run time to a value out of a span.
    Runtime {
        /// The parameter.
        parameter: String,
        /// The smallest value it may have.
        least: u32,
        /// The largest.
        most: u32,
    },
}

/// A set of bits of a word.
///
/// A bit is in if it is in `fixed` or a candidate of some `parametric` part, and every part that has it as a candidate
/// lets it in. Bits of `fixed` are not candidates unless a part may take them away.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Mask {
    /// The bits that are in whatever the parameters are.
    pub fixed: u128,
    /// Bits that are in only where the rules on run-time parameters hold.
    pub parametric: Vec<ParametricBits>,
}

/// Bits whose membership in a [`Mask`] depends on a parameter bound at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParametricBits {
    /// The candidates.
    pub bits: u128,
    /// The parameter.
    pub parameter: String,
    /// Which of the candidates are in the mask.
    pub rule: ParametricRule,
}

/// Which candidates belong to a [`Mask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametricRule {
    /// Those of OA bits below the parameter's value; `shift` is word position minus OA position.
    Below {
        /// Word position minus OA position.
        shift: i32,
    },
    /// Those of OA bits at or above the parameter's value.
    AtOrAbove {
        /// Word position minus OA position.
        shift: i32,
    },
    /// The bit at the parameter's value.
    At,
    /// All but the bit at the parameter's value.
    NotAt,
}

/// Byte order of entries in memory.
pub use crate::tree::Endian;
/// The kind of a layout.
pub use crate::tree::LayoutKind;
/// How a change is made live.
pub use crate::tree::Way;

/// A range of VA with a root of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its name, where there are several.
    pub name: Option<String>,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// How many bits of the VA are translated.
    pub width: u32,
    /// What the bits above hold.
    pub extension: Extension,
    /// Bits that the walk ignores, `(high, low)`.
    pub tag: Option<(u32, u32)>,
    /// The level whose table the root is: an index into `Format::levels`.
    pub root: usize,
    /// By how many bits the root is indexed; may be fewer or (widened) more than the level's own.
    pub root_index_bits: u32,
    /// lg2 of the bytes to which a root is aligned.
    pub root_align_lg2: u32,
    /// The layout of the word that names this root, as an index into `Format::layouts`.
    pub root_word: Option<usize>,
}

/// What the bits above the translated ones hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Copies of the highest translated bit.
    Sign,
    /// Zeroes.
    Zero,
    /// Ones.
    Ones,
    /// This value.
    Prefix(u64),
}

/// One step of the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its name in the manual.
    pub name: String,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The line of the file.
    pub line: usize,
    /// 0 for the lowest, one more for each level above.
    pub number: u32,
    /// The lowest bit of the VA that indexes it: lg2 of the bytes that one slot translates.
    pub shift: u32,
    /// How many bits of the VA index it.
    pub index_bits: u32,
    /// Width of its entries in bits: 32, 64 or 128.
    pub word_bits: u32,
    /// Byte order of its entries.
    pub endian: Endian,
    /// lg2 of the bytes to which a table is aligned.
    pub align_lg2: u32,
    /// Software bits per slot that follow the table.
    pub companion_bits: u32,
    /// The layouts that a word here may have.
    pub entries: Vec<Entry>,
    /// What an emptied slot holds, by range (as in `Format::ranges`).
    pub empty: Vec<u128>,
    /// The parameter, bound at run time, whose address an emptied slot stores beside the bits of `empty`.
    pub empty_address: Option<String>,
}

/// A layout that a word of a level may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// An index into `Format::layouts`.
    pub layout: usize,
    /// Words of this layout are refused here.
    pub refused: bool,
}

/// A word, highest bit first.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Its name.
    pub name: String,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The line of the file.
    pub line: usize,
    /// Its kind.
    pub kind: LayoutKind,
    /// Width of the word in bits.
    pub word_bits: u32,
    /// Every bit once, from the highest to the lowest.
    pub rows: Vec<Row>,
    /// What makes a word one of this layout: its constants and its `where`.
    pub identity: Test,
    /// Identified words that are refused: `forbid`, values that an attribute reserves (not in absent words), children
    /// that are not below, sizes that a `run … in ones` does not have. Reserved bits are not in here.
    pub refused: Vec<Test>,
    /// The bits that must have the values of `reserved_value`: `reserved` rows, stored address bits above the width or
    /// below the alignment, run patterns other than `Run::in_ones`, `slots_lg2`.
    pub reserved: Mask,
    /// What the bits of `reserved` must be.
    pub reserved_value: u128,
    /// What `ignored` bits, constants and `last_slot` (of a whole child) are written as; zero elsewhere.
    pub written: u128,
    /// The bits marked `ignored`.
    pub ignored: u128,
    /// The bits free for the client.
    pub software: u128,
    /// The fields that carry information, each name once, in the order of the rows.
    pub fields: Vec<Field>,
    /// Where the bits of the OA are stored (leaf), empty for other kinds. A field whose place is decided at run time
    /// (`Field::at`) takes its bit out of these.
    pub output: Vec<Piece>,
    /// Width of the OA that this leaf reaches, in bits.
    pub output_width: Bits,
    /// The tables that a word points to: one for nearly every table or root layout.
    pub children: Vec<Child>,
    /// The field of this layout that names the level of the child, with level (index into `Format::levels`) by number.
    pub child_field: Option<ChildField>,
    /// How many slots are one translation.
    pub run: Option<Run>,
    /// Attributes that other leaves have and this one cannot say.
    pub lacks: Vec<String>,
    /// This absent word leaves the VA to the parent's other child.
    pub defer: bool,
    /// Bits that the machine may set or clear by itself in words of this layout.
    pub hardware: Mask,
}

impl Layout {
    /// Where the bits of an address stand: of the first child's (or of what an absent word has in its place), or of the OA.
    #[must_use]
    pub fn stored(&self, table: bool) -> Vec<Piece> {
        let pieces = self.rows.iter().filter_map(|row| {
            let value_low = match row.content {
                Content::Table { low, child: 0 } if table => low,
                Content::Output { low } if !table => low,
                _ => return None,
            };
            Some(Piece { word_low: row.low, value_low, bits: row.high - row.low + 1 })
        });
        let mut pieces: Vec<Piece> = pieces.collect();
        pieces.sort_by_key(|piece| piece.value_low);
        pieces
    }

    /// The parameters, decided at run time, that an address in a word of this layout is compared with, each with whether
    /// the address is a table's.
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        self.identity.addresses(&mut found);
        self.refused.iter().for_each(|test| test.addresses(&mut found));
        found
    }
}

/// A row of a layout under one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The highest bit.
    pub high: u32,
    /// The lowest bit.
    pub low: u32,
    /// What the bits hold.
    pub content: Content,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The line of the file.
    pub line: usize,
}

/// What the bits of a row hold under one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Must be this value.
    Reserved(u128),
    /// Not looked at, written as this value.
    Ignored(u128),
    /// Free for the client.
    Software,
    /// Identifies the layout; with the name that the manual gives the bits.
    Constant {
        /// The name, if there is one.
        name: Option<String>,
        /// The value.
        value: u128,
    },
    /// A field, or bits `low` and up of one.
    Field {
        /// Its name.
        name: String,
        /// Whether the bits say the opposite.
        inverted: bool,
        /// The lowest bit of the field stored here.
        low: u32,
    },
    /// Bits `low` and up of the OA.
    Output {
        /// The lowest bit of the OA stored here.
        low: u32,
    },
    /// Bits `low` and up of a child's address.
    Table {
        /// The lowest bit of the address stored here.
        low: u32,
        /// Which of the layout's `children`.
        child: usize,
    },
    /// lg2 of the slots of the child.
    SlotsLg2,
    /// Bits `low` and up of the child's first slot number.
    FirstSlot {
        /// The lowest bit stored here.
        low: u32,
    },
    /// Bits `low` and up of the child's last slot number.
    LastSlot {
        /// The lowest bit stored here.
        low: u32,
    },
}

/// A field of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The lines of `///` of its first row.
    pub docs: Vec<String>,
    /// Whether the bits say the opposite of the name.
    pub inverted: bool,
    /// Where its bits are; value bits ascend from the lowest piece's `value_low`.
    pub pieces: Vec<Piece>,
    /// The bit is at a parameter bound at run time: `pieces` is empty then, the field is one bit wide.
    pub at: Option<Bits>,
}

/// Adjacent bits of a value stored in adjacent bits of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The lowest bit in the word.
    pub word_low: u32,
    /// The lowest bit in the value.
    pub value_low: u32,
    /// How many bits.
    pub bits: u32,
}

/// A table that a word points to.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Where the bits of its address are stored. A field whose place is decided at run time (`Field::at`) takes its bit
    /// out of these.
    pub address: Vec<Piece>,
    /// The bits of the word that the address may use, less those that the width forbids (with `width`).
    pub width: Bits,
    /// The level of the child (index into `Format::levels`), by the level (index) in which the word stands. For a root
    /// layout: by range, the root level.
    pub levels: BTreeMap<usize, usize>,
    /// The child is there only if this holds.
    pub condition: Test,
}

/// A field that names the level of the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildField {
    /// The field.
    pub field: String,
    /// Level (index into `Format::levels`) by the field's value.
    pub levels: BTreeMap<u128, usize>,
}

/// How many adjacent slots are one translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// lg2 of the fewest slots.
    pub least_lg2: u32,
    /// lg2 of the most slots.
    pub most_lg2: u32,
    /// All slots hold the same word, with the OA of the first; otherwise each holds its own part of the OA.
    pub identical: bool,
    /// The size is written into the low bits of the stored address as a zero above ones.
    pub in_ones: bool,
}

/// A condition on the bits of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Holds for every word.
    Always,
    /// Holds for no word.
    Never,
    /// `word & mask == value`.
    Equal {
        /// The bits looked at.
        mask: u128,
        /// What they must be.
        value: u128,
    },
    /// The stored address equals a parameter bound at run time.
    Address {
        /// `true` for the child's address, `false` for the OA.
        table: bool,
        /// The parameter.
        parameter: String,
    },
    /// The condition fails.
    Not(Box<Test>),
    /// All hold.
    All(Vec<Test>),
    /// At least one holds.
    Any(Vec<Test>),
}

impl Test {
    fn addresses(&self, found: &mut Vec<(String, bool)>) {
        match self {
            Self::Address { table, parameter } => found.push((parameter.clone(), *table)),
            Self::Not(test) => test.addresses(found),
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|test| test.addresses(found)),
            Self::Always | Self::Never | Self::Equal { .. } => {}
        }
    }
}

/// Something that a leaf says beside its OA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// The lines of `///` of the field or the `attribute` item.
    pub docs: Vec<String>,
    /// What values it has.
    pub kind: AttributeKind,
    /// How it is read off a word, by layout (an index into `Format::layouts`). Where a layout has no entry the
    /// attribute is not said there: a right is then allowed, anything else is zero.
    pub sources: BTreeMap<usize, Source>,
    /// How what tables say combines with what leaves say.
    pub combine: Combine,
    /// The machine writes it by itself.
    pub hardware: bool,
}

/// What values an attribute has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// True or false.
    Flag,
    /// A number of so many bits.
    Number(u32),
    /// One name of a list; `other` tells whether unnamed numbers are valid, too.
    Choice {
        /// The names, in the order of the file, with the numbers that mean them (the first is written).
        names: Vec<ChoiceName>,
        /// Numbers of no name are valid.
        other: bool,
        /// The client may bind the numbers anew.
        rebindable: bool,
        /// How many bits the number has.
        bits: u32,
    },
}

/// A name of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceName {
    /// The name.
    pub name: String,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The numbers that mean it; the first is written.
    pub numbers: Vec<u128>,
}

/// How an attribute is read off a word of one layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is the field of its own name.
    Field,
    /// The joined bits of several fields say it, perhaps together with other attributes.
    Group(Group),
}

/// Fields whose joined bits mean one or more attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The fields, the highest first, each with its width in bits and its value in its own polarity; one that this
    /// layout lacks reads zero.
    pub fields: Vec<(String, u32)>,
    /// The attributes that the joined bits say.
    pub names: Vec<String>,
    /// For each listed number, in the order of the file: the number, and the flags that hold or the one name of the
    /// choice. For each meaning the first entry is the one that is written.
    pub values: Vec<(u128, Vec<String>)>,
    /// The numbers that are listed as refused, and whether all that are not listed are.
    pub reserved: (Vec<u128>, bool),
}

impl Group {
    /// Whether the machine refuses words in which the joined bits are this number.
    #[must_use]
    pub fn refuses(&self, number: u128) -> bool {
        let (listed, rest) = &self.reserved;
        listed.contains(&number) || *rest && self.values.iter().all(|(known, _)| *known != number)
    }
}

/// How an attribute of tables combines with that of leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// What tables say concerns only themselves.
    Own,
    /// Allowed if all on the way allow it.
    And,
    /// Holds if one on the way says so.
    Or,
}

/// The ways of change and what the machine does by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// How a change of each kind is made, by kind.
    pub ways: BTreeMap<Change, Way>,
    /// The level (index) that the processor holds in registers until the root is loaded again.
    pub registers: Option<usize>,
    /// Stores to tables are cleaned from the cache.
    pub clean: bool,
    /// The field that is set in a leaf while its size changes by way of `break`; without one, the slot is emptied.
    pub hold: Option<String>,
    /// A TLB entry holds two adjacent slots.
    pub pairs: bool,
}

/// The kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Absent to present.
    Fill,
    /// Leaf to absent.
    Clear,
    /// Table to absent.
    Unlink,
    /// More rights.
    Relax,
    /// Fewer rights.
    Restrict,
    /// Another OA.
    Output,
    /// Leaf to table, run to its members, and back, with the same translation.
    Size,
    /// Another memory type.
    MemoryType,
    /// Global or not.
    Global,
    /// Every other field.
    Other,
}

impl Change {
    /// All kinds, in the order of the language reference.
    pub const ALL: [Self; 10] = [
        Self::Fill,
        Self::Clear,
        Self::Unlink,
        Self::Relax,
        Self::Restrict,
        Self::Output,
        Self::Size,
        Self::MemoryType,
        Self::Global,
        Self::Other,
    ];

    /// The word of the language for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Clear => "clear",
            Self::Unlink => "unlink",
            Self::Relax => "relax",
            Self::Restrict => "restrict",
            Self::Output => "output",
            Self::Size => "size",
            Self::MemoryType => "memory_type",
            Self::Global => "global",
            Self::Other => "other",
        }
    }
}
