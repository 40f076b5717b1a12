//! Which words are a layout (its identity), and which of those the machine accepts (its validity).

use std::rc::Rc;

use super::facts::Facts;
use super::shape::{Shape, fixed_bits};
use crate::logic::Bdd;
use crate::tree::{Attribute, Content, LayoutKind, Otherwise};

impl Facts<'_> {
    /// The words that are the layout: its constants and its `where`.
    pub fn identity(&mut self, layout: usize, level: Option<usize>) -> Bdd {
        if let Some(known) = self.identities.get(&(layout, level)) {
            return *known;
        }
        let shape = self.shape(layout, level);
        let node = self.layout(layout);
        let mut identity = Bdd::TRUE;
        for (row, applies) in node.rows.iter().zip(&shape.rows) {
            let Some(place) = fixed_bits(&row.node.place.value) else { continue };
            for (case, applies) in row.node.content.cases.iter().zip(applies) {
                let value = match &case.value.value {
                    Content::Constant(value) => value,
                    Content::Field { value: Some(value), .. } | Content::Table { value: Some(value), .. } => value,
                    _ => continue,
                };
                let same = self.row_is(place, value, level);
                let demand = self.bdds.implies(*applies, same);
                identity = self.bdds.and(identity, demand);
            }
        }
        if let Some(condition) = &node.identity {
            let condition = self.condition(condition, level, Some(&shape));
            identity = self.bdds.and(identity, condition);
        }
        self.identities.insert((layout, level), identity);
        identity
    }

    /// What a word of the layout must be beside for the machine to accept it at the level, without its `forbid`s.
    pub fn lawful(&mut self, layout: usize, level: usize) -> Bdd {
        let shape = self.shape(layout, Some(level));
        let node = self.layout(layout);
        let mut lawful = Bdd::TRUE;
        for (row, applies) in node.rows.iter().zip(&shape.rows) {
            let Some(place) = fixed_bits(&row.node.place.value) else { continue };
            for (case, applies) in row.node.content.cases.iter().zip(applies) {
                let Content::Reserved(value) = &case.value.value else { continue };
                let zero = Bdd::TRUE;
                let same = match value {
                    Some(value) => self.row_is(place, value, Some(level)),
                    None => (place.1..=place.0).fold(zero, |all, bit| {
                        let clear = self.bit(bit, false);
                        self.bdds.and(all, clear)
                    }),
                };
                let demand = self.bdds.implies(*applies, same);
                lawful = self.bdds.and(lawful, demand);
            }
        }
        let address = self.address_lawful(layout, level, &shape);
        lawful = self.bdds.and(lawful, address);
        for attribute in 0..self.description.attributes.len() {
            let refused = self.attribute_refuses(attribute, layout, level, &shape);
            lawful = self.bdds.and_not(lawful, refused);
        }
        lawful
    }

    /// What every `forbid` of the layout leaves.
    pub fn not_forbidden(&mut self, layout: usize, level: usize) -> Bdd {
        let shape = self.shape(layout, Some(level));
        let mut left = Bdd::TRUE;
        for forbid in &self.layout(layout).forbid {
            let forbidden = self.condition(forbid, Some(level), Some(&shape));
            left = self.bdds.and_not(left, forbidden);
        }
        left
    }

    /// The words that are the layout and that the machine accepts at the level.
    pub fn valid(&mut self, layout: usize, level: usize) -> Bdd {
        if let Some(known) = self.valid.get(&(layout, level)) {
            return *known;
        }
        let identity = self.identity(layout, Some(level));
        let lawful = self.lawful(layout, level);
        let left = self.not_forbidden(layout, level);
        let valid = self.bdds.all([identity, lawful, left]);
        self.valid.insert((layout, level), valid);
        valid
    }

    /// Stored address bits below the alignment are zero, or tell the size of the run.
    fn address_lawful(&mut self, layout: usize, level: usize, shape: &Rc<Shape>) -> Bdd {
        let Some(position) = self.position(level) else { return Bdd::TRUE };
        let node = self.layout(layout);
        let mut lawful = Bdd::TRUE;
        if node.kind != LayoutKind::Leaf {
            return lawful;
        }
        let run_lg2 = match &node.run {
            Some(run) if run.identical && !run.in_ones => run.first.value.value.checked_ilog2().unwrap_or(0),
            _ => 0,
        };
        let low = position.low.least;
        let in_ones = node.run.as_ref().filter(|run| run.in_ones);
        for stored in shape.output.iter().filter(|it| it.value_bit < low + run_lg2 && in_ones.is_none()) {
            let Some(word_bit) = stored.word_bit else { continue };
            let clear = self.bit(word_bit, false);
            let demand = self.bdds.implies(stored.when, clear);
            lawful = self.bdds.and(lawful, demand);
        }
        let Some(run) = in_ones else { return lawful };
        let last = run.last.unwrap_or(run.first).value.value;
        let sizes = run.first.value.value.checked_ilog2().zip(last.checked_ilog2());
        let (least, most) = sizes.unwrap_or((1, 1));
        let mut any = Bdd::FALSE;
        let lowest = shape.output.iter().map(|it| it.value_bit).min().unwrap_or(low).min(low);
        for lg2 in least..=most {
            let pattern = self.ones_then_zero(shape, lowest, low + lg2);
            any = self.bdds.or(any, pattern);
        }
        self.bdds.and(lawful, any)
    }

    /// A run of 2^`lg2` bytes: a zero above ones in the stored address bits below its alignment.
    fn ones_then_zero(&mut self, shape: &Shape, lowest: u32, lg2: u32) -> Bdd {
        let mut pattern = Bdd::TRUE;
        for place in lowest..lg2 {
            let bit = self.stored_bit(&shape.output, place);
            let right = if place + 1 == lg2 { self.bdds.not(bit) } else { bit };
            pattern = self.bdds.and(pattern, right);
        }
        pattern
    }

    /// When an attribute is in force.
    pub fn active(&mut self, attribute: &Attribute) -> Bdd {
        match &attribute.when {
            Some(when) => self.binding_condition(when, None),
            None => Bdd::TRUE,
        }
    }

    /// The words whose number an attribute refuses.
    fn attribute_refuses(&mut self, attribute: usize, layout: usize, level: usize, shape: &Shape) -> Bdd {
        let node = &self.description.attributes[attribute].node;
        // What is fixed in this layout identifies it and says nothing.
        let free = |name: &str| shape.free_fields().any(|(field, _)| field == name);
        let child = node.names.iter().any(|name| name.value == "child");
        if child && self.is_kind(layout, LayoutKind::Leaf) || !node.fields.iter().any(|field| free(&field.value)) {
            return Bdd::FALSE;
        }
        let bits = self.group_bits(attribute, shape);
        let (mut refused, mut listed) = (Bdd::FALSE, Bdd::FALSE);
        let below = self.below(level);
        for value in &node.values {
            let astray = child
                && self.is_kind(layout, LayoutKind::Table)
                && value.names.iter().any(|name| self.level_named(&name.value).is_none_or(|it| !below.contains(&it)));
            let reserved = value.names.iter().any(|name| name.value == "reserved");
            for number in &value.numbers {
                let same = self.number_is(&bits, number.value.value);
                listed = self.bdds.or(listed, same);
                if reserved || astray {
                    refused = self.bdds.or(refused, same);
                }
            }
        }
        if node.otherwise.is_some_and(|it| it.value == Otherwise::Reserved) {
            let other = self.bdds.not(listed);
            refused = self.bdds.or(refused, other);
        }
        let active = self.active(node);
        self.bdds.and(active, refused)
    }

    /// The joined bits of an attribute's fields, the lowest first; what a layout lacks reads zero.
    pub fn group_bits(&mut self, attribute: usize, shape: &Shape) -> Vec<Bdd> {
        let mut bits = Vec::new();
        let node = &self.description.attributes[attribute].node;
        for field in node.fields.iter().rev() {
            let width = self.field_bits(&field.value);
            let stored = shape.fields.get(&field.value).cloned().unwrap_or_default();
            for bit in 0..width {
                bits.push(self.stored_bit(&stored, bit));
            }
        }
        bits
    }

    /// The joined bits are this number.
    pub fn number_is(&mut self, bits: &[Bdd], number: u128) -> Bdd {
        let mut same = Bdd::constant(number.checked_shr(bits.len() as u32).unwrap_or(0) == 0);
        for (place, bit) in bits.iter().enumerate() {
            let right = if number.checked_shr(place as u32).unwrap_or(0) & 1 == 1 { *bit } else { self.bdds.not(*bit) };
            same = self.bdds.and(same, right);
        }
        same
    }

    /// How many bits a field has, in whatever layout it is widest.
    pub fn field_bits(&mut self, field: &str) -> u32 {
        if let Some(known) = self.widths.get(field) {
            return *known;
        }
        let mut width = 0;
        for layout in 0..self.description.layouts.len() {
            for row in &self.layout(layout).rows {
                let natural = fixed_bits(&row.node.place.value).map_or(1, |(high, low)| high - low + 1);
                for case in &row.node.content.cases {
                    if let Content::Field { name, slice, value: None, .. } = &case.value.value
                        && name.value == field
                    {
                        let top =
                            slice.as_ref().and_then(super::shape::slice_bits).map_or(natural, |(high, _)| high + 1);
                        width = width.max(top);
                    }
                }
            }
        }
        self.widths.insert(field.to_owned(), width);
        width
    }

    /// Under which bindings a layout has a field that carries information, at a level.
    pub fn has_field(&mut self, layout: usize, level: Option<usize>, field: &str) -> Bdd {
        let shape = self.shape(layout, level);
        let mut has = Bdd::FALSE;
        for stored in shape.fields.get(field).into_iter().flatten().filter(|it| !it.constant) {
            has = self.bdds.or(has, stored.when);
        }
        has
    }
}
