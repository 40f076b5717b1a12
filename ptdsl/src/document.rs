//! Documents for people, made from a model: text tables and drawings of its layouts.
//!
//! Everything here is a function from the model (and, for what a client may choose, from the description) to text.
//! Nothing is decided here, and a document shows what holds under one binding.

mod attributes;
mod bits;
mod choices;
mod columns;
mod condition;
mod content;
#[cfg(feature = "drawing")]
mod drawing;
mod judged;
mod layouts;
mod levels;
mod lines;
mod page;
mod section;
mod sizes;
mod updates;

pub use attributes::attributes;
pub use bits::{bit_ranges, hexadecimal, number, range, ranges_of, span_mask};
pub use choices::choices;
pub use columns::{Align, Columns};
pub use condition::condition;
pub use content::{Described, describe};
#[cfg(feature = "drawing")]
pub use drawing::drawing;
pub use judged::{Judged, judged};
pub use layouts::{kind_name, layouts};
pub use levels::{leaf_sizes, levels, ranges};
pub use lines::{description_lines, file_lines};
pub use page::{Page, index};
pub use section::Section;
pub use sizes::size;
pub use updates::updates;

pub use crate::vocabulary::meaning;

use crate::model::Format;

/// What stands above the tables: the name, the documentation and the manuals that the format was written from.
#[must_use]
pub fn heading(format: &Format) -> String {
    let mut text = format!("{}\n", format.name);
    for line in &format.docs {
        text.push_str(&format!("    {}\n", line.trim()));
    }
    if !format.sources.is_empty() {
        text.push_str("\nWritten from\n");
        for line in &format.sources {
            text.push_str(format!("    {}", line.trim()).trim_end());
            text.push('\n');
        }
    }
    text
}
