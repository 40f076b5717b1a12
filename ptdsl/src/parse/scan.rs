//! The words, marks and comments of a text, without any grammar.
//!
//! pest skips comments and stops at the first error. This scan sees everything, so that comments can be kept, errors can
//! say what was found, and the statement around an error can be left out.

use crate::span::Span;

/// A text and its tokens.
pub struct Scan<'t> {
    /// The text.
    pub text: &'t str,
    /// Everything but white space.
    pub tokens: Vec<Token>,
}

/// A piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Begins with a letter or `_`.
    Word,
    /// Begins with a digit.
    Number,
    /// Punctuation.
    Mark,
    /// `// …`
    Comment,
    /// `/// …`
    Doc,
    /// `//! …`
    FileDoc,
    /// Nothing that the language uses.
    Unknown,
}

impl<'t> Scan<'t> {
    /// Scans a text.
    pub fn new(text: &'t str) -> Self {
        let mut tokens: Vec<Token> = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let (kind, length) = piece(rest);
            let span = Span::new(at, at + length);
            at = span.end;
            match (kind, tokens.last_mut()) {
                (None, _) => {}
                (Some(Kind::Unknown), Some(last)) if last.kind == Kind::Unknown && last.span.end == span.start => {
                    last.span.end = span.end;
                }
                (Some(kind), _) => tokens.push(Token { kind, span }),
            }
        }
        Self { text, tokens }
    }

    /// The text of a token.
    pub fn text_of(&self, token: Token) -> &'t str {
        self.text.get(token.span.start..token.span.end).unwrap_or_default()
    }

    /// Whether a token is this mark.
    pub fn is(&self, token: Token, mark: &str) -> bool {
        token.kind == Kind::Mark && self.text_of(token) == mark
    }

    /// The first token that ends after an offset and is no comment.
    pub fn token_at(&self, offset: usize) -> Option<Token> {
        let first = self.tokens.partition_point(|token| token.span.end <= offset);
        self.tokens[first..].iter().copied().find(|token| token.kind != Kind::Comment)
    }

    /// The last token that ends at or before an offset and is no comment.
    pub fn token_before(&self, offset: usize) -> Option<Token> {
        let end = self.tokens.partition_point(|token| token.span.end <= offset);
        self.tokens[..end].iter().copied().rev().find(|token| token.kind != Kind::Comment)
    }

    /// The braces that are open at an offset, the innermost last.
    pub fn open_braces(&self, offset: usize) -> Vec<Token> {
        let mut open = Vec::new();
        for &token in self.tokens.iter().take_while(|token| token.span.start < offset) {
            if self.is(token, "{") {
                open.push(token);
            } else if self.is(token, "}") {
                open.pop();
            }
        }
        open
    }
}

/// The kind and length in bytes of what a text begins with; white space has no kind.
fn piece(text: &str) -> (Option<Kind>, usize) {
    let Some(first) = text.chars().next() else { return (None, 0) };
    let line = || text.find('\n').unwrap_or(text.len());
    let word = || text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    match first {
        ' ' | '\t' | '\r' | '\n' => (None, 1),
        '/' if text.starts_with("//!") => (Some(Kind::FileDoc), line()),
        '/' if text.starts_with("///") && !text.starts_with("////") => (Some(Kind::Doc), line()),
        '/' if text.starts_with("//") => (Some(Kind::Comment), line()),
        '0'..='9' => (Some(Kind::Number), word()),
        'a'..='z' | 'A'..='Z' | '_' => (Some(Kind::Word), word()),
        '{' | '}' | '(' | ')' | '[' | ']' | ';' | ',' | '=' | '|' | '&' => (Some(Kind::Mark), 1),
        _ if text.starts_with("..") || text.starts_with("!=") => (Some(Kind::Mark), 2),
        _ => (Some(Kind::Unknown), first.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Scan};

    #[test]
    fn every_piece_has_a_kind() {
        let scan = Scan::new("//! a\n/// b\n//// c\r\n63..0x1f !=x#é // d");
        let pieces: Vec<(Kind, &str)> = scan.tokens.iter().map(|&token| (token.kind, scan.text_of(token))).collect();
        let expected = [
            (Kind::FileDoc, "//! a"),
            (Kind::Doc, "/// b"),
            (Kind::Comment, "//// c\r"),
            (Kind::Number, "63"),
            (Kind::Mark, ".."),
            (Kind::Number, "0x1f"),
            (Kind::Mark, "!="),
            (Kind::Word, "x"),
            (Kind::Unknown, "#é"),
            (Kind::Comment, "// d"),
        ];
        assert_eq!(pieces, expected);
    }
}
