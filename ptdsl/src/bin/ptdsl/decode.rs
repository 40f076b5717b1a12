//! `ptdsl decode`: one word, field by field.

mod report;
pub mod verdict;

use std::process::ExitCode;

use ptdsl::model::{Format, Level};

use crate::args::{Color, Decode};
use crate::failure::{Failure, Outcome};
use crate::source::Bound;
use crate::{output, source};

/// Decodes the word.
pub fn run(request: &Decode, color: Color) -> Outcome<ExitCode> {
    let bound = source::decided_with_addresses(&request.format, request.root.as_deref(), color)?;
    let format = bound.format();
    let place = level(format, &request.level)?;
    let level = &format.levels[place];
    if level.word_bits < 128 && request.word >> level.word_bits != 0 {
        return Err(Failure::found(format!("the word {:#x}", request.word))
            .expected(format!("a word of {} bits, as the entries of {} are", level.word_bits, level.name)));
    }
    let mut verdict = verdict::Verdict::new(format, place, request.word);
    verdict.refused_unless(unless(&bound, place, verdict.layout));
    let text = if request.json {
        format!("{:#}\n", report::json(format, place, request.word, &verdict)?)
    } else {
        report::text(format, place, request.word, &verdict)?
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
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
