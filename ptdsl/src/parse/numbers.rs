//! Numbers.

use pest::iterators::Pair;

use super::children::{Children, span};
use super::grammar::Rule;
use super::shared::Builder;
use crate::diagnostic::{Code, Diagnostic};
use crate::span::{Span, Spanned};
use crate::tree::{BitRange, Literal, Number, Radix, Slice};

impl Builder {
    /// The next number.
    pub fn number(&mut self, children: &mut Children<'_>) -> Number {
        let pair = children.find(Rule::number);
        self.literal(&pair)
    }

    /// A pair of the rule `number`.
    pub fn literal(&mut self, pair: &Pair<'_, Rule>) -> Number {
        let span = span(pair);
        let text = pair.as_str();
        let (radix, digits) = if let Some(digits) = text.strip_prefix("0x") {
            (Radix::Hexadecimal, digits)
        } else if let Some(digits) = text.strip_prefix("0b") {
            (Radix::Binary, digits)
        } else {
            (Radix::Decimal, text)
        };
        let base = match radix {
            Radix::Decimal => 10,
            Radix::Hexadecimal => 16,
            Radix::Binary => 2,
        };
        let value = if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
            self.diagnostics.push(malformed(text, span));
            0
        } else {
            u128::from_str_radix(digits, base).unwrap_or_else(|_| {
                let found = Diagnostic::new(Code::NumberTooLarge, "found a number that does not fit in 128 bits");
                self.diagnostics.push(found.label(span, ""));
                0
            })
        };
        let digits = u8::try_from(digits.len()).unwrap_or(u8::MAX);
        Spanned::new(Literal { value, radix, digits }, span)
    }

    /// A pair of the rule `range`: `51..12`.
    pub fn range(&mut self, pair: Pair<'_, Rule>) -> BitRange {
        let mut children = Children::of(pair);
        let (high, low) = (self.number(&mut children), self.number(&mut children));
        self.descending(&high, &low, children.span);
        BitRange { high, low }
    }

    /// A pair of the rule `slice`: `[55..12]` or `[1]`.
    pub fn slice(&mut self, pair: Pair<'_, Rule>) -> Slice {
        let mut children = Children::of(pair);
        let high = self.number(&mut children);
        let low = if children.has(Rule::dots) { self.number(&mut children) } else { high };
        self.descending(&high, &low, children.span);
        Slice { high, low }
    }

    /// Demands that `first to last` is not reversed.
    pub fn ascending(&mut self, first: &Number, last: Option<&Number>) {
        if let Some(last) = last.filter(|last| last.value.value < first.value.value) {
            let found = format!("found `{} to {}`, which runs downwards", first.value.value, last.value.value);
            let help = format!("write `{} to {}`", last.value.value, first.value.value);
            let span = first.span.to(last.span);
            self.diagnostics.push(Diagnostic::new(Code::ReversedRange, found).label(span, "").help(help));
        }
    }

    fn descending(&mut self, high: &Number, low: &Number, span: Span) {
        if high.value.value < low.value.value {
            let found = format!("found `{}..{}`, which runs upwards", high.value.value, low.value.value);
            let help = format!("bits are written the highest first: `{}..{}`", low.value.value, high.value.value);
            self.diagnostics.push(Diagnostic::new(Code::ReversedRange, found).label(span, "").help(help));
        }
    }
}

fn malformed(text: &str, span: Span) -> Diagnostic {
    let found = Diagnostic::new(Code::MalformedNumber, format!("found `{text}`, which is not a number"))
        .label(span, "")
        .note("expected digits, or `0x` and hexadecimal digits, or `0b` and binary digits");
    let plain: String = text.chars().filter(|&digit| digit != '_').collect();
    if text.contains('_') && plain.chars().all(|digit| digit.is_ascii_hexdigit() || digit == 'x') {
        found.help(format!("write `{plain}`"))
    } else {
        found
    }
}
