//! Rules of the repository that a machine can check.

use std::path::Path;

use crate::files;

/// Words that only format files may say.
const ARCHITECTURES: [&str; 14] = [
    "x86",
    "amd64",
    "aarch64",
    "armv",
    "riscv",
    "sv39",
    "sv48",
    "sv57",
    "loongarch",
    "power9",
    "s390",
    "amdv1",
    "vtd",
    "ept",
];

/// The most lines of a source file that is not a test.
const LONGEST: usize = 700;

/// Every place that breaks a rule, as `file:line: what`.
pub fn problems(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["ptdsl/src", "ptgen-macros/src", "runtime/src"] {
        for file in files(&root.join(part), ".rs") {
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            // The instructions that flush are the one thing that no format file can say.
            if !shown.starts_with("runtime/src/tlb") {
                found.extend(architectures(&shown, &text));
            }
            if text.lines().count() > LONGEST {
                found.push(format!(
                    "{shown}: {} lines; more than {LONGEST} have more than one reason",
                    text.lines().count()
                ));
            }
            if !part.starts_with("runtime") {
                found.extend(unsafe_code(&shown, &text));
            }
        }
    }
    for file in files(root, ".md") {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        found.extend(broken_links(&file, &shown, &text));
    }
    found
}

/// Code (comments and tests apart) that names an architecture.
fn architectures(shown: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed == "#[cfg(test)]" {
            break;
        }
        let code = trimmed.split("//").next().unwrap_or_default().to_ascii_lowercase();
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words {
            if ARCHITECTURES.iter().any(|name| word.split('_').any(|part| part.starts_with(name) && part != "except")) {
                found.push(format!("{shown}:{}: `{word}` belongs into a format file", number + 1));
            }
        }
    }
    found
}

/// `unsafe` outside the runtime, unless the file asks for an exception with a reason.
fn unsafe_code(shown: &str, text: &str) -> Vec<String> {
    if text.contains("expect(unsafe_code, reason") || text.contains("expect(\n    unsafe_code,") {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    let hits = lines.filter(|(_, line)| {
        let code = line.trim_start();
        !code.starts_with("//")
            && (code.contains("unsafe {") || code.contains("unsafe impl") || code.contains("unsafe fn"))
    });
    hits.map(|(number, _)| format!("{shown}:{}: `unsafe` outside the runtime", number + 1)).collect()
}

/// Relative links of a document that lead nowhere.
fn broken_links(file: &Path, shown: &str, text: &str) -> Vec<String> {
    let folder = file.parent().unwrap_or(file);
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for part in line.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            let local = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
            if local && !folder.join(target).exists() {
                found.push(format!("{shown}:{}: the link to `{target}` leads nowhere", number + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_in_code_is_found_and_in_a_comment_is_not() {
        let found = architectures("a.rs", "let x = \"riscv_sv39\"; // riscv\n// aarch64\nlet accept = exception;\n");
        assert_eq!(found, ["a.rs:1: `riscv_sv39` belongs into a format file"]);
    }

    #[test]
    fn unsafe_without_a_reason_is_found() {
        assert_eq!(unsafe_code("a.rs", "// unsafe {\nunsafe { f() }\n").len(), 1);
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let found = broken_links(&here, "README.md", "[a](src/main.rs) [b](src/nothing.rs) [c](https://a.b)");
        assert_eq!(found, ["README.md:1: the link to `src/nothing.rs` leads nowhere"]);
    }

    #[test]
    fn the_repository_is_tidy() {
        let found = problems(&crate::workspace());
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
