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

/// What a word is, in the words of a golden line behind the word itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A leaf: its layout, the OA, lg2 of the size, what it says.
    Leaf(String, u64, u32, String),
    /// A table: its layout, the level and the address of the child, what it says.
    Table(String, String, u64, String),
    /// No translation.
    Absent,
    /// Refused: for these bits, or for what they are together or the level that it stands at.
    Refused(Option<u128>),
}

impl Claim {
    /// The claim as text. The order of attributes does not matter.
    fn text(&self) -> String {
        let sorted = |said: &str| {
            let mut words: Vec<&str> = said.split_whitespace().collect();
            words.sort_unstable();
            words.iter().map(|word| format!(" {word}")).collect::<String>()
        };
        match self {
            Self::Leaf(layout, oa, size, said) => format!("leaf {layout} {oa:#x} {}{}", size_text(*size), sorted(said)),
            Self::Table(layout, child, address, said) => format!("table {layout} {child} {address:#x}{}", sorted(said)),
            Self::Absent => "absent".to_owned(),
            Self::Refused(None) => "refused".to_owned(),
            Self::Refused(Some(bits)) => format!("refused {bits:#x}"),
        }
    }
}

/// Binds `name feature feature parameter=3`, and says what is wrong with that by a panic.
pub fn bound<'a>(descriptions: &[Description], binding: &'a str) -> Bound<'a> {
    try_bound(descriptions, binding).unwrap_or_else(|wrong| panic!("{binding}: {wrong}"))
}

/// Binds `name feature feature parameter=3`; features that are not named are off, parameters that are not have the last
/// value of their set.
pub fn try_bound<'a>(descriptions: &[Description], binding: &'a str) -> Result<Bound<'a>, String> {
    let mut words = binding.split_whitespace();
    let name = words.next().unwrap_or_default();
    let description = descriptions.iter().find(|one| one.name.value == name).ok_or(format!("no format `{name}`"))?;
    let mut features: BTreeMap<String, bool> =
        description.features.iter().map(|feature| (feature.node.name.value.clone(), false)).collect();
    let mut parameters = BTreeMap::new();
    for word in words {
        match word.split_once('=') {
            Some((name, value)) => {
                let value = value.parse().map_err(|_| format!("`{value}` is no number"))?;
                parameters.insert(name.to_owned(), value);
            }
            None => drop(features.insert(word.to_owned(), true)),
        }
    }
    let format = bind::model(description, &features, &parameters).map_err(|all| format!("{all:#?}"))?;
    Ok(Bound { format, binding })
}

impl Bound<'_> {
    /// A leaf: what it is, where it leads, what it says; and the same word from all that.
    pub fn leaf(&self, level: &str, word: u128, layout: &str, oa: u64, size_lg2: u32, said: &str) -> &Self {
        self.demand(level, word, &Claim::Leaf(layout.to_owned(), oa, size_lg2, said.to_owned()))
    }

    /// A table word: where it leads, what it says; and the same word from its fields.
    pub fn table(&self, level: &str, word: u128, layout: &str, child: &str, address: u64, said: &str) -> &Self {
        self.demand(level, word, &Claim::Table(layout.to_owned(), child.to_owned(), address, said.to_owned()))
    }

    /// A word that translates nothing.
    pub fn absent(&self, level: &str, word: u128) -> &Self {
        self.demand(level, word, &Claim::Absent)
    }

    /// What emptied slots hold, in each range.
    pub fn empty(&self, level: &str, words: &[u128]) -> &Self {
        self.judge_empty(level, words).unwrap_or_else(|wrong| panic!("{} {level}: {wrong}", self.binding));
        self
    }

    /// A word that is refused, with the bits that are wrong where it is for these.
    pub fn refused(&self, level: &str, word: u128, bits: Option<u128>) -> &Self {
        self.demand(level, word, &Claim::Refused(bits))
    }

    fn demand(&self, level: &str, word: u128, claim: &Claim) -> &Self {
        self.judge(level, word, claim).unwrap_or_else(|wrong| panic!("{} {level} {word:#x}: {wrong}", self.binding));
        self
    }

    /// Whether a word is what is claimed; if not, what was expected and found.
    pub fn judge(&self, level: &str, word: u128, claim: &Claim) -> Result<(), String> {
        let level = self.level(level)?;
        let class = classify(&self.format, level, word);
        let (expected, found) = (claim.text(), self.found(level, word, class)?);
        if expected != found {
            return Err(format!("expected `{expected}`, found `{found}`"));
        }
        let (layout, again) = match (class, claim) {
            (Class::Leaf { layout }, Claim::Leaf(_, oa, size, _)) => {
                let own = attributes(&self.format, layout, word);
                (layout, encode(&self.format, level, layout, *size, *oa, &own).map_err(|wrong| format!("{wrong:?}"))?)
            }
            (Class::Table { layout }, Claim::Table(_, child, address, _)) => {
                let fields = self.fields(layout, word, child)?;
                let again = encode_table(&self.format, level, layout, *address, &fields);
                (layout, again.map_err(|wrong| format!("{wrong:?}"))?)
            }
            _ => return Ok(()),
        };
        let expected = word & !self.format.layouts[layout].software;
        let differs = format!("expected {expected:#x} when it is written anew, found {again:#x}");
        if again == expected { Ok(()) } else { Err(differs) }
    }

    /// Whether emptied slots hold these words, one for each range, and these are absent.
    pub fn judge_empty(&self, level: &str, words: &[u128]) -> Result<(), String> {
        let found = &self.format.levels[self.level(level)?].empty;
        if found != words {
            return Err(format!("expected emptied slots of {}, found {}", hexadecimal(words), hexadecimal(found)));
        }
        words.iter().try_for_each(|word| self.judge(level, *word, &Claim::Absent))
    }

    fn level(&self, name: &str) -> Result<usize, String> {
        let levels = &self.format.levels;
        levels.iter().position(|level| level.name == name).ok_or_else(|| format!("no level `{name}`"))
    }

    /// What the word is, as the text of a claim.
    fn found(&self, level: usize, word: u128, class: Class) -> Result<String, String> {
        let name = |layout: usize| self.format.layouts[layout].name.clone();
        let said = |layout: usize| text(&attributes(&self.format, layout, word));
        let claim = match class {
            Class::Absent { .. } => Claim::Absent,
            Class::Leaf { layout } => {
                let (oa, size) = leaf_output(&self.format, level, layout, word).ok_or("a leaf without a size")?;
                Claim::Leaf(name(layout), oa, size, said(layout))
            }
            Class::Table { layout } => match targets(&self.format, level, layout, word).as_slice() {
                [one] => {
                    let child = self.format.levels[one.level].name.clone();
                    Claim::Table(name(layout), child, one.address, said(layout))
                }
                several => return Ok(format!("a table with {} children", several.len())),
            },
            Class::Reserved { reason: Reason::Unlisted, .. } => return Ok("none of the layouts".to_owned()),
            Class::Reserved { reason: Reason::Ambiguous, .. } => return Ok("several layouts at once".to_owned()),
            Class::Reserved { reason: Reason::Bits(bits), .. } => Claim::Refused(Some(bits)),
            Class::Reserved { .. } => Claim::Refused(None),
        };
        Ok(claim.text())
    }

    /// What a table word says, as the fields that it is written from.
    fn fields(&self, layout: usize, word: u128, child: &str) -> Result<BTreeMap<String, u128>, String> {
        let own = attributes(&self.format, layout, word);
        let layout = &self.format.layouts[layout];
        let is_field = |name: &str| layout.fields.iter().any(|field| field.name == name);
        let flags = own.iter().filter(|(name, value)| **value == Value::Flag(true) && is_field(name));
        let mut fields: BTreeMap<String, u128> = flags.map(|(name, _)| (name.clone(), 1)).collect();
        if let Some(named) = &layout.child_field {
            let level = self.level(child)?;
            let number = named.levels.iter().find(|(_, found)| **found == level).map(|(number, _)| *number);
            fields.insert(named.field.clone(), number.ok_or("no number of the child")?);
        }
        Ok(fields)
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

/// `4K` of 12.
fn size_text(lg2: u32) -> String {
    const UNITS: [&str; 6] = ["", "K", "M", "G", "T", "P"];
    let unit = UNITS.get(lg2 as usize / 10).copied().unwrap_or("?");
    format!("{}{unit}", 1_u32 << (lg2 % 10))
}

fn hexadecimal(words: &[u128]) -> String {
    words.iter().map(|word| format!("{word:#x}")).collect::<Vec<_>>().join(", ")
}
