//! Looking at tables without changing them: one address, a range, beside a writer.

pub(crate) mod companion;
pub(crate) mod look;
pub(crate) mod reader;
pub(crate) mod translate;
pub(crate) mod walk;
