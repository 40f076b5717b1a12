//! The golden words of `tests/golden`: lines of text, written by hand from manuals and machines, never by ptgen. What a
//! line says is in the README there.

mod support;

use ptdsl::resolve::Description;
use support::bound::{Bound, Claim, try_bound};

#[test]
fn words_are_what_the_manuals_say() {
    let all = formats();
    let (mut checked, mut wrong, mut named) = (0, Vec::new(), Vec::new());
    for path in files("golden", "txt") {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy();
        let mut format = Err("no line `format` stands above".to_owned());
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let result = if let Some(binding) = line.strip_prefix("format ") {
                named.push(binding.split(' ').next().unwrap_or_default().to_owned());
                format = try_bound(&all, binding);
                format.as_ref().map(|_| ()).map_err(Clone::clone)
            } else if line.is_empty() {
                Ok(())
            } else {
                checked += 1;
                // What is wrong with the format has been told at its own line.
                let unbound = format.is_err() && !named.is_empty();
                if unbound { Ok(()) } else { format.as_ref().map_err(Clone::clone).and_then(|it| check(it, line)) }
            };
            wrong.extend(result.err().map(|text| format!("{file}:{}: {text}", number + 1)));
        }
    }
    for format in ptgen_formats::FORMATS {
        if !named.iter().any(|name| name == format.name) {
            wrong.push(format!("`{}` has no golden words", format.name));
        }
    }
    assert!(checked > 0, "there are no golden words");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The formats that ship and those that exist in tests only.
fn formats() -> Vec<Description> {
    let mut all: Vec<Description> = ptgen_formats::FILES.iter().flat_map(|file| support::resolved(file.text)).collect();
    for path in files("formats", "ptf") {
        all.extend(support::resolved(&std::fs::read_to_string(path).unwrap()));
    }
    all
}

/// The files of a folder of the tests, in the order of their names.
fn files(folder: &str, ending: &str) -> Vec<std::path::PathBuf> {
    let folder = format!("{}/../tests/{folder}", env!("CARGO_MANIFEST_DIR"));
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    paths.sort();
    paths
}

/// Checks one line.
fn check(format: &Bound<'_>, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let text = |index: usize| words.get(index).copied().ok_or(format!("only {} words", words.len()));
    let number = |index: usize| number(text(index)?);
    let said = words.get(6..).unwrap_or_default().join(" ");
    let claim = match text(0)? {
        "leaf" => Claim::Leaf(text(3)?.to_owned(), address(number(4)?)?, size(text(5)?)?, said),
        "table" => Claim::Table(text(3)?.to_owned(), text(4)?.to_owned(), address(number(5)?)?, said),
        "absent" => Claim::Absent,
        "empty" => {
            let held: Result<Vec<u128>, String> = (2..words.len()).map(number).collect();
            return format.judge_empty(text(1)?, &held?);
        }
        "refused" => Claim::Refused(if words.len() > 3 { Some(number(3)?) } else { None }),
        other => return Err(format!("`{other}` is none of format, leaf, table, absent, empty, refused")),
    };
    format.judge(text(1)?, number(2)?, &claim)
}

fn number(text: &str) -> Result<u128, String> {
    let digits = text.strip_prefix("0x");
    let parsed = digits.map_or_else(|| text.parse(), |digits| u128::from_str_radix(digits, 16));
    parsed.map_err(|_| format!("`{text}` is no number"))
}

fn address(number: u128) -> Result<u64, String> {
    u64::try_from(number).map_err(|_| format!("{number:#x} is no address"))
}

/// lg2 of a size such as `4K`.
fn size(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is no size");
    let unit = text.chars().last().and_then(|unit| "KMGTP".find(unit)).ok_or_else(wrong)?;
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let lg2 = count.checked_ilog2().filter(|_| count.is_power_of_two()).ok_or_else(wrong)?;
    Ok(lg2 + 10 * (unit as u32 + 1))
}
