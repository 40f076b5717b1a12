//! A drawing of the layouts: for each a row of labelled boxes over the bits of the word.

use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Style, Text, Title};

use super::bits::{range, span_mask};
use super::content::describe;
use super::layouts::{kind_name, levels_of};
use crate::model::{Content, Format, Layout, LayoutKind, Row};

/// Width of one bit.
const CELL: u32 = 21;
/// Bits that stand on one line; wider words take several lines, the highest bits first.
const LINE_BITS: u32 = 64;
/// Width of a character of a label (they are of one width).
const LABEL_ADVANCE: f32 = 7.3;
/// Space around everything.
const MARGIN: u32 = 24;
/// Height of the line of bit numbers above the boxes.
const NUMBERS: u32 = 14;
/// The least and the most height of a box.
const LEAST_HEIGHT: u32 = 34;
/// From the last box of one layout to the name of the next.
const GAP: u32 = 44;

const STYLE: &str = "
text { font-family: 'DejaVu Sans Mono', 'Menlo', 'Consolas', monospace; fill: #1c2733; }
.title { font-size: 20px; font-weight: bold; }
.name { font-size: 15px; font-weight: bold; }
.place { font-size: 13px; fill: #5a6875; }
.label { font-size: 12px; }
.bit { font-size: 9px; fill: #5a6875; }
rect { stroke: #1c2733; }
.page { fill: #ffffff; stroke: none; }
.address { fill: #cfe3f7; }
.field { fill: #fff3c9; }
.constant { fill: #d7efd2; }
.software { fill: #ffffff; }
.ignored { fill: #eef1f4; }
.reserved { fill: #c9d0d7; }
.tick { stroke: #1c2733; stroke-opacity: 0.35; stroke-width: 1; }
";

/// Draws every layout of a format as one SVG document.
#[must_use]
pub fn drawing(format: &Format) -> String {
    let widest = format.layouts.iter().map(|layout| layout.word_bits.min(LINE_BITS)).max();
    let width = 2 * MARGIN + CELL * widest.unwrap_or(32).max(48);
    let mut y = MARGIN + 20;
    let mut body = Group::new().add(text("title", MARGIN, y, "start", &format.name));
    y += 16;
    for place in (0..format.layouts.len()).filter(|place| is_drawn(format, *place)) {
        y += GAP;
        let (drawn, below) = layout_group(format, place, y);
        body = body.add(drawn);
        y = below;
    }
    y += GAP;
    let height = y + 20 + MARGIN;
    let document = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Title::new(format!("Layouts of {}", format.name)))
        .add(Style::new(STYLE))
        .add(rectangle("page", 0, 0, width, height))
        .add(body)
        .add(legend(y));
    format!("{document}\n")
}

/// One layout with its name at `y`; with the height at which it ends.
fn layout_group(format: &Format, place: usize, y: u32) -> (Group, u32) {
    let layout = &format.layouts[place];
    let name = format!("{} {}", kind_name(layout.kind), layout.name);
    let mut group = Group::new().add(text("name", MARGIN, y, "start", &name));
    let places = levels_of(format, place, false).join(", ");
    if !places.is_empty() {
        let x = MARGIN + (name.chars().count() as u32 + 2) * 9 + 8;
        group = group.add(text("place", x, y, "start", &places));
    }
    let mut top = y + 12;
    let lines = layout.word_bits.div_ceil(LINE_BITS);
    for line in (0..lines).rev() {
        let low = line * LINE_BITS;
        let high = (low + LINE_BITS).min(layout.word_bits) - 1;
        let (drawn, bottom) = line_group(format, layout, high, low, top);
        group = group.add(drawn);
        top = bottom + 8;
    }
    (group, top - 8)
}

/// Whether some level holds the layout, or it is a root. What is refused wherever it stands is no use to look at.
fn is_drawn(format: &Format, place: usize) -> bool {
    format.layouts[place].kind == LayoutKind::Root || !levels_of(format, place, false).is_empty()
}

/// What is drawn of a row on one line.
struct Shown {
    high: u32,
    low: u32,
    class: &'static str,
    label: String,
    detail: String,
}

impl Shown {
    fn width(&self) -> u32 {
        (self.high + 1 - self.low) * CELL
    }

    fn label_length(&self) -> u32 {
        (self.label.chars().count() as f32 * LABEL_ADVANCE).ceil() as u32 + 8
    }

    /// Labels that are wider than their box stand upright.
    fn upright(&self) -> bool {
        self.label_length() > self.width()
    }
}

/// The boxes of bits `high..low` under their numbers.
fn line_group(format: &Format, layout: &Layout, high: u32, low: u32, top: u32) -> (Group, u32) {
    let boxes = boxes(format, layout, high, low);
    let tallest = boxes.iter().filter(|one| one.upright()).map(Shown::label_length).max();
    let height = tallest.unwrap_or(0).max(LEAST_HEIGHT);
    let y = top + NUMBERS;
    let mut group = Group::new();
    for one in &boxes {
        let x = MARGIN + (high - one.high) * CELL;
        let mut box_group =
            Group::new().add(Title::new(one.detail.clone())).add(rectangle(one.class, x, y, one.width(), height));
        for tick in 1..(one.high + 1 - one.low) {
            box_group = box_group.add(tick_mark(x + tick * CELL, y, height));
        }
        box_group = box_group.add(label(one, x, y, height));
        group = group.add(numbers(box_group, one, x, y));
    }
    (group, y + height)
}

/// The numbers of the highest and lowest bit above a box.
fn numbers(group: Group, one: &Shown, x: u32, y: u32) -> Group {
    let half = CELL / 2;
    let group = group.add(text("bit", x + half, y - 4, "middle", &one.high.to_string()));
    if one.low == one.high {
        return group;
    }
    group.add(text("bit", x + one.width() - half, y - 4, "middle", &one.low.to_string()))
}

fn label(one: &Shown, x: u32, y: u32, height: u32) -> Text {
    let (middle_x, middle_y) = (x + one.width() / 2, y + height / 2);
    let label = text("label", middle_x, middle_y, "middle", &one.label).set("dy", "0.34em");
    if one.upright() { label.set("transform", format!("rotate(-90 {middle_x} {middle_y})")) } else { label }
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
    Shown { high, low, class, label, detail: format!("{}\n{}", detail.trim(), described.meaning).trim().to_owned() }
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

/// What the colours mean.
fn legend(y: u32) -> Group {
    let mut group = Group::new();
    let mut x = MARGIN;
    for (class, words) in [
        ("address", "address"),
        ("field", "field"),
        ("constant", "identifies the layout"),
        ("reserved", "must have this value"),
        ("ignored", "not looked at"),
        ("software", "free for software"),
    ] {
        group = group.add(rectangle(class, x, y, 16, 16)).add(text("place", x + 23, y + 13, "start", words));
        x += 23 + 8 * words.chars().count() as u32 + 24;
    }
    group
}

fn rectangle(class: &str, x: u32, y: u32, width: u32, height: u32) -> Rectangle {
    Rectangle::new().set("class", class).set("x", x).set("y", y).set("width", width).set("height", height)
}

/// A short mark at the upper and nothing at the lower edge: where one bit ends inside a box.
fn tick_mark(x: u32, y: u32, height: u32) -> Line {
    Line::new().set("class", "tick").set("x1", x).set("x2", x).set("y1", y + height - 4).set("y2", y + height)
}

fn text(class: &str, x: u32, y: u32, anchor: &str, words: &str) -> Text {
    Text::new(words).set("class", class).set("x", x).set("y", y).set("text-anchor", anchor)
}
