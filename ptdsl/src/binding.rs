//! What a client decides about a format: features, parameters, the root and the range.

use std::collections::BTreeMap;

use crate::model;

/// What a client says about the features and parameters of a format.
///
/// A feature that is not named has its usual setting (`= on` in the format, else off). A parameter that is not named has
/// the last value of its set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Features by name.
    pub features: BTreeMap<String, Setting>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, Value>,
    /// Numbers bound anew, by attribute and by name of the choice.
    pub choices: BTreeMap<String, BTreeMap<String, u128>>,
    /// The level whose table the root is, where the format leaves a choice.
    pub root: Option<String>,
    /// Which range of VA the tables are for, where the format has several.
    pub range: Option<String>,
}

/// When a feature is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Compiled in.
    On,
    /// Compiled out.
    Off,
    /// Decided when a table is made.
    Runtime,
}

/// When a parameter is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Now.
    Fixed(u128),
    /// When a table is made.
    Runtime,
}

/// A format under a binding that leaves some things to run time: one model for each combination of these.
///
/// Parameters out of a long span (more than 4 values) that only bound the width of an address or place a bit are not
/// enumerated; they appear inside the models as `Bits::Runtime`. All models have the same attributes by name, in the same
/// order.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// What is decided at run time by enumeration, in the order of the description. Empty if all is bound.
    pub variables: Vec<Variable>,
    /// The parameters decided at run time that stay open inside the models: name, least and most value.
    pub open: Vec<(String, u32, u32)>,
    /// The addresses decided at run time that tell words of some member apart, each once, from the root's level down.
    pub addresses: Vec<Address>,
    /// The models, in the order of the variables' values, the first variable changing slowest. Combinations that the
    /// description excludes (`feature a when b`) are absent.
    pub members: Vec<Member>,
    /// The range that the client chose, an index into `Format::ranges` of every member.
    pub range: usize,
}

/// Something decided at run time out of a few values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// `None` for a feature, which is off (0) or on (1); the values of a parameter otherwise.
    pub values: Option<Vec<u128>>,
}

/// A parameter that is an address, decided at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name: `parameter.level` where it exists per level.
    pub name: String,
    /// The lines of `///`.
    pub docs: Vec<String>,
    /// The bits that it may have: those that every word stores in which it may stand, from the alignment of the table that
    /// it is the address of.
    pub bits: u128,
}

/// One model of a [`Family`].
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The value of each variable.
    pub assignment: Vec<u128>,
    /// The model.
    pub format: model::Format,
}
