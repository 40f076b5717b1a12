//! A run is a power of two of slots and lies in one table, at every level at which it may stand.

use super::facts::{Facts, Subject};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::ClauseKind;

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for layout in facts.sound_layouts() {
        let Some(run) = &facts.layout(layout).run else { continue };
        let clause = facts.layout(layout).clauses.iter().find(|(kind, _)| *kind == ClauseKind::Run);
        let span = clause.map_or(run.first.span, |(_, span)| *span);
        let last = run.last.unwrap_or(run.first);
        let odd = [run.first, last].into_iter().find(|it| !it.value.value.is_power_of_two() || it.value.value < 2);
        if let Some(odd) = odd {
            let diagnostic = Diagnostic::new(Code::RunAstray, format!("a run of {} slots", odd.value.value))
                .label(span, "expected a power of two, at least 2");
            facts.report(Subject::Layout(layout), diagnostic);
            continue;
        }
        let sizes = last.value.value != run.first.value.value;
        let text = match (sizes, run.in_ones, run.identical) {
            (true, false, _) => Some("runs of several sizes, of which the words say none"),
            (_, true, false) => Some("a size in the low address bits of words that have addresses of their own"),
            _ => None,
        };
        if let Some(text) = text {
            let diagnostic = Diagnostic::new(Code::RunAstray, text)
                .label(span, "in this run")
                .note("expected `identical in ones` where a run has several sizes");
            facts.report(Subject::Layout(layout), diagnostic);
            continue;
        }
        for (level, accepted) in facts.places(layout) {
            let Some(position) = facts.position(level) else { continue };
            let slots = 1_u128 << position.bits.least.min(64);
            if accepted.is_false() || last.value.value <= slots {
                continue;
            }
            let name = &facts.level(level).name;
            let text = format!("a run of {} slots in tables of {slots}", last.value.value);
            let diagnostic = Diagnostic::new(Code::RunAstray, text)
                .label(span, "this many adjacent slots")
                .label(name.span, format!("`{}` has {slots} slots", name.value))
                .note("expected the slots of a run to lie in one table")
                .help(format!("a run has at most {slots} slots at `{}`", name.value));
            facts.report(Subject::Layout(layout), diagnostic);
            break;
        }
    }
}
