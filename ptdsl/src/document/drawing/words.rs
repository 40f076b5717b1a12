//! Words as boxes over their bits.

use svg::node::element::{Group, Title};

use super::shapes::{fitted, label_width, rectangle, text, tick_marks};
use super::{MARGIN, WIDTH, kind_class};
use crate::document::bits::{range, span_mask};
use crate::document::content::describe;
use crate::document::layouts::{kind_name, levels_of};
use crate::model::{Content, Format, Layout, LayoutKind, Row};

/// Bits that stand on one line; wider words take several lines, the highest bits first.
const LINE_BITS: u32 = 64;
/// Height of the line of bit numbers above the boxes.
const NUMBERS: u32 = 14;
/// The least height of a box.
const LEAST_HEIGHT: u32 = 34;

/// Layouts (indexes into `Format::layouts`) of one name that look the same, each with what stands on its lines of bits.
pub struct Alike {
    places: Vec<usize>,
    lines: Vec<Line>,
}

/// A line of bits: the highest, the lowest, and the boxes.
type Line = (u32, u32, Vec<Shown>);

/// The layouts that are drawn, in the order of the model. What another model of the format does not have is marked.
pub fn all_alike(format: &Format, usual: &Format) -> Vec<Alike> {
    let mut all: Vec<Alike> = Vec::new();
    for place in (0..format.layouts.len()).filter(|place| is_drawn(format, *place)) {
        let lines = lines(format, usual, place);
        let name = &format.layouts[place].name;
        let same = |one: &&mut Alike| format.layouts[one.places[0]].name == *name && look_alike(&one.lines, &lines);
        match all.iter_mut().find(same) {
            Some(known) => known.places.push(place),
            None => all.push(Alike { places: vec![place], lines }),
        }
    }
    all
}

/// Whether some level holds the layout, or it is a root. What is refused wherever it stands is no use to look at.
fn is_drawn(format: &Format, place: usize) -> bool {
    format.layouts[place].kind == LayoutKind::Root || !levels_of(format, place, false).is_empty()
}

/// Whether lines differ in nothing but what they say to those who point at a box.
fn look_alike(lines: &[Line], others: &[Line]) -> bool {
    let looks = |lines: &[Line]| -> Vec<(u32, u32, &'static str, String, bool)> {
        let boxes = lines.iter().flat_map(|(_, _, boxes)| boxes);
        boxes.map(|one| (one.high, one.low, one.class, one.label.clone(), one.optional)).collect()
    };
    looks(lines) == looks(others)
}

/// The lines of bits of a layout.
fn lines(format: &Format, usual: &Format, place: usize) -> Vec<Line> {
    let layout = &format.layouts[place];
    let namesakes: Vec<&Layout> = usual
        .layouts
        .iter()
        .filter(|one| (&one.name, one.kind, one.word_bits) == (&layout.name, layout.kind, layout.word_bits))
        .collect();
    let mut lines = Vec::new();
    for line in (0..layout.word_bits.div_ceil(LINE_BITS)).rev() {
        let low = line * LINE_BITS;
        let high = (low + LINE_BITS).min(layout.word_bits) - 1;
        let known: Vec<Shown> = namesakes.iter().flat_map(|one| boxes(usual, one, high, low)).collect();
        let mut shown = boxes(format, layout, high, low);
        for one in &mut shown {
            one.optional = !one.is_among(&known);
        }
        lines.push((high, low, shown));
    }
    lines
}

impl Alike {
    /// The drawing with its name at `y`, and the height at which it ends.
    pub fn group(&self, format: &Format, usual: &Format, y: u32) -> (Group, u32) {
        let layout = &format.layouts[self.places[0]];
        let name = format!("{} {}", kind_name(layout.kind), layout.name);
        let mut group = Group::new().add(rectangle(kind_class(layout.kind), MARGIN, y - 12, 14, 14)).add(text(
            "name",
            MARGIN + 22,
            y,
            "start",
            &name,
        ));
        let words = self.beside(format, usual);
        if !words.is_empty() {
            let x = MARGIN + 22 + (name.chars().count() as u32 + 2) * 10;
            group = group.add(text("place", x, y, "start", &fitted(&words, (MARGIN + WIDTH - x) * 12 / 13)));
        }
        let mut bottom = y + 4;
        for (high, low, shown) in &self.lines {
            let (drawn, below) = line_group(shown, *high, WIDTH / (high + 1 - low), bottom + 8);
            group = group.add(drawn);
            bottom = below;
        }
        (group, bottom)
    }

    /// What stands beside the name: the levels, or the ranges of a root; what the layout is; whether it is usual.
    fn beside(&self, format: &Format, usual: &Format) -> String {
        let mut words: Vec<String> = Vec::new();
        let levels: Vec<&str> = self.places.iter().flat_map(|place| levels_of(format, *place, false)).collect();
        if !levels.is_empty() {
            words.push(format!("at {}", levels.join(", ")));
        }
        let named =
            format.ranges.iter().filter(|range| range.root_word.is_some_and(|word| self.places.contains(&word)));
        let ranges: Vec<&str> = named.filter_map(|range| range.name.as_deref()).collect();
        if !ranges.is_empty() {
            words.push(ranges.join(", "));
        }
        let layout = &format.layouts[self.places[0]];
        words.extend(layout.docs.first().map(|line| line.trim().trim_end_matches('.').to_owned()));
        if usual.layouts.iter().all(|one| one.name != layout.name) {
            words.push("not usually".to_owned());
        }
        words.join(" · ")
    }
}

/// What is drawn of a row on one line.
#[derive(Clone, Debug)]
pub struct Shown {
    high: u32,
    low: u32,
    class: &'static str,
    label: String,
    detail: String,
    optional: bool,
}

impl Shown {
    /// Part of a word or an address.
    pub fn new(high: u32, low: u32, class: &'static str, label: String) -> Self {
        let detail = format!("{} {label}", range(high, low));
        Self { high, low, class, label, detail, optional: false }
    }

    fn width(&self, cell: u32) -> u32 {
        (self.high + 1 - self.low) * cell
    }

    /// Labels that are wider than their box stand upright.
    fn upright(&self, cell: u32) -> bool {
        label_width(&self.label) > self.width(cell)
    }

    /// Whether every bit of it is in boxes that say the same.
    fn is_among(&self, others: &[Self]) -> bool {
        let name = |one: &Self| one.label.split('[').next().unwrap_or_default().to_owned();
        let same = |other: &&Self| (other.class, name(other)) == (self.class, name(self));
        (self.low..=self.high)
            .all(|bit| others.iter().filter(same).any(|other| (other.low..=other.high).contains(&bit)))
    }
}

/// Boxes under the numbers of their bits, the highest first, each bit as wide as a cell; with the height at which they end.
pub fn line_group(boxes: &[Shown], high: u32, cell: u32, top: u32) -> (Group, u32) {
    let tallest = boxes.iter().filter(|one| one.upright(cell)).map(|one| label_width(&one.label)).max();
    let height = tallest.unwrap_or(0).max(LEAST_HEIGHT);
    let y = top + NUMBERS;
    let mut group = Group::new();
    for one in boxes {
        let (x, width) = (MARGIN + (high - one.high) * cell, one.width(cell));
        let class = if one.optional { format!("{} optional", one.class) } else { one.class.to_owned() };
        let mut drawn = Group::new().add(Title::new(one.detail.clone())).add(rectangle(&class, x, y, width, height));
        if one.high > one.low {
            drawn = drawn.add(tick_marks(x, cell, one.high - one.low, y + height));
        }
        let (middle_x, middle_y) = (x + width / 2, y + height / 2);
        let words = text("label", middle_x, middle_y, "middle", &one.label).set("dy", "0.34em");
        let turn = || format!("rotate(-90 {middle_x} {middle_y})");
        drawn = drawn.add(if one.upright(cell) { words.set("transform", turn()) } else { words });
        group = group.add(numbers(drawn, one, cell, x, y));
    }
    (group, y + height)
}

/// The numbers of the highest and lowest bit above a box.
fn numbers(group: Group, one: &Shown, cell: u32, x: u32, y: u32) -> Group {
    let half = cell.min(42) / 2;
    if one.low == one.high {
        return group.add(text("bit", x + cell / 2, y - 4, "middle", &one.high.to_string()));
    }
    let group = group.add(text("bit", x + half, y - 4, "middle", &one.high.to_string()));
    group.add(text("bit", x + one.width(cell) - half, y - 4, "middle", &one.low.to_string()))
}

/// The rows that reach into `high..low`, address rows cut where bits of them are reserved.
fn boxes(format: &Format, layout: &Layout, high: u32, low: u32) -> Vec<Shown> {
    let mut shown = Vec::new();
    for row in &layout.rows {
        if row.low > high || row.high < low {
            continue;
        }
        for (part_high, part_low, reserved) in parts(layout, row) {
            let (part_high, part_low) = (part_high.min(high), part_low.max(low));
            if part_high < low || part_low > high || part_high < part_low {
                continue;
            }
            add(&mut shown, one_box(format, layout, row, part_high, part_low, reserved));
        }
    }
    shown
}

/// Adds a box, or widens the last one if both hold nothing and say the same.
fn add(shown: &mut Vec<Shown>, next: Shown) {
    if let Some(last) = shown.last_mut()
        && last.class == next.class
        && last.label == next.label
        && matches!(next.class, "software" | "ignored" | "reserved")
    {
        last.low = next.low;
        last.detail = format!("{} {}", range(last.high, last.low), last.label);
        return;
    }
    shown.push(next);
}

/// The stretches of a row that are alike: reserved by derivation or not.
fn parts(layout: &Layout, row: &Row) -> Vec<(u32, u32, bool)> {
    let address = matches!(row.content, Content::Output { .. } | Content::Table { .. });
    if !address {
        return vec![(row.high, row.low, false)];
    }
    let mut parts: Vec<(u32, u32, bool)> = Vec::new();
    for bit in (row.low..=row.high).rev() {
        let reserved = layout.reserved.fixed >> bit & 1 == 1;
        match parts.last_mut() {
            Some(last) if last.2 == reserved => last.1 = bit,
            _ => parts.push((bit, bit, reserved)),
        }
    }
    parts
}

fn one_box(format: &Format, layout: &Layout, row: &Row, high: u32, low: u32, reserved: bool) -> Shown {
    let part = Row {
        high,
        low,
        content: if reserved {
            let mask = span_mask(high, low);
            Content::Reserved((layout.reserved_value & mask) >> low)
        } else {
            moved(&row.content, low - row.low)
        },
        docs: row.docs.clone(),
        line: row.line,
    };
    let described = describe(format, layout, &part);
    let (class, label) = match &part.content {
        Content::Reserved(0) => ("reserved", "reserved".to_owned()),
        Content::Reserved(_) => ("reserved", described.value.trim_start_matches("= ").to_owned()),
        Content::Ignored(_) => ("ignored", described.name.clone()),
        Content::Software => ("software", described.name.clone()),
        Content::Constant { .. } => ("constant", format!("{} {}", described.name, described.value).trim().to_owned()),
        Content::Field { .. } => ("field", described.name.clone()),
        _ => ("address", described.name.clone()),
    };
    let detail = format!("{} {} {}", range(high, low), described.name, described.value);
    let detail = format!("{}\n{}", detail.trim(), described.meaning).trim().to_owned();
    Shown { detail, ..Shown::new(high, low, class, label) }
}

/// The content of a row that starts `up` bits higher.
fn moved(content: &Content, up: u32) -> Content {
    match content.clone() {
        Content::Output { low } => Content::Output { low: low + up },
        Content::Table { low, child } => Content::Table { low: low + up, child },
        Content::FirstSlot { low } => Content::FirstSlot { low: low + up },
        Content::LastSlot { low } => Content::LastSlot { low: low + up },
        Content::Field { name, inverted, low } => Content::Field { name, inverted, low: low + up },
        Content::Constant { name, value } => Content::Constant { name, value: value >> up },
        Content::Reserved(value) => Content::Reserved(value >> up),
        Content::Ignored(value) => Content::Ignored(value >> up),
        other => other,
    }
}
