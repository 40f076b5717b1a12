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
    if encodable(f, &changed) { changed } else { plain }
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
