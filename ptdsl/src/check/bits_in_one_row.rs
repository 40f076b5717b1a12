//! Each layout says of each bit of its word, exactly once, what it holds. A row at a parameter takes one bit of an address
//! row, at every value that the parameter may have.

use super::facts::{Facts, Subject, small_set, span_last};
use super::shape::fixed_bits;
use super::text::{bit_set, bits_named, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::resolve::Documented;
use crate::span::Span;
use crate::tree::{Content, Place, Row};

pub(super) fn check(facts: &mut Facts<'_>) {
    for layout in facts.used_layouts() {
        let Some(width) = one_width(facts, layout) else { continue };
        let inside = inside(facts, layout, width);
        let once = twice(facts, layout);
        if inside && once {
            missing(facts, layout, width);
        }
        if inside && once && facts.names_known() {
            for row in 0..facts.layout(layout).rows.len() {
                at_parameter(facts, layout, row, width);
            }
            parameters_apart(facts, layout);
        }
    }
}

/// The width of the words, on which all levels that list the layout agree.
fn one_width(facts: &mut Facts<'_>, layout: usize) -> Option<u32> {
    let levels: Vec<usize> = facts.places(layout).into_iter().map(|(level, _)| level).collect();
    if !facts.sound(Subject::Layout(layout)) || levels.iter().any(|level| !facts.sound(Subject::Level(*level))) {
        return None;
    }
    let Some(first) = levels.first() else { return facts.unlisted_bits(layout) };
    let width = facts.word_bits(*first)?;
    let own = facts.layout(layout).word;
    let mut other = levels.iter().find(|level| facts.word_bits(**level) != Some(width)).map(|level| {
        let name = &facts.level(*level).name;
        (name.span, format!("words of {} bits at `{}`", facts.word_bits(*level).unwrap_or_default(), name.value))
    });
    if let Some(own) = own.filter(|own| own.value.value != u128::from(width)) {
        other = Some((own.span, format!("words of {} bits by its own account", own.value.value)));
    }
    let Some((span, text)) = other else { return Some(width) };
    let name = &facts.level(*first).name;
    let diagnostic = Diagnostic::new(
        Code::WordsDiffer,
        format!("`{}` stands in words of different widths", facts.layout(layout).name.value),
    )
    .label(span, text)
    .label(name.span, format!("words of {width} bits at `{}`", name.value))
    .label(facts.description.layouts[layout].span, "one layout has one width")
    .note("expected the same width at every level that lists the layout")
    .help("derive a layout for the other width: `… = … with { … }`");
    facts.report(Subject::Layout(layout), diagnostic);
    None
}

/// No row names a bit outside the word.
fn inside(facts: &mut Facts<'_>, layout: usize, width: u32) -> bool {
    let mut all = true;
    for row in &facts.layout(layout).rows {
        if matches!(row.node.place.value, Place::Parameter(_))
            || fixed_bits(&row.node.place.value).is_some_and(|(high, _)| high < width)
        {
            continue;
        }
        all = false;
        let diagnostic = Diagnostic::new(Code::RowOutsideWord, "a row outside its word")
            .label(row.node.place.span, format!("the bits of the word are {}..0", width - 1))
            .label(facts.description.layouts[layout].span, format!("words of {width} bits"))
            .help("number the bits from 0, or say `word` where the level or the root word is wider");
        facts.report(Subject::Layout(layout), diagnostic);
    }
    all
}

/// No two rows at fixed bits meet.
fn twice(facts: &mut Facts<'_>, layout: usize) -> bool {
    let rows = &facts.layout(layout).rows;
    let mut apart = true;
    for (index, row) in rows.iter().enumerate() {
        let Some((high, low)) = fixed_bits(&row.node.place.value) else { continue };
        for other in &rows[..index] {
            let Some((other_high, other_low)) = fixed_bits(&other.node.place.value) else { continue };
            if low > other_high || other_low > high {
                continue;
            }
            apart = false;
            let shared = bit_set((low.max(other_low)..=high.min(other_high)).collect());
            let name = &facts.layout(layout).name.value;
            let diagnostic = Diagnostic::new(Code::BitTwice, format!("two rows of `{name}` hold {shared}"))
                .label(row.node.place.span, bits_named(high, low))
                .label(other.node.place.span, bits_named(other_high, other_low))
                .note("expected each bit in one row")
                .help("shorten one of the rows");
            facts.report(Subject::Layout(layout), diagnostic);
        }
    }
    apart
}

/// No bit is left out.
fn missing(facts: &mut Facts<'_>, layout: usize, width: u32) {
    let documented = &facts.description.layouts[layout];
    let places: Vec<(u32, u32)> =
        documented.node.rows.iter().filter_map(|row| fixed_bits(&row.node.place.value)).collect();
    let left: Vec<u32> =
        (0..width).filter(|bit| !places.iter().any(|(high, low)| (*low..=*high).contains(bit))).collect();
    if left.is_empty() {
        return;
    }
    // The rows at the gaps are those of the layout that this one is made from, if the mistake is.
    let at_gap = |(high, low): (u32, u32)| left.contains(&(high + 1)) || low > 0 && left.contains(&(low - 1));
    let around = documented.node.rows.iter().filter(|row| fixed_bits(&row.node.place.value).is_some_and(at_gap));
    let around: Vec<Span> = around.map(|row| row.span).collect();
    let set = bit_set(left);
    if !around.is_empty() && !facts.first_time(around, &set) {
        facts.mark(Subject::Layout(layout));
        return;
    }
    let mut diagnostic =
        Diagnostic::new(Code::BitMissing, format!("no row of `{}` holds {set}", documented.node.name.value))
            .label(documented.span, format!("words of {width} bits"));
    // The rows around the highest gap, where a reader looks first.
    let gap = (0..width).rev().find(|bit| !places.iter().any(|(high, low)| (*low..=*high).contains(bit)));
    let above =
        documented.node.rows.iter().filter(|row| {
            fixed_bits(&row.node.place.value).is_some_and(|(_, low)| gap.is_some_and(|gap| low == gap + 1))
        });
    for row in above {
        diagnostic = diagnostic.label(row.node.place.span, "the row above");
    }
    diagnostic = diagnostic.note("expected each bit in one row");
    let bits = set.trim_start_matches("bits ").trim_start_matches("bit ").to_owned();
    facts.report(
        Subject::Layout(layout),
        diagnostic.help(format!("say what it holds: `{bits} reserved;`, `{bits} ignored;` or `{bits} software;`")),
    );
}

/// A row at a parameter stands inside an address row at every value.
fn at_parameter(facts: &mut Facts<'_>, layout: usize, row: usize, width: u32) {
    let rows = &facts.layout(layout).rows;
    let Place::Parameter(name) = &rows[row].node.place.value else { return };
    let Some(parameter) = facts.parameter(&name.value) else { return };
    let declared = facts.parameter_at(parameter).name.span;
    let astray = |found: String| {
        Diagnostic::new(Code::ParameterRowAstray, format!("the row at `{}` is not inside an address", name.value))
            .label(rows[row].node.place.span, found)
            .label(declared, "the values of this parameter")
            .note("expected a bit of an `output` or `table` row at every value")
    };
    let Some(values) = small_set(&facts.parameter_at(parameter).set) else {
        facts.report(Subject::Layout(layout), astray("the parameter is no position of a bit".to_owned()));
        return;
    };
    for view in facts.views(layout) {
        let shape = facts.shape(layout, view);
        let applies = facts.bdds.any(shape.rows[row].iter().copied());
        for value in &values {
            let at = u32::try_from(*value).ok().filter(|bit| *bit < width);
            let under = rows.iter().enumerate().find(|(_, other)| {
                let place = fixed_bits(&other.node.place.value);
                place.is_some_and(|(high, low)| at.is_some_and(|bit| (low..=high).contains(&bit)))
            });
            let held = match under {
                Some((other, documented)) => address_when(facts, documented, &shape.rows[other]),
                None => Bdd::FALSE,
            };
            let bad = facts.bdds.and_not(applies, held);
            let Some(cube) = facts.counterexample(bad) else { continue };
            let mut diagnostic = astray(format!("bit {value}{}", with(&facts.binding_text(&cube))));
            if let Some((_, other)) = under {
                diagnostic = diagnostic.label(other.span, "holds that bit");
            }
            facts.report(Subject::Layout(layout), diagnostic);
            return;
        }
    }
}

/// When a row holds a part of an address.
fn address_when(facts: &mut Facts<'_>, row: &Documented<Row>, applies: &[Bdd]) -> Bdd {
    let mut when = Bdd::FALSE;
    for (case, applies) in row.node.content.cases.iter().zip(applies) {
        if matches!(case.value.value, Content::Output(_) | Content::Table { value: None, .. }) {
            when = facts.bdds.or(when, *applies);
        }
    }
    when
}

/// Two rows at parameters never take the same bit.
fn parameters_apart(facts: &mut Facts<'_>, layout: usize) {
    let rows = &facts.layout(layout).rows;
    for (index, row) in rows.iter().enumerate() {
        let Place::Parameter(name) = &row.node.place.value else { continue };
        for (other_index, other) in rows[..index].iter().enumerate() {
            let Place::Parameter(other_name) = &other.node.place.value else { continue };
            let Some(shared) = shared_value(facts, &name.value, &other_name.value) else { continue };
            for view in facts.views(layout) {
                let shape = facts.shape(layout, view);
                let one = facts.bdds.any(shape.rows[index].iter().copied());
                let two = facts.bdds.any(shape.rows[other_index].iter().copied());
                let both = facts.bdds.and(one, two);
                let Some(cube) = facts.counterexample(both) else { continue };
                let binding = with(&facts.binding_text(&cube));
                let diagnostic = Diagnostic::new(Code::BitTwice, format!("two rows may hold bit {shared}{binding}"))
                    .label(row.node.place.span, format!("at `{}`", name.value))
                    .label(other.node.place.span, format!("at `{}`", other_name.value))
                    .note("expected each bit in one row, at every value of the parameters");
                facts.report(Subject::Layout(layout), diagnostic);
                break;
            }
        }
    }
}

/// A value that both parameters may have.
fn shared_value(facts: &Facts<'_>, one: &str, two: &str) -> Option<u128> {
    let values = |name: &str| {
        let crate::tree::ParameterSet::Spans(spans) = &facts.parameter_at(facts.parameter(name)?).set else {
            return None;
        };
        Some(spans)
    };
    let (one, two) = (values(one)?, values(two)?);
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| (a, b)));
    let mut shared = pairs.filter_map(|(a, b)| {
        let first = a.first.value.value.max(b.first.value.value);
        (first <= span_last(a).min(span_last(b))).then_some(first)
    });
    shared.next()
}
