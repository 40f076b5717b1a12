//! The reference walker as a witness: the way that an address takes, word by word.

use std::fmt::Write as _;

use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::model::{Endian, Format};
use ptdsl::walk::{self, Walk};
use ptgen::Attributes;

use super::processor::Word;

/// The model of a format, as fully bound as the tables that machines walk.
#[derive(Clone, Debug)]
pub struct Reference {
    model: Format,
    range: usize,
}

impl Reference {
    /// The shipped format of that name, with these features, parameters and range of VA.
    ///
    /// # Panics
    ///
    /// If there is no such format, or if it cannot be bound so.
    #[must_use]
    pub fn new(name: &str, features: &[(&str, bool)], parameters: &[(&str, u64)], range: Option<&str>) -> Self {
        Self::rooted(name, features, parameters, range, None)
    }

    /// Likewise, with this level as the root, where the format leaves a choice.
    ///
    /// # Panics
    ///
    /// Likewise.
    #[must_use]
    pub fn rooted(
        name: &str,
        features: &[(&str, bool)],
        parameters: &[(&str, u64)],
        range: Option<&str>,
        root: Option<&str>,
    ) -> Self {
        let text = ptgen_formats::format(name).expect("the format ships").text;
        let file = ptdsl::parse(text).expect("a shipped format parses");
        let (descriptions, _) = ptdsl::resolve(&file);
        let description = descriptions.iter().find(|it| it.name.value == name).expect("the format is in its file");
        let setting = |on| if on { Setting::On } else { Setting::Off };
        let binding = Binding {
            features: features.iter().map(|&(name, on)| (name.to_owned(), setting(on))).collect(),
            parameters: parameters.iter().map(|&(name, v)| (name.to_owned(), Value::Fixed(v.into()))).collect(),
            range: range.map(str::to_owned),
            root: root.map(str::to_owned),
            ..Binding::default()
        };
        let family = ptdsl::bind::bind(description, &binding).expect("the format can be bound so");
        let range = family.range;
        let member = family.members.into_iter().next().expect("a full binding has one model");
        Self { model: member.format, range }
    }

    /// The fields of the attributes that leaves say under this binding. Those of features that are off are not among
    /// them.
    pub(super) fn fields<A: Attributes>(&self) -> Vec<usize> {
        let said = |name: &str| name == "software" || self.model.attributes.iter().any(|known| known.name == name);
        A::FIELDS.iter().enumerate().filter(|(_, info)| said(info.name)).map(|(index, _)| index).collect()
    }

    /// What the reference walker finds for `va`, where `read` has words in the processor's order.
    pub(super) fn walk(&self, read: &dyn Fn(u64) -> Option<u64>, root: u64, va: u64) -> Walk {
        let is_big = self.model.levels.iter().any(|level| level.endian == Endian::Big);
        let stored = |word: u64, bytes: u32| if is_big { word.swap_bytes() >> (64 - 8 * bytes) } else { word };
        let words = |address: u64, bytes: u32| read(address).map(|word| u128::from(stored(word, bytes)));
        walk::translate(&self.model, self.range, &words, root, va)
    }

    /// The words that the reference walker sees on the way of `va`.
    pub(super) fn words(&self, walk: &Walk) -> Vec<Word> {
        let word = |step: &walk::Step| Word {
            level: self.number(step.level),
            bits: u64::try_from(step.word).expect("words have 64 bits"),
            is_reserved: matches!(step.class, walk::Class::Reserved { .. }),
            is_table: matches!(step.class, walk::Class::Table { .. }),
        };
        walk.path.iter().map(word).collect()
    }

    /// The number of a level.
    fn number(&self, level: usize) -> u8 {
        u8::try_from(self.model.levels[level].number).expect("there are few levels")
    }

    /// The way through the tables, and its end, in lines.
    pub(super) fn path(&self, read: &dyn Fn(u64) -> Option<u64>, root: u64, va: u64) -> String {
        let walk = self.walk(read, root, va);
        let mut out = String::new();
        for step in &walk.path {
            let level = &self.model.levels[step.level].name;
            let _ = writeln!(
                out,
                "    {level:>5} {:#014x}[{:3}] = {:#018x}  {:?}",
                step.table, step.index, step.word, step.class
            );
        }
        let _ = write!(out, "    the reference walker: {:x?}", walk.outcome);
        out
    }
}
