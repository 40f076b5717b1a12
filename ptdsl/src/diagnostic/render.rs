//! Diagnostics as text for a person, with the lines of the file that they are about.

use core::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label};
use crate::span::Span;

/// Shows diagnostics over the text that they are about.
///
/// `source_name` stands where a path is expected. A span that does not fit the text is moved to the nearest one that
/// does. The text ends with a line feed unless there is nothing to show.
#[must_use]
pub fn render(source_name: &str, text: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let mut shown = String::new();
    for diagnostic in diagnostics {
        if !shown.is_empty() {
            shown.push('\n');
        }
        let groups = [group(source_name, text, diagnostic)];
        shown.push_str(renderer.render(&groups).trim_end());
        shown.push('\n');
    }
    shown
}

fn group<'a>(source_name: &'a str, text: &'a str, diagnostic: &'a Diagnostic) -> Group<'a> {
    let title = Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    if !diagnostic.labels.is_empty() {
        let annotations = diagnostic.labels.iter().enumerate().map(|(place, label)| annotation(text, place, label));
        group = group.element(Snippet::source(text).path(source_name).annotations(annotations));
    }
    group = group.elements(diagnostic.notes.iter().map(|note| Level::NOTE.message(note.as_str())));
    group.elements(diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str())))
}

fn annotation<'a>(text: &str, place: usize, label: &'a Label) -> Annotation<'a> {
    let kind = if place == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
    let annotation = kind.span(fitted(text, label.span));
    if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
}

/// The bytes of the span that are in the text, from one character's start to another's.
fn fitted(text: &str, span: Span) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::diagnostic::{Code, Diagnostic};
    use crate::span::Span;

    #[test]
    fn odd_spans_are_shown_all_the_same() {
        let texts = ["", "\n", "a\r\nb", "é漢\u{1f600}\n\u{301}", "x\n\n\n", "tab\there", "\u{202e}\u{0}\u{1b}[1m"];
        let places = [0, 1, 2, 3, 4, 7, usize::MAX];
        for text in texts {
            for start in places {
                for end in places {
                    let diagnostic = Diagnostic::new(Code::UnexpectedText, "found é\nand more")
                        .label(Span::new(start, end), "here")
                        .label(Span::new(end, start), "");
                    let shown = render("a.ptf", text, &[diagnostic], false);
                    assert!(shown.starts_with("error[E0001]"), "{text:?} {start} {end}: {shown}");
                }
            }
        }
    }

    #[test]
    fn a_diagnostic_without_a_place_is_its_words() {
        let diagnostic =
            Diagnostic::new(Code::UnexpectedText, "found nothing").note("expected `format`").help("write one");
        let shown = render("a.ptf", "", &[diagnostic], false);
        assert!(shown.contains("found nothing") && shown.contains("expected `format`") && shown.contains("write one"));
        assert_eq!(render("a.ptf", "", &[], false), "");
    }
}
