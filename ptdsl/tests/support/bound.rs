//! A format under a binding, and what is claimed of its words.

use std::collections::BTreeMap;

use ptdsl::bind;
use ptdsl::model::Format;
use ptdsl::resolve::Description;
use ptdsl::walk::{Attributes, Class, Reason, Value, attributes, classify, encode, encode_table, leaf_output, targets};

/// A format under a binding.
pub struct Bound<'a> {
    format: Format,
    binding: &'a str,
}

/// Binds `name feature feature parameter=3`; features that are not named are off, parameters that are not have the last
/// value of their set.
pub fn bound<'a>(descriptions: &[Description], binding: &'a str) -> Bound<'a> {
    let mut words = binding.split(' ');
    let description = super::format(descriptions, words.next().unwrap());
    let mut features: BTreeMap<String, bool> =
        description.features.iter().map(|feature| (feature.node.name.value.clone(), false)).collect();
    let mut parameters = BTreeMap::new();
    for word in words {
        match word.split_once('=') {
            Some((name, value)) => drop(parameters.insert(name.to_owned(), value.parse().unwrap())),
            None => drop(features.insert(word.to_owned(), true)),
        }
    }
    let format = bind::model(description, &features, &parameters).unwrap_or_else(|all| panic!("{binding}: {all:#?}"));
    Bound { format, binding }
}

impl Bound<'_> {
    fn level(&self, name: &str) -> usize {
        self.format.levels.iter().position(|level| level.name == name).unwrap_or_else(|| panic!("{name}"))
    }

    fn layout(&self, class: Class) -> (usize, &str) {
        match class {
            Class::Absent { layout } | Class::Table { layout } | Class::Leaf { layout } => {
                (layout, &self.format.layouts[layout].name)
            }
            Class::Reserved { .. } => panic!("{}: {class:?}", self.binding),
        }
    }

    /// A leaf: what it is, where it leads, what it says; and the same word from all that.
    pub fn leaf(&self, level: &str, word: u128, layout: &str, oa: u64, size_lg2: u32, said: &str) -> &Self {
        let level = self.level(level);
        let shown = format!("{}: {word:#x}", self.binding);
        let class = classify(&self.format, level, word);
        let (index, name) = self.layout(class);
        assert_eq!(class, Class::Leaf { layout: index }, "{shown}");
        assert_eq!(name, layout, "{shown}");
        assert_eq!(leaf_output(&self.format, level, index, word), Some((oa, size_lg2)), "{shown}");
        let own = attributes(&self.format, index, word);
        assert_eq!(text(&own), said, "{shown}");
        let software = self.format.layouts[index].software;
        let again = encode(&self.format, level, index, size_lg2, oa, &own);
        assert_eq!(again, Ok(word & !software), "{shown}");
        self
    }

    /// A table word: where it leads, what it says; and the same word from its fields.
    pub fn table(&self, level: &str, word: u128, layout: &str, child: &str, address: u64, said: &str) -> &Self {
        let level = self.level(level);
        let shown = format!("{}: {word:#x}", self.binding);
        let class = classify(&self.format, level, word);
        let (index, name) = self.layout(class);
        assert_eq!(class, Class::Table { layout: index }, "{shown}");
        assert_eq!(name, layout, "{shown}");
        let found = targets(&self.format, level, index, word);
        let found: Vec<_> = found.iter().map(|target| (target.level, target.address)).collect();
        assert_eq!(found, [(self.level(child), address)], "{shown}");
        let own = attributes(&self.format, index, word);
        assert_eq!(text(&own), said, "{shown}");
        let flags = own.iter().filter(|(name, value)| {
            **value == Value::Flag(true) && self.format.layouts[index].fields.iter().any(|field| field.name == **name)
        });
        let mut fields: BTreeMap<String, u128> = flags.map(|(name, _)| (name.clone(), 1)).collect();
        if let Some(named) = &self.format.layouts[index].child_field {
            let number = named.levels.iter().find(|(_, found)| **found == self.level(child)).map(|(number, _)| *number);
            fields.insert(named.field.clone(), number.unwrap());
        }
        let software = self.format.layouts[index].software;
        let again = encode_table(&self.format, level, index, address, &fields);
        assert_eq!(again, Ok(word & !software), "{shown}");
        self
    }

    /// A word that translates nothing.
    pub fn absent(&self, level: &str, word: u128) -> &Self {
        let class = classify(&self.format, self.level(level), word);
        assert!(matches!(class, Class::Absent { .. }), "{}: {word:#x}: {class:?}", self.binding);
        self
    }

    /// What emptied slots hold, in each range.
    pub fn empty(&self, level: &str, words: &[u128]) -> &Self {
        let index = self.level(level);
        assert_eq!(self.format.levels[index].empty, words, "{} {level}", self.binding);
        for word in words {
            self.absent(level, *word);
        }
        self
    }

    /// A word that is refused, with the bits that are wrong where it is for these.
    pub fn refused(&self, level: &str, word: u128, bits: Option<u128>) -> &Self {
        let class = classify(&self.format, self.level(level), word);
        match (class, bits) {
            (Class::Reserved { reason: Reason::Bits(found), .. }, Some(bits)) => {
                assert_eq!(found, bits, "{}: {word:#x}", self.binding);
            }
            (Class::Reserved { reason, .. }, None) => {
                assert!(
                    !matches!(reason, Reason::Bits(_) | Reason::Unlisted | Reason::Ambiguous),
                    "{word:#x} {reason:?}"
                );
            }
            _ => panic!("{}: {word:#x}: {class:?}", self.binding),
        }
        self
    }
}

/// Attributes in one line: those that hold, and what the others are worth.
fn text(attributes: &Attributes) -> String {
    let words = attributes.iter().filter_map(|(name, value)| match value {
        Value::Flag(true) => Some(name.clone()),
        Value::Flag(false) => None,
        Value::Number(0) => None,
        Value::Number(number) => Some(format!("{name}={number}")),
        Value::Name(choice) => Some(format!("{name}={choice}")),
        Value::Unnamed(number) => Some(format!("{name}=?{number}")),
    });
    words.collect::<Vec<_>>().join(" ")
}
