//! `ptdsl walk`: translates an address, or lists all mappings, by the tables in an image of physical memory.

pub mod image;
pub mod json;
pub mod listing;
mod one;
mod progress;
pub mod rights;
mod root;
pub mod stretch;
mod text;
pub mod words;

use std::process::ExitCode;

use ptdsl::diagnostic::nearest;
use ptdsl::model::Format;

use crate::args::{Color, Walk};
use crate::failure::{Failure, Outcome};
use crate::{output, source};
use image::Image;
use listing::{Counts, Listing};
use progress::Progress;
use rights::Rights;
use stretch::Merger;
use words::Words;

/// Translates or lists.
pub fn run(request: &Walk, color: Color) -> Outcome<ExitCode> {
    let bound = source::decided_with_addresses(&request.format, request.root_level.as_deref(), color)?;
    let format = bound.format();
    attributes_exist(format, &request.ignore)?;
    let mut image = Image::open(&request.memory, request.base)?;
    let root = root::root(request, format, bound.family.range, &mut image)?;
    match request.va {
        Some(va) => one::run(request, &bound, &mut image, root, va),
        None => list(request, format, bound.family.range, &mut image, root),
    }
}

/// Lists all mappings.
fn list(request: &Walk, format: &Format, range: usize, image: &mut Image, root: u64) -> Outcome<ExitCode> {
    let rights = Rights::new(format, &request.ignore)?;
    let words = Words::new(format);
    let listing = Listing {
        format,
        words: &words,
        rights: &rights,
        range,
        root,
        outputs: request.outputs,
        most_tables: request.max_tables.unwrap_or_else(|| most_tables(format, image)),
    };
    let progress = Progress::new(format.ranges[range].width);
    let mut table = |va: u64, counts: &Counts| progress.table(va, counts);
    let counts = if request.json {
        let mut object = json::Object::new(format, &rights, root, progress.bar())?;
        let mut merger = Merger::new(&mut object);
        let counts = listing.run(image, &mut merger, &mut table)?;
        merger.finish()?;
        object.finish(&counts)?;
        counts
    } else {
        let mut lines = text::Text::new(format, &rights, progress.bar());
        let mut merger = Merger::new(&mut lines);
        let counts = listing.run(image, &mut merger, &mut table)?;
        let stretches = merger.finish()?;
        lines.finish(&counts, stretches)?;
        counts
    };
    drop(progress);
    let Some(va) = counts.gave_up else { return Ok(ExitCode::SUCCESS) };
    output::message(&format!(
        "error: gave up at {va:#x} after {} tables\n  expected: tables that are not shared so much\n  \
         help: --max-tables allows more\n",
        counts.tables
    ));
    Ok(ExitCode::from(1))
}

/// Twice as many tables as the image can hold, so that a tree in which no table has two parents is always listed whole;
/// in a small image some more, for tables that are shared.
fn most_tables(format: &Format, image: &Image) -> u64 {
    let bytes = |level: &ptdsl::model::Level| u64::from(level.word_bits / 8) << level.index_bits.min(40);
    let smallest = format.levels.iter().map(bytes).min().unwrap_or(1).max(1);
    (2 * (image.length() / smallest)).max(1 << 14)
}

fn attributes_exist(format: &Format, names: &[String]) -> Outcome {
    let known: Vec<&str> = format.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    for name in names {
        if !known.contains(&name.as_str()) {
            let failure = Failure::found(format!("{} has no attribute `{name}`", format.name))
                .expected(format!("one of {}", known.join(", ")));
            return Err(match nearest(name, known.iter().copied()) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
    }
    Ok(())
}
