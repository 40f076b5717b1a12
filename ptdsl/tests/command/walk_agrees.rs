//! The fast listing of `ptdsl walk` against the reference walker, on random tables of every format there is.

use std::ops::ControlFlow;
use std::path::Path;

use ptdsl::binding::{Binding, Setting};
use ptdsl::model::{Attribute, AttributeKind, Combine, Content, Endian, Format, LayoutKind};
use ptdsl::resolve::Description;
use ptdsl::walk::{Attributes, Fault, Found, Value as Said, mappings};
use serde_json::{Map, Value, json};

use crate::support::{file, run};

/// Tables in an image.
const TABLES: u64 = 18;
/// Bytes from one table to the next: as much as the largest tables and alignments of the formats need.
const STEP: u64 = 1 << 16;
/// Words in each table that are not zero.
const WORDS: u64 = 9;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[test]
fn listings_of_built_in_formats_agree() {
    let mut leaves = 0;
    for builtin in ptgen_formats::FORMATS {
        let compiled = ptdsl::compile(builtin.file, builtin.text);
        leaves += compare(&compiled, builtin.name, builtin.name, 2);
    }
    assert!(leaves > 1000, "only {leaves} leaves");
}

#[test]
fn listings_of_trial_formats_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trials");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut leaves = 0;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "ptf")) {
        let path = path.display().to_string();
        let compiled = ptdsl::compile(&path, &std::fs::read_to_string(&path).unwrap());
        for name in compiled.formats().map(|format| format.name.value.clone()) {
            leaves += compare(&compiled, &name, &format!("{path}#{name}"), 1);
        }
    }
    assert!(leaves > 1000, "only {leaves} leaves");
}

/// Compares the listings of some images in every range of a format, with the usual features and with all of them; with the
/// number of leaves that were found.
fn compare(compiled: &ptdsl::Compiled, name: &str, argument: &str, images: u64) -> usize {
    let description = compiled.formats().find(|format| format.name.value == name).unwrap();
    let mut leaves = 0;
    for range in &description.ranges {
        for all in [false, true] {
            let range = range.node.name.as_ref().map(|name| name.value.clone());
            let (binding, settings) = settings(description, range, all);
            let family = ptdsl::bind(description, &binding).unwrap();
            let format = &family.members[0].format;
            // At least so many images; more where they have no leaves.
            for seed in 1..=10 {
                if seed > images && leaves > 0 {
                    break;
                }
                let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed << 17 ^ u64::from(all) << 33);
                let image = image(format, format.ranges[family.range].root, &mut random);
                leaves += one(format, family.range, &image, argument, &settings);
            }
        }
    }
    assert!(leaves > 0, "{argument}: no leaf was found");
    leaves
}

/// A binding, and the arguments that say the same.
fn settings(description: &Description, range: Option<String>, all: bool) -> (Binding, Vec<String>) {
    let mut arguments = Vec::new();
    if let Some(range) = &range {
        arguments.extend(["--range".to_owned(), range.clone()]);
    }
    let mut binding = Binding { range, ..Binding::default() };
    for feature in description.features.iter().filter(|_| all) {
        let name = &feature.node.name.value;
        // A feature that another one excludes stays as it is.
        let mut more = binding.clone();
        more.features.insert(name.clone(), Setting::On);
        if ptdsl::bind(description, &more).is_ok() {
            arguments.extend(["--features".to_owned(), format!("{name}=on")]);
            binding = more;
        }
    }
    // Addresses by which words are told apart have no usual value.
    let family = ptdsl::bind(description, &binding).unwrap();
    for name in family.members[0].format.addresses.keys() {
        arguments.extend(["--parameters".to_owned(), format!("{name}={:#x}", TABLES * STEP)]);
        let value = ptdsl::binding::Value::Fixed(u128::from(TABLES * STEP));
        binding.parameters.insert(name.clone(), value);
    }
    (binding, arguments)
}

/// Compares one listing.
fn one(format: &Format, range: usize, image: &[u8], argument: &str, more: &[String]) -> usize {
    let name = argument.rsplit('/').next().unwrap();
    let path = file(&format!("agrees-{name}.img"), image).display().to_string();
    let mut arguments =
        vec!["walk", argument, "--memory", &path, "--root", "0", "--json", "--outputs", "--max-tables", "10_000_000"];
    arguments.extend(more.iter().map(String::as_str));
    let ran = run(&arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
    let listed: Value = serde_json::from_str(&ran.out).unwrap();
    let (expected, leaves) = expected(format, range, image);
    let ranges = listed["ranges"].as_array().unwrap();
    for (found, expected) in ranges.iter().zip(&expected) {
        assert_eq!(found, expected, "{arguments:?}");
    }
    assert_eq!(ranges.len(), expected.len(), "{arguments:?}");
    leaves
}

/// What the reference walker finds, merged as the listing merges.
fn expected(format: &Format, range: usize, image: &[u8]) -> (Vec<Value>, usize) {
    let mut merged: Vec<(u128, u128, Value)> = Vec::new();
    let mut leaves = 0;
    let flow: ControlFlow<()> = mappings(format, range, image, 0, &mut |found| {
        leaves += usize::from(matches!(found, Found::Leaf { .. }));
        let (va, bytes, object) = piece(format, found);
        let va = u128::from(va);
        let last = merged.last_mut().filter(|(start, end, before)| *end == va && follows(before, &object, va - *start));
        match last {
            Some((_, end, _)) => *end += bytes,
            None => merged.push((va, va + bytes, object)),
        }
        ControlFlow::Continue(())
    });
    assert_eq!(flow, ControlFlow::Continue(()));
    let ranges = merged.into_iter().map(|(start, end, mut object)| {
        object["start"] = format!("{start:#x}").into();
        object["end"] = format!("{end:#x}").into();
        object["size"] = u64::try_from(end - start).map_or(format!("{:#x}", end - start).into(), Value::from);
        object
    });
    (ranges.collect(), leaves)
}

/// Whether a piece says the same as the one before it, `apart` bytes further.
fn follows(before: &Value, piece: &Value, apart: u128) -> bool {
    let output = |object: &Value| {
        let text = object.get("output")?.as_str()?.strip_prefix("0x")?;
        u128::from_str_radix(text, 16).ok()
    };
    let rest = |object: &Value| {
        let mut object = object.clone();
        object.as_object_mut().unwrap().remove("output");
        object
    };
    rest(before) == rest(piece) && output(before).map(|output| output + apart) == output(piece)
}

fn piece(format: &Format, found: Found) -> (u64, u128, Value) {
    let level_name = |level: usize| format.levels[level].name.as_str();
    match found {
        Found::Leaf { va, oa, slot_lg2, leaf } => {
            let object = json!({
                "kind": "leaf", "level": level_name(leaf.level), "output": format!("{oa:#x}"),
                "page_size": 1u64 << leaf.size_lg2, "attributes": attributes(format, &leaf.attributes),
            });
            (va, 1 << slot_lg2, object)
        }
        Found::Fault { va, slot_lg2, level, fault } => {
            let mut object = json!({ "level": level_name(level) });
            object["kind"] = match fault {
                Fault::Reserved(_) => "reserved".into(),
                Fault::Misplaced => "misplaced".into(),
                Fault::NoMemory(address) => {
                    let known = &format.levels[level];
                    let slot = va >> known.shift & ((1 << known.index_bits) - 1);
                    let table = address - slot * u64::from(known.word_bits / 8);
                    object["table"] = format!("{table:#x}").into();
                    "outside".into()
                }
                other => panic!("{other:?} is found by addresses, not by tables"),
            };
            (va, 1 << slot_lg2, object)
        }
        Found::Cycle { va, level, address } => {
            let object = json!({
                "kind": "recursive", "level": level_name(level), "table": format!("{address:#x}"),
            });
            (va, 1 << format.levels[level].shift, object)
        }
    }
}

/// All attributes; what nobody says is allowed if it is a right, and zero otherwise.
fn attributes(format: &Format, said: &Attributes) -> Value {
    let value = |attribute: &Attribute| match said.get(&attribute.name) {
        Some(Said::Flag(flag)) => Value::from(*flag),
        Some(Said::Name(name)) => Value::from(name.as_str()),
        Some(Said::Number(number) | Said::Unnamed(number)) => number_value(*number),
        None => match &attribute.kind {
            AttributeKind::Flag => Value::from(attribute.combine == Combine::And),
            AttributeKind::Number(_) => Value::from(0),
            AttributeKind::Choice { names, .. } => {
                let zero = names.iter().find(|choice| choice.numbers.contains(&0));
                zero.map_or(Value::from(0), |choice| Value::from(choice.name.as_str()))
            }
        },
    };
    let all = format.attributes.iter().map(|attribute| (attribute.name.clone(), value(attribute)));
    Value::Object(all.collect::<Map<String, Value>>())
}

fn number_value(number: u128) -> Value {
    u64::try_from(number).map_or_else(|_| format!("{number:#x}").into(), Value::from)
}

/// Tables at multiples of [`STEP`], from that of the root on one level below the other and then again. Words look like the
/// layouts of their level, but not all; pointers lead to the next level, but not all.
fn image(format: &Format, root: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from((TABLES + 1) * STEP).unwrap()];
    let levels = format.levels.len() - root;
    for table in 0..usize::try_from(TABLES).unwrap() {
        let level = root + table % levels;
        let known = &format.levels[level];
        let width = usize::try_from(known.word_bits / 8).unwrap();
        let slots = 1 << known.index_bits.min(9);
        for _ in 0..WORDS {
            let (layout, word) = word(format, level, (table + 1) % levels, levels, random);
            let slot = random.below(slots);
            let is_leaf = format.layouts[layout].kind == LayoutKind::Leaf;
            let run = if is_leaf && random.below(2) == 0 { 1 + random.below(20) } else { 1 };
            for slot in slot..(slot + run).min(slots) {
                let start = table * usize::try_from(STEP).unwrap() + usize::try_from(slot).unwrap() * width;
                let ordered = match known.endian {
                    Endian::Little => word.to_le_bytes()[..width].to_vec(),
                    Endian::Big => word.to_be_bytes()[16 - width..].to_vec(),
                };
                bytes[start..start + width].copy_from_slice(&ordered);
            }
        }
    }
    bytes
}

/// A word that looks like one of the level's layouts (an index). Most of its tables are one of those that stand at `below`
/// or a multiple of `step` further.
fn word(format: &Format, level: usize, below: usize, step: usize, random: &mut Random) -> (usize, u128) {
    let entries = &format.levels[level].entries;
    let entry = entries[usize::try_from(random.below(entries.len() as u64)).unwrap()];
    let layout = &format.layouts[entry.layout];
    let mut word = u128::from(random.next()) << 64 | u128::from(random.next());
    for child in &layout.children {
        let table = if random.below(8) == 0 {
            random.below(TABLES + 1)
        } else {
            below as u64 + step as u64 * random.below(TABLES / step as u64)
        };
        for piece in &child.address {
            put(&mut word, piece.word_low, piece.bits, u128::from(table * STEP) >> piece.value_low);
        }
    }
    if random.below(16) != 0 {
        word = word & !layout.reserved.fixed | layout.reserved_value;
    }
    for row in &layout.rows {
        if let Content::Constant { value, .. } = row.content {
            put(&mut word, row.low, row.high + 1 - row.low, value);
        }
    }
    (entry.layout, word)
}

/// Puts a value into bits of a word.
fn put(word: &mut u128, low: u32, bits: u32, value: u128) {
    let ones = u128::MAX >> (128 - bits);
    *word = *word & !(ones << low) | (value & ones) << low;
}
