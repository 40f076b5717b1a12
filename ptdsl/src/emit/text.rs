//! Emitted code as text that a person can read and a compiler can include: a line a statement, indented.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The tokens, laid out.
#[must_use]
pub fn text(tokens: TokenStream) -> String {
    let mut text = String::new();
    lines(tokens, 0, &mut text);
    text
}

fn lines(tokens: TokenStream, depth: usize, text: &mut String) {
    let mut line: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '#' && line.is_empty() => {
                attribute(TokenTree::Punct(sign), &mut tokens, depth, text);
            }
            TokenTree::Group(block) if block.delimiter() == Delimiter::Brace => {
                let opening = shown(&mut line);
                let space = if opening.is_empty() { "" } else { " " };
                indent(depth, text);
                text.push_str(&opening);
                if block.stream().is_empty() {
                    text.push_str(&format!("{space}{{}}"));
                } else {
                    text.push_str(&format!("{space}{{\n"));
                    lines(block.stream(), depth + 1, text);
                    indent(depth, text);
                    text.push('}');
                }
                text.push('\n');
            }
            TokenTree::Punct(sign) if matches!(sign.as_char(), ';' | ',') => {
                line.push(TokenTree::Punct(sign));
                end(&mut line, depth, text);
            }
            other => line.push(other),
        }
    }
    end(&mut line, depth, text);
}

/// An attribute on a line of its own; documentation as such.
fn attribute(sign: TokenTree, tokens: &mut Peekable<impl Iterator<Item = TokenTree>>, depth: usize, text: &mut String) {
    let mut line = vec![sign];
    while let Some(token) = tokens.next_if(|token| line.len() < 3 && !is_bracket(line.last()) && is_part(token)) {
        line.push(token);
    }
    indent(depth, text);
    match documentation(&line) {
        Some(words) => text.push_str(&format!("///{words}\n")),
        None => text.push_str(&format!("{}\n", shown(&mut line))),
    }
}

fn is_bracket(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket)
}

fn is_part(token: &TokenTree) -> bool {
    is_bracket(Some(token)) || matches!(token, TokenTree::Punct(sign) if sign.as_char() == '!')
}

/// The words of `#[doc = "words"]`, if they are written without escapes.
fn documentation(line: &[TokenTree]) -> Option<String> {
    let [_, TokenTree::Group(group)] = line else { return None };
    let parts: Vec<TokenTree> = Group::stream(group).into_iter().collect();
    let [TokenTree::Ident(doc), TokenTree::Punct(_), TokenTree::Literal(words)] = parts.as_slice() else { return None };
    let words = words.to_string();
    let words = words.strip_prefix('"')?.strip_suffix('"')?;
    (*doc == "doc" && !words.contains('\\')).then(|| words.to_owned())
}

fn shown(line: &mut Vec<TokenTree>) -> String {
    let tokens: TokenStream = line.drain(..).collect();
    tokens.to_string()
}

fn end(line: &mut Vec<TokenTree>, depth: usize, text: &mut String) {
    if !line.is_empty() {
        indent(depth, text);
        text.push_str(&shown(line));
        text.push('\n');
    }
}

fn indent(depth: usize, text: &mut String) {
    text.push_str(&"    ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::text;

    #[test]
    fn a_line_a_statement() {
        let shown = text(quote! {
            /// Words.
            #[derive(Clone)]
            pub struct S { a: u8, b: u8 }
            impl S { fn f(&self) -> u8 { let x = [1, 2]; if self.a == 0 { x[0] } else { self.b } } }
        });
        assert!(shown.starts_with("/// Words.\n#[derive"), "{shown}");
        assert!(shown.contains("pub struct S {\n    a : u8 ,\n    b : u8\n}\n"), "{shown}");
        let again: proc_macro2::TokenStream = shown.parse().expect("tokens");
        let plain: proc_macro2::TokenStream = text(again.clone()).parse().expect("tokens");
        assert_eq!(plain.to_string(), again.to_string());
    }
}
