//! Boxes, lines and texts.

use svg::node::element::{Path, Rectangle, Text};

/// Width of a character of a label (they are of one width).
const LABEL_ADVANCE: f32 = 7.44;

/// A box.
pub fn rectangle(class: &str, x: u32, y: u32, width: u32, height: u32) -> Rectangle {
    Rectangle::new().set("class", class).set("x", x).set("y", y).set("width", width).set("height", height)
}

/// Short marks at the lower edge of a box: where one bit ends inside it.
pub fn tick_marks(x: u32, cell: u32, count: u32, bottom: u32) -> Path {
    let marks: Vec<String> = (1..=count).map(|tick| format!("M{},{bottom}v-4", x + tick * cell)).collect();
    Path::new().set("class", "tick").set("d", marks.join(""))
}

/// Words on a line.
pub fn text(class: &str, x: u32, y: u32, anchor: &str, words: &str) -> Text {
    Text::new(words).set("class", class).set("x", x).set("y", y).set("text-anchor", anchor)
}

/// A label that begins at `x`, its middle at `y`.
pub fn label(x: u32, y: u32, words: &str) -> Text {
    text("label", x, y, "start", words).set("dy", "0.34em")
}

/// A curve down from one place to another. Curves between the same two heights do not cross where their ends keep their
/// order.
pub fn wire(from: (u32, u32), to: (u32, u32)) -> Path {
    let half = (to.1 - from.1) / 2;
    let data =
        format!("M{},{} C{},{} {},{} {},{}", from.0, from.1, from.0, from.1 + half, to.0, to.1 - half, to.0, to.1);
    Path::new().set("class", "wire").set("d", data)
}

/// An arrow to the right.
pub fn arrow(from: u32, to: u32, y: u32) -> Path {
    let data = format!("M{from},{y} H{to} m-7,-4 l7,4 l-7,4");
    Path::new().set("class", "arrow").set("d", data)
}

/// The width of a label, with a little space around it.
pub fn label_width(words: &str) -> u32 {
    (words.chars().count() as f32 * LABEL_ADVANCE).ceil() as u32 + 8
}

/// A label that is no wider than `width`, its end left out if need be.
pub fn fitted(words: &str, width: u32) -> String {
    if label_width(words) <= width {
        return words.to_owned();
    }
    let room = (width.saturating_sub(8) as f32 / LABEL_ADVANCE) as usize;
    let kept: String = words.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
