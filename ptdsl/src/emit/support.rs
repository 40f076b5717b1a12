//! What the generator cannot emit yet, refused by name rather than emitted wrong.

use super::Options;
use super::leaf::group_bits;
use super::ones;
use super::plan::{Plan, attribute_of, of_kind};
use crate::binding::Family;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{AttributeKind, Combine, Format, LayoutKind, Source, Test};

/// Everything about the models that the generator has no code for.
pub(crate) fn unsupported(family: &Family, options: &Options) -> Vec<Diagnostic> {
    let mut found = Found { options, complaints: Vec::new() };
    for member in &family.members {
        found.geometry(&member.format);
        found.words(&member.format);
        found.attributes(&member.format);
    }
    if found.complaints.is_empty() {
        found.together(&Plan::new(family, options));
    }
    found.complaints
}

struct Found<'a> {
    options: &'a Options,
    complaints: Vec<Diagnostic>,
}

impl Found<'_> {
    fn add(&mut self, what: &str, name: &str, line: usize) {
        let message = format!("`{name}` needs {what}, for which there is no code yet");
        if self.complaints.iter().all(|known| known.message != message) {
            let complaint = Diagnostic::new(Code::NotEmitted, message);
            let complaint = complaint.note(format!("at {}:{line}", self.options.file));
            self.complaints.push(complaint.help("`ptdsl check`, `show`, `decode` and `walk` know it already"));
        }
    }

    fn geometry(&mut self, format: &Format) {
        let first = format.levels.first().map_or(64, |level| level.word_bits);
        for (place, level) in format.levels.iter().enumerate() {
            if !matches!(level.word_bits, 32 | 64) || level.word_bits != first {
                self.add("words of 128 bits or of several widths", &level.name, level.line);
            }
            if format.levels.len() > 8 {
                self.add("more than 8 levels", &format.name, format.line);
            }
            for (_, layout) in of_kind(format, place, LayoutKind::Table) {
                let onto_next = layout.children.iter().all(|child| child.levels.get(&place) == Some(&(place + 1)));
                if layout.children.len() != 1 || layout.children[0].condition != Test::Always {
                    self.add("a choice of two children", &layout.name, layout.line);
                } else if !onto_next {
                    self.add("a child that is not of the next level", &layout.name, layout.line);
                }
            }
            let kinds = |kind| of_kind(format, place, kind).count();
            if kinds(LayoutKind::Table) > 1 {
                self.add("several layouts of tables", &level.name, level.line);
            }
            if kinds(LayoutKind::Absent) == 0 {
                self.add("a slot that is never empty", &level.name, level.line);
            }
        }
    }

    fn words(&mut self, format: &Format) {
        for layout in &format.layouts {
            if layout.kind == LayoutKind::Leaf && !layout.addresses().is_empty() {
                self.add("an address in a condition on leaves", &layout.name, layout.line);
            }
            if layout.defer {
                self.add("a choice of two children", &layout.name, layout.line);
            }
        }
    }

    fn attributes(&mut self, format: &Format) {
        for attribute in &format.attributes {
            for (index, source) in &attribute.sources {
                let layout = &format.layouts[*index];
                match (source, layout.kind) {
                    (Source::Group(_), LayoutKind::Table) if attribute.combine != Combine::Own => {
                        self.add("rights of tables in a code", &attribute.name, layout.line);
                    }
                    (Source::Group(group), LayoutKind::Leaf) => {
                        let count = u32::try_from(group.names.len()).unwrap_or(u32::MAX);
                        let bits = group_bits(group);
                        let flags = attribute.kind == AttributeKind::Flag;
                        let too_wide = bits > 5 || count > 5 || count << bits > 64 || bits << count > 64;
                        if bits > 63 || flags && too_wide {
                            self.add("a code that is this wide", &attribute.name, layout.line);
                        }
                        if !flags && count > 1 {
                            self.add("a code of several choices", &attribute.name, layout.line);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// What the members have to agree on.
    fn together(&mut self, plan: &Plan<'_>) {
        let Some(first) = plan.first() else { return };
        if plan.attributes.len() > 60 {
            self.add("more than 60 attributes", &first.name, first.line);
        }
        for known in &plan.attributes {
            for format in plan.formats() {
                let Some(other) = attribute_of(format, &known.name) else { continue };
                if other.sources.is_empty() {
                    continue;
                }
                let agree = core::mem::discriminant(&known.kind) == core::mem::discriminant(&other.kind);
                if !agree {
                    self.add("another kind of value, decided at run time", &known.name, format.line);
                }
            }
            if let AttributeKind::Choice { names, .. } = &known.kind {
                let mut numbers: Vec<u128> = names.iter().flat_map(|name| name.numbers.iter().copied()).collect();
                let all = numbers.len();
                numbers.sort_unstable();
                numbers.dedup();
                if numbers.len() != all {
                    self.add("a number that means one name or another, decided at run time", &known.name, first.line);
                }
            }
        }
        for level in &plan.levels {
            for (member, place) in plan.places(level) {
                let format = plan.format(member);
                let leaves = plan.leaves(format, place);
                for leaf in &leaves {
                    if leaf.in_ones() && !ones::is_whole(*leaf) {
                        self.add("a size written around another field", &leaf.layout.name, leaf.layout.line);
                    }
                    if leaf.layout.hardware != leaves[0].layout.hardware {
                        let what = "bits of the machine that move with the length of a run";
                        self.add(what, &leaf.layout.name, leaf.layout.line);
                    }
                }
            }
        }
    }
}
