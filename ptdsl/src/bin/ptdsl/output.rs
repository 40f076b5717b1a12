//! Standard output and messages.

use std::io::{self, IsTerminal, Write};

use crate::args::Color;
use crate::failure::Outcome;

/// Writes text to standard output.
pub fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a message to standard error; if that fails there is nobody to tell.
pub fn message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

impl Color {
    /// Whether messages on standard error are coloured.
    pub fn of_messages(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}
