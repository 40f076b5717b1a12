//! A description after `with`: every item once, every layout whole, conditions still open.

use crate::span::{Lines, Span};
use crate::tree;

/// One `format` (or `base`) with everything it takes from others, still in the words of the file.
///
/// Nodes keep their spans, which may lie in any description of the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Whether it is complete and can be bound.
    pub kind: tree::FormatKind,
    /// Its name.
    pub name: tree::Name,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The lines of `//!` of the file.
    pub sources: Vec<String>,
    /// Where the lines of the file begin.
    pub lines: Lines,
    /// The head of the description, for complaints about the whole.
    pub span: Span,
    /// `word`, if anything said it.
    pub word: Option<tree::Word>,
    /// The ranges of VA, in order.
    pub ranges: Vec<Documented<tree::Virtual>>,
    /// Width of the OA.
    pub output: Option<tree::Alt<tree::Width>>,
    /// One entry for each feature, in order.
    pub features: Vec<Documented<Feature>>,
    /// One entry for each parameter, in order.
    pub parameters: Vec<Documented<Parameter>>,
    /// The levels, from the highest index bits to the lowest where these are numbers, else in the order of the file.
    pub levels: Vec<Documented<tree::Level>>,
    /// The layouts, in order of first mention.
    pub layouts: Vec<Documented<Layout>>,
    /// The attributes, in order.
    pub attributes: Vec<Documented<tree::Attribute>>,
    /// The rules of all `update` items that count, in order; a later rule for a kind replaces an earlier one.
    pub update: Vec<tree::Rule>,
}

/// A description about whose names or items there are complaints, as far as it can be told.
///
/// It cannot be bound. It is there so that what does not depend on the complaints can be checked all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The description, without what cannot be told.
    pub description: Description,
    /// How much of it can be relied on.
    pub extent: Extent,
    /// Every place that the complaints point at.
    pub told: Vec<Span>,
}

/// How much of a description can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All but the rules of change.
    AllButUpdate,
    /// Where levels and the rows of layouts are. Names may mean nothing, and layouts may be missing.
    Places,
}

/// A node with the lines of `///` before it and its whole span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented<T> {
    /// The node.
    pub node: T,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The whole statement.
    pub span: Span,
}

/// A feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: tree::Name,
    /// Off where this fails.
    pub when: Option<tree::Cond>,
    /// What a client that does not name it gets.
    pub usually_on: bool,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: tree::Name,
    /// The values it may have.
    pub set: tree::ParameterSet,
    /// One value for each level.
    pub per_level: bool,
}

/// A layout with the rows and clauses of everything it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its kind.
    pub kind: tree::LayoutKind,
    /// Its name.
    pub name: tree::Name,
    /// Width of the word, if not the format's.
    pub word: Option<tree::Number>,
    /// The rows: those at fixed bits from the highest to the lowest, then those at a parameter. A row that a later one
    /// cut has only the bits that are left, with its address or field slices cut alike.
    pub rows: Vec<Documented<tree::Row>>,
    /// `where`, at most one.
    pub identity: Option<tree::Cond>,
    /// Every `forbid`.
    pub forbid: Vec<tree::Cond>,
    /// How far a leaf reaches, if not as far as the format.
    pub output: Option<tree::Alt<tree::Width>>,
    /// Everything `lacks` names.
    pub lacks: Vec<tree::Name>,
    /// `defer`.
    pub defer: bool,
    /// `run`.
    pub run: Option<tree::Run>,
    /// Each part other than a row with its span, for complaints.
    pub clauses: Vec<(ClauseKind, Span)>,
}

/// The kinds of clauses of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClauseKind {
    /// `where`
    Where,
    /// `forbid`
    Forbid,
    /// `output`
    Output,
    /// `lacks`
    Lacks,
    /// `defer`
    Defer,
    /// `run`
    Run,
}
