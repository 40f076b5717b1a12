//! Attributes that every leaf of a format can say.

use ptgen::{AttributeKind, Attributes, Format, Level};

use crate::levels::{EachLevel, each_level};

/// Whether leaves of every size can say `attributes`.
pub fn encodable<F: Format>(f: F, attributes: &F::Attributes) -> bool {
    struct Try<'a, A>(&'a A, bool);
    impl<F: Format> EachLevel<F> for Try<'_, F::Attributes> {
        fn level<L: Level<Format = F>>(&mut self, f: F) {
            self.1 &= L::leaf_sizes(f).iter().all(|lg2| L::template(f, self.0, lg2).is_ok());
        }
    }
    let mut all = Try::<F::Attributes>(attributes, true);
    each_level(f, &mut all);
    all.1
}

/// What reads back of `attributes`. A format decided at run time may have attributes that this machine does not have: they
/// are not said, whatever they are.
pub(super) fn said<F: Format>(f: F, attributes: &F::Attributes) -> F::Attributes {
    let mut said = *attributes;
    for (index, info) in <F::Attributes as Attributes>::FIELDS.iter().enumerate() {
        let words = values(info.kind).map(|value| {
            let mut other = *attributes;
            other.set(index, value);
            leaf(f, &other).map(|(word, _)| word)
        });
        if let [Some(one), Some(other)] = words
            && one == other
        {
            let decoded = leaf(f, attributes).map_or(said, |(_, decoded)| decoded);
            said.set(index, decoded.get(index));
        }
    }
    said
}

/// Two different values of an attribute.
fn values(kind: AttributeKind) -> [u64; 2] {
    match kind {
        AttributeKind::Flag | AttributeKind::Number(_) => [0, 1],
        AttributeKind::Choice(names) => [names[0].1, names[names.len() - 1].1],
    }
}

/// A leaf word of the lowest level with these attributes, and what it says.
fn leaf<F: Format>(f: F, attributes: &F::Attributes) -> Option<(F::Word, F::Attributes)> {
    struct Lowest<'a, F: Format>(&'a F::Attributes, Option<(F::Word, F::Attributes)>);
    impl<F: Format> EachLevel<F> for Lowest<'_, F> {
        fn level<L: Level<Format = F>>(&mut self, f: F) {
            let word = L::leaf_sizes(f).smallest().and_then(|lg2| L::template(f, self.0, lg2).ok());
            self.1 = word.map(|word| (word, L::attributes(f, word, f.no_limits())));
        }
    }
    let mut lowest = Lowest::<F>(attributes, None);
    each_level(f, &mut lowest);
    lowest.1
}

/// One of the ready-made attributes, with one field changed as `seed` says, if leaves can say the result.
pub(super) fn pick<F: Format>(f: F, seed: u16) -> F::Attributes {
    type A<F> = <F as Format>::Attributes;
    let ready = [
        A::<F>::kernel_data(),
        A::<F>::kernel_rodata(),
        A::<F>::kernel_text(),
        A::<F>::user_data(),
        A::<F>::user_rodata(),
        A::<F>::user_text(),
    ];
    let plain = ready[usize::from(seed) % ready.len()];
    let (field, value) = field::<F>(seed / 8);
    let mut changed = plain;
    changed.set(field, value);
    said(f, if encodable(f, &changed) { &changed } else { &plain })
}

/// A field and a value of it.
pub(super) fn field<F: Format>(seed: u16) -> (usize, u64) {
    let fields = <F::Attributes as Attributes>::FIELDS;
    let index = usize::from(seed) % fields.len();
    let seed = usize::from(seed) / fields.len();
    let value = match fields[index].kind {
        AttributeKind::Flag => seed as u64 & 1,
        AttributeKind::Number(bits) => seed as u64 & ((1 << bits) - 1),
        AttributeKind::Choice(names) => names[seed % names.len()].1,
    };
    (index, value)
}
