//! Random sequences of operations against a plain map of VA to OA.

mod attributes;
mod plain;
mod run;
mod step;

pub use attributes::encodable;
pub use plain::{Plain, Stretch, join};
pub use run::{Run, Starved};
pub use step::{Step, Where, steps};
