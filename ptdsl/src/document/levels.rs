//! The ranges, the levels and the sizes of leaves as tables.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::range;
use super::columns::{Align, Columns};
use super::section::Section;
use super::sizes::{size, size_lg2};
use crate::model::{Bits, Extension, Format, LayoutKind, Level, Range};

/// The levels from the root down: index bits, slots, table bytes, what a slot covers and which layouts it may hold.
#[must_use]
pub fn levels(format: &Format) -> Section {
    let said = format.levels.iter().map(|level| (level.name.clone(), words(format, level))).collect();
    levels_said(format, &said)
}

/// As [`levels`], with these words for the layouts of each level.
pub(super) fn levels_said(format: &Format, said: &BTreeMap<String, String>) -> Section {
    let mut table = Columns::new(&[
        ("level", Align::Code),
        ("number", Align::Right),
        ("index", Align::Left),
        ("slots", Align::Right),
        ("entry", Align::Right),
        ("table", Align::Right),
        ("aligned", Align::Right),
        ("a slot covers", Align::Right),
        ("words", Align::Code),
    ]);
    for level in &format.levels {
        let bytes = table_bytes(level.index_bits, level.word_bits);
        let aligned = 1u128.checked_shl(level.align_lg2).unwrap_or(0);
        table.row([
            level.name.clone(),
            level.number.to_string(),
            range((level.shift + level.index_bits).saturating_sub(1), level.shift),
            slots(level.index_bits),
            size(u128::from(level.word_bits / 8)),
            size(bytes),
            if aligned == bytes { String::new() } else { size(aligned) },
            size_lg2(level.shift),
            said.get(&level.name).cloned().unwrap_or_default(),
        ]);
    }
    Section::default().table(table)
}

/// The sizes of leaves from the smallest to the largest, each with the layouts that say it.
#[must_use]
pub fn leaf_sizes(format: &Format) -> Section {
    leaf_sizes_beyond(format, format)
}

/// As [`leaf_sizes`], with a note on those that another model of the format does not have.
pub(super) fn leaf_sizes_beyond(format: &Format, usual: &Format) -> Section {
    let usual: BTreeSet<(u32, &str)> =
        leaves(usual).into_iter().map(|(lg2, _, _, layout)| (lg2, usual.layouts[layout].name.as_str())).collect();
    let mut table = Columns::new(&[
        ("leaf", Align::Right),
        ("level", Align::Code),
        ("layout", Align::Code),
        ("slots", Align::Right),
        ("", Align::Left),
    ]);
    for (size_bits, run_lg2, level, layout) in leaves(format) {
        let name = &format.layouts[layout].name;
        let usually = usual.contains(&(size_bits, name.as_str()));
        table.row([
            size_lg2(size_bits),
            format.levels[level].name.clone(),
            name.clone(),
            slots(run_lg2),
            if usually { String::new() } else { "not usually".to_owned() },
        ]);
    }
    Section::default().table(table)
}

/// The sizes of leaves, each once.
pub(super) fn leaf_sizes_lg2(format: &Format) -> BTreeSet<u32> {
    leaves(format).into_iter().map(|(lg2, ..)| lg2).collect()
}

/// `4 levels`
pub(super) fn level_count(format: &Format) -> String {
    let levels = format.levels.len();
    format!("{levels} {}", if levels == 1 { "level" } else { "levels" })
}

/// Every leaf that is not refused, from the smallest: lg2 of its size and of its slots, its level and its layout.
fn leaves(format: &Format) -> Vec<(u32, u32, usize, usize)> {
    let mut found = Vec::new();
    for (place, level) in format.levels.iter().enumerate() {
        for entry in level.entries.iter().filter(|entry| !entry.refused) {
            let Some(layout) = format.layouts.get(entry.layout) else { continue };
            if layout.kind != LayoutKind::Leaf {
                continue;
            }
            let (least, most) = layout.run.as_ref().map_or((0, 0), |run| (run.least_lg2, run.most_lg2));
            for run_lg2 in least..=most {
                found.push((level.shift + run_lg2, run_lg2, place, entry.layout));
            }
        }
    }
    found.sort_unstable();
    found
}

/// The ranges of VA with their addresses and roots, and the width of the OA.
#[must_use]
pub fn ranges(format: &Format) -> Section {
    let mut table = Columns::new(&[
        ("range", Align::Code),
        ("bits", Align::Right),
        ("addresses", Align::Left),
        ("root", Align::Code),
        ("slots", Align::Right),
        ("table", Align::Right),
        ("aligned", Align::Right),
        ("ignored bits", Align::Left),
        ("", Align::Left),
    ]);
    for one in &format.ranges {
        let root = format.levels.get(one.root);
        let bytes = root.map_or(0, |level| table_bytes(one.root_index_bits, level.word_bits));
        let (addresses, more) = addresses(one);
        table.row([
            one.name.clone().unwrap_or_default(),
            one.width.to_string(),
            addresses,
            root.map_or(String::new(), |level| level.name.clone()),
            slots(one.root_index_bits),
            size(bytes),
            size_lg2(one.root_align_lg2),
            one.tag.map_or(String::new(), |(high, low)| range(high, low)),
            one.docs.join(" ").trim().to_owned(),
        ]);
        if let Some(more) = more {
            table.row([String::new(), String::new(), more]);
        }
    }
    let output = match &format.output {
        Bits::Fixed(width) => format!("output addresses of {width} bits"),
        Bits::Runtime { parameter, least, most } => {
            format!("output addresses of {parameter} bits, {least} to {most}")
        }
    };
    Section::default().table(table).line(output)
}

/// The addresses of a range as `first..=last`; two stretches where the highest bit is copied upwards.
fn addresses(range: &Range) -> (String, Option<String>) {
    let all = u128::from(u64::MAX);
    let top = 1u128.checked_shl(range.width).unwrap_or(0).wrapping_sub(1).min(all);
    let one = |first: u128, last: u128| format!("{first:#018x}..={last:#018x}");
    let above = all & !top;
    match range.extension {
        Extension::Sign => {
            let half = top >> 1;
            (one(0, half), Some(one(all & !half, all)))
        }
        Extension::Zero => (one(0, top), None),
        Extension::Ones => (one(above, all), None),
        Extension::Prefix(value) => {
            let base = u128::from(value).checked_shl(range.width).unwrap_or(0) & above;
            (one(base, base | top), None)
        }
    }
}

fn words(format: &Format, level: &Level) -> String {
    let name = |layout: usize| format.layouts.get(layout).map_or("", |layout| layout.name.as_str());
    let mut text: Vec<String> = Vec::new();
    for entry in &level.entries {
        let refused = if entry.refused { "reserved " } else { "" };
        text.push(format!("{refused}{}", name(entry.layout)));
    }
    text.join(", ")
}

fn slots(lg2: u32) -> String {
    1u128.checked_shl(lg2).map_or(format!("2^{lg2}"), |slots| slots.to_string())
}

/// The bytes of a table of `1 << index_bits` words.
pub(super) fn table_bytes(index_bits: u32, word_bits: u32) -> u128 {
    1u128.checked_shl(index_bits).unwrap_or(0) * u128::from(word_bits / 8)
}
