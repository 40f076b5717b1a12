//! Where alternatives are chosen by binding, one applies under every binding. Only a row at a parameter may hold nothing:
//! its bit then stays with the address.

use super::facts::{Facts, Subject};
use super::text::with;
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::tree::{Alt, Place};

pub(super) fn check(facts: &mut Facts<'_>) {
    let description = facts.description;
    if !facts.sound(Subject::Format) {
        return;
    }
    if let Some(word) = &description.word {
        chain(facts, Subject::Format, &word.endian, &[None], "the byte order");
    }
    if let Some(output) = &description.output {
        chain(facts, Subject::Format, output, &[None], "the width of the OA");
    }
    for layout in facts.sound_layouts() {
        let views = facts.views(layout);
        let subject = Subject::Layout(layout);
        let node = facts.layout(layout);
        for row in &node.rows {
            if !matches!(row.node.place.value, Place::Parameter(_)) {
                chain(facts, subject, &row.node.content, &views, "what these bits hold");
            }
        }
        if let Some(output) = &node.output {
            chain(facts, subject, output, &views, "how far this leaf reaches");
        }
    }
}

/// Reports a binding under which no alternative applies.
fn chain<T>(facts: &mut Facts<'_>, subject: Subject, alt: &Alt<T>, views: &[Option<usize>], what: &str) {
    for view in views {
        let applies = facts.alternatives(alt, *view);
        let any = facts.bdds.any(applies);
        let none = facts.bdds.not(any);
        let Some(cube) = facts.counterexample(none) else { continue };
        let binding = with(&facts.binding_text(&cube));
        let at = view.map_or(String::new(), |level| format!(" at `{}`", facts.level(level).name.value));
        let span = whole(alt);
        let diagnostic = Diagnostic::new(Code::NoAlternative, format!("nothing says {what}{at}{binding}"))
            .label(span, "none of these alternatives applies")
            .note("expected one alternative under every binding")
            .help("end the chain with `else` and an alternative without `when`");
        facts.report(subject, diagnostic);
        return;
    }
}

fn whole<T>(alt: &Alt<T>) -> Span {
    let spans =
        alt.cases.iter().map(|case| case.when.as_ref().map_or(case.value.span, |when| case.value.span.to(when.span)));
    spans.reduce(Span::to).unwrap_or_default()
}
