//! Words as boxes over their bits.

use svg::node::element::{Group, Title};

use super::shapes::{fitted, label_width, rectangle, text, tick_mark};
use super::{MARGIN, WIDTH, kind_class};
use crate::document::bits::{range, span_mask};
use crate::document::content::describe;
use crate::document::layouts::{kind_name, levels_of};
use crate::model::{Content, Format, Layout, Row};

/// Bits that stand on one line; wider words take several lines, the highest bits first.
const LINE_BITS: u32 = 64;
/// Height of the line of bit numbers above the boxes.
const NUMBERS: u32 = 14;
/// The least height of a box.
const LEAST_HEIGHT: u32 = 34;

/// The drawing of one layout with its name at `y`, and the height at which it ends. What another model of the format does
/// not have is dashed.
pub fn layout_group(format: &Format, usual: &Format, place: usize, y: u32) -> (Group, u32) {
    let layout = &format.layouts[place];
    let there = same_layout(format, place, usual);
    let mut group = Group::new().add(rectangle(kind_class(layout.kind), MARGIN, y - 12, 14, 14)).add(text(
        "name",
        MARGIN + 22,
        y,
        "start",
        &format!("{} {}", kind_name(layout.kind), layout.name),
    ));
    let words = beside(format, place, there.is_some());
    if !words.is_empty() {
        let x = MARGIN + 22 + (kind_name(layout.kind).len() + layout.name.chars().count() + 3) as u32 * 10;
        group = group.add(text("place", x, y, "start", &fitted(&words, (MARGIN + WIDTH - x) * 12 / 13)));
    }
    let mut top = y + 12;
    let lines = layout.word_bits.div_ceil(LINE_BITS);
    for line in (0..lines).rev() {
        let low = line * LINE_BITS;
        let high = (low + LINE_BITS).min(layout.word_bits) - 1;
        let known = there.map(|there| boxes(usual, there, high, low));
        let mut shown = boxes(format, layout, high, low);
        for one in &mut shown {
            one.optional = known.as_ref().is_none_or(|known| !one.is_among(known));
        }
        let (drawn, bottom) = line_group(&shown, high, WIDTH / (high + 1 - low), top);
        group = group.add(drawn);
        top = bottom + 8;
    }
    (group, top - 8)
}

/// What stands beside the name: the levels, what the layout is, whether it is usual.
fn beside(format: &Format, place: usize, usual: bool) -> String {
    let mut words: Vec<String> = Vec::new();
    let levels = levels_of(format, place, false);
    if !levels.is_empty() {
        words.push(format!("at {}", levels.join(", ")));
    }
    words.extend(format.layouts[place].docs.first().map(|line| line.trim().trim_end_matches('.').to_owned()));
    if !usual {
        words.push("not usually".to_owned());
    }
    words.join(" · ")
}

/// The layout of this name in another model: at the same level if it can be.
fn same_layout<'f>(format: &Format, place: usize, other: &'f Format) -> Option<&'f Layout> {
    let (layout, levels) = (&format.layouts[place], levels_of(format, place, false));
    let named = |one: &usize| (&other.layouts[*one].name, other.layouts[*one].kind) == (&layout.name, layout.kind);
    let all: Vec<usize> = (0..other.layouts.len()).filter(named).collect();
    let near = all.iter().find(|one| levels_of(other, **one, false).iter().any(|level| levels.contains(level)));
    near.or(all.first()).map(|one| &other.layouts[*one])
}

/// What is drawn of a row on one line.
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
        for tick in 1..(one.high + 1 - one.low) {
            drawn = drawn.add(tick_mark(x + tick * cell, y, height));
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
