//! The golden words of `tests/golden`: lines of text, written by hand from manuals and machines, never by ptgen.
//!
//! A line that begins with `format` names a format and what is on or bound to what; the lines below it are about its words:
//!
//! ```text
//! format x86_64_4level no_execute width=46
//! leaf    pt 0x8000000012345163 page 0x12345000 4K accessed dirty global memory_type=write_back write
//! table   pd 0x2063 directory pt 0x2000 accessed execute memory_type=write_back write
//! absent  pd 0x8000000040000020
//! empty   pd 0
//! refused pd 0x80000000400021e3 0x2000
//! ```
//!
//! A leaf has a level, its word, its layout, the OA, the size, and what it says; a table its child's level and address
//! instead. `empty` says what an emptied slot holds, in each range of VA; `refused`, after the word, which bits are wrong, or
//! nothing if it is a combination of them or the level that is. `#` begins a comment.

mod support;

use ptdsl::resolve::Description;
use support::bound::{Bound, bound};

#[test]
fn words_are_what_the_manuals_say() {
    let all: Vec<Description> = ptgen_formats::FILES.iter().flat_map(|file| support::resolved(file.text)).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut checked = 0;
    let mut named = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut format = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let place = format!("{}:{}: {line}", path.display(), number + 1);
            if let Some(binding) = line.strip_prefix("format ") {
                named.push(binding.split(' ').next().unwrap_or_default().to_owned());
                format = Some(bound(&all, binding));
            } else if !line.is_empty() {
                println!("{place}");
                check(format.as_ref().unwrap_or_else(|| panic!("{place}: no format yet")), line, &place);
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "there are no golden words");
    for format in ptgen_formats::FORMATS {
        assert!(named.iter().any(|name| name == format.name), "`{}` has no golden words", format.name);
    }
}

/// Checks one line.
fn check(format: &Bound<'_>, line: &str, place: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number =
        |index: usize| number(words.get(index).unwrap_or_else(|| panic!("{place}: a number is missing")), place);
    let text = |index: usize| *words.get(index).unwrap_or_else(|| panic!("{place}: something is missing"));
    let said = |from: usize| words.get(from..).unwrap_or_default().join(" ");
    let level = text(1);
    match text(0) {
        "leaf" => format.leaf(level, number(2), text(3), address(number(4), place), size(text(5), place), &said(6)),
        "table" => format.table(level, number(2), text(3), text(4), address(number(5), place), &said(6)),
        "absent" => format.absent(level, number(2)),
        "empty" => format.empty(level, &(2..words.len()).map(number).collect::<Vec<_>>()),
        "refused" => format.refused(level, number(2), (words.len() > 3).then(|| number(3))),
        other => panic!("{place}: `{other}` is none of leaf, table, absent, empty, refused"),
    };
}

fn number(text: &str, place: &str) -> u128 {
    let digits = text.strip_prefix("0x");
    let parsed = digits.map_or_else(|| text.parse(), |digits| u128::from_str_radix(digits, 16));
    parsed.unwrap_or_else(|_| panic!("{place}: `{text}` is no number"))
}

fn address(number: u128, place: &str) -> u64 {
    u64::try_from(number).unwrap_or_else(|_| panic!("{place}: {number:#x} is no address"))
}

/// lg2 of a size such as `4K`.
fn size(text: &str, place: &str) -> u32 {
    let unit = text.chars().last().and_then(|unit| "KMGTP".find(unit)).unwrap_or_else(|| panic!("{place}: `{text}`"));
    let count: u64 = text[..text.len() - 1].parse().unwrap_or_else(|_| panic!("{place}: `{text}` is no size"));
    assert!(count.is_power_of_two(), "{place}: `{text}` is no power of two");
    count.ilog2() + 10 * (unit as u32 + 1)
}
