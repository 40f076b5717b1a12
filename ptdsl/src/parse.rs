//! Text to syntax tree.

use crate::diagnostic::Diagnostic;
use crate::tree::File;

/// Parses a format file.
///
/// # Errors
///
/// Everything that is wrong with the text, in the order of the text.
pub fn parse(_text: &str) -> Result<File, Vec<Diagnostic>> {
    Err(Vec::new())
}
