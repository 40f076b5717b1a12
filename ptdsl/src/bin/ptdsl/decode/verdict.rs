//! What a word is and everything that is wrong with it.

use ptdsl::document::{bit_ranges, condition, hexadecimal, kind_name, ranges_of};
use ptdsl::model::{Format, Layout, LayoutKind};

use crate::walk::words::holds;

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
        for test in layout.refused.iter().filter(|test| holds(test, word)) {
            let text = format!("forbidden: {}", condition(layout, test));
            problems.push(Problem { bits: bits_of(test), text });
        }
        Self { layout: Some(entry.layout), problems }
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

/// Bits that do not have the only value they may have.
fn reserved(layout: &Layout, word: u128, problems: &mut Vec<Problem>) {
    let wrong = (word ^ layout.reserved_value) & layout.reserved.fixed;
    for (high, low) in bit_ranges(layout.reserved.fixed) {
        let mask = ptdsl::document::span_mask(high, low);
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
