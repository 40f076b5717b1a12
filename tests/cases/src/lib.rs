//! What is tested: every format that ships, and files of a client's own, each under several bindings.
//!
//! A new format file needs no new test code: [`write`] makes its cases, called by the build scripts of the packages that
//! test all formats.

mod list;
mod parts;

pub use list::{Bindings, write, write_part, write_some};
pub use parts::{PARTS, Part, part_of};

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::model;

/// A format under a binding.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The name of the case.
    pub name: &'static str,
    /// The name of the format.
    pub format: &'static str,
    /// The text of the file, if the format does not ship.
    pub text: Option<&'static str>,
}

/// Everything that a value of a format decides, at compile time or at run time.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    /// All features.
    pub features: &'static [(&'static str, bool)],
    /// The parameters that are not at their usual value.
    pub parameters: &'static [(&'static str, u128)],
    /// The index of the range.
    pub range: usize,
}

impl Case {
    /// The [part](PARTS) in which it is simulated.
    #[must_use]
    pub fn part(&self) -> &'static str {
        let shipped = if self.text.is_none() { ptgen_formats::format(self.format) } else { None };
        part_of(shipped.map(|format| format.file))
    }

    /// The model that the reference walker interprets, for one value of the format. It is made once: a test of the simulator
    /// makes many machines of one format.
    ///
    /// # Panics
    ///
    /// If the format file is broken.
    #[must_use]
    pub fn model(&self, decided: &Decided) -> model::Format {
        static KNOWN: Mutex<BTreeMap<String, model::Format>> = Mutex::new(BTreeMap::new());
        let key = format!("{} {} {decided:?}", self.name, self.format);
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = known().get(&key) {
            return model.clone();
        }
        let model = self.model_anew(decided);
        known().insert(key, model.clone());
        model
    }

    fn model_anew(&self, decided: &Decided) -> model::Format {
        let shipped = || ptgen_formats::format(self.format).expect("the format ships").text;
        let file = ptdsl::parse(self.text.unwrap_or_else(shipped)).expect("a tested format parses");
        let (descriptions, _) = ptdsl::resolve(&file);
        let description = descriptions.iter().find(|d| d.name.value == self.format).expect("the format is in its file");
        let setting = |on| if on { Setting::On } else { Setting::Off };
        let range = description.ranges[decided.range].node.name.as_ref().map(|name| name.value.clone());
        let binding = Binding {
            features: decided.features.iter().map(|&(name, on)| (name.to_owned(), setting(on))).collect(),
            parameters: decided.parameters.iter().map(|&(name, v)| (name.to_owned(), Value::Fixed(v))).collect(),
            choices: BTreeMap::new(),
            root: None,
            range,
        };
        let family = ptdsl::bind::bind(description, &binding).expect("what was decided can be bound");
        family.members.into_iter().next().expect("a full binding has one model").format
    }
}
