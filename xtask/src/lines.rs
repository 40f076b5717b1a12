//! How large things are: a language that saves nothing is not worth learning.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use ptdsl::document::description_lines;

use crate::files;

/// Lines that say something, by format file and by part of the code.
pub fn report(root: &Path) -> String {
    let mut out = String::from("lines that are neither empty nor comments\n\nformats\n");
    for file in files(&root.join("formats"), ".ptf") {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (name, lines) in description_lines(&text) {
            let _ = writeln!(out, "  {lines:6}  {name}");
        }
    }
    out.push_str("\ncode\n");
    for part in ["runtime/src", "ptdsl/src", "ptgen-macros/src"] {
        let lines: usize = files(&root.join(part), ".rs").iter().map(|file| code_lines(file)).sum();
        let _ = writeln!(out, "  {lines:6}  {part}");
    }
    out.push_str("\nruntime/src, a folder with the file of its name\n");
    for (part, lines) in parts(&root.join("runtime/src")) {
        let _ = writeln!(out, "  {lines:6}  {part}");
    }
    out
}

/// The lines of each module of a source folder, what is below it included, the largest first.
fn parts(source: &Path) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for file in files(source, ".rs") {
        let Ok(inside) = file.strip_prefix(source) else { continue };
        let Some(first) = inside.components().next() else { continue };
        let name = Path::new(first.as_os_str()).with_extension("").display().to_string();
        *counts.entry(name).or_default() += code_lines(&file);
    }
    let mut parts: Vec<(String, usize)> = counts.into_iter().collect();
    parts.sort_by_key(|(_, lines)| core::cmp::Reverse(*lines));
    parts
}

/// The lines of a Rust file that are neither empty nor comments.
fn code_lines(file: &Path) -> usize {
    let Ok(text) = std::fs::read_to_string(file) else { return 0 };
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_formats_stay_small() {
        let mut seen = 0;
        for file in files(&crate::workspace().join("formats"), ".ptf") {
            let text = std::fs::read_to_string(&file).expect("a format file can be read");
            for (name, lines) in description_lines(&text) {
                // The longest is that of Arm's short descriptors: four kinds of leaves, each in two views.
                let most = if name.ends_with("5level") { 10 } else { 110 };
                assert!(lines <= most, "{} has {lines} lines in {}, at most {most} are wanted", name, file.display());
                seen += 1;
            }
        }
        assert!(seen > 0, "no format files found");
    }
}
