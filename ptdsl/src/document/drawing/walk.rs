//! The walk: addresses cut into indices, and the tables that these index.

use svg::node::element::Group;

use super::shapes::{arrow, fitted, label, label_width, rectangle, text, wire};
use super::words::{Shown, line_group};
use super::{MARGIN, WIDTH, kind_class};
use crate::document::levels::table_bytes;
use crate::document::sizes::{short_lg2, size, size_lg2};
use crate::model::{Entry, Extension, Format, LayoutKind, Level, Range};

/// From the addresses to the tables.
const WIRES: u32 = 64;
/// Between two tables.
const BETWEEN: u32 = 36;
/// Height of a line in a table.
const LINE: u32 = 20;
/// Lines of a table above its layouts.
const HEAD_LINES: u32 = 3;

/// The addresses of each range, and below them the tables from the root down; with the height at which it ends.
pub fn walk_group(format: &Format, top: u32) -> (Group, u32) {
    let wide = format.ranges.iter().any(|range| range.width > 32 || range.tag.is_some());
    let address_bits = if wide { 64 } else { 32 };
    let cell = WIDTH / address_bits;
    let mut group = Group::new();
    let mut y = top;
    for range in &format.ranges {
        if let Some(caption) = caption(format, range) {
            y += 24;
            group = group.add(text("place", MARGIN, y, "start", &caption));
        }
        let (drawn, below) = line_group(&address(format, range, address_bits), address_bits - 1, cell, y + 6);
        group = group.add(drawn);
        y = below;
    }
    let tables = Tables::of(format);
    let tops = y + WIRES;
    for (place, level) in format.levels.iter().enumerate() {
        let index_bits = index_bits(format, level, place);
        let middle = MARGIN + (2 * address_bits - 2 * level.shift - index_bits) * cell / 2;
        group = group.add(wire((middle, y), (tables.left(place) + tables.width / 2, tops)));
    }
    let (drawn, below) = tables.group(tops);
    (group.add(drawn), below)
}

/// The name of a range and of its root word, where there is a choice.
fn caption(format: &Format, range: &Range) -> Option<String> {
    let name = range.name.as_ref()?;
    let root = range.root_word.and_then(|word| format.layouts.get(word));
    let docs = range.docs.first().map(|line| format!(" · {}", line.trim().trim_end_matches('.')));
    let root = root.map(|root| format!(" · {}", root.name));
    Some(format!("{name}{}{}", root.unwrap_or_default(), docs.unwrap_or_default()))
}

/// The bits of a level's index as the widest range has them.
fn index_bits(format: &Format, level: &Level, place: usize) -> u32 {
    let roots = format.ranges.iter().filter(|range| range.root == place);
    roots.map(|range| range.root_index_bits).max().unwrap_or(level.index_bits)
}

/// An address, cut into what the walk does with it.
fn address(format: &Format, range: &Range, bits: u32) -> Vec<Shown> {
    let mut boxes = Vec::new();
    let mut above = bits;
    if let Some((high, low)) = range.tag.filter(|(high, _)| *high < bits) {
        if high + 1 < bits {
            boxes.push(extension(range, bits - 1, high + 1));
        }
        boxes.push(Shown::new(high, low, "ignored", "ignored".to_owned()));
        above = low;
    }
    if range.width < above {
        boxes.push(extension(range, above - 1, range.width));
    }
    let mut lowest = range.width.min(bits);
    for level in format.levels.iter().skip(range.root) {
        if level.shift < lowest {
            boxes.push(Shown::new(lowest - 1, level.shift, "field", level.name.clone()));
            lowest = level.shift;
        }
    }
    if lowest > 0 {
        boxes.push(Shown::new(lowest - 1, 0, "address", "offset".to_owned()));
    }
    boxes
}

/// What stands above the translated bits.
fn extension(range: &Range, high: u32, low: u32) -> Shown {
    let words = match range.extension {
        Extension::Sign => format!("as bit {}", range.width.saturating_sub(1)),
        Extension::Zero => "zeroes".to_owned(),
        Extension::Ones => "ones".to_owned(),
        Extension::Prefix(value) => format!("= {value:#x}"),
    };
    Shown::new(high, low, "reserved", words)
}

/// The tables of all levels, side by side.
struct Tables<'f> {
    format: &'f Format,
    /// The name of the word that names the root.
    root: Option<&'f str>,
    /// Where the first table begins.
    first: u32,
    width: u32,
}

impl<'f> Tables<'f> {
    fn of(format: &'f Format) -> Self {
        let root = format.root_word.and_then(|word| format.layouts.get(word)).map(|layout| layout.name.as_str());
        let first = MARGIN + root.map_or(0, |name| label_width(name) + 12 + BETWEEN);
        let count = (format.levels.len() as u32).max(1);
        let width = (MARGIN + WIDTH - first - (count - 1) * BETWEEN) / count;
        Self { format, root, first, width }
    }

    fn left(&self, place: usize) -> u32 {
        self.first + place as u32 * (self.width + BETWEEN)
    }

    fn group(&self, top: u32) -> (Group, u32) {
        let most = self.format.levels.iter().map(|level| level.entries.len()).max().unwrap_or(0) as u32;
        let height = (HEAD_LINES + most) * LINE + 18;
        let mut group = Group::new();
        if let Some(root) = self.root {
            let width = label_width(root) + 12;
            group = group
                .add(rectangle("root", MARGIN, top, width, LINE + 6))
                .add(text("label", MARGIN + width / 2, top + 13, "middle", root).set("dy", "0.34em"))
                .add(arrow(MARGIN + width, self.first, top + 13));
        }
        for (place, level) in self.format.levels.iter().enumerate() {
            if place > 0 {
                group = group.add(arrow(self.left(place) - BETWEEN, self.left(place), top + 13));
            }
            group = group.add(self.table(level, place, top, height));
        }
        (group, top + height)
    }

    /// A table: its name and geometry, then what its words may be.
    fn table(&self, level: &Level, place: usize, top: u32, height: u32) -> Group {
        let (x, width) = (self.left(place), self.width);
        let slots = index_bits(self.format, level, place);
        let bytes = table_bytes(slots, level.word_bits);
        let entry = size(u128::from(level.word_bits / 8));
        let geometry = format!("{} × {entry} = {}", 1u128 << slots.min(127), size(bytes));
        let mut group = Group::new()
            .add(rectangle("board", x, top, width, height))
            .add(rectangle("head", x, top, width, LINE + 6))
            .add(text("name", x + 10, top + 18, "start", &fitted(&level.name, (width - 20) * 12 / 15)))
            .add(label(x + 10, top + 40, &fitted(&geometry, width - 16)))
            .add(label(x + 10, top + 60, &fitted(&format!("a slot: {}", size_lg2(level.shift)), width - 16)));
        for (line, entry) in level.entries.iter().enumerate() {
            let y = top + 22 + (HEAD_LINES + line as u32) * LINE;
            let (class, words) = self.entry(level, entry);
            group =
                group.add(rectangle(class, x + 10, y - 7, 14, 14)).add(label(x + 30, y, &fitted(&words, width - 36)));
        }
        group
    }

    /// What a word may be: the layout, for leaves with their size.
    fn entry(&self, level: &Level, entry: &Entry) -> (&'static str, String) {
        let Some(layout) = self.format.layouts.get(entry.layout) else { return ("reserved", String::new()) };
        if entry.refused {
            return ("reserved", format!("reserved {}", layout.name));
        }
        let words = match layout.kind {
            LayoutKind::Leaf => {
                let (least, most) = layout.run.as_ref().map_or((0, 0), |run| (run.least_lg2, run.most_lg2));
                let last = if most > least { format!("-{}", short_lg2(level.shift + most)) } else { String::new() };
                format!("{} {}{last}", layout.name, short_lg2(level.shift + least))
            }
            _ => layout.name.clone(),
        };
        (kind_class(layout.kind), words)
    }
}
