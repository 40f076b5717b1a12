//! Layouts.

use super::fragments::{cases, commas, cond, ended, first_to_last, number, output, range, slice, value};
use super::page::{Page, Statement, is_bare};
use crate::tree::{Comments, Content, Layout, LayoutKind, Origin, Part, PartKind, Place, Row, Run};

/// A layout made from nothing stands on one line only if it has no more parts than this: it is a table to be read.
const PARTS_ON_A_LINE: usize = 3;

/// Writes `leaf page = other with { … }`.
pub fn print(page: &mut Page, layout: &Layout, comments: &Comments) {
    let head = head(layout);
    let bare = layout.parts.iter().all(|part| is_bare(&part.comments, &part.docs)) && layout.trailing.before.is_empty();
    if bare && (layout.origin != Origin::New || layout.parts.len() <= PARTS_ON_A_LINE) {
        let parts: Vec<String> = layout.parts.iter().map(|part| statement(part).text(&[])).collect();
        if page.one_line(&head, &parts, comments) {
            return;
        }
    }
    page.open(&format!("{head} {{"), comments);
    let places = layout.parts.iter().filter_map(place);
    let widest = places.map(|place| place.chars().count()).max().unwrap_or(0);
    for (position, part) in layout.parts.iter().enumerate() {
        page.head(&part.comments, &part.docs, position == 0);
        let deeper = if place(part).is_some() { widest + 2 } else { 4 };
        page.filled(&statement(part), &[widest + 1], deeper, &part.comments);
    }
    page.tail(&layout.trailing, layout.parts.is_empty());
    page.close(comments);
}

fn head(layout: &Layout) -> String {
    let kind = match layout.kind.value {
        LayoutKind::Absent => "absent",
        LayoutKind::Table => "table",
        LayoutKind::Leaf => "leaf",
        LayoutKind::Root => "root",
    };
    let word = layout.word.as_ref().map(|word| format!(" word {}", number(word))).unwrap_or_default();
    let origin = match &layout.origin {
        Origin::New => String::new(),
        Origin::From(name) => format!(" = {} with", name.value),
        Origin::Amended => " with".to_owned(),
    };
    format!("{kind} {}{word}{origin}", layout.name.value)
}

/// The bits of a row.
fn place(part: &Part) -> Option<String> {
    let PartKind::Row(row) = &part.kind else { return None };
    Some(row_place(row))
}

/// `51..12`, `7`, `c_bit`
pub fn row_place(row: &Row) -> String {
    match &row.place.value {
        Place::Bits(bits) => range(bits),
        Place::Bit(bit) => number(bit),
        Place::Parameter(name) => name.value.clone(),
    }
}

fn statement(part: &Part) -> Statement {
    let plain = |text: String| Statement::plain(text + ";");
    match &part.kind {
        PartKind::Row(row) => {
            Statement { cells: place(part).into_iter().collect(), pieces: ended(cases(&row.content, content)) }
        }
        PartKind::Where(condition) => plain(format!("where {}", cond(condition))),
        PartKind::Forbid(condition) => plain(format!("forbid {}", cond(condition))),
        PartKind::Output(width) => output(width),
        PartKind::Lacks(names) => plain(format!("lacks {}", commas(names))),
        PartKind::Defer => plain("defer".to_owned()),
        PartKind::Run(one) => plain(run(one)),
    }
}

/// `run 16 identical`
pub fn run(run: &Run) -> String {
    let identical = if run.identical { " identical" } else { "" };
    let in_ones = if run.in_ones { " in ones" } else { "" };
    format!("run {}{identical}{in_ones}", first_to_last(&run.first, run.last.as_ref()))
}

/// What a row holds, without its alternatives.
pub fn content(one: &Content) -> String {
    let constant = |given: &Option<_>| given.as_ref().map(|given| format!(" = {}", value(given))).unwrap_or_default();
    match one {
        Content::Reserved(given) => format!("reserved{}", constant(given)),
        Content::Ignored(given) => format!("ignored{}", constant(given)),
        Content::Software => "software".to_owned(),
        Content::SlotsLg2 => "slots_lg2".to_owned(),
        Content::FirstSlot(bits) => format!("first_slot{}", slice(bits)),
        Content::LastSlot(bits) => format!("last_slot{}", slice(bits)),
        Content::Output(bits) => format!("output{}", bits.as_ref().map(slice).unwrap_or_default()),
        Content::Table { child, slice: bits, value: given, condition } => {
            let child = child.as_ref().map(|child| format!(" {}", child.value)).unwrap_or_default();
            let bits = bits.as_ref().map(slice).unwrap_or_default();
            let condition = condition.as_ref().map(|given| format!(" where {}", cond(given))).unwrap_or_default();
            format!("table{child}{bits}{}{condition}", constant(given))
        }
        Content::Field { inverted, name, slice: bits, value: given } => {
            let inverted = if *inverted { "not " } else { "" };
            let bits = bits.as_ref().map(slice).unwrap_or_default();
            format!("{inverted}{}{bits}{}", name.value, constant(given))
        }
        Content::Constant(given) => format!("= {}", value(given)),
    }
}
