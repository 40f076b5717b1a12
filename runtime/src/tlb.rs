//! Ways to issue flushes.

mod callback;

pub use callback::Callback;
