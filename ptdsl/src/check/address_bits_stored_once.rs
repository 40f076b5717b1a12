//! Every bit of an address that can vary is stored exactly once: of an OA those from the alignment of the leaf up to its
//! reach, of a pointer those from the alignment of the child's tables up to the width of the OA (or as far as the word
//! goes, where its highest bit holds the address). Rows at a parameter take only bits above the alignment.

use std::collections::BTreeSet;

use super::facts::{Facts, Subject, parameter_bounds};
use super::shape::{Stored, fixed_bits};
use super::text::{bit_set, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::span::Span;
use crate::tree::{Alt, LayoutKind, Place, Width};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for layout in facts.sound_layouts() {
        twice(facts, layout);
        match facts.layout(layout).kind {
            LayoutKind::Leaf => leaf(facts, layout),
            LayoutKind::Table => pointers(facts, layout),
            LayoutKind::Root => root(facts, layout),
            LayoutKind::Absent => {}
        }
    }
}

/// No bit of an address is stored twice under one binding.
fn twice(facts: &mut Facts<'_>, layout: usize) {
    for view in facts.views(layout) {
        let shape = facts.shape(layout, view);
        let parts =
            core::iter::once(("OA", &shape.output)).chain(shape.tables.values().map(|it| ("child's address", it)));
        for (what, stored) in parts {
            for (index, one) in stored.iter().enumerate() {
                let others =
                    stored[..index].iter().filter(|other| other.value_bit == one.value_bit && other.row != one.row);
                for other in others {
                    let both = facts.bdds.and(one.when, other.when);
                    let Some(cube) = facts.counterexample(both) else { continue };
                    let binding = with(&facts.binding_text(&cube));
                    let rows = &facts.layout(layout).rows;
                    let text = format!(
                        "bit {} of the {what} is stored twice in `{}`{binding}",
                        one.value_bit,
                        facts.layout(layout).name.value
                    );
                    let diagnostic = Diagnostic::new(Code::AddressBitTwice, text)
                        .label(rows[one.row].span, "here")
                        .label(rows[other.row].span, "and here")
                        .note("expected each bit of the address in one place");
                    facts.report(Subject::Layout(layout), diagnostic);
                    return;
                }
            }
        }
    }
}

/// What an address needs: bits from `low` on, wherever `accepted` holds.
struct Demand<'a> {
    layout: usize,
    /// "OA" or "child's address".
    what: &'a str,
    low: u32,
    accepted: Bdd,
    view: Option<usize>,
    /// Why `low`: a place and what stands there.
    because: Option<(Span, String)>,
}

fn leaf(facts: &mut Facts<'_>, layout: usize) {
    let description = facts.description;
    let node = facts.layout(layout);
    let Some(output) = node.output.as_ref().or(description.output.as_ref()) else { return };
    for (level, accepted) in facts.places(layout) {
        let Some(position) = facts.position(level) else { continue };
        if accepted.is_false() {
            continue;
        }
        // A run of identical words holds the address of its first slot; otherwise each slot has its own part.
        let run_lg2 = match &node.run {
            Some(run) if run.identical && !run.in_ones => run.first.value.value.checked_ilog2().unwrap_or(0),
            _ => 0,
        };
        let low = position.low.least + run_lg2;
        let shape = facts.shape(layout, Some(level));
        let name = &facts.level(level).name;
        let because = Some((name.span, format!("leaves of 2^{low} bytes at `{}`", name.value)));
        let demand = Demand { layout, what: "OA", low, accepted, view: Some(level), because };
        if !complete(facts, &demand, &shape.output, output, None) {
            return;
        }
        above_alignment(facts, &demand, position.low.most + run_lg2);
    }
}

fn pointers(facts: &mut Facts<'_>, layout: usize) {
    let Some(output) = &facts.description.output else { return };
    for (level, accepted) in facts.places(layout) {
        if accepted.is_false() {
            continue;
        }
        let shape = facts.shape(layout, Some(level));
        if shape.tables.is_empty() {
            let name = &facts.layout(layout).name.value;
            let diagnostic = Diagnostic::new(Code::AddressBitMissing, format!("`{name}` stores no address of a table"))
                .label(facts.description.layouts[layout].span, "has no row `table`");
            facts.report(Subject::Layout(layout), diagnostic);
            return;
        }
        let word_bits = facts.word_bits(level);
        for (name, children) in facts.children(layout, level) {
            let Some(stored) = shape.tables.get(&name) else { continue };
            let aligns = children.into_iter().filter_map(|child| Some((facts.table_align_lg2(child)?, child)));
            let Some((align, child)) = aligns.min_by_key(|(align, _)| align.least) else { continue };
            let child = &facts.level(child).name;
            let because = Some((
                child.span,
                format!("tables of `{}` begin at multiples of 2^{} bytes", child.value, align.least),
            ));
            let demand =
                Demand { layout, what: "child's address", low: align.least, accepted, view: Some(level), because };
            if !complete(facts, &demand, stored, output, word_bits) {
                return;
            }
            above_alignment(facts, &demand, align.most);
        }
    }
}

/// A root word may align the root more than its size does, so the lowest bit that it stores is free.
fn root(facts: &mut Facts<'_>, layout: usize) {
    let Some(output) = &facts.description.output else { return };
    let shape = facts.shape(layout, None);
    let word_bits = facts.layout_bits(layout);
    for stored in shape.tables.values() {
        let Some(low) = stored.iter().map(|it| it.value_bit).min() else { continue };
        let demand = Demand { layout, what: "root's address", low, accepted: Bdd::TRUE, view: None, because: None };
        if !complete(facts, &demand, stored, output, word_bits) {
            return;
        }
    }
}

/// Whether all bits from the lowest that is needed up to the reach are stored; reports those that are not.
///
/// With `word_bits`, an address that is stored up to the highest bit of the word reaches only as far as it is stored.
fn complete(
    facts: &mut Facts<'_>,
    demand: &Demand<'_>,
    stored: &[Stored],
    output: &Alt<Width>,
    word_bits: Option<u32>,
) -> bool {
    let highest = stored.iter().filter_map(|it| Some((it.word_bit? + 1, it.value_bit + 1))).max();
    let end = highest.filter(|(word_end, _)| Some(*word_end) == word_bits).map(|(_, value_end)| value_end);
    let level = demand.view.filter(|_| facts.layout(demand.layout).output.is_some());
    let applies = facts.alternatives(output, level);
    let (mut missing, mut evidence, mut reach_span) = (Vec::new(), None, None);
    for (case, applies) in output.cases.iter().zip(applies) {
        let Some(reach) = facts.small_bounds(&case.value.value).map(|bounds| bounds.most) else { continue };
        let reach = end.map_or(reach, |end| reach.min(end));
        let needed = facts.bdds.and(demand.accepted, applies);
        for bit in demand.low..reach {
            let mut there = Bdd::FALSE;
            for it in stored.iter().filter(|it| it.value_bit == bit) {
                there = facts.bdds.or(there, it.when);
            }
            let bad = facts.bdds.and_not(needed, there);
            if let Some(cube) = facts.counterexample(bad) {
                missing.push(bit);
                evidence = evidence.or(Some(cube));
                reach_span = reach_span.or(Some((case.value.span, reach)));
            }
        }
    }
    let Some(cube) = evidence else { return true };
    let binding = with(&facts.binding_text(&cube));
    let documented = &facts.description.layouts[demand.layout];
    let set = bit_set(missing);
    // The rows are those of the layout that this one is made from, if the mistake is.
    let storing: BTreeSet<Span> = stored.iter().map(|it| documented.node.rows[it.row].span).collect();
    if !storing.is_empty() && !facts.first_time(storing.into_iter().collect(), &set) {
        facts.mark(Subject::Layout(demand.layout));
        return false;
    }
    let text = format!("`{}` stores no {set} of the {}{binding}", documented.node.name.value, demand.what);
    let mut diagnostic = Diagnostic::new(Code::AddressBitMissing, text).label(documented.span, "in this layout");
    let mut rows: Vec<usize> = stored.iter().map(|it| it.row).collect();
    rows.dedup();
    for row in rows {
        let bits: Vec<u32> = stored.iter().filter(|it| it.row == row).map(|it| it.value_bit).collect();
        diagnostic = diagnostic.label(documented.node.rows[row].span, format!("stores {}", bit_set(bits)));
    }
    if let Some((span, text)) = &demand.because {
        diagnostic = diagnostic.label(*span, text.clone());
    }
    if let Some((span, reach)) = reach_span {
        diagnostic = diagnostic.label(span, format!("up to bit {}", reach.saturating_sub(1)));
    }
    let note = "expected each bit from the alignment up to the reach in one place; bits below the alignment may be stored and are then reserved";
    let help = match facts.layout(demand.layout).kind {
        LayoutKind::Leaf => "give the bits a row, or say with `output` how far the leaf reaches",
        _ => "give the bits a row: make the row of the address longer, or add one for the rest with a slice",
    };
    facts.report(Subject::Layout(demand.layout), diagnostic.note(note).help(help));
    false
}

/// Rows at parameters do not take a bit below the alignment, which is reserved.
fn above_alignment(facts: &mut Facts<'_>, demand: &Demand<'_>, align: u32) {
    let rows = &facts.layout(demand.layout).rows;
    for row in rows {
        let Place::Parameter(name) = &row.node.place.value else { continue };
        let Some(parameter) = facts.parameter(&name.value) else { continue };
        let Some((least, _)) = parameter_bounds(&facts.parameter_at(parameter).set) else { continue };
        // The address row that holds the lowest position tells which bit of the address that is.
        let under = rows.iter().enumerate().find(|(_, other)| {
            fixed_bits(&other.node.place.value)
                .is_some_and(|(high, low)| (u128::from(low)..=u128::from(high)).contains(&least))
        });
        let Some((under, _)) = under else { continue };
        let shape = facts.shape(demand.layout, demand.view);
        let bits = shape.output.iter().chain(shape.tables.values().flatten());
        let taken = bits.filter(|it| it.row == under && it.word_bit.map(u128::from) == Some(least));
        let Some(taken) = taken.map(|it| it.value_bit).min().filter(|bit| *bit < align) else { continue };
        let mut diagnostic = Diagnostic::new(
            Code::ParameterRowAstray,
            format!("the row at `{}` may take a bit below the alignment", name.value),
        )
        .label(row.span, format!("bit {taken} of the {}", demand.what))
        .label(facts.parameter_at(parameter).name.span, format!("may be {least}"));
        if let Some((span, text)) = &demand.because {
            diagnostic = diagnostic.label(*span, text.clone());
        }
        facts.report(Subject::Layout(demand.layout), diagnostic);
    }
}
