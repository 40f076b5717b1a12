//! Why a command could not do what it was asked, in words that help.

use std::fmt;
use std::io;

/// A request that cannot be met.
#[derive(Debug)]
pub enum Failure {
    /// Something about the request: what was found, what was expected and what to do.
    Request {
        /// What was found.
        found: String,
        /// What was expected instead.
        expected: Option<String>,
        /// What to do.
        help: Option<String>,
    },
    /// Problems of a format file or of a binding, rendered.
    Rendered {
        /// All of them.
        text: String,
        /// The exit code: 1 if the file is wrong, 2 if the request is.
        code: u8,
    },
    /// Nobody reads what is written any more.
    PipeClosed,
}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// Says what was found.
    pub fn found(found: impl Into<String>) -> Self {
        Self::Request { found: found.into(), expected: None, help: None }
    }

    /// Says what was expected instead.
    #[must_use]
    pub fn expected(mut self, text: impl Into<String>) -> Self {
        if let Self::Request { expected, .. } = &mut self {
            *expected = Some(text.into());
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Request { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    /// The exit code: 1 for problems of a format, 2 for a request that cannot be met.
    pub fn code(&self) -> u8 {
        match self {
            Self::Request { .. } => 2,
            Self::Rendered { code, .. } => *code,
            Self::PipeClosed => 0,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { found, expected, help } => {
                writeln!(f, "error: {found}")?;
                if let Some(expected) = expected {
                    writeln!(f, "  expected: {expected}")?;
                }
                if let Some(help) = help {
                    writeln!(f, "  help: {help}")?;
                }
                Ok(())
            }
            Self::Rendered { text, .. } => f.write_str(text),
            Self::PipeClosed => Ok(()),
        }
    }
}

/// For errors of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::found(format!("cannot write the output: {error}"))
    }
}
