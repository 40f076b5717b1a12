//! Text to syntax tree.
//!
//! pest parses; this module and its children turn its pairs into a [`File`], its failures into diagnostics, and put the
//! comments, which the grammar skips, back beside the nodes they belong to. No type of pest leaves this module.

mod attribute;
mod children;
mod comments;
mod error;
mod format;
mod grammar;
mod layout;
mod numbers;
mod recover;
mod scan;
mod shared;

use pest::Parser;

use crate::diagnostic::Diagnostic;
use crate::span::Lines;
use crate::tree::File;
use grammar::{Grammar, Rule};
use scan::Scan;

/// More errors than this are not worth reading at once.
const MOST_ERRORS: usize = 20;

/// Parses a format file.
///
/// # Errors
///
/// Everything that is wrong with the text, in the order of the text; at most some twenty diagnostics. After an error the
/// statement around it is left out and the rest is looked at all the same.
pub fn parse(text: &str) -> Result<File, Vec<Diagnostic>> {
    let scan = Scan::new(text);
    let mut left = text.to_owned();
    let mut diagnostics = Vec::new();
    for found in error::before_parsing(&scan) {
        recover::leave_out(&mut left, &scan, found.span().unwrap_or_default().start);
        diagnostics.push(found);
    }
    while diagnostics.len() < MOST_ERRORS {
        let error = match Grammar::parse(Rule::file, &left) {
            Ok(mut pairs) => {
                let (mut file, wrong) = format::file(&mut pairs);
                diagnostics.extend(wrong);
                if diagnostics.is_empty() {
                    comments::attach(&mut file, &scan);
                    file.lines = Lines::of(text);
                    return Ok(file);
                }
                break;
            }
            Err(error) => error::Unexpected::new(&scan, &error),
        };
        let go_on = error.is_local() && recover::leave_out(&mut left, &scan, error.at());
        let found = error.diagnostic();
        if diagnostics.iter().all(|earlier| earlier.span() != found.span()) {
            diagnostics.push(found);
        }
        if !go_on {
            break;
        }
    }
    diagnostics.sort_by_key(Diagnostic::span);
    Err(diagnostics)
}

/// All words that cannot be names, in the order of the grammar.
#[must_use]
pub fn keywords() -> Vec<String> {
    grammar::keywords()
}
