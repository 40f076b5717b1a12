//! The ranges, the levels and the sizes of leaves as tables.

use super::bits::range;
use super::columns::{Align, Columns};
use super::sizes::{size, size_lg2};
use crate::model::{Bits, Extension, Format, LayoutKind, Level, Range};

/// The levels from the root down: index bits, slots, table bytes, what a slot covers and which layouts it may hold.
#[must_use]
pub fn levels(format: &Format) -> String {
    let mut table = Columns::new(&[
        ("level", Align::Left),
        ("number", Align::Right),
        ("index", Align::Left),
        ("slots", Align::Right),
        ("entry", Align::Right),
        ("table", Align::Right),
        ("aligned", Align::Right),
        ("a slot covers", Align::Right),
        ("words", Align::Left),
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
            words(format, level),
        ]);
    }
    table.render()
}

/// The sizes of leaves from the smallest to the largest, each with the layouts that say it.
#[must_use]
pub fn leaf_sizes(format: &Format) -> String {
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
    let mut table = Columns::new(&[
        ("leaf", Align::Right),
        ("level", Align::Left),
        ("layout", Align::Left),
        ("slots", Align::Right),
    ]);
    for (size_bits, run_lg2, level, layout) in found {
        table.row([
            size_lg2(size_bits),
            format.levels[level].name.clone(),
            format.layouts[layout].name.clone(),
            slots(run_lg2),
        ]);
    }
    table.render()
}

/// The ranges of VA with their addresses and roots, and the width of the OA.
#[must_use]
pub fn ranges(format: &Format) -> String {
    let mut table = Columns::new(&[
        ("range", Align::Left),
        ("bits", Align::Right),
        ("addresses", Align::Left),
        ("root", Align::Left),
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
        Bits::Fixed(width) => format!("    output addresses of {width} bits\n"),
        Bits::Runtime { parameter, least, most } => {
            format!("    output addresses of {parameter} bits, {least} to {most}\n")
        }
    };
    table.render() + &output
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

fn table_bytes(index_bits: u32, word_bits: u32) -> u128 {
    1u128.checked_shl(index_bits).unwrap_or(0) * u128::from(word_bits / 8)
}
