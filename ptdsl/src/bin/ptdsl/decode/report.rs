//! A decoded word for people and for programs.

use ptdsl::document::{Align, Columns, describe, hexadecimal, number, range, size, span_mask};
use ptdsl::model::{Attribute, AttributeKind, Content, Format, Layout, LayoutKind, Row};
use ptdsl::walk::{decode, targets};
use serde_json::{Value as Json, json};

use super::verdict::Verdict;
use crate::failure::Outcome;
use crate::walk::json::{address_json, attributes_json, number_json};
use crate::walk::rights::{Inherited, Rights, Value};
use crate::walk::words::{Class, Words, gather};

/// For people.
pub fn text(format: &Format, level: usize, word: u128, verdict: &Verdict) -> Outcome<String> {
    let bits = format.levels[level].word_bits;
    let mut text = format!("{} at {} of {}\n", hexadecimal(word, bits), format.levels[level].name, format.name);
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
            text.push_str(&conclusions(format, level, word, place)?);
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
            says(format, row, value, described.meaning),
        ]);
    }
    table.render()
}

/// What the value of a flag says, then what the row means.
fn says(format: &Format, row: &Row, value: u128, meaning: String) -> String {
    let Content::Field { name, inverted, .. } = &row.content else { return meaning };
    let flag = |attribute: &&Attribute| attribute.name == *name && attribute.kind == AttributeKind::Flag;
    if !format.attributes.iter().any(|attribute| flag(&attribute)) {
        return meaning;
    }
    let holds = if (value == 1) != *inverted { "yes" } else { "no" };
    if meaning.is_empty() { format!("{name}: {holds}") } else { format!("{name}: {holds} ({meaning})") }
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
fn conclusions(format: &Format, level: usize, word: u128, place: usize) -> Outcome<String> {
    let rights = Rights::new(format, &[])?;
    let words = Words::new(format);
    let mut text = String::from("\n");
    match words.levels[level].classify(word) {
        Class::Leaf(_, leaf) => {
            let (output, leaf_lg2) = leaf.stored(word, format.levels[level].shift);
            text.push_str(&format!("    output address {output:#x}, a leaf of {}\n", size(1 << leaf_lg2.min(127))));
        }
        Class::Table(_) => {
            for child in targets(format, level, place, word) {
                let name = &format.levels[child.level].name;
                text.push_str(&format!("    table of {name} at {:#x}\n", child.address));
            }
        }
        Class::Absent(_) | Class::Reserved => {}
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

/// For programs.
pub fn json(format: &Format, level: usize, word: u128, verdict: &Verdict) -> Outcome<Json> {
    let bits = format.levels[level].word_bits;
    let problems: Vec<Json> = verdict
        .problems
        .iter()
        .map(|problem| json!({ "bits": bits_json(problem.bits), "text": problem.text }))
        .collect();
    let mut object = json!({
        "format": format.name,
        "level": format.levels[level].name,
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
    let words = Words::new(format);
    match words.levels[level].classify(word) {
        Class::Leaf(_, leaf) => {
            let (output, leaf_lg2) = leaf.stored(word, format.levels[level].shift);
            object["output"] = address_json(output.into());
            object["page_size"] = number_json(1 << leaf_lg2.min(127));
            let rights = Rights::new(format, &[])?;
            object["attributes"] = attributes_json(&rights, rights.leaf(place, word, Inherited::NOTHING));
        }
        Class::Table(_) => {
            object["tables"] = targets(format, level, place, word)
                .iter()
                .map(|child| {
                    json!({
                        "level": format.levels[child.level].name,
                        "address": address_json(child.address.into()),
                    })
                })
                .collect();
        }
        Class::Absent(_) | Class::Reserved => {}
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
