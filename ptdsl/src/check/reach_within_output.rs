//! No leaf reaches beyond the OA.

use super::facts::{Facts, Subject};
use super::text::with;
use super::widths_sane::value_span;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::tree::{Alt, Width};

pub(super) fn check(facts: &mut Facts<'_>) {
    let description = facts.description;
    let Some(output) = description.output.as_ref().filter(|_| facts.sound(Subject::Format)) else { return };
    for layout in facts.sound_layouts() {
        let Some(own) = &facts.layout(layout).output else { continue };
        for (level, accepted) in facts.places(layout) {
            let Some((bad, case, whole)) = beyond(facts, own, output, level) else { continue };
            let bad = facts.bdds.and(bad, accepted);
            let Some(cube) = facts.counterexample(bad) else { continue };
            let binding = with(&facts.binding_text(&cube));
            let diagnostic =
                Diagnostic::new(Code::ReachBeyondOutput, format!("a leaf that reaches beyond the OA{binding}"))
                    .label(value_span(case), "the reach of this leaf")
                    .label(value_span(whole), "the width of the OA")
                    .note("expected no leaf to reach beyond the OA, which is as wide as its widest leaf reaches");
            facts.report(Subject::Layout(layout), diagnostic);
            break;
        }
    }
}

/// When the width in `own` is greater than that in `output`, with the first two that are so.
fn beyond<'a>(
    facts: &mut Facts<'_>,
    own: &'a Alt<Width>,
    output: &'a Alt<Width>,
    level: usize,
) -> Option<(Bdd, &'a Width, &'a Width)> {
    let own_when = facts.alternatives(own, Some(level));
    let whole_when = facts.alternatives(output, None);
    for (case, when) in own.cases.iter().zip(own_when) {
        for (whole, whole_when) in output.cases.iter().zip(&whole_when) {
            let (Some(reach), Some(width)) =
                (facts.small_bounds(&case.value.value), facts.small_bounds(&whole.value.value))
            else {
                continue;
            };
            let both = facts.bdds.and(when, *whole_when);
            if reach.most > width.most && facts.possible(both) {
                return Some((both, &case.value.value, &whole.value.value));
            }
        }
    }
    None
}
