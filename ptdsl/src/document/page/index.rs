//! All formats at a glance.

use std::collections::{BTreeMap, BTreeSet};

use super::Page;
use crate::document::levels::{leaf_sizes_lg2, level_count};
use crate::document::sizes::short_lg2;
use crate::document::{Align, Columns, file_lines};
use crate::model::{Bits, Endian, Format};

/// The page that lists all others.
#[must_use]
pub fn index(pages: &[Page<'_>]) -> String {
    let files: BTreeSet<&str> = pages.iter().map(|page| page.file).collect();
    let mut text = format!(
        "# Formats\n\n{} formats out of {} files. Each has a page with its levels, its words bit by bit, what may change in \
         live tables and who confirmed it; and a drawing. All of this is written by `cargo xtask formats` from the files \
         under [`formats/`](../../formats), and a test compares.\n\n",
        pages.len(),
        files.len(),
    );
    let mut table = Columns::new(&[
        ("format", Align::Left),
        ("levels", Align::Right),
        ("leaves", Align::Left),
        ("VA", Align::Right),
        ("OA", Align::Right),
        ("word", Align::Right),
        ("endian", Align::Left),
        ("lines", Align::Right),
        ("judged by", Align::Left),
        ("probes", Align::Right),
    ]);
    for page in pages {
        let probes: u64 = page.judged.iter().map(|one| one.probes).sum();
        table.row([
            format!("[{}]({})", page.name(), page.file_name()),
            page.usual.levels.len().to_string(),
            leaves(page),
            virtual_bits(&page.usual),
            bits(&page.usual.output),
            word(&page.usual),
            endian(&page.usual).to_owned(),
            lines(page),
            judges(page).join(", "),
            if probes == 0 { String::new() } else { probes.to_string() },
        ]);
    }
    text.push_str(&table.markdown());
    text.push_str(
        "\nLevels, widths and leaves are those of the usual binding; leaves *in italics* need a feature that is not usually \
         on. Lines are those of the format's own description, out of those of its file, from which it may take the rest; comments and \
         empty ones do not count. Probes are single \
         accesses to tables that ptgen built, at least so many, of each of which the machine and ptgen said the same.\n",
    );
    text
}

/// The format in a line: `4 levels · VA of 48 bits · …`.
pub fn facts(page: &Page<'_>) -> String {
    let format = &page.usual;
    [
        level_count(format),
        format!("VA of {} bits", virtual_bits(format)),
        format!("OA of {} bits", bits(&format.output)),
        format!("words of {} bits, {}-endian", word(format), endian(format)),
        format!("leaves of {}", leaves(page)),
    ]
    .join(" · ")
}

/// The lines of its own description, out of those of the file.
fn lines(page: &Page<'_>) -> String {
    let (own, all) = (page.own_lines(), file_lines(page.text));
    if own == all { all.to_string() } else { format!("{own} of {all}") }
}

/// The machines that looked at it, each once.
fn judges<'p>(page: &'p Page<'_>) -> Vec<&'p str> {
    let mut names: Vec<&str> = Vec::new();
    for one in &page.judged {
        if !names.contains(&one.machine.as_str()) {
            names.push(&one.machine);
        }
    }
    names
}

/// The sizes of leaves, those in italics that there are only with features that are not usual.
fn leaves(page: &Page<'_>) -> String {
    let usual = leaf_sizes_lg2(&page.usual);
    let mut all: BTreeMap<u32, bool> = leaf_sizes_lg2(&page.full).into_iter().map(|lg2| (lg2, false)).collect();
    all.extend(usual.into_iter().map(|lg2| (lg2, true)));
    let all: Vec<(u32, bool)> = all.into_iter().collect();
    let next = |one: &(u32, bool), next: &(u32, bool)| (one.0 + 1, one.1) == *next;
    all.chunk_by(next).map(stretch).collect::<Vec<_>>().join(", ")
}

/// Sizes each twice the one before: all of them, or the first and the last of many.
fn stretch(sizes: &[(u32, bool)]) -> String {
    let marked = |text: String| if sizes[0].1 { text } else { format!("*{text}*") };
    match sizes {
        [(first, _), _, _, .., (last, _)] => marked(format!("{} to {}", short_lg2(*first), short_lg2(*last))),
        few => few.iter().map(|(lg2, _)| marked(short_lg2(*lg2))).collect::<Vec<_>>().join(", "),
    }
}

/// The widths of the ranges.
fn virtual_bits(format: &Format) -> String {
    let widths: Vec<String> = format.ranges.iter().map(|range| range.width.to_string()).collect();
    let same = widths.windows(2).all(|pair| pair[0] == pair[1]);
    match (widths.len(), same) {
        (0 | 1, _) => widths.concat(),
        (ranges, true) => format!("{ranges} × {}", widths[0]),
        _ => widths.join(" + "),
    }
}

fn bits(bits: &Bits) -> String {
    match bits {
        Bits::Fixed(width) => width.to_string(),
        Bits::Runtime { least, most, .. } => format!("{least} to {most}"),
    }
}

/// The widths of entries, each once.
fn word(format: &Format) -> String {
    let widths: BTreeSet<u32> = format.levels.iter().map(|level| level.word_bits).collect();
    let widths: Vec<String> = widths.iter().map(u32::to_string).collect();
    widths.join(", ")
}

fn endian(format: &Format) -> &'static str {
    match format.levels.first().map(|level| level.endian) {
        Some(Endian::Big) => "big",
        _ => "little",
    }
}
