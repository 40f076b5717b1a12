//! Expressions as tokens, with no more parentheses than needed, and the spelling of numbers and names.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::expr::{Expr, Op};

/// How tightly an expression binds; operands of a tighter operation need parentheses.
type Binding = u8;

const ATOM: Binding = 15;
const UNARY: Binding = 12;
const CAST: Binding = 11;
const PRODUCT: Binding = 10;
const SUM: Binding = 9;
const SHIFT: Binding = 8;
const BIT_AND: Binding = 7;
const BIT_XOR: Binding = 6;
const BIT_OR: Binding = 5;
const COMPARISON: Binding = 4;
const LOWEST: Binding = 0;

impl quote::ToTokens for Expr {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(shown(self).0);
    }
}

/// The expression where an operand of this binding may stand.
fn within(expr: &Expr, least: Binding) -> TokenStream {
    let (tokens, binding) = shown(expr);
    if binding >= least { tokens } else { quote!((#tokens)) }
}

fn shown(expr: &Expr) -> (TokenStream, Binding) {
    match expr {
        Expr::Bits(bits) => (literal(hexadecimal(*bits)), ATOM),
        Expr::Number(number) => (literal(number.to_string()), ATOM),
        Expr::Bool(value) => (quote!(#value), ATOM),
        Expr::Var(text) if text.starts_with('"') => (verbatim(text), ATOM),
        Expr::Var(name) => (path(name), ATOM),
        Expr::Op(op, operands) => operation(op, operands),
    }
}

fn operation(op: &Op, operands: &[Expr]) -> (TokenStream, Binding) {
    let infix = |sign: TokenStream, binding: Binding, associative: bool| {
        let mut tokens = TokenStream::new();
        for (place, operand) in operands.iter().enumerate() {
            // A cast before `<` would open a list of generic arguments; a sum in a shift is hard to read.
            let least = match op {
                Op::Shl | Op::Shr | Op::Mul => UNARY,
                Op::Le => BIT_OR + 1,
                _ if associative || place == 0 => binding,
                _ => binding + 1,
            };
            if place > 0 {
                tokens.extend(sign.clone());
            }
            tokens.extend(within(operand, least));
        }
        (tokens, binding)
    };
    match (op, operands) {
        (Op::BitAnd, _) => infix(quote!(&), BIT_AND, true),
        (Op::And, _) => infix_truth(operands, &quote!(&), BIT_AND),
        (Op::BitOr, _) => infix(quote!(|), BIT_OR, true),
        (Op::Or, _) => infix_truth(operands, &quote!(|), BIT_OR),
        (Op::BitXor, _) => infix(quote!(^), BIT_XOR, true),
        (Op::Shl, _) => infix(quote!(<<), SHIFT, false),
        (Op::Shr, _) => infix(quote!(>>), SHIFT, false),
        (Op::Add, _) => infix(quote!(+), SUM, true),
        (Op::Mul, _) => infix(quote!(*), PRODUCT, true),
        (Op::Sub, _) => infix(quote!(-), SUM, false),
        (Op::Eq, _) => infix(quote!(==), COMPARISON, false),
        (Op::Ne, _) => infix(quote!(!=), COMPARISON, false),
        (Op::Le, _) => infix(quote!(<=), COMPARISON, false),
        (Op::BitNot | Op::Not, [a]) => {
            let a = within(a, UNARY);
            (quote!(!#a), UNARY)
        }
        (Op::Cast(to), [a]) => {
            let (a, to) = (within(a, CAST), name(to));
            (quote!(#a as #to), CAST)
        }
        (op, operands) => compound(op, operands),
    }
}

/// Operations that are no signs between operands.
fn compound(op: &Op, operands: &[Expr]) -> (TokenStream, Binding) {
    match (op, operands) {
        (Op::If, [condition, yes, no]) => {
            let no = match no {
                Expr::Op(Op::If, _) => quote!(#no),
                _ => quote!({ #no }),
            };
            (quote!(if #condition { #yes } else #no), LOWEST)
        }
        (Op::Call(function), _) => {
            let function = path(function);
            (quote!(#function(#(#operands),*)), ATOM)
        }
        (Op::Method(method), [receiver, rest @ ..]) => {
            let (receiver, method) = (within(receiver, ATOM), verbatim(method));
            (quote!(#receiver.#method(#(#rest),*)), ATOM)
        }
        (Op::Try, [a]) => {
            let a = within(a, ATOM);
            (quote!(#a?), ATOM)
        }
        (Op::Match(patterns), [scrutinee, results @ ..]) => {
            let patterns = patterns.iter().map(|pattern| verbatim(pattern));
            (quote!(match #scrutinee { #(#patterns => #results),* }), LOWEST)
        }
        (Op::Struct(of, fields), _) => {
            let of = path(of);
            let fields = fields.iter().map(|field| name(field));
            (quote!(#of { #(#fields: #operands),* }), ATOM)
        }
        (op, operands) => {
            let message = format!("malformed {op:?} of {}", operands.len());
            (quote_spanned!(Span::call_site()=> ::core::compile_error!(#message)), ATOM)
        }
    }
}

/// Truth values: comparisons among `&` and `|` always in parentheses.
fn infix_truth(operands: &[Expr], sign: &TokenStream, binding: Binding) -> (TokenStream, Binding) {
    let mut tokens = TokenStream::new();
    for (place, operand) in operands.iter().enumerate() {
        if place > 0 {
            tokens.extend(sign.clone());
        }
        tokens.extend(within(operand, UNARY));
    }
    (tokens, binding)
}

/// `0x000f_ffff_ffff_f000`: long ones padded to whole groups.
pub(crate) fn hexadecimal(bits: u128) -> String {
    if bits == 0 {
        return "0".to_owned();
    }
    let digits = format!("{bits:x}");
    if digits.len() <= 4 {
        return format!("0x{digits}");
    }
    let groups = if digits.len() > 8 { digits.len().div_ceil(16) * 4 } else { 2 };
    let padded = format!("{digits:0>width$}", width = groups * 4);
    let mut text = "0x".to_owned();
    for (place, digit) in padded.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Rust as it is written.
pub(crate) fn verbatim(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|_| quote!(::core::compile_error!(#text)))
}

/// A number without a suffix, as it is written.
pub(crate) fn literal(text: String) -> TokenStream {
    match text.parse::<Literal>() {
        Ok(literal) => quote!(#literal),
        Err(_) => quote_spanned!(Span::call_site()=> ::core::compile_error!(#text)),
    }
}

/// A number in decimal, without a suffix.
pub(crate) fn decimal(value: u128) -> Literal {
    Literal::u128_unsuffixed(value)
}

/// An identifier.
pub(crate) fn name(text: &str) -> Ident {
    Ident::new(text, Span::call_site())
}

/// `a.b` and `A::b` as tokens.
pub(crate) fn path(text: &str) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (place, part) in text.split('.').enumerate() {
        if place > 0 {
            tokens.extend(quote!(.));
        }
        for (place, part) in part.split("::").enumerate() {
            if place > 0 {
                tokens.extend(quote!(::));
            }
            if !part.is_empty() {
                let part = name(part);
                tokens.extend(quote!(#part));
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(hexadecimal(0), "0");
        assert_eq!(hexadecimal(0x1fff), "0x1fff");
        assert_eq!(hexadecimal(0x1_ffff), "0x0001_ffff");
        assert_eq!(hexadecimal(0xf_ffff_ffff_f000), "0x000f_ffff_ffff_f000");
        assert_eq!(hexadecimal(1 << 100).len(), 2 + 32 + 7);
    }

    #[test]
    fn parentheses_stand_where_they_are_needed() {
        let w = || Expr::var("w");
        let shifted = Expr::bit_and(vec![w(), Expr::Bits(0xff)]).shifted(4);
        assert_eq!(shown_text(&shifted), "(w & 0xff) << 4");
        let compared = shifted.clone().eq(Expr::Bits(3));
        let both = Expr::and(vec![compared, Expr::var("x").not()]);
        assert_eq!(shown_text(&both), "((w & 0xff) << 4 == 0x3) & ! x");
        let cast = Expr::var("x").cast("u64").shifted(3);
        assert_eq!(shown_text(&cast), "(x as u64) << 3");
        let choice = Expr::choose(Expr::var("f.x"), Expr::Bits(1), Expr::Bits(2));
        let or = Expr::bit_or(vec![choice, w()]);
        assert_eq!(shown_text(&or), "(if f . x { 0x1 } else { 0x2 }) | w");
    }

    fn shown_text(expr: &Expr) -> String {
        expr.to_token_stream().to_string()
    }
}
