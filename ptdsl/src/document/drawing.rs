//! A drawing of a format: the walk from the address through the tables, and each layout as labelled boxes over the bits of
//! the word.

mod shapes;
mod walk;
mod words;

use svg::Document;
use svg::node::element::{Group, Style, Title};

use super::levels::level_count;
use crate::model::{Bits, Format, LayoutKind};
use shapes::{fitted, rectangle, text};

/// Width of a line of bits.
const WIDTH: u32 = 1344;
/// Space around everything.
const MARGIN: u32 = 28;
/// From the last box of one layout to the name of the next.
const GAP: u32 = 44;

const STYLE: &str = "
text { font-family: 'DejaVu Sans Mono', 'Menlo', 'Consolas', monospace; fill: #1c2733; }
.title { font-size: 26px; font-weight: bold; }
.name { font-size: 15px; font-weight: bold; }
.place { font-size: 13px; fill: #5a6875; }
.label { font-size: 12px; }
.faint { font-size: 12px; fill: #5a6875; }
.bit { font-size: 9px; fill: #5a6875; }
rect { stroke: #1c2733; }
.page { fill: #fdfcf9; stroke: none; }
.board { fill: #ffffff; }
.head { fill: #e7ecf1; }
.address, .table { fill: #cfe3f7; }
.field, .leaf { fill: #fff0b8; }
.constant { fill: #d7efd2; }
.root { fill: #e4d8f3; }
.software, .absent { fill: #ffffff; }
.ignored { fill: #eef1f4; }
.reserved { fill: #c9d0d7; }
.optional { stroke-dasharray: 4 3; }
.tick { stroke: #1c2733; stroke-opacity: 0.35; stroke-width: 1; }
.wire { fill: none; stroke: #4f7fb5; stroke-width: 1.5; }
.arrow { fill: none; stroke: #1c2733; stroke-width: 1.5; }
";

/// Draws a format as one SVG document. What another model of the format, the usual one, does not have is dashed.
#[must_use]
pub fn drawing(format: &Format, usual: &Format) -> String {
    let mut y = MARGIN + 24;
    let mut body = Group::new().add(text("title", MARGIN, y, "start", &format.name));
    y += 24;
    body = body.add(text("place", MARGIN, y, "start", &fitted(&subtitle(format), WIDTH * 12 / 13)));
    let (walk, below) = walk::walk_group(format, y + 20);
    body = body.add(walk);
    y = below + 4;
    for alike in words::all_alike(format, usual) {
        y += GAP;
        let (drawn, below) = alike.group(format, usual, y);
        body = body.add(drawn);
        y = below;
    }
    y += GAP;
    let (width, height) = (2 * MARGIN + WIDTH, y + 20 + MARGIN);
    let document = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Title::new(format!("The walk and the words of {}", format.name)))
        .add(Style::new(STYLE))
        .add(rectangle("page", 0, 0, width, height))
        .add(body)
        .add(legend(y, format != usual));
    format!("{document}\n")
}

/// The format in a line.
fn subtitle(format: &Format) -> String {
    let output = match &format.output {
        Bits::Fixed(width) => width.to_string(),
        Bits::Runtime { least, most, .. } => format!("{least} to {most}"),
    };
    let docs = format.docs.first().map(|line| line.trim().trim_end_matches('.').to_owned());
    let facts = [level_count(format), format!("output addresses of {output} bits")];
    docs.into_iter().chain(facts).collect::<Vec<_>>().join(" · ")
}

/// The colour of a kind of layout.
const fn kind_class(kind: LayoutKind) -> &'static str {
    match kind {
        LayoutKind::Absent => "absent",
        LayoutKind::Table => "table",
        LayoutKind::Leaf => "leaf",
        LayoutKind::Root => "root",
    }
}

/// What the colours mean.
fn legend(y: u32, dashes: bool) -> Group {
    let mut group = Group::new();
    let mut x = MARGIN;
    let dashed = dashes.then_some(("software optional", "not usually there"));
    let classes = [
        ("address", "address"),
        ("field", "field"),
        ("constant", "identifies the layout"),
        ("reserved", "must have this value"),
        ("ignored", "not looked at"),
        ("software", "free for software"),
    ];
    for (class, words) in classes.into_iter().chain(dashed) {
        group = group.add(rectangle(class, x, y, 16, 16)).add(text("place", x + 23, y + 13, "start", words));
        x += 23 + 9 * words.chars().count() as u32 + 16;
    }
    group
}
