//! A word wider than one store has a half that alone tells whether it is absent, so that a walker never sees a half-made
//! entry: the other half is stored first.
//!
//! A word with a child in each half is built by two updates and is left out.

use super::facts::{Facts, Subject};
use super::geometry::Listed;
use super::variables::Meaning;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::{Bdd, Var};
use crate::tree::{Content, LayoutKind};

/// Bits of the widest store.
const STORE: u32 = 64;

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for level in facts.used_levels() {
        if !facts.sound(Subject::Level(level)) || facts.word_bits(level).is_none_or(|bits| bits <= STORE) {
            continue;
        }
        let listed = facts.listed(level);
        let whole: Vec<Listed> = listed.iter().copied().filter(|it| !two_children(facts, it.layout)).collect();
        let low = torn(facts, level, &whole, &|bit| bit < STORE);
        let high = torn(facts, level, &whole, &|bit| bit >= STORE);
        let (Some(low), Some(_)) = (low, high) else { continue };
        let node = facts.level(level);
        let text = format!("a half-made word of `{}` may pass for something else", node.name.value);
        let mut diagnostic =
            Diagnostic::new(Code::WideWordTorn, text).label(node.name.span, "words that take two stores");
        for listed in [low.0, low.1] {
            let documented = &facts.description.layouts[listed];
            diagnostic =
                diagnostic.label(documented.span, format!("a half of `{}` is the same", documented.node.name.value));
        }
        facts.report(
            Subject::Level(level),
            diagnostic
                .note("expected one half whose bits alone tell an absent word from all others")
                .help("put the constants that tell absent words apart in one half"),
        );
    }
}

/// Whether a layout points to children that are there on their own conditions.
fn two_children(facts: &Facts<'_>, layout: usize) -> bool {
    let rows = &facts.layout(layout).rows;
    let contents = rows.iter().flat_map(|row| &row.node.content.cases).map(|case| &case.value.value);
    let children = contents.filter(|it| matches!(it, Content::Table { condition: Some(_), .. }));
    facts.is_kind(layout, LayoutKind::Table) && children.count() >= 2
}

/// An absent layout and another one of which this half does not tell which it is.
fn torn(facts: &mut Facts<'_>, level: usize, listed: &[Listed], half: &dyn Fn(u32) -> bool) -> Option<(usize, usize)> {
    let other = |var: Var| match Meaning::of(var) {
        Meaning::Bit(bit) => !half(bit),
        Meaning::Opaque(_) => true,
        _ => false,
    };
    let mut seen: Vec<(usize, bool, Bdd)> = Vec::new();
    for it in listed {
        let identity = facts.identity(it.layout, Some(level));
        let there = facts.bdds.and(identity, it.present);
        let visible = facts.bdds.exists(there, &other);
        seen.push((it.layout, facts.is_kind(it.layout, LayoutKind::Absent), visible));
    }
    for (absent, _, nothing) in seen.iter().filter(|(_, is_absent, _)| *is_absent) {
        for (present, _, something) in seen.iter().filter(|(_, is_absent, _)| !*is_absent) {
            let both = facts.bdds.and(*nothing, *something);
            if facts.possible(both) {
                return Some((*absent, *present));
            }
        }
    }
    None
}
