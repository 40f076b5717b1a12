//! What is wrong with a format file, and how it is shown.
//!
//! Every stage reports a [`Diagnostic`]; only [`render`] decides what it looks like. The codes are in `code.rs`, one
//! line and one paragraph each.

mod code;
mod nearest;
mod render;

use crate::span::Span;

pub use code::Code;
pub(crate) use nearest::same_letters;
pub use nearest::{nearest, nearest_within};
pub use render::render;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule is broken.
    pub code: Code,
    /// What was found: lower case, no full stop.
    pub message: String,
    /// The places involved; the first is the primary one.
    pub labels: Vec<Label>,
    /// What was expected, and evidence such as a word that two layouts claim.
    pub notes: Vec<String>,
    /// What to write instead.
    pub help: Option<String>,
}

/// A place and its part in what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// A diagnostic without places.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), labels: Vec::new(), notes: Vec::new(), help: None }
    }

    /// Adds a place; the first one added is the primary one.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Where it is: the span of the primary label.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}
