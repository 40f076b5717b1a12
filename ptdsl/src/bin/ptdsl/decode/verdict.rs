//! What a word is and everything that is wrong with it.

use ptdsl::document::{bit_ranges, condition, hexadecimal, kind_name, number as document_number, ranges_of, span_mask};
use ptdsl::model::{Format, Group, Layout, LayoutKind, Source};

use crate::walk::words::{gather, holds};

/// What a word is.
pub struct Verdict {
    /// The layout (an index into `Format::layouts`) that the word has; `None` if no layout claims it.
    pub layout: Option<usize>,
    /// Why the machine refuses the word; empty if it does not.
    pub problems: Vec<Problem>,
}

/// One reason why the machine refuses a word.
pub struct Problem {
    /// The bits that are wrong, or that take part in what is forbidden; none if the whole word is.
    pub bits: u128,
    /// What is wrong.
    pub text: String,
}

impl Verdict {
    /// Judges a word at a level (an index).
    pub fn new(format: &Format, level: usize, word: u128) -> Self {
        let entries = &format.levels[level].entries;
        let found = entries
            .iter()
            .find(|entry| format.layouts.get(entry.layout).is_some_and(|layout| holds(&layout.identity, word)));
        let Some(entry) = found else {
            let text = format!("no layout of {} has this word", format.levels[level].name);
            return Self { layout: None, problems: vec![Problem { bits: 0, text }] };
        };
        let layout = &format.layouts[entry.layout];
        let mut problems = Vec::new();
        if entry.refused {
            let text = format!("`{}` is reserved at {}", layout.name, format.levels[level].name);
            problems.push(Problem { bits: 0, text });
        }
        reserved(layout, word, &mut problems);
        refused(format, entry.layout, word, &mut problems);
        Self { layout: Some(entry.layout), problems }
    }

    /// Judges a root word of a layout (an index).
    pub fn of_root(format: &Format, place: usize, word: u128) -> Self {
        let layout = &format.layouts[place];
        let mut problems = Vec::new();
        if !holds(&layout.identity, word) {
            let text = format!("no `{}`, which demands {}", layout.name, condition(layout, &layout.identity));
            problems.push(Problem { bits: bits_of(&layout.identity), text });
        }
        reserved(layout, word, &mut problems);
        refused(format, place, word, &mut problems);
        Self { layout: Some(place), problems }
    }

    /// Says under which condition the level would not refuse the layout.
    pub fn refused_unless(&mut self, condition: Option<&str>) {
        let refused = self.problems.iter_mut().find(|problem| problem.bits == 0 && self.layout.is_some());
        if let (Some(problem), Some(condition)) = (refused, condition) {
            problem.text.push_str(&format!(" unless {condition}"));
        }
    }

    /// `leaf`, `table`, `absent` or `reserved`.
    pub fn class(&self, format: &Format) -> &'static str {
        match self.layout.and_then(|layout| format.layouts.get(layout)) {
            Some(layout) if self.problems.is_empty() => kind_name(layout.kind),
            _ => "reserved",
        }
    }

    /// What the class means.
    pub fn meaning(&self, format: &Format) -> &'static str {
        match self.layout.and_then(|layout| format.layouts.get(layout)) {
            Some(layout) if self.problems.is_empty() => match layout.kind {
                LayoutKind::Absent => "no translation",
                LayoutKind::Table => "points to a table",
                LayoutKind::Leaf => "ends the walk",
                LayoutKind::Root => "names the root",
            },
            _ => "the machine refuses it",
        }
    }
}

/// Numbers that an attribute refuses, and what is forbidden beside.
fn refused(format: &Format, place: usize, word: u128, problems: &mut Vec<Problem>) {
    let layout = &format.layouts[place];
    let mut told: Vec<u128> = Vec::new();
    for group in groups_of(format, place) {
        let (number, mask) = group_number(layout, group, word);
        if group.refuses(number) {
            let bits = group.fields.iter().map(|(_, bits)| bits).sum();
            let text = format!("`{}` reserves {}", group.names.join("`, `"), document_number(number, bits));
            problems.push(Problem { bits: mask, text });
            told.push(mask);
        }
    }
    for test in layout.refused.iter().filter(|test| holds(test, word)) {
        let bits = bits_of(test);
        if !told.contains(&bits) {
            problems.push(Problem { bits, text: format!("forbidden: {}", condition(layout, test)) });
        }
    }
}

/// The attributes of a layout (an index) that are read off joined fields, each once.
pub fn groups_of(format: &Format, place: usize) -> Vec<&Group> {
    let mut groups: Vec<&Group> = Vec::new();
    for attribute in &format.attributes {
        if let Some(Source::Group(group)) = attribute.sources.get(&place)
            && !groups.contains(&group)
        {
            groups.push(group);
        }
    }
    groups
}

/// The joined number of a group in a word, and the bits that hold it.
fn group_number(layout: &Layout, group: &Group, word: u128) -> (u128, u128) {
    let (mut number, mut mask) = (0, 0);
    for (name, bits) in &group.fields {
        let field = layout.fields.iter().find(|field| field.name == *name);
        number = number << bits | field.map_or(0, |field| gather(&field.pieces, word));
        mask |= field.map_or(0, |field| {
            let spans = field.pieces.iter().filter(|piece| piece.bits > 0);
            spans.fold(0, |mask, piece| mask | span_mask(piece.word_low + piece.bits - 1, piece.word_low))
        });
    }
    (number, mask)
}

/// Bits that do not have the only value they may have.
fn reserved(layout: &Layout, word: u128, problems: &mut Vec<Problem>) {
    let wrong = (word ^ layout.reserved_value) & layout.reserved.fixed;
    for (high, low) in bit_ranges(layout.reserved.fixed) {
        let mask = span_mask(high, low);
        if wrong & mask == 0 {
            continue;
        }
        let width = high + 1 - low;
        let shown = |value: u128| hexadecimal((value & mask) >> low, width);
        let noun = if width == 1 { "bit" } else { "bits" };
        problems.push(Problem {
            bits: wrong & mask,
            text: format!(
                "reserved {noun} {} must be {}, found {} (wrong: {})",
                ranges_of(mask),
                shown(layout.reserved_value),
                shown(word),
                ranges_of(wrong & mask),
            ),
        });
    }
}

/// The bits that a condition looks at.
fn bits_of(test: &ptdsl::model::Test) -> u128 {
    use ptdsl::model::Test;
    match test {
        Test::Always | Test::Never | Test::Address { .. } => 0,
        Test::Equal { mask, .. } => *mask,
        Test::Not(test) => bits_of(test),
        Test::All(all) | Test::Any(all) => all.iter().fold(0, |bits, one| bits | bits_of(one)),
    }
}
