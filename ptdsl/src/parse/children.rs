//! Stepping through the pairs inside a pair.

use core::iter::Peekable;

use pest::iterators::{Pair, Pairs};

use super::grammar::Rule;
use crate::span::{Span, Spanned};

/// The pairs inside a pair, from the first to the last.
pub struct Children<'i> {
    pairs: Peekable<Pairs<'i, Rule>>,
    /// Where the outer pair is.
    pub span: Span,
}

impl<'i> Children<'i> {
    /// The pairs inside this one.
    pub fn of(pair: Pair<'i, Rule>) -> Self {
        let span = span(&pair);
        Self { pairs: pair.into_inner().peekable(), span }
    }

    /// The rule of the next pair.
    pub fn next_rule(&mut self) -> Option<Rule> {
        self.pairs.peek().map(Pair::as_rule)
    }

    /// The next pair.
    pub fn next(&mut self) -> Option<Pair<'i, Rule>> {
        self.pairs.next()
    }

    /// The next pair if it is of this rule.
    pub fn eat(&mut self, rule: Rule) -> Option<Pair<'i, Rule>> {
        self.pairs.next_if(|pair| pair.as_rule() == rule)
    }

    /// Whether the next pair is of this rule; it is then left behind.
    pub fn has(&mut self, rule: Rule) -> bool {
        self.eat(rule).is_some()
    }

    /// The next pair of this rule; those before it are left behind.
    ///
    /// # Panics
    ///
    /// If there is none: the grammar and the code that reads its pairs disagree.
    pub fn find(&mut self, rule: Rule) -> Pair<'i, Rule> {
        match self.pairs.find(|pair| pair.as_rule() == rule) {
            Some(pair) => pair,
            None => unreachable!("the grammar always has a {rule:?} here"),
        }
    }

    /// The next name, as [`Children::find`].
    pub fn name(&mut self) -> Spanned<String> {
        let pair = self.find(Rule::name);
        Spanned::new(pair.as_str().to_owned(), span(&pair))
    }

    /// The lines of docs that stand here, without their mark.
    pub fn docs(&mut self, rule: Rule) -> Vec<Spanned<String>> {
        core::iter::from_fn(|| self.eat(rule)).map(|pair| Spanned::new(line(pair.as_str(), 3), span(&pair))).collect()
    }
}

/// Where a pair is.
pub fn span(pair: &Pair<'_, Rule>) -> Span {
    Span::new(pair.as_span().start(), pair.as_span().end())
}

/// A line of docs or a comment without its mark, of so many bytes, and the space behind it.
pub fn line(text: &str, mark: usize) -> String {
    let text = text.get(mark..).unwrap_or_default();
    text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned()
}
