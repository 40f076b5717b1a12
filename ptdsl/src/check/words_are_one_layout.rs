//! At each level every possible word is exactly one of the listed layouts, under every binding.
//!
//! The identities of the layouts are pairwise disjoint and jointly cover all words. Since a layout has one kind and the
//! level accepts or refuses it as a whole, every word is then exactly one of absent, table, leaf and reserved. There is no
//! order among layouts.

use super::facts::{Facts, Subject};
use super::geometry::Listed;
use super::shape::fixed_bits;
use super::text::with;
use super::variables::Meaning;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::{Bdd, Cube};
use crate::resolve::Documented;
use crate::span::Span;
use crate::tree::{Content, LayoutKind, Row};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    let mut told = Told::default();
    for level in facts.used_levels() {
        let listed = facts.listed(level);
        let mut sound = facts.sound(Subject::Level(level));
        for it in listed.iter() {
            sound &= facts.sound(Subject::Layout(it.layout));
        }
        if !sound {
            continue;
        }
        let mut there = Vec::new();
        for it in listed.iter() {
            let identity = facts.identity(it.layout, Some(level));
            let words = facts.bdds.and(identity, it.present);
            // A layout that no word is has a complaint of its own, and what it leaves open is no other mistake.
            sound &= facts.possible(words);
            there.push(words);
        }
        if !sound {
            continue;
        }
        if !independent(facts, level, &there) {
            continue;
        }
        disjoint(facts, level, &listed, &there, &mut told);
        covering(facts, level, &listed, &there);
    }
}

/// Bits that are compared with a parameter out of a large set are looked at in no other way, so that the comparison is
/// independent of everything else.
fn independent(facts: &mut Facts<'_>, level: usize, there: &[Bdd]) -> bool {
    let mut support: Vec<Meaning> = Vec::new();
    for identity in there {
        support.extend(facts.bdds.support(*identity).into_iter().map(Meaning::of));
    }
    let opaque: Vec<usize> =
        support.iter().filter_map(|it| if let Meaning::Opaque(index) = it { Some(*index) } else { None }).collect();
    for index in &opaque {
        let bits = facts.opaque(*index).bits.clone();
        let single = support.iter().find_map(|it| match it {
            Meaning::Bit(bit) if bits.contains(bit) => Some(*bit),
            Meaning::Opaque(other) if other != index => {
                facts.opaque(*other).bits.iter().find(|bit| bits.contains(bit)).copied()
            }
            _ => None,
        });
        let Some(single) = single else { continue };
        let parameter = &facts.parameter_at(facts.opaque(*index).parameter).name;
        let level_name = &facts.level(level).name;
        let text = format!("bits that are compared with `{}` are looked at in another way, too", parameter.value);
        let diagnostic = Diagnostic::new(Code::SharedBits, text)
            .label(level_name.span, format!("bit {single} of a word at `{}`", level_name.value))
            .label(parameter.span, "any of many values")
            .note("expected bits that no other condition or constant at this level names, so that words can be told apart whatever the value is");
        facts.report(Subject::Level(level), diagnostic);
        return false;
    }
    true
}

/// No two layouts share a word. Two that do at several levels are one mistake, and so are all that share words with one that
/// lacks a constant: each is told once.
fn disjoint(facts: &mut Facts<'_>, level: usize, listed: &[Listed], there: &[Bdd], told: &mut Told) {
    for (index, one) in listed.iter().enumerate() {
        for (other_index, other) in listed[..index].iter().enumerate() {
            let pair = (one.layout.min(other.layout), one.layout.max(other.layout));
            let both = facts.bdds.and(there[index], there[other_index]);
            let Some(cube) = facts.counterexample(both).filter(|_| !told.pairs.contains(&pair)) else { continue };
            told.pairs.push(pair);
            let missing = missing_constant(facts, level, one.layout, other.layout)
                .or_else(|| missing_constant(facts, level, other.layout, one.layout));
            if let Some(missing) = &missing {
                // What this layout says in place of the constant is no field that others lack.
                facts.mark(Subject::Layout(missing.layout));
                if told.rows.contains(&missing.row) {
                    continue;
                }
                told.rows.push(missing.row);
            }
            let node = facts.level(level);
            let (entry, other_entry) = (&node.entries[one.entry], &node.entries[other.entry]);
            let (name, other_name) = (&entry.layout.value, &other_entry.layout.value);
            let text = format!("a word of level `{}` is both `{other_name}` and `{name}`", node.name.value);
            let mut diagnostic = Diagnostic::new(Code::TwoLayouts, text)
                .label(entry.span, format!("`{name}` is one of its layouts"))
                .label(other_entry.span, format!("and so is `{other_name}`"))
                .label(facts.description.layouts[one.layout].span, format!("`{name}`"))
                .label(facts.description.layouts[other.layout].span, format!("`{other_name}`"))
                .note(format!("found {}", word(facts, level, &cube)))
                .note("expected layouts that exclude each other; their order does not matter")
                .note(READING)
                .help("let a constant or a `where` tell them apart");
            if let Some(missing) = missing {
                diagnostic = diagnostic.label(missing.row, "no constant").help(missing.help);
            }
            facts.report(Subject::Level(level), diagnostic);
        }
    }
}

/// What was told.
#[derive(Default)]
struct Told {
    /// Layouts that share words.
    pairs: Vec<(usize, usize)>,
    /// Rows in which a constant is missing.
    rows: Vec<Span>,
}

/// A row that was probably meant to hold a constant.
struct Missing {
    layout: usize,
    row: Span,
    help: String,
}

/// Where `layout` holds something else at bits that are constants of `other`, and has no constant that `other` lacks.
fn missing_constant(facts: &mut Facts<'_>, level: usize, other: usize, layout: usize) -> Option<Missing> {
    let (there, here) = (constant_bits(facts, level, other), constant_bits(facts, level, layout));
    if here & !there != 0 || facts.layout(layout).identity.is_some() {
        return None;
    }
    let lacking = there & !here;
    if lacking == 0 {
        return None;
    }
    let lowest = lacking.trailing_zeros();
    let rows = &facts.layout(layout).rows;
    let holds = |row: &&Documented<Row>| {
        fixed_bits(&row.node.place.value).is_some_and(|(high, low)| (low..=high).contains(&lowest))
    };
    let row = rows.iter().find(holds)?;
    let names = (&facts.layout(layout).name.value, &facts.layout(other).name.value);
    let help =
        format!("bit {lowest} is a constant in `{}` but not in `{}`: say there which value it has", names.1, names.0);
    Some(Missing { layout, row: row.span, help })
}

/// The bits of a layout that are constants under some binding.
fn constant_bits(facts: &mut Facts<'_>, level: usize, layout: usize) -> u128 {
    let shape = facts.shape(layout, Some(level));
    let rows = facts.layout(layout).rows.iter().zip(&shape.rows);
    let mut bits = 0;
    for (row, applies) in rows {
        let Some((high, low)) = fixed_bits(&row.node.place.value) else { continue };
        let constant = row.node.content.cases.iter().zip(applies).any(|(case, applies)| {
            let constant = match &case.value.value {
                Content::Constant(_) => true,
                Content::Field { value, .. } | Content::Table { value, .. } => value.is_some(),
                _ => false,
            };
            constant && !applies.is_false()
        });
        if constant {
            bits |= (u128::MAX >> (127 - (high - low))) << low;
        }
    }
    bits
}

fn covering(facts: &mut Facts<'_>, level: usize, listed: &[Listed], there: &[Bdd]) {
    let any = facts.bdds.any(there.iter().copied());
    let none = facts.bdds.not(any);
    let Some(cube) = facts.counterexample(none) else { return };
    let node = facts.level(level);
    let help = suggestion(facts, level, listed, none, &cube);
    let spans = node.entries.iter().map(|entry| entry.span).reduce(Span::to);
    let mut diagnostic = Diagnostic::new(Code::NoLayout, format!("a word of level `{}` is no layout", node.name.value))
        .label(spans.unwrap_or(node.name.span), "none of these")
        .note(format!("found {}", word(facts, level, &cube)))
        .note("expected every word to be one of the listed layouts")
        .note(READING);
    diagnostic.help = help;
    facts.report(Subject::Level(level), diagnostic);
}

/// How the word of a counterexample is read.
const READING: &str = "a word ends with bit 0; `-` is a bit that may be either";

/// The word of a counterexample and the binding that it needs.
fn word(facts: &Facts<'_>, level: usize, cube: &Cube) -> String {
    let bits = facts.word_bits(level).unwrap_or(64);
    format!("{}{}", facts.word_text(cube, bits), with(&facts.binding_text(cube)))
}

/// What may have been forgotten: a layout that is listed under other bindings is such a word, or layouts that are not
/// listed are all such words.
fn suggestion(facts: &mut Facts<'_>, level: usize, listed: &[Listed], none: Bdd, cube: &Cube) -> Option<String> {
    let such = facts.cube(cube);
    for it in listed {
        let identity = facts.identity(it.layout, Some(level));
        if !facts.bdds.and(identity, such).is_false() {
            let name = &facts.layout(it.layout).name.value;
            return Some(format!("did you mean `{name} when … else reserved`?"));
        }
    }
    let mut forgotten = vec![nearest(facts, level, listed, cube, &[])?];
    loop {
        let known: Vec<Bdd> = forgotten.iter().map(|layout| facts.identity(*layout, Some(level))).collect();
        let known = facts.bdds.any(known);
        let left = facts.bdds.and_not(none, known);
        let Some(cube) = facts.counterexample(left) else { break };
        // Layouts that leave some words open all the same are no better than the first of them.
        let Some(next) = nearest(facts, level, listed, &cube, &forgotten) else {
            forgotten.truncate(1);
            break;
        };
        forgotten.push(next);
    }
    let names = forgotten.iter().map(|layout| format!("reserved {}", facts.layout(*layout).name.value));
    Some(format!("did you mean `{}`?", names.collect::<Vec<_>>().join(", ")))
}

/// The layout that says most about such words and that is not listed; one that only some of them are is the second choice.
fn nearest(facts: &mut Facts<'_>, level: usize, listed: &[Listed], cube: &Cube, chosen: &[usize]) -> Option<usize> {
    let such = facts.cube(cube);
    let mut near: Option<((bool, usize), usize)> = None;
    for layout in 0..facts.description.layouts.len() {
        let known = chosen.contains(&layout) || listed.iter().any(|it| it.layout == layout);
        if known || facts.is_kind(layout, LayoutKind::Root) || !facts.sound(Subject::Layout(layout)) {
            continue;
        }
        if facts.layout_bits(layout) != facts.word_bits(level) {
            continue;
        }
        let identity = facts.identity(layout, Some(level));
        if facts.bdds.and(identity, such).is_false() {
            continue;
        }
        let all = facts.bdds.and_not(such, identity).is_false();
        let merit = (all, facts.bdds.support(identity).len());
        if near.is_none_or(|(best, _)| merit > best) {
            near = Some((merit, layout));
        }
    }
    Some(near?.1)
}
