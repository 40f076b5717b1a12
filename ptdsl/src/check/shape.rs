//! A layout as it looks at one level: which row says what under which binding.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::facts::Facts;
use crate::logic::Bdd;
use crate::resolve::Layout;
use crate::tree::{Content, Place, Slice};

/// A layout at a level, or without one.
pub(super) struct Shape {
    /// For each row, when each of its alternatives applies.
    pub rows: Vec<Vec<Bdd>>,
    /// Where the bits of each named value are stored; rows with a constant are here, too.
    pub fields: BTreeMap<String, Vec<Stored>>,
    /// Where the bits of the OA are stored.
    pub output: Vec<Stored>,
    /// Where the bits of each child's address are stored, by the name of the child's level, if it has one.
    pub tables: BTreeMap<Option<String>, Vec<Stored>>,
}

/// A bit of a value stored in a bit of the word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Which bit of the value.
    pub value_bit: u32,
    /// Which bit of the word; `None` at a parameter.
    pub word_bit: Option<u32>,
    /// Whether the bit says the opposite.
    pub inverted: bool,
    /// Whether the row gives it a fixed value.
    pub constant: bool,
    /// Under which binding.
    pub when: Bdd,
    /// By which row.
    pub row: usize,
}

impl Shape {
    /// What a name after `where` stands for.
    pub fn stored(&self, name: &str) -> Option<&[Stored]> {
        match name {
            "output" if !self.output.is_empty() => Some(&self.output),
            "table" => self.tables.values().next().map(Vec::as_slice),
            _ => self.fields.get(name).map(Vec::as_slice),
        }
    }

    /// The fields that carry information: those of which some bit is no constant.
    pub fn free_fields(&self) -> impl Iterator<Item = (&str, &[Stored])> {
        let free = |stored: &[Stored]| stored.iter().any(|it| !it.constant);
        let fields = self.fields.iter();
        fields.filter(move |(_, stored)| free(stored)).map(|(name, it)| (name.as_str(), it.as_slice()))
    }
}

/// The bits of a row at a fixed place, if they are in a word at all.
pub(super) fn fixed_bits(place: &Place) -> Option<(u32, u32)> {
    let (high, low) = match place {
        Place::Bits(range) => (range.high.value.value, range.low.value.value),
        Place::Bit(bit) => (bit.value.value, bit.value.value),
        Place::Parameter(_) => return None,
    };
    let (high, low) = (u32::try_from(high).ok()?, u32::try_from(low).ok()?);
    (low <= high && high < 128).then_some((high, low))
}

/// The bits of a value that a slice names.
pub(super) fn slice_bits(slice: &Slice) -> Option<(u32, u32)> {
    let high = u32::try_from(slice.high.value.value).ok()?;
    let low = u32::try_from(slice.low.value.value).ok()?;
    (low <= high && high < 128).then_some((high, low))
}

impl Facts<'_> {
    /// The layout at the level.
    pub fn shape(&mut self, layout: usize, level: Option<usize>) -> Rc<Shape> {
        if let Some(known) = self.shapes.get(&(layout, level)) {
            return Rc::clone(known);
        }
        let shape = Rc::new(self.make_shape(self.layout(layout), level));
        self.shapes.insert((layout, level), Rc::clone(&shape));
        shape
    }

    fn make_shape(&mut self, layout: &Layout, level: Option<usize>) -> Shape {
        let mut shape =
            Shape { rows: Vec::new(), fields: BTreeMap::new(), output: Vec::new(), tables: BTreeMap::new() };
        for (row_index, row) in layout.rows.iter().enumerate() {
            let applies = self.alternatives(&row.node.content, level);
            let place = fixed_bits(&row.node.place.value);
            for (case, when) in row.node.content.cases.iter().zip(&applies) {
                let bit = |(value_low, inverted, constant)| StoredBits {
                    place,
                    value_low,
                    inverted,
                    constant,
                    when: *when,
                    row: row_index,
                };
                let word_low = place.map_or(0, |(_, low)| low);
                let low = |slice: &Option<Slice>, natural: u32| match slice {
                    Some(slice) => slice_bits(slice).map_or(natural, |(_, low)| low),
                    None => natural,
                };
                match &case.value.value {
                    Content::Output(slice) => {
                        shape.output.extend(bit((low(slice, word_low), false, false)).each());
                    }
                    Content::Table { child, slice, value, .. } => {
                        let child = child.as_ref().map(|child| child.value.clone());
                        let bits = bit((low(slice, word_low), false, value.is_some()));
                        shape.tables.entry(child).or_default().extend(bits.each());
                    }
                    Content::Field { inverted, name, slice, value } => {
                        let bits = bit((low(slice, 0), *inverted, value.is_some()));
                        shape.fields.entry(name.value.clone()).or_default().extend(bits.each());
                    }
                    _ => {}
                }
            }
            shape.rows.push(applies);
        }
        shape
    }
}

struct StoredBits {
    place: Option<(u32, u32)>,
    value_low: u32,
    inverted: bool,
    constant: bool,
    when: Bdd,
    row: usize,
}

impl StoredBits {
    /// One by one, from the lowest. A row at a parameter is one bit.
    fn each(self) -> impl Iterator<Item = Stored> {
        let (high, low) = self.place.unwrap_or((0, 0));
        (low..=high).map(move |bit| Stored {
            value_bit: (self.value_low + bit - low).min(127),
            word_bit: self.place.map(|_| bit),
            inverted: self.inverted,
            constant: self.constant,
            when: self.when,
            row: self.row,
        })
    }
}
