//! The mistakes.

mod commit;
mod flush;
mod harvest;
mod hide;
mod join;
mod live;
mod plan;
mod retire;
mod rollback;
mod temporary;

/// A mistake, planted in the source of the runtime.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "the build reads one half of it, the test the other")]
pub struct Mutation {
    /// What it is called.
    pub name: &'static str,
    /// The file, in `runtime/src`.
    pub file: &'static str,
    /// The text that is replaced, which stands there once: an expression, or statements.
    pub original: &'static str,
    /// What stands there instead.
    pub changed: &'static str,
    /// What is planted, in words.
    pub plants: &'static str,
    /// Who catches it.
    pub caught: Caught,
    /// The scenario that shows it, and the case.
    pub shown: Shown,
}

/// By which name a mistake is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caught {
    /// The first invariant that is broken, by the start of its name.
    By(&'static str),
    /// What a scenario says of its own work.
    Says(&'static str),
}

/// Where a mistake is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In a scenario, on a case.
    In(&'static str, &'static str),
    /// In a piece of work of this package's own, on a case: what no scenario does.
    Driven(&'static str, &'static str),
}

/// All of them, by phase.
pub fn all() -> Vec<&'static Mutation> {
    let phases = [
        plan::MUTATIONS,
        commit::MUTATIONS,
        live::MUTATIONS,
        flush::MUTATIONS,
        retire::MUTATIONS,
        rollback::MUTATIONS,
        hide::MUTATIONS,
        join::MUTATIONS,
        harvest::MUTATIONS,
        temporary::MUTATIONS,
    ];
    phases.into_iter().flatten().collect()
}
