//! A listing for people: a line for each stretch, as kernels print their tables.

use std::io::{self, Write};

use indicatif::ProgressBar;
use ptdsl::document::size;
use ptdsl::model::Format;

use super::listing::Counts;
use super::rights::{Column, Rights, Value};
use super::stretch::{Receiver, Stretch, What};
use crate::failure::Outcome;

/// So many bytes are written at once.
const BLOCK: usize = 1 << 16;

/// Writes lines.
pub struct Text<'a> {
    format: &'a Format,
    rights: &'a Rights,
    /// Hexadecimal digits of an OA.
    output_digits: usize,
    level_width: usize,
    out: Paced<'a>,
    /// The last attributes and how they are written: neighbours often have the same.
    last: Option<(u128, String)>,
}

impl<'a> Text<'a> {
    /// A listing of a format with these attributes.
    pub fn new(format: &'a Format, rights: &'a Rights, bar: Option<&'a ProgressBar>) -> Self {
        let width = format.layouts.iter().flat_map(|layout| &layout.output).map(|piece| piece.value_low + piece.bits);
        Self {
            format,
            rights,
            output_digits: width.max().unwrap_or(64).div_ceil(4) as usize,
            level_width: format.levels.iter().map(|level| level.name.len()).max().unwrap_or(0),
            out: Paced::new(bar),
            last: None,
        }
    }

    /// Writes what was counted, as the last line.
    pub fn finish(mut self, counts: &Counts, stretches: u64) -> Outcome {
        writeln!(self.out.block, "{}", summary(counts, stretches))?;
        self.out.flush()
    }
}

impl Receiver for Text<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Outcome {
        let level = self.format.levels.get(stretch.level).map_or("", |level| level.name.as_str());
        let block = &mut self.out.block;
        write!(
            block,
            "{:#018x}-{:#018x} {:>8}  {level:width$}  ",
            stretch.first,
            stretch.end(),
            size(stretch.bytes()),
            width = self.level_width,
        )?;
        match stretch.what {
            What::Leaf { leaf_lg2, attributes } => {
                if self.last.as_ref().is_none_or(|(last, _)| *last != attributes) {
                    self.last = Some((attributes, words(self.rights.columns(), attributes)));
                }
                let words = self.last.as_ref().map_or("", |(_, words)| words.as_str());
                write!(block, "{:>7}  ", size(1 << leaf_lg2.min(127)))?;
                if let Some(output) = stretch.output {
                    write!(block, "{output:#0width$x}  ", width = self.output_digits + 2)?;
                }
                writeln!(block, "{words}")?;
            }
            What::Recursive { table } => writeln!(block, "recursive: the table at {table:#x} again, not followed")?,
            What::Outside { table } => writeln!(block, "outside: no table at {table:#x} in the image")?,
            What::Reserved => writeln!(block, "reserved: the machine refuses these words")?,
            What::Misplaced => writeln!(block, "misplaced: words of a run in slots of others")?,
        }
        self.out.pace()
    }
}

/// The attributes in columns; what does not hold is a dash.
fn words(columns: &[Column], packed: u128) -> String {
    let mut text = String::new();
    for column in columns {
        let cell = match column.value(packed) {
            Value::Flag(true) => column.name.clone(),
            Value::Flag(false) => "-".to_owned(),
            Value::Name(name) => name.to_owned(),
            Value::Number(number) => format!("{}={number:#x}", column.name),
        };
        text.push_str(&format!("{cell:width$} ", width = column.width()));
    }
    text.truncate(text.trim_end().len());
    text
}

fn summary(counts: &Counts, stretches: u64) -> String {
    let many = |number: u64, one: &str, more: &str| format!("{number} {}", if number == 1 { one } else { more });
    let mut text = format!(
        "{}, {} in {}",
        many(stretches, "line", "lines"),
        many(counts.leaves, "leaf entry", "leaf entries"),
        many(counts.tables, "table", "tables"),
    );
    for (number, one, more) in [
        (counts.reserved, "reserved word", "reserved words"),
        (counts.misplaced, "misplaced word of a run", "misplaced words of runs"),
        (counts.recursive, "recursive entry", "recursive entries"),
        (counts.outside, "table outside the image", "tables outside the image"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {}", many(number, one, more)));
        }
    }
    text
}

/// Standard output in large blocks, without disturbing a progress bar.
pub struct Paced<'a> {
    /// What waits to be written.
    pub block: Vec<u8>,
    bar: Option<&'a ProgressBar>,
}

impl<'a> Paced<'a> {
    /// Nothing written yet.
    pub fn new(bar: Option<&'a ProgressBar>) -> Self {
        Self { block: Vec::with_capacity(BLOCK + 1024), bar }
    }

    /// Writes what waits if it is much.
    pub fn pace(&mut self) -> Outcome {
        if self.block.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes what waits.
    pub fn flush(&mut self) -> Outcome {
        let block = &self.block;
        let write = || {
            let mut out = io::stdout().lock();
            out.write_all(block).and_then(|()| out.flush())
        };
        match self.bar {
            Some(bar) => bar.suspend(write)?,
            None => write()?,
        }
        self.block.clear();
        Ok(())
    }
}
