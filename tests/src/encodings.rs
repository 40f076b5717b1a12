//! Emitted encoders against the model: every attribute, at every level, in every size.

use ptdsl::model::{self, LayoutKind};
use ptdsl::walk::{self, Value};
use ptgen::{AttributeKind, Attributes, Format, Level};

use crate::levels::{EachLevel, each_level};

/// Encodes leaves of every size at every level with every value of every attribute, from several starting points, and
/// compares each word, or that there is none, with what the model states. Decodes what was encoded.
///
/// # Panics
///
/// If they disagree.
pub fn compare<F: Format>(f: F, model: &model::Format) -> Compared {
    type A<F> = <F as Format>::Attributes;
    let mut check = Check { model, compared: Compared::default() };
    let starts = [A::<F>::default(), A::<F>::kernel_data(), A::<F>::kernel_text(), A::<F>::user_rodata()];
    for start in starts {
        for (index, info) in A::<F>::FIELDS.iter().enumerate() {
            for value in values(info.kind) {
                let mut attributes = start;
                if info.name != "software" && attributes.set(index, value) {
                    each_level(f, &mut WithAttributes { check: &mut check, attributes });
                }
            }
        }
    }
    check.compared
}

/// How many words were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Words that both made.
    pub words: usize,
    /// Attributes that both refused.
    pub refused: usize,
}

struct Check<'a> {
    model: &'a model::Format,
    compared: Compared,
}

struct WithAttributes<'a, 'b, A> {
    check: &'a mut Check<'b>,
    attributes: A,
}

impl<F: Format> EachLevel<F> for WithAttributes<'_, '_, F::Attributes> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        for lg2 in L::leaf_sizes(f).iter() {
            let aligned = !((1_u64 << lg2) - 1);
            for oa in [0, 0x5555_5555_5555_5555 & f.output_last() & aligned, f.output_last() & aligned] {
                let found = L::template(f, &self.attributes, lg2).ok().map(|template| L::leaf(f, template, lg2, oa));
                let expected = self.check.expected::<L>(&self.attributes, lg2, oa);
                assert_eq!(
                    found.map(|word| u128::from(word.into())),
                    expected,
                    "{} {} {lg2} {oa:#x} {:?}",
                    F::NAME,
                    L::NAME,
                    self.attributes
                );
                let Some(word) = found else {
                    self.check.compared.refused += 1;
                    continue;
                };
                self.check.compared.words += 1;
                assert!(L::is_leaf(f, word) && !L::is_table(f, word) && !L::is_absent(f, word), "{word:?} is a leaf");
                assert_eq!(L::leaf_oa(f, word), oa, "{word:?}");
                assert_eq!(L::leaf_lg2(f, word), lg2, "{word:?}");
                let said = self.check.said(&self.attributes);
                assert_eq!(L::attributes(f, word, f.no_limits()), said, "{word:?}");
            }
        }
    }
}

/// What is allowed where nothing says otherwise.
const RIGHTS: [&str; 6] = ["read", "write", "execute", "user", "privileged_execute", "secure"];

/// User mode's own rights, and those that it has in their place where nothing says them.
const OWN_RIGHTS: [(&str, &str); 2] = [("user_write", "write"), ("user_execute", "execute")];

impl Check<'_> {
    /// What reads back. Of a format decided at run time the model knows only what this machine has; the rest is not said:
    /// a right is allowed then (user mode's own one if the plain one is, and users are), anything else is zero.
    fn said<A: Attributes>(&self, attributes: &A) -> A {
        let mut said = *attributes;
        let is_known = |name: &str| name == "software" || self.model.attributes.iter().any(|known| known.name == name);
        let unsaid = || A::FIELDS.iter().enumerate().filter(|(_, info)| !is_known(info.name));
        for (index, info) in unsaid() {
            said.set(index, u64::from(RIGHTS.contains(&info.name)));
        }
        for (index, info) in unsaid() {
            let Some((_, plain)) = OWN_RIGHTS.iter().find(|(own, _)| *own == info.name) else { continue };
            let allowed = |name: &str| A::FIELDS.iter().position(|info| info.name == name).map(|index| said.get(index));
            let both = allowed(plain).unwrap_or(1) & allowed("user").unwrap_or(1);
            said.set(index, both);
        }
        said
    }

    /// The word that the model states, made by whichever layout of the level can.
    fn expected<L: Level>(&self, attributes: &<L::Format as Format>::Attributes, lg2: u32, oa: u64) -> Option<u128> {
        let level = self.model.levels.iter().position(|level| level.number == u32::from(L::NUMBER))?;
        let wanted = reference(attributes, self.model);
        let entries = self.model.levels[level].entries.iter().filter(|entry| !entry.refused);
        let mut words = entries
            .filter(|entry| self.model.layouts[entry.layout].kind == LayoutKind::Leaf)
            .filter_map(|entry| walk::encode(self.model, level, entry.layout, lg2, oa, &wanted).ok());
        words.next()
    }
}

/// The same attributes in the words of the reference walker.
fn reference<A: Attributes>(attributes: &A, model: &model::Format) -> walk::Attributes {
    let mut all = walk::Attributes::new();
    for (index, info) in A::FIELDS.iter().enumerate() {
        let Some(known) = model.attributes.iter().find(|known| known.name == info.name) else { continue };
        let value = u128::from(attributes.get(index));
        let value = match &known.kind {
            model::AttributeKind::Flag => Value::Flag(value != 0),
            model::AttributeKind::Number(_) => Value::Number(value),
            // By name: another machine of the same program may have another number for it, or not have it.
            model::AttributeKind::Choice { .. } => match name_of(info.kind, attributes.get(index)) {
                Some(name) => Value::Name(name.to_owned()),
                None => Value::Unnamed(value),
            },
        };
        all.insert(info.name.to_owned(), value);
    }
    all
}

/// The name of a number of a choice.
pub(crate) fn name_of(kind: AttributeKind, value: u64) -> Option<&'static str> {
    let AttributeKind::Choice(names) = kind else { return None };
    names.iter().find(|(_, number)| *number == value).map(|(name, _)| *name)
}

/// Values worth trying.
fn values(kind: AttributeKind) -> Vec<u64> {
    match kind {
        AttributeKind::Flag => vec![0, 1],
        AttributeKind::Number(bits) => vec![0, 1, (1 << bits) - 1, 1 << (bits - 1)],
        AttributeKind::Choice(names) => names.iter().map(|&(_, number)| number).collect(),
    }
}
