//! Syntax tree to text.

use crate::tree::File;

/// Writes a format file in its canonical form.
#[must_use]
pub fn print(_file: &File) -> String {
    String::new()
}
