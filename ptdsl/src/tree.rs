//! The syntax tree: a format file as it was written.
//!
//! Every node carries its [`Span`]; equality ignores spans and comments, so that printing a tree and parsing the text
//! again gives an equal tree. Nothing here is resolved: `with` has not been applied and names have not been looked up.

mod equal;

use crate::span::{Lines, Span, Spanned};

/// A name with its place.
pub type Name = Spanned<String>;

/// A number with its place.
pub type Number = Spanned<Literal>;

/// A number as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Literal {
    /// What it is worth.
    pub value: u128,
    /// How it was written.
    pub radix: Radix,
    /// How many digits it was written with, leading zeroes included.
    pub digits: u8,
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Literal {}

/// The notation of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Radix {
    /// `12`
    Decimal,
    /// `0xff`
    Hexadecimal,
    /// `0b101`
    Binary,
}

/// A whole format file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct File {
    /// Comments before the first line of `//!`.
    pub leading: Comments,
    /// The lines of `//!`, without the mark: what the file describes and the sources it cites.
    pub docs: Vec<Spanned<String>>,
    /// The descriptions, in the order of the file.
    pub formats: Vec<Format>,
    /// Comments after the last description.
    pub trailing: Comments,
    /// Where the lines of the text begin.
    pub lines: Lines,
}

/// Text around a node that means nothing to the compiler and that the printer keeps.
///
/// All comments are equal.
#[derive(Clone, Debug, Default)]
pub struct Comments {
    /// Whether an empty line stood before the node (or before its first comment).
    pub blank_before: bool,
    /// The `//` lines before the node, without the mark.
    pub before: Vec<String>,
    /// The `//` comment on the line of the node's opening brace, without the mark.
    pub opening: Option<String>,
    /// The `//` comment on the node's last line, without the mark.
    pub after: Option<String>,
}

impl PartialEq for Comments {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Comments {}

/// `format name = parent with fragments { items }`, or `base …`.
#[derive(Clone, Debug)]
pub struct Format {
    /// Comments around it.
    pub comments: Comments,
    /// The lines of `///`, without the mark.
    pub docs: Vec<Spanned<String>>,
    /// `format`, or `base`, which may lack parts and cannot be bound.
    pub kind: Spanned<FormatKind>,
    /// Its name.
    pub name: Name,
    /// What it is made from.
    pub with: Option<With>,
    /// Its own items, in the order of the file.
    pub items: Vec<Item>,
    /// Comments after the last item.
    pub trailing: Comments,
    /// The whole description.
    pub span: Span,
}

/// Whether a description stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatKind {
    /// `format`: complete.
    Format,
    /// `base`: a part of others.
    Base,
}

/// `= parent with a, b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    /// The description whose items come first.
    pub parent: Name,
    /// The fragments whose items follow.
    pub fragments: Vec<Name>,
}

/// One statement of a description.
#[derive(Clone, Debug)]
pub struct Item {
    /// Comments around it.
    pub comments: Comments,
    /// The lines of `///`.
    pub docs: Vec<Spanned<String>>,
    /// What it says.
    pub kind: ItemKind,
    /// The whole statement.
    pub span: Span,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// `word 64 little;`
    Word(Word),
    /// `virtual 48 sign_extended;`
    Virtual(Virtual),
    /// `output 52;`
    Output(Alt<Width>),
    /// `feature a, b when c = on;`
    Feature(Feature),
    /// `parameter width = 36 to 52;`
    Parameter(Parameter),
    /// `level pt 20..12 = empty, page;`
    Level(Level),
    /// `leaf page { … }`
    Layout(Layout),
    /// `attribute memory_type = (pat, pcd, pwt) { … }`
    Attribute(Attribute),
    /// `update { … }`
    Update(Update),
}

/// A chain of alternatives: `x when c else y when d else z`. At least one case; only the last may lack a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alt<T> {
    /// The cases, in order.
    pub cases: Vec<Case<T>>,
}

/// One alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case<T> {
    /// What holds.
    pub value: Spanned<T>,
    /// Under which binding.
    pub when: Option<Cond>,
}

/// A condition with its place.
pub type Cond = Spanned<CondKind>;

/// A condition over features, parameters, levels, ranges and, after `where` and `forbid`, fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CondKind {
    /// `a | b`
    Any(Vec<Cond>),
    /// `a & b`
    All(Vec<Cond>),
    /// `not a`
    Not(Box<Cond>),
    /// `a`
    Name(Name),
    /// `a = 3`, `a != b`
    Compare {
        /// The left side.
        name: Name,
        /// `=` is true, `!=` is false.
        equal: bool,
        /// The right side.
        value: Value,
    },
}

/// `number | name`: a width in bits, given or bound.
pub type Width = Value;

/// A number or the name of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A parameter.
    Name(Name),
}

/// Bits `high..low`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    /// The highest bit.
    pub high: Number,
    /// The lowest bit.
    pub low: Number,
}

/// `word 64 big when big_endian else little`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Width of an entry, in bits.
    pub bits: Number,
    /// Byte order.
    pub endian: Alt<Endian>,
}

/// Byte order of entries in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// Lowest byte first.
    Little,
    /// Highest byte first.
    Big,
}

/// `virtual low low_bits zero_extended widened 4 tag 63..56 when f;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Virtual {
    /// The name of the range, where there are several.
    pub name: Option<Name>,
    /// How many bits are translated.
    pub width: Width,
    /// What the bits above hold.
    pub extension: Spanned<Extension>,
    /// By how many bits the index of the root may be wider than its level's.
    pub widened: Option<Number>,
    /// Bits that the walk ignores.
    pub tag: Option<Tag>,
}

/// What the bits above the translated ones hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Copies of the highest translated bit.
    Sign,
    /// Zeroes.
    Zero,
    /// Ones.
    Ones,
    /// This value.
    Prefix(Number),
}

/// `tag 63..56 when f`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The ignored bits.
    pub bits: BitRange,
    /// Under which binding.
    pub when: Option<Cond>,
}

/// `feature a, b when c = on;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The features, all with the same condition and usual setting.
    pub names: Vec<Name>,
    /// They are off where this fails.
    pub when: Option<Cond>,
    /// `= on`: what a client that does not name the feature gets; otherwise it is off.
    pub usually_on: bool,
}

/// `parameter width = 36 to 52;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The parameters, all with the same set.
    pub names: Vec<Name>,
    /// Which values they may have.
    pub set: ParameterSet,
    /// `per level`: one value for each level.
    pub per_level: bool,
}

/// The values that a parameter may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSet {
    /// Any aligned address of a table.
    Address,
    /// Numbers.
    Spans(Vec<ValueSpan>),
}

/// `36` or `36 to 52`, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSpan {
    /// The lowest value.
    pub first: Number,
    /// The highest, if not the same.
    pub last: Option<Number>,
}

/// `level pt 20..12 word 64 align 4096 = empty, page;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its name in the manual.
    pub name: Name,
    /// The bits of the VA that index its tables.
    pub index: LevelIndex,
    /// Width of its entries in bits, if not the format's.
    pub word: Option<Number>,
    /// Alignment of its tables in bytes, if not their size.
    pub align: Option<Number>,
    /// Software bits per slot that follow the table.
    pub companion: Option<Number>,
    /// The layouts of its words.
    pub entries: Vec<Entry>,
}

/// The bits of the VA that a level uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelIndex {
    /// `20..12`
    Bits(BitRange),
    /// `pt_bits above page_lg2`: so many bits above a level or a parameter.
    Above {
        /// How many.
        width: Width,
        /// Above the highest bit of this level, or starting at this bit.
        base: Value,
    },
}

/// A layout in a level's list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The layout.
    pub layout: Name,
    /// `reserved x`: always refused.
    pub refused: bool,
    /// `when c`.
    pub when: Option<Cond>,
    /// `else reserved`: refused where the condition fails; otherwise not there.
    pub else_reserved: bool,
    /// The whole entry.
    pub span: Span,
}

/// The kind of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayoutKind {
    /// No translation.
    Absent,
    /// Points to a table.
    Table,
    /// Ends the walk.
    Leaf,
    /// Names the root.
    Root,
}

/// `leaf page = other with { … }`, `leaf page with { … }`, `leaf page { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its kind.
    pub kind: Spanned<LayoutKind>,
    /// Its name.
    pub name: Name,
    /// Width of the word in bits, if not the format's.
    pub word: Option<Number>,
    /// What it is made from.
    pub origin: Origin,
    /// Its rows and clauses, in the order of the file.
    pub parts: Vec<Part>,
    /// Comments after the last part.
    pub trailing: Comments,
}

/// What a layout is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `leaf x { … }`: nothing.
    New,
    /// `leaf x = y with { … }`: another layout.
    From(Name),
    /// `leaf x with { … }`: what it was so far.
    Amended,
}

/// A row or clause of a layout.
#[derive(Clone, Debug)]
pub struct Part {
    /// Comments around it.
    pub comments: Comments,
    /// The lines of `///`.
    pub docs: Vec<Spanned<String>>,
    /// What it says.
    pub kind: PartKind,
    /// The whole of it.
    pub span: Span,
}

/// What a part of a layout says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// `51..12 output;`
    Row(Row),
    /// `where c;`
    Where(Cond),
    /// `forbid c;`
    Forbid(Cond),
    /// `output 40;`: how far this leaf reaches.
    Output(Alt<Width>),
    /// `lacks a, b;`
    Lacks(Vec<Name>),
    /// `defer;`
    Defer,
    /// `run 2 to 256 identical in ones;`
    Run(Run),
}

/// A row of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which bits.
    pub place: Spanned<Place>,
    /// What they hold.
    pub content: Alt<Content>,
}

/// The bits of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `51..12`
    Bits(BitRange),
    /// `7`
    Bit(Number),
    /// `c_bit`: at the value of a parameter.
    Parameter(Name),
}

/// What the bits of a row hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// `reserved [= v]`
    Reserved(Option<Value>),
    /// `ignored [= v]`
    Ignored(Option<Value>),
    /// `software`
    Software,
    /// `slots_lg2`
    SlotsLg2,
    /// `first_slot[10..9]`
    FirstSlot(Slice),
    /// `last_slot[10..9]`
    LastSlot(Slice),
    /// `output` or `output[55..12]`
    Output(Option<Slice>),
    /// `table child[57..8] = v where c`
    Table {
        /// The level of the child, if named.
        child: Option<Name>,
        /// Which bits of its address.
        slice: Option<Slice>,
        /// A constant that identifies the layout.
        value: Option<Value>,
        /// The child is there only if this holds.
        condition: Option<Cond>,
    },
    /// `name`, `not name`, `name[1] = v`
    Field {
        /// Whether the bits say the opposite.
        inverted: bool,
        /// The field.
        name: Name,
        /// Which bits of it.
        slice: Option<Slice>,
        /// A constant that identifies the layout.
        value: Option<Value>,
    },
    /// `= v`: a nameless constant that identifies the layout.
    Constant(Value),
}

/// `[55..12]`, `[1]`: bits of an address or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The highest bit.
    pub high: Number,
    /// The lowest bit.
    pub low: Number,
}

/// `run 2 to 256 identical in ones;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The fewest slots.
    pub first: Number,
    /// The most slots, if not the same.
    pub last: Option<Number>,
    /// Whether all slots hold the same word.
    pub identical: bool,
    /// Whether the size is written into the low bits of the address as a zero above ones.
    pub in_ones: bool,
}

/// `parameter attribute memory_type = (pat, pcd, pwt) when c { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Whether the client may bind the numbers anew.
    pub parameter: bool,
    /// What the joined bits say.
    pub names: Vec<Name>,
    /// The fields whose bits are joined, the highest first.
    pub fields: Vec<Name>,
    /// Under which binding.
    pub when: Option<Cond>,
    /// Which numbers mean what.
    pub values: Vec<AttributeValue>,
    /// What the other numbers mean.
    pub otherwise: Option<Spanned<Otherwise>>,
    /// Comments after the last value, and before `else`.
    pub trailing: Comments,
}

/// `write dirty = 0b11, 0b01;`
#[derive(Clone, Debug)]
pub struct AttributeValue {
    /// Comments around it.
    pub comments: Comments,
    /// The lines of `///`.
    pub docs: Vec<Spanned<String>>,
    /// One name of an enumeration, the rights that hold, `none`, or `reserved`.
    pub names: Vec<Name>,
    /// The numbers that say so; the first is written, all are read.
    pub numbers: Vec<Number>,
    /// The whole line.
    pub span: Span,
}

/// What numbers that an attribute does not list mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// `else reserved;`: the word is refused.
    Reserved,
    /// `else other;`: valid, unnamed.
    Other,
}

/// `update { … }`, `update with { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Whether the rules are added to those before.
    pub with: bool,
    /// The rules.
    pub rules: Vec<Rule>,
    /// Comments after the last rule.
    pub trailing: Comments,
}

/// A rule of an `update`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Comments around it.
    pub comments: Comments,
    /// What it says.
    pub kind: RuleKind,
    /// The whole rule.
    pub span: Span,
}

/// What a rule of an `update` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// `fill, relax = lazy;`
    Way {
        /// The kinds of change.
        kinds: Vec<Name>,
        /// How they are made.
        way: Alt<Way>,
    },
    /// `hardware accessed, dirty when c;`
    Hardware {
        /// Fields that the walker writes.
        fields: Vec<Name>,
        /// Under which binding.
        when: Option<Cond>,
    },
    /// `registers l;`
    Registers(Name),
    /// `clean when c;`
    Clean(Option<Cond>),
    /// `hold f when c;`
    Hold {
        /// The field that is set while the size of a leaf changes.
        field: Name,
        /// Under which binding.
        when: Option<Cond>,
    },
    /// `pairs;`
    Pairs,
}

/// How a change is made live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// One store; a stale copy is harmless.
    Lazy,
    /// One store, then a flush.
    Live,
    /// The client's hook exchanges the word.
    Instruction,
    /// Absent, flush, new.
    Break,
}
