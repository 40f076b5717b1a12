//! `ptdsl decode`: one word, field by field.

mod report;
pub mod verdict;

use std::process::ExitCode;

use ptdsl::model::{Format, Level};

use crate::args::{Color, Decode};
use crate::failure::{Failure, Outcome};
use crate::source::Bound;
use crate::{output, source};

use verdict::Verdict;

/// Where a word stands.
#[derive(Clone, Copy)]
pub enum Place {
    /// In a table of this level (an index).
    Level(usize),
    /// It names the root of a range (an index), and is of this layout (an index).
    Root { range: usize, layout: usize },
}

impl Place {
    /// What the format calls it.
    pub fn name(self, format: &Format) -> &str {
        match self {
            Self::Level(level) => &format.levels[level].name,
            Self::Root { layout, .. } => &format.layouts[layout].name,
        }
    }

    /// How many bits words have there.
    pub fn word_bits(self, format: &Format) -> u32 {
        match self {
            Self::Level(level) => format.levels[level].word_bits,
            Self::Root { layout, .. } => format.layouts[layout].word_bits,
        }
    }
}

/// Decodes the word.
pub fn run(request: &Decode, color: Color) -> Outcome<ExitCode> {
    let bound = source::decided_with_addresses(&request.format, request.root.as_deref(), color)?;
    let format = bound.format();
    let place = match root_word(&bound, &request.level) {
        Some(layout) => Place::Root { range: bound.family.range, layout },
        None => Place::Level(level(format, &request.level)?),
    };
    let (name, bits) = (place.name(format), place.word_bits(format));
    if bits < 128 && request.word >> bits != 0 {
        return Err(Failure::found(format!("the word {:#x}", request.word))
            .expected(format!("a word of {bits} bits, as those of {name} are")));
    }
    let verdict = match place {
        Place::Root { layout, .. } => Verdict::of_root(format, layout, request.word),
        Place::Level(level) => {
            let mut verdict = Verdict::new(format, level, request.word);
            verdict.refused_unless(unless(&bound, level, verdict.layout));
            verdict
        }
    };
    let text = if request.json {
        format!("{:#}\n", report::json(format, place, request.word, &verdict)?)
    } else {
        report::text(format, place, request.word, &verdict)?
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The layout (an index) of the word that names the root, if it is called so and no level is.
fn root_word(bound: &Bound, wanted: &str) -> Option<usize> {
    let format = bound.format();
    if format.levels.iter().any(|level| level.name == wanted) {
        return None;
    }
    let of_range = format.ranges.get(bound.family.range).and_then(|range| range.root_word);
    of_range.or(format.root_word).filter(|layout| format.layouts[*layout].name == wanted)
}

/// Under which condition of the format the level does not refuse a layout, in the words of the file.
fn unless(bound: &Bound, level: usize, layout: Option<usize>) -> Option<&str> {
    let format = bound.format();
    let (level, layout) = (&format.levels[level].name, &format.layouts.get(layout?)?.name);
    let mut levels = bound.source.description.levels.iter();
    let node = &levels.find(|documented| documented.node.name.value == *level)?.node;
    let entry = node.entries.iter().find(|entry| entry.layout.value == *layout && entry.else_reserved)?;
    let span = entry.when.as_ref()?.span;
    bound.source.compiled.text.get(span.start..span.end).map(str::trim)
}

/// The level of this name or number, as an index.
pub fn level(format: &Format, wanted: &str) -> Outcome<usize> {
    let by_name = format.levels.iter().position(|level| level.name == wanted);
    let by_number = || {
        let number: u32 = wanted.parse().ok()?;
        format.levels.iter().position(|level| level.number == number)
    };
    by_name.or_else(by_number).ok_or_else(|| {
        let name = |level: &Level| format!("{} ({})", level.name, level.number);
        let known: Vec<String> = format.levels.iter().map(name).collect();
        let names = format.levels.iter().map(|level| level.name.as_str());
        let failure = Failure::found(format!("{} has no level `{wanted}`", format.name))
            .expected(format!("one of {}", known.join(", ")));
        match ptdsl::diagnostic::nearest(wanted, names) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        }
    })
}
