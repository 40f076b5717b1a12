//! Effective attributes as numbers: packed side by side, combined along the walk by two masks, compared at once.

use std::collections::BTreeMap;

use ptdsl::model::{Attribute, AttributeKind, Combine, Format, Group, Layout, Piece, Source};

use super::words::{gather, ones};
use crate::failure::{Failure, Outcome};

/// The attributes that are looked at, each with its place in a packed number.
pub struct Rights {
    columns: Vec<Column>,
    layouts: Vec<LayoutRights>,
}

/// One attribute.
pub struct Column {
    /// Its name.
    pub name: String,
    kind: AttributeKind,
    low: u32,
    bits: u32,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Flag(bool),
    /// A number, or one of no name.
    Number(u128),
    /// A name.
    Name(&'a str),
}

/// How attributes are read off the words of one layout.
#[derive(Default)]
struct LayoutRights {
    /// The bits of the word that matter.
    read: u128,
    /// What holds where nothing is said.
    unsaid: u128,
    /// The columns that combine by `and` (with something said here), and by `or`.
    and: u128,
    or: u128,
    /// The other columns that are said here.
    own: u128,
    fields: Vec<FieldStep>,
    groups: Vec<GroupStep>,
}

struct FieldStep {
    pieces: Vec<Piece>,
    inverted: u128,
    low: u32,
}

struct GroupStep {
    /// The fields, the lowest first, with their widths; a lacking one has no pieces.
    fields: Vec<(Vec<Piece>, u128, u32)>,
    packed: BTreeMap<u128, u128>,
    /// Where the number itself goes if it has no name.
    other: Option<u32>,
}

/// What the tables on the way allow and add, and what they say for leaves that cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherited {
    and: u128,
    or: u128,
    own: u128,
}

impl Inherited {
    /// At the root.
    pub const NOTHING: Self = Self { and: u128::MAX, or: 0, own: 0 };
}

impl Rights {
    /// Prepares the attributes of a format, less those of no interest.
    pub fn new(format: &Format, ignored: &[String]) -> Outcome<Self> {
        let mut columns = Vec::new();
        let mut low = 0;
        for attribute in &format.attributes {
            if ignored.contains(&attribute.name) {
                continue;
            }
            let bits = match &attribute.kind {
                AttributeKind::Flag => 1,
                AttributeKind::Number(bits) | AttributeKind::Choice { bits, .. } => *bits,
            };
            columns.push(Column { name: attribute.name.clone(), kind: attribute.kind.clone(), low, bits });
            low += bits;
        }
        if low > 128 {
            return Err(Failure::found(format!("{low} bits of attributes"))
                .expected("at most 128 bits")
                .help("leave some out with --ignore"));
        }
        let layouts = (0..format.layouts.len()).map(|layout| LayoutRights::new(format, &columns, layout));
        Ok(Self { layouts: layouts.collect(), columns })
    }

    /// The attributes, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The bits of a word of a layout on which its attributes depend.
    #[inline]
    pub fn read_mask(&self, layout: usize) -> u128 {
        self.layouts[layout].read
    }

    /// The effective attributes of a leaf.
    pub fn leaf(&self, layout: usize, word: u128, inherited: Inherited) -> u128 {
        let rights = &self.layouts[layout];
        (rights.pack(word) & inherited.and) | inherited.or | (inherited.own & !rights.own)
    }

    /// What holds below a table word.
    pub fn below(&self, layout: usize, word: u128, inherited: Inherited) -> Inherited {
        let rights = &self.layouts[layout];
        let packed = rights.pack(word);
        Inherited {
            and: inherited.and & (packed | !rights.and),
            or: inherited.or | (packed & rights.or),
            own: (inherited.own & !rights.own) | (packed & rights.own),
        }
    }
}

impl Column {
    /// Whether words of a layout say it.
    pub fn is_said_by(&self, format: &Format, layout: usize) -> bool {
        let mut attributes = format.attributes.iter();
        attributes.any(|one| one.name == self.name && one.sources.contains_key(&layout))
    }

    /// The value in a packed number.
    pub fn value(&self, packed: u128) -> Value<'_> {
        let value = packed >> self.low & ones(self.bits);
        match &self.kind {
            AttributeKind::Flag => Value::Flag(value == 1),
            AttributeKind::Number(_) => Value::Number(value),
            AttributeKind::Choice { names, .. } => names
                .iter()
                .find(|choice| choice.numbers.contains(&value))
                .map_or(Value::Number(value), |choice| Value::Name(&choice.name)),
        }
    }

    /// How many characters its values need at most, as `Display` of [`Value`] with the name writes them.
    pub fn width(&self) -> usize {
        match &self.kind {
            AttributeKind::Flag => self.name.len(),
            AttributeKind::Number(bits) => self.name.len() + 3 + bits.div_ceil(4) as usize,
            AttributeKind::Choice { names, .. } => {
                let longest = names.iter().map(|choice| choice.name.len()).max().unwrap_or(0);
                longest.max(2 + self.bits.div_ceil(4) as usize)
            }
        }
    }
}

impl LayoutRights {
    fn new(format: &Format, columns: &[Column], place: usize) -> Self {
        let layout = &format.layouts[place];
        let mut rights = Self::default();
        let mut done: Vec<&Group> = Vec::new();
        for column in columns {
            let Some(attribute) = format.attributes.iter().find(|one| one.name == column.name) else { continue };
            let mask = ones(column.bits) << column.low;
            let Some(source) = attribute.sources.get(&place) else {
                if attribute.combine == Combine::And {
                    rights.unsaid |= mask;
                }
                continue;
            };
            match attribute.combine {
                Combine::And => rights.and |= mask,
                Combine::Or => rights.or |= mask,
                Combine::Own => rights.own |= mask,
            }
            match source {
                Source::Field => rights.field(layout, attribute, column),
                Source::Group(group) if !done.contains(&group) => {
                    done.push(group);
                    rights.group(layout, columns, group);
                }
                Source::Group(_) => {}
            }
        }
        rights
    }

    fn field(&mut self, layout: &Layout, attribute: &Attribute, column: &Column) {
        let (pieces, inverted) = stored(layout, &attribute.name);
        self.read |= mask_of(&pieces);
        self.fields.push(FieldStep { pieces, inverted, low: column.low });
    }

    fn group(&mut self, layout: &Layout, columns: &[Column], group: &Group) {
        let members: Vec<&Column> = columns.iter().filter(|column| group.names.contains(&column.name)).collect();
        let mut fields = Vec::new();
        for (name, bits) in group.fields.iter().rev() {
            let (pieces, inverted) = stored(layout, name);
            self.read |= mask_of(&pieces);
            fields.push((pieces, inverted, *bits));
        }
        let mut packed = BTreeMap::new();
        for (number, names) in &group.values {
            packed.insert(*number, members.iter().fold(0, |all, column| all | column.packed(names)));
        }
        let other =
            members.iter().find(|column| matches!(column.kind, AttributeKind::Choice { .. })).map(|column| column.low);
        self.groups.push(GroupStep { fields, packed, other });
    }

    fn pack(&self, word: u128) -> u128 {
        let mut packed = self.unsaid;
        for step in &self.fields {
            packed |= (gather(&step.pieces, word) ^ step.inverted) << step.low;
        }
        for step in &self.groups {
            let (mut joined, mut width) = (0, 0);
            for (pieces, inverted, bits) in &step.fields {
                joined |= (gather(pieces, word) ^ inverted) << width;
                width += bits;
            }
            packed |= match (step.packed.get(&joined), step.other) {
                (Some(value), _) => *value,
                (None, Some(low)) => joined << low,
                (None, None) => 0,
            };
        }
        packed
    }
}

impl Column {
    /// This attribute's part of the packed number where these names hold.
    fn packed(&self, names: &[String]) -> u128 {
        match &self.kind {
            AttributeKind::Flag => u128::from(names.contains(&self.name)) << self.low,
            AttributeKind::Number(_) => 0,
            AttributeKind::Choice { names: choices, .. } => choices
                .iter()
                .find(|choice| names.contains(&choice.name))
                .and_then(|choice| choice.numbers.first())
                .map_or(0, |number| number << self.low),
        }
    }
}

/// Where a layout stores a field, and the bits of its value that say the opposite. What is not stored reads zero.
fn stored(layout: &Layout, name: &str) -> (Vec<Piece>, u128) {
    match layout.fields.iter().find(|field| field.name == name) {
        Some(field) => (field.pieces.clone(), if field.inverted { gather(&field.pieces, u128::MAX) } else { 0 }),
        None => (Vec::new(), 0),
    }
}

fn mask_of(pieces: &[Piece]) -> u128 {
    pieces.iter().fold(0, |mask, piece| mask | ones(piece.bits) << piece.word_low)
}
