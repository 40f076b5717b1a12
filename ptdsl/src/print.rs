//! Syntax tree to text, in the one canonical form.
//!
//! A statement a line and a row a line, four spaces deep; the places of a layout's rows are padded so that the contents
//! stand in a column, and so are the names and bits of levels that follow each other. A block whose parts carry neither
//! docs nor comments stands on one line where it fits. Comments and docs stay beside their nodes.

mod attribute;
mod fragments;
mod layout;
mod page;
pub(crate) mod words;

use crate::tree::{Comments, Entry, Feature, File, Format, FormatKind, Item, ItemKind, Level, LevelIndex, Parameter};
use crate::tree::{ParameterSet, Virtual};
use fragments::{cases, commas, endian, extension, number, range, span_of_values, value, when};
use page::{Page, Statement};

/// Writes a format file in its canonical form.
///
/// Parsing what it writes gives an equal tree, and printing that gives the same text.
#[must_use]
pub fn print(file: &File) -> String {
    let mut page = Page::default();
    page.head(&file.leading, &[], true);
    for line in &file.docs {
        page.marked("//!", line);
    }
    let mut before: Option<&Format> = None;
    let widths =
        page::columns(file.formats.iter().map(|format| (one_line(format), &format.comments, format.docs.len())));
    for (format, widths) in file.formats.iter().zip(widths) {
        let apart = match before {
            Some(before) => is_block(before) || is_block(format),
            None => !file.docs.is_empty() && !format.docs.is_empty(),
        };
        let first = page.is_empty();
        let comments = Comments { blank_before: format.comments.blank_before || apart, ..format.comments.clone() };
        page.head(&comments, &format.docs, first);
        print_format(&mut page, format, &widths);
        before = Some(format);
    }
    let first = page.is_empty();
    page.tail(&file.trailing, first);
    page.finish()
}

fn is_block(format: &Format) -> bool {
    !format.items.is_empty() || !format.trailing.before.is_empty() || format.comments.opening.is_some()
}

/// The start of the line of a format.
fn one_line(format: &Format) -> Statement {
    let kind = match format.kind.value {
        FormatKind::Format => "format",
        FormatKind::Base => "base",
    };
    let name = format!("{kind} {}", format.name.value);
    let end = if is_block(format) { "" } else { ";" };
    let Some(with) = &format.with else { return Statement::plain(name + end) };
    let mut made = format!("= {} with", with.parent.value);
    if !with.fragments.is_empty() {
        made.push(' ');
        made.push_str(&commas(&with.fragments));
    }
    if is_block(format) {
        return Statement::plain(format!("{name} {made}"));
    }
    Statement { cells: vec![name], pieces: vec![made + end] }
}

fn print_format(page: &mut Page, format: &Format, widths: &[usize]) {
    let head = one_line(format);
    if !is_block(format) {
        page.statement(&head, widths, &format.comments);
        return;
    }
    page.open(&format!("{} {{", head.text(widths)), &format.comments);
    let columns = page::columns(format.items.iter().map(|item| (statement(item), &item.comments, item.docs.len())));
    for (place, (item, widths)) in format.items.iter().zip(columns).enumerate() {
        page.head(&item.comments, &item.docs, place == 0);
        match &item.kind {
            ItemKind::Layout(layout) => layout::print(page, layout, &item.comments),
            ItemKind::Attribute(attribute) => attribute::print_attribute(page, attribute, &item.comments),
            ItemKind::Update(update) => attribute::print_update(page, update, &item.comments),
            _ => page.statement(&statement(item), &widths, &item.comments),
        }
    }
    page.tail(&format.trailing, format.items.is_empty());
    page.close(&format.comments);
}

/// The text of a statement without a block; nothing for others.
fn statement(item: &Item) -> Statement {
    match &item.kind {
        ItemKind::Word(word) => {
            let mut pieces = cases(&word.endian, |kind| endian(*kind).to_owned());
            pieces[0].insert_str(0, &format!("word {} ", number(&word.bits)));
            Statement { cells: Vec::new(), pieces: fragments::ended(pieces) }
        }
        ItemKind::Virtual(range) => virtual_range(range),
        ItemKind::Output(width) => fragments::output(width),
        ItemKind::Feature(names) => feature(names),
        ItemKind::Parameter(names) => parameter(names),
        ItemKind::Level(one) => level(one),
        ItemKind::Layout(_) | ItemKind::Attribute(_) | ItemKind::Update(_) => Statement::default(),
    }
}

fn virtual_range(one: &Virtual) -> Statement {
    let mut rest = extension(&one.extension);
    if let Some(widened) = &one.widened {
        rest.push_str(&format!(" widened {}", number(widened)));
    }
    if let Some(tag) = &one.tag {
        rest.push_str(&format!(" tag {}{}", range(&tag.bits), when(tag.when.as_ref())));
    }
    rest.push(';');
    match &one.name {
        Some(name) => {
            Statement { cells: vec![format!("virtual {}", name.value), value(&one.width)], pieces: vec![rest] }
        }
        None => Statement::plain(format!("virtual {} {rest}", value(&one.width))),
    }
}

fn feature(names: &Feature) -> Statement {
    let usual = if names.usually_on { " = on" } else { "" };
    let mut pieces = fragments::listed("feature", &names.names);
    if let Some(last) = pieces.last_mut() {
        last.push_str(&format!("{}{usual};", when(names.when.as_ref())));
    }
    Statement { cells: Vec::new(), pieces }
}

fn parameter(names: &Parameter) -> Statement {
    let set = match &names.set {
        ParameterSet::Address => "address".to_owned(),
        ParameterSet::Spans(spans) => spans.iter().map(span_of_values).collect::<Vec<_>>().join(", "),
    };
    let per_level = if names.per_level { " per level" } else { "" };
    let mut pieces = fragments::listed("parameter", &names.names);
    pieces.push(format!("= {set}{per_level};"));
    Statement { cells: Vec::new(), pieces }
}

fn level(one: &Level) -> Statement {
    let mut cells = vec![format!("level {}", one.name.value)];
    match &one.index {
        LevelIndex::Bits(bits) => cells.push(range(bits)),
        LevelIndex::Above { width, base } => cells.extend([value(width), format!("above {}", value(base))]),
    }
    let options = [("word", &one.word), ("align", &one.align), ("companion", &one.companion)];
    let options = options.iter().filter_map(|(keyword, given)| Some((keyword, given.as_ref()?)));
    let mut start: String = options.map(|(keyword, given)| format!("{keyword} {} ", number(given))).collect();
    start.push_str("= ");
    let last = one.entries.len().saturating_sub(1);
    let ends = (0..).map(|place| if place == last { ";" } else { "," });
    let mut pieces: Vec<String> = one.entries.iter().zip(ends).map(|(one, end)| entry(one) + end).collect();
    if let Some(first) = pieces.first_mut() {
        first.insert_str(0, &start);
    }
    Statement { cells, pieces }
}

fn entry(one: &Entry) -> String {
    let refused = if one.refused { "reserved " } else { "" };
    let otherwise = if one.else_reserved { " else reserved" } else { "" };
    format!("{refused}{}{}{otherwise}", one.layout.value, when(one.when.as_ref()))
}
