//! One address translated, with the way that led there.

use std::cell::RefCell;
use std::process::ExitCode;

use ptdsl::document::{Align, Columns, hexadecimal, kind_name, size};
use ptdsl::model::Format;
use ptdsl::walk::{
    Attributes, Class, Fault, Leaf, Outcome as End, Step, Value, Walk as Way, canonical_range, targets, translate,
};
use serde_json::{Map, Value as Json, json};

use super::image::Image;
use super::json::{address_json, number_json};
use crate::args::Walk;
use crate::decode::verdict::Verdict;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::source::Bound;

/// Translates `va` and shows the way. The exit code is 1 if there is no translation.
pub fn run(request: &Walk, bound: &Bound, image: &mut Image, root: u64, va: u64) -> Outcome<ExitCode> {
    let format = bound.format();
    let range = bound.family.range;
    let way = walk(format, range, image, root, va)?;
    let text = if request.json {
        format!("{:#}\n", json(format, root, va, &way))
    } else {
        text(format, range, root, va, &way)
    };
    output::print(&text)?;
    Ok(match way.outcome {
        End::Leaf(_) => ExitCode::SUCCESS,
        End::Fault { .. } => ExitCode::from(1),
    })
}

fn walk(format: &Format, range: usize, image: &mut Image, root: u64, va: u64) -> Outcome<Way> {
    let image = RefCell::new(image);
    let broken: RefCell<Option<Failure>> = RefCell::new(None);
    let words = |address: u64, bytes: u32| match image.borrow_mut().bytes(address, bytes as usize) {
        Ok(bytes) => bytes.map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte))),
        Err(failure) => {
            *broken.borrow_mut() = Some(failure);
            None
        }
    };
    let way = translate(format, range, &words, root, va);
    match broken.into_inner() {
        Some(failure) => Err(failure),
        None => Ok(way),
    }
}

fn text(format: &Format, range: usize, root: u64, va: u64, way: &Way) -> String {
    let mut text = format!("{va:#018x} in {}, root {:#x}\n", format.name, root);
    let mut table =
        Columns::new(&[("", Align::Left), ("table", Align::Right), ("word", Align::Left), ("", Align::Left)]);
    for step in &way.path {
        let level = &format.levels[step.level];
        table.row([
            format!("{}[{}]", level.name, step.index),
            format!("{:#x}", step.table),
            hexadecimal(step.word, level.word_bits),
            step_words(format, step),
        ]);
    }
    if !table.is_empty() {
        text.push_str(&table.render());
    }
    match &way.outcome {
        End::Leaf(leaf) => text.push_str(&leaf_words(format, leaf)),
        End::Fault { fault, level } => {
            let place = level.map_or(String::new(), |level| format!(" at {}", format.levels[level].name));
            text.push_str(&format!("no translation{place}: {}\n", fault_words(format, range, va, way, fault)));
        }
    }
    text
}

fn step_words(format: &Format, step: &Step) -> String {
    let name = |layout: usize| {
        let layout = &format.layouts[layout];
        format!("{} {}", kind_name(layout.kind), layout.name)
    };
    match step.class {
        Class::Absent { layout } | Class::Leaf { layout } => name(layout),
        Class::Table { layout } => {
            let tables: Vec<String> = targets(format, step.level, layout, step.word)
                .iter()
                .map(|table| format!("{} {:#x}", format.levels[table.level].name, table.address))
                .collect();
            format!("{} -> {}", name(layout), tables.join(", "))
        }
        Class::Reserved { layout, .. } => {
            let name = layout.map_or("word", |layout| format.layouts[layout].name.as_str());
            format!("reserved {name}")
        }
    }
}

fn leaf_words(format: &Format, leaf: &Leaf) -> String {
    let said: Vec<String> = format
        .attributes
        .iter()
        .filter_map(|attribute| {
            let name = &attribute.name;
            Some(match leaf.attributes.get(name)? {
                Value::Flag(true) => name.clone(),
                Value::Flag(false) => format!("not {name}"),
                Value::Number(number) | Value::Unnamed(number) => format!("{name} {number:#x}"),
                Value::Name(value) => format!("{name} {value}"),
            })
        })
        .collect();
    let bytes = size(1u128 << leaf.size_lg2.min(127));
    let mut text = format!("output address {:#x}, by a leaf of {bytes} from {:#x} on\n", leaf.oa, leaf.va);
    if !said.is_empty() {
        text.push_str(&format!("attributes {}\n", said.join(", ")));
    }
    text
}

fn fault_words(format: &Format, range: usize, va: u64, way: &Way, fault: &Fault) -> String {
    match fault {
        Fault::NotCanonical => not_canonical(format, range, va),
        Fault::Absent { layout } => format!("the slot is absent ({})", format.layouts[*layout].name),
        Fault::Reserved(_) => {
            let Some(step) = way.path.last() else { return "the word is refused".to_owned() };
            let problems = Verdict::new(format, step.level, step.word).problems;
            let texts: Vec<String> = problems.into_iter().map(|problem| problem.text).collect();
            texts.join("; ")
        }
        Fault::NoMemory(address) => format!("{address:#x} is not in the image"),
        Fault::SkippedBits => "bits of the address that the walk skips are not zero".to_owned(),
        Fault::OutsideTable => "the table has no such slot".to_owned(),
        Fault::Misplaced => "the word is for another slot of its run".to_owned(),
    }
}

/// Why an address is not in the range, and in which it is.
fn not_canonical(format: &Format, range: usize, va: u64) -> String {
    let name = |range: usize| match format.ranges.get(range).and_then(|range| range.name.as_deref()) {
        Some(name) => format!("the range `{name}`"),
        None => "the range of this format".to_owned(),
    };
    match canonical_range(format, va) {
        Some(other) => format!("the address is in {}, not in {}; see --range", name(other), name(range)),
        None => format!("the address is not in {}", name(range)),
    }
}

fn json(format: &Format, root: u64, va: u64, way: &Way) -> Json {
    let path: Vec<Json> = way
        .path
        .iter()
        .map(|step| {
            let level = &format.levels[step.level];
            let (class, layout) = match step.class {
                Class::Absent { layout } => ("absent", Some(layout)),
                Class::Table { layout } => ("table", Some(layout)),
                Class::Leaf { layout } => ("leaf", Some(layout)),
                Class::Reserved { layout, .. } => ("reserved", layout),
            };
            json!({
                "level": level.name,
                "table": address_json(step.table.into()),
                "index": step.index,
                "word": hexadecimal(step.word, level.word_bits).replace('_', ""),
                "class": class,
                "layout": layout.map(|layout| format.layouts[layout].name.as_str()),
            })
        })
        .collect();
    let mut object = json!({
        "format": format.name,
        "root": address_json(root.into()),
        "va": address_json(va.into()),
        "path": path,
    });
    match &way.outcome {
        End::Leaf(leaf) => {
            object["leaf"] = json!({
                "output": address_json(leaf.oa.into()),
                "level": format.levels[leaf.level].name,
                "page_size": number_json(1 << leaf.size_lg2.min(127)),
                "start": address_json(leaf.va.into()),
                "attributes": attributes_json(&leaf.attributes),
            });
        }
        End::Fault { fault, level } => {
            object["fault"] = json!({
                "kind": fault_name(fault),
                "level": level.map(|level| format.levels[level].name.as_str()),
            });
        }
    }
    object
}

fn attributes_json(attributes: &Attributes) -> Json {
    let values = attributes.iter().map(|(name, value)| {
        let value = match value {
            Value::Flag(flag) => Json::from(*flag),
            Value::Number(number) | Value::Unnamed(number) => number_json(*number),
            Value::Name(name) => Json::from(name.as_str()),
        };
        (name.clone(), value)
    });
    Json::Object(values.collect::<Map<String, Json>>())
}

fn fault_name(fault: &Fault) -> &'static str {
    match fault {
        Fault::NotCanonical => "not_canonical",
        Fault::Absent { .. } => "absent",
        Fault::Reserved(_) => "reserved",
        Fault::NoMemory(_) => "no_memory",
        Fault::SkippedBits => "skipped_bits",
        Fault::OutsideTable => "outside_table",
        Fault::Misplaced => "misplaced",
    }
}
