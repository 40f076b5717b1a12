//! Where the walk begins: an address, or what is in it of a root register.

use ptdsl::document::{hexadecimal, range as bits, ranges_of};
use ptdsl::model::{Content, Format, Layout};
use ptdsl::walk;

use super::image::Image;
use crate::args::Walk;
use crate::failure::{Failure, Outcome};

/// The address of the root, which is in the image.
pub fn root(request: &Walk, format: &Format, range: usize, image: &mut Image) -> Outcome<u64> {
    let root = match request.root_word {
        Some(word) => named(format, range, word)?,
        None => request.root.unwrap_or_default(),
    };
    in_image(format, range, root, image)?;
    Ok(root)
}

/// The address in a root word.
fn named(format: &Format, range: usize, word: u128) -> Outcome<u64> {
    let known = &format.ranges[range];
    let Some(layout) = known.root_word.and_then(|place| format.layouts.get(place)) else {
        return Err(Failure::found(format!("{} does not say what its root register holds", format.name))
            .help("--root takes the address"));
    };
    let Some(target) = walk::root(format, range, word) else {
        return Err(Failure::found(format!("{} is no {}", hexadecimal(word, layout.word_bits), layout.name))
            .expected(demanded(layout))
            .help("the register belongs to another format, or to a processor that translates nothing"));
    };
    if target.level != known.root {
        let (named, level) = (&format.levels[target.level].name, &format.levels[known.root].name);
        return Err(Failure::found(format!("{} names a table of {named}", hexadecimal(word, layout.word_bits)))
            .expected(format!("a table of {level}"))
            .help(format!("--root-level {named}")));
    }
    Ok(target.address)
}

/// What the bits of a root word have to be.
fn demanded(layout: &Layout) -> String {
    let mut said = Vec::new();
    for row in &layout.rows {
        if let Content::Constant { name, value } = &row.content {
            let name = name.as_ref().map_or(String::new(), |name| format!("{name} = "));
            said.push(format!("{name}{value} in bits {}", bits(row.high, row.low)));
        }
    }
    if layout.reserved.fixed != 0 {
        said.push(format!("{} in bits {}", layout.reserved_value, ranges_of(layout.reserved.fixed)));
    }
    said.join(", and ")
}

/// Refuses a root that is not aligned or not in the image.
fn in_image(format: &Format, range: usize, root: u64, image: &mut Image) -> Outcome {
    let range = &format.ranges[range];
    let level = &format.levels[range.root];
    let alignment = 1u64 << range.root_align_lg2.min(63);
    if !root.is_multiple_of(alignment) {
        return Err(Failure::found(format!("the root {root:#x}"))
            .expected(format!("a multiple of {alignment:#x}, as the tables of {} are", level.name))
            .help(format!(
                "the low bits of a root register are not part of the address: try {:#x}, or --root-word with what the register holds",
                root & !(alignment - 1)
            )));
    }
    let bytes = (level.word_bits as usize / 8) << range.root_index_bits.min(40);
    if image.bytes(root, bytes)?.is_none() {
        return Err(Failure::found(format!("the root {root:#x}, a table of {bytes} bytes"))
            .expected(format!("an address inside the image, {:#x} to {:#x}", image.first(), image.last()))
            .help("--base is the physical address of the first byte of the image"));
    }
    Ok(())
}
