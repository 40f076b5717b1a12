//! A listing for programs: one JSON object, written as it is found.
//!
//! Addresses are strings in hexadecimal, because numbers of JSON lose digits in many readers.

use std::io::Write;

use indicatif::ProgressBar;
use ptdsl::model::Format;
use serde_json::{Map, Value as Json, json};

use super::listing::Counts;
use super::rights::{Rights, Value};
use super::stretch::{Receiver, Stretch, What};
use super::text::Paced;
use crate::failure::{Failure, Outcome};

/// Writes JSON.
pub struct Object<'a> {
    format: &'a Format,
    rights: &'a Rights,
    out: Paced<'a>,
    any: bool,
}

impl<'a> Object<'a> {
    /// A listing of a format with these attributes, of the tables below `root`.
    pub fn new(format: &'a Format, rights: &'a Rights, root: u64, bar: Option<&'a ProgressBar>) -> Outcome<Self> {
        let mut out = Paced::new(bar);
        write!(out.block, "{{\"format\":{},\"root\":\"{root:#x}\",\"ranges\":[", Json::from(format.name.as_str()))?;
        Ok(Self { format, rights, out, any: false })
    }

    /// Writes what was counted and ends the object.
    pub fn finish(mut self, counts: &Counts) -> Outcome {
        let mut summary = json!({
            "complete": counts.gave_up.is_none(),
            "tables": counts.tables,
            "leaves": counts.leaves,
            "recursive": counts.recursive,
            "outside": counts.outside,
            "reserved": counts.reserved,
            "misplaced": counts.misplaced,
        });
        if let Some(address) = counts.gave_up {
            summary["gave_up_at"] = address_json(address.into());
        }
        writeln!(self.out.block, "\n],\"summary\":{summary}}}")?;
        self.out.flush()
    }
}

impl Receiver for Object<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Outcome {
        let mut object = Map::new();
        object.insert("start".into(), address_json(stretch.first.into()));
        object.insert("end".into(), address_json(stretch.end()));
        object.insert("size".into(), size_json(stretch.bytes()));
        let level = self.format.levels.get(stretch.level).map_or("", |level| level.name.as_str());
        object.insert("level".into(), level.into());
        match stretch.what {
            What::Leaf { leaf_lg2, attributes } => {
                object.insert("kind".into(), "leaf".into());
                object.insert("page_size".into(), size_json(1 << leaf_lg2.min(127)));
                if let Some(output) = stretch.output {
                    object.insert("output".into(), address_json(output.into()));
                }
                object.insert("attributes".into(), attributes_json(self.rights, attributes));
            }
            What::Recursive { table } => {
                object.insert("kind".into(), "recursive".into());
                object.insert("table".into(), address_json(table.into()));
            }
            What::Outside { table } => {
                object.insert("kind".into(), "outside".into());
                object.insert("table".into(), address_json(table.into()));
            }
            What::Reserved => {
                object.insert("kind".into(), "reserved".into());
            }
            What::Misplaced => {
                object.insert("kind".into(), "misplaced".into());
            }
        }
        let block = &mut self.out.block;
        block.extend_from_slice(if self.any { b",\n" } else { b"\n" });
        self.any = true;
        serde_json::to_writer(&mut *block, &object)
            .map_err(|error| Failure::found(format!("cannot write JSON: {error}")))?;
        self.out.pace()
    }
}

/// All attributes by name.
pub fn attributes_json(rights: &Rights, packed: u128) -> Json {
    let attributes = rights.columns().iter().map(|column| {
        let value = match column.value(packed) {
            Value::Flag(flag) => Json::from(flag),
            Value::Number(number) => number_json(number),
            Value::Name(name) => Json::from(name),
        };
        (column.name.clone(), value)
    });
    Json::Object(attributes.collect())
}

/// An address as a string.
pub fn address_json(address: u128) -> Json {
    Json::from(format!("{address:#x}"))
}

/// A length as a number, or as a string where it is too large for one.
fn size_json(bytes: u128) -> Json {
    u64::try_from(bytes).map_or_else(|_| address_json(bytes), Json::from)
}

/// A number, or a string where it is too large for one.
pub fn number_json(number: u128) -> Json {
    u64::try_from(number).map_or_else(|_| address_json(number), Json::from)
}
