//! A decoded word for people and for programs.

use ptdsl::document::{Align, Columns, describe, hexadecimal, number, range, size, span_mask};
use ptdsl::model::{Attribute, AttributeKind, Content, Format, Group, Layout, LayoutKind, Row, Run};
use ptdsl::walk::{Target, decode, root, targets};
use serde_json::{Value as Json, json};

use super::Place;
use super::verdict::{Verdict, groups_of};
use crate::failure::Outcome;
use crate::walk::json::{address_json, attributes_json, number_json};
use crate::walk::rights::{Inherited, Rights, Value};
use crate::walk::words::{Class, Words, gather};

/// For people.
pub fn text(format: &Format, at: Place, word: u128, verdict: &Verdict) -> Outcome<String> {
    let bits = at.word_bits(format);
    let mut text = format!("{} at {} of {}\n", hexadecimal(word, bits), at.name(format), format.name);
    let layout = verdict.layout.map(|place| (place, &format.layouts[place]));
    let name = layout.map_or("", |(_, layout)| layout.name.as_str());
    let class = verdict.class(format);
    text.push_str(&format!("{class}{}: {}\n", spaced(name), verdict.meaning(format)));
    for problem in &verdict.problems {
        text.push_str(&format!("    ! {}\n", problem.text));
    }
    if let Some((place, layout)) = layout {
        text.push('\n');
        text.push_str(&rows(format, place, word, verdict));
        text.push_str(&wholes(layout, word));
        if verdict.problems.is_empty() {
            text.push_str(&conclusions(format, at, word, place)?);
        }
    }
    Ok(text)
}

fn spaced(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" {name}") }
}

/// The rows of the layout with their values.
fn rows(format: &Format, place: usize, word: u128, verdict: &Verdict) -> String {
    let mut table = Columns::new(&[
        ("bits", Align::Right),
        ("name", Align::Left),
        ("value", Align::Right),
        ("", Align::Left),
        ("meaning", Align::Left),
    ]);
    let layout = &format.layouts[place];
    let wrong = verdict.problems.iter().fold(0, |bits, problem| bits | problem.bits);
    for (row, value) in decode(format, place, word) {
        let mask = span_mask(row.high, row.low);
        let described = describe(format, layout, row);
        let mark = if wrong & mask == 0 { "" } else { "!" };
        table.row([
            range(row.high, row.low),
            described.name,
            number(value, row.high + 1 - row.low),
            mark.to_owned(),
            says(format, place, row, value, described.meaning),
        ]);
    }
    table.render()
}

/// What the value of a flag or of a choice says, then what the row means.
fn says(format: &Format, place: usize, row: &Row, value: u128, meaning: String) -> String {
    let Content::Field { name, inverted, .. } = &row.content else { return meaning };
    if let Some(said) = said_by_group(format, place, name, value) {
        return if meaning.is_empty() { said } else { format!("{said} ({meaning})") };
    }
    let flag = |attribute: &&Attribute| attribute.name == *name && attribute.kind == AttributeKind::Flag;
    if !format.attributes.iter().any(|attribute| flag(&attribute)) {
        return meaning;
    }
    let holds = if (value == 1) != *inverted { "yes" } else { "no" };
    if meaning.is_empty() { format!("{name}: {holds}") } else { format!("{name}: {holds} ({meaning})") }
}

/// What a field says alone whose number means something: `memory_type: uncached`.
fn said_by_group(format: &Format, place: usize, name: &str, value: u128) -> Option<String> {
    let alone = |group: &&Group| matches!(group.fields.as_slice(), [(field, _)] if field == name);
    let group = groups_of(format, place).into_iter().find(alone)?;
    let field = format.layouts[place].fields.iter().find(|field| field.name == *name)?;
    if field.pieces.len() > 1 {
        return None;
    }
    let meaning = group.values.iter().find(|(number, _)| *number == value).map(|(_, names)| names.join(" "));
    let meaning = match meaning {
        Some(names) if names.is_empty() => "none".to_owned(),
        Some(names) => names,
        None if group.refuses(value) => "reserved".to_owned(),
        None => return None,
    };
    Some(format!("{}: {meaning}", group.names.join(", ")))
}

/// Fields that stand in several rows, put together.
fn wholes(layout: &Layout, word: u128) -> String {
    let mut text = String::new();
    for field in layout.fields.iter().filter(|field| field.pieces.len() > 1) {
        let bits = field.pieces.iter().map(|piece| piece.value_low + piece.bits).max().unwrap_or(1);
        let value = number(gather(&field.pieces, word), bits);
        text.push_str(&format!("    {} = {value}\n", field.name));
    }
    text
}

/// Where the word leads and what it says as a whole.
fn conclusions(format: &Format, at: Place, word: u128, place: usize) -> Outcome<String> {
    let rights = Rights::new(format, &[])?;
    let words = Words::new(format);
    let mut text = String::from("\n");
    if let Place::Level(level) = at
        && let Class::Leaf(_, leaf) = words.levels[level].classify(word)
    {
        let shift = format.levels[level].shift;
        let (output, leaf_lg2) = leaf.stored(word, shift);
        text.push_str(&output_text(format.layouts[place].run.as_ref(), output, shift, leaf_lg2));
    }
    for child in children(format, at, word, place) {
        let name = &format.levels[child.level].name;
        text.push_str(&format!("    table of {name} at {:#x}\n", child.address));
    }
    if matches!(format.layouts[place].kind, LayoutKind::Leaf | LayoutKind::Table) {
        let packed = rights.leaf(place, word, Inherited::NOTHING);
        let said: Vec<String> = rights
            .columns()
            .iter()
            .filter(|column| column.is_said_by(format, place))
            .map(|column| match column.value(packed) {
                Value::Flag(true) => column.name.clone(),
                Value::Flag(false) => format!("not {}", column.name),
                Value::Number(number) => format!("{} {number:#x}", column.name),
                Value::Name(name) => format!("{} {name}", column.name),
            })
            .collect();
        if !said.is_empty() {
            text.push_str(&format!("    says {}\n", said.join(", ")));
        }
    }
    Ok(if text == "\n" { String::new() } else { text })
}

/// Where a leaf leads, or where a slot of a run does that has its own part of the OA.
fn output_text(run: Option<&Run>, output: u64, shift: u32, leaf_lg2: u32) -> String {
    let whole = size(1 << leaf_lg2.min(127));
    if run.is_none_or(|run| run.identical || run.in_ones) || leaf_lg2 <= shift {
        return format!("    output address {output:#x}, a leaf of {whole}\n");
    }
    let slots = 1_u64 << (leaf_lg2 - shift).min(63);
    let (slot, first) = (output >> shift & (slots - 1), output & !((1 << leaf_lg2.min(63)) - 1));
    let part = size(1 << shift.min(127));
    format!(
        "    output address {output:#x}, {part}: slot {slot} of {slots} of a leaf of {whole} that begins at {first:#x}\n"
    )
}

/// The tables that a word of a layout (an index) points to.
fn children(format: &Format, at: Place, word: u128, layout: usize) -> Vec<Target> {
    match at {
        Place::Root { range, .. } => root(format, range, word).into_iter().collect(),
        Place::Level(level) if format.layouts[layout].kind == LayoutKind::Table => targets(format, level, layout, word),
        Place::Level(_) => Vec::new(),
    }
}

/// For programs.
pub fn json(format: &Format, at: Place, word: u128, verdict: &Verdict) -> Outcome<Json> {
    let bits = at.word_bits(format);
    let problems: Vec<Json> = verdict
        .problems
        .iter()
        .map(|problem| json!({ "bits": bits_json(problem.bits), "text": problem.text }))
        .collect();
    let mut object = json!({
        "format": format.name,
        "level": at.name(format),
        "word": hexadecimal(word, bits).replace('_', ""),
        "class": verdict.class(format),
        "problems": problems,
    });
    let Some(place) = verdict.layout else { return Ok(object) };
    let layout = &format.layouts[place];
    object["layout"] = layout.name.as_str().into();
    object["rows"] =
        decode(format, place, word).iter().map(|(row, value)| row_json(format, layout, row, *value)).collect();
    if !verdict.problems.is_empty() {
        return Ok(object);
    }
    if let Place::Level(level) = at
        && let Class::Leaf(_, leaf) = Words::new(format).levels[level].classify(word)
    {
        let (output, leaf_lg2) = leaf.stored(word, format.levels[level].shift);
        object["output"] = address_json(output.into());
        object["page_size"] = number_json(1 << leaf_lg2.min(127));
        let rights = Rights::new(format, &[])?;
        object["attributes"] = attributes_json(&rights, rights.leaf(place, word, Inherited::NOTHING));
    }
    let is_pointer = matches!(layout.kind, LayoutKind::Table | LayoutKind::Root);
    if is_pointer {
        let tables = children(format, at, word, place).into_iter().map(|child| {
            json!({
                "level": format.levels[child.level].name,
                "address": address_json(child.address.into()),
            })
        });
        object["tables"] = tables.collect();
    }
    Ok(object)
}

fn row_json(format: &Format, layout: &Layout, row: &Row, value: u128) -> Json {
    let described = describe(format, layout, row);
    json!({
        "high": row.high,
        "low": row.low,
        "name": described.name,
        "value": number_json(value),
        "meaning": described.meaning,
    })
}

fn bits_json(bits: u128) -> Json {
    (0..128).filter(|bit| bits >> bit & 1 == 1).collect()
}
