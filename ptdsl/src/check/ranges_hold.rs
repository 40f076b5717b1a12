//! Every range of VA holds some that no range before it holds, under some binding. The first range that holds a VA counts, so
//! one that an earlier range always covers would never be walked.

use super::facts::{Facts, Subject};
use super::widths_sane::value_span;
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Extension, Value, Virtual};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    let ranges = &facts.description.ranges;
    for (index, range) in ranges.iter().enumerate() {
        let Some(first) = ranges[..index].iter().find(|first| covers(facts, &first.node, &range.node)) else {
            continue;
        };
        let name = range.node.name.as_ref().map_or(String::new(), |name| format!(" `{}`", name.value));
        let diagnostic = Diagnostic::new(Code::RangeCovered, format!("no VA is left for the range{name}"))
            .label(value_span(&range.node.width).to(range.node.extension.span), "all that this range holds")
            .label(value_span(&first.node.width).to(first.node.extension.span), "is in this one, which counts first")
            .note("expected a VA that no range before holds; the first range that holds a VA counts")
            .help("put the smaller range first, or say what the bits above each have to be");
        facts.report(Subject::Range(index), diagnostic);
    }
}

/// Whether a range holds all that another one holds, under every binding.
fn covers(facts: &Facts<'_>, first: &Virtual, other: &Virtual) -> bool {
    // A tag widens what a range holds; one that both have does not matter.
    let tags = other.tag.is_none() || first.tag == other.tag;
    let same_width = matches!((&first.width, &other.width), (Value::Name(one), Value::Name(two)) if one == two);
    let (Some(one), Some(two)) = (facts.small_bounds(&first.width), facts.small_bounds(&other.width)) else {
        return false;
    };
    let pairs = if same_width { [(one.least, one.least), (one.most, one.most)] } else { [(one.least, two.most); 2] };
    tags && pairs.into_iter().all(|(one, two)| holds(first, one).covers(holds(other, two)))
}

/// What a range holds as at most two stretches of addresses, each by its first and last one.
struct Held([(u128, u128); 2]);

impl Held {
    fn covers(&self, other: Self) -> bool {
        other.0.iter().all(|(first, last)| self.0.iter().any(|(from, to)| from <= first && last <= to))
    }
}

fn holds(range: &Virtual, width: u32) -> Held {
    const ALL: u128 = 1 << 64;
    let size = 1_u128 << width.min(64);
    let stretches = match &range.extension.value {
        Extension::Zero => [(0, size - 1); 2],
        Extension::Ones => [(ALL - size, ALL - 1); 2],
        Extension::Sign => [(0, size / 2 - 1), (ALL - size / 2, ALL - 1)],
        Extension::Prefix(value) => {
            let first = value.value.value.min(ALL).saturating_mul(size);
            [(first, first.saturating_add(size - 1)); 2]
        }
    };
    Held(stretches)
}
