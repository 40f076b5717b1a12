//! Assembly as the compiler writes it: which function has which instructions.

use std::collections::BTreeMap;

/// The functions of some assembly files.
#[derive(Debug, Default)]
pub struct Listing {
    /// Instructions and labels, by mangled name.
    functions: BTreeMap<String, Vec<String>>,
    /// Names that stand for other functions: the compiler merges those that it finds equal.
    aliases: BTreeMap<String, String>,
}

impl Listing {
    /// Reads files in the syntax of the GNU assembler.
    pub fn parse(texts: &[String]) -> Self {
        let mut listing = Self::default();
        let mut inside: Option<String> = None;
        for line in texts.iter().flat_map(|text| text.lines()) {
            if let Some((alias, target)) = line.trim().strip_prefix(".set").and_then(|rest| rest.split_once(',')) {
                listing.aliases.insert(alias.trim().into(), target.trim().into());
            } else if line.starts_with(".Lfunc_end") {
                inside = None;
            } else if let Some(symbol) = line.strip_suffix(':').filter(|label| !label.starts_with('.')) {
                inside = Some(symbol.into());
            } else if let Some(symbol) = inside.as_ref().filter(|_| is_code(line)) {
                listing.functions.entry(symbol.clone()).or_default().push(line.into());
            }
        }
        listing
    }

    /// The code of the function whose mangled name contains `name`.
    pub fn function(&self, name: &str) -> Option<&[String]> {
        self.code(self.symbol(name)?)
    }

    /// That function and all that it may call, for people.
    pub fn with_callees(&self, name: &str) -> String {
        let Some(first) = self.symbol(name) else { return format!("no function `{name}`\n") };
        let mut shown = vec![first];
        let mut text = String::new();
        let mut next = 0;
        while let Some(&symbol) = shown.get(next) {
            let code = self.code(symbol).unwrap_or_default();
            text += &format!("{symbol}:\n{}\n", code.join("\n"));
            for called in code.iter().flat_map(|line| names(line)) {
                if self.code(called).is_some() && !shown.contains(&called) {
                    shown.push(called);
                }
            }
            next += 1;
        }
        text
    }

    fn symbol(&self, name: &str) -> Option<&str> {
        let segment = format!("{}{name}", name.len());
        let mut symbols = self.functions.keys().chain(self.aliases.keys());
        symbols.find(|symbol| symbol.contains(&segment)).map(String::as_str)
    }

    fn code(&self, symbol: &str) -> Option<&[String]> {
        let symbol = self.aliases.get(symbol).map_or(symbol, String::as_str);
        self.functions.get(symbol).map(Vec::as_slice)
    }
}

/// What may be names of functions in a line: they are called, continued in, or kept in a register to be called later.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split(|sign: char| sign.is_whitespace() || "*@(),".contains(sign)).filter(|name| !name.is_empty())
}

/// How many instructions there are among `lines`.
pub fn instructions(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with('\t')).count()
}

/// Whether a line is an instruction, or a label that one may jump to.
fn is_code(line: &str) -> bool {
    let text = line.trim();
    let is_label = !line.starts_with('\t') && text.ends_with(':') && text.starts_with(".LBB");
    let is_instruction = line.starts_with('\t') && text.starts_with(|first: char| first.is_ascii_alphabetic());
    is_label || is_instruction
}

#[cfg(test)]
mod tests {
    use super::{Listing, instructions};

    const TEXT: &str = "\t.globl\t_ZN5twins3onE\n_ZN5twins3oneE:\n.Lfunc_begin0:\n\t.cfi_startproc\n\tmovq\t%rdi, %rax\n\
                        .LBB0_1:\n\tjne\t.LBB0_1\n\t# comment\n\tretq\n.Lfunc_end0:\n\tnop\n\
                        .set _ZN5twins3twoE, _ZN5twins3oneE\n\
                        _ZN5twins4moreE:\n\tcallq\t*_ZN5twins3twoE@GOTPCREL(%rip)\n.Lfunc_end1:\n";

    #[test]
    fn labels_and_instructions_are_told_from_the_rest() {
        let listing = Listing::parse(&[TEXT.to_owned()]);
        let one = listing.function("one").expect("is there");
        assert_eq!(one, ["\tmovq\t%rdi, %rax", ".LBB0_1:", "\tjne\t.LBB0_1", "\tretq"]);
        assert_eq!(instructions(one), 3);
        assert_eq!(listing.function("two"), Some(one), "another name for the same code");
        assert_eq!(listing.function("three"), None);
    }

    #[test]
    fn callees_are_shown() {
        let shown = Listing::parse(&[TEXT.to_owned()]).with_callees("more");
        assert!(shown.contains("_ZN5twins3twoE:\n\tmovq"), "{shown}");
    }
}
