//! Attributes that every leaf of a format can say.

use ptgen::{AttributeInfo, AttributeKind, Attributes, Change, Format, Level, RootVisitor};

/// Ready-made ones, each also with one field changed.
pub(super) fn encodable<F: Format>(f: F) -> Vec<F::Attributes> {
    type A<F> = <F as Format>::Attributes;
    let ready = [
        A::<F>::kernel_data(),
        A::<F>::kernel_rodata(),
        A::<F>::kernel_text(),
        A::<F>::user_data(),
        A::<F>::user_rodata(),
        A::<F>::user_text(),
    ];
    let mut found: Vec<F::Attributes> = Vec::new();
    for plain in ready {
        let mut candidates = vec![plain];
        for (index, info) in A::<F>::FIELDS.iter().enumerate() {
            for value in values(info) {
                let mut changed = plain;
                changed.set(index, value);
                candidates.push(changed);
            }
        }
        for candidate in candidates {
            if !found.contains(&candidate) && f.root(Says(f, candidate)) {
                found.push(candidate);
            }
        }
    }
    found
}

/// Changes of one field each.
pub(super) fn changes<F: Format>() -> Vec<F::Change> {
    let mut found = Vec::new();
    for (index, info) in <F::Attributes as Attributes>::FIELDS.iter().enumerate() {
        for value in values(info) {
            let mut change = F::Change::default();
            if change.set(index, value) {
                found.push(change);
            }
        }
    }
    found
}

/// Some values of an attribute.
fn values(info: &AttributeInfo) -> Vec<u64> {
    match info.kind {
        AttributeKind::Flag => vec![0, 1],
        AttributeKind::Number(bits) => vec![0, 1, (1 << bits.min(63)) - 1],
        AttributeKind::Choice(names) => names.iter().map(|(_, number)| *number).collect(),
    }
}

/// Whether leaves of every size say the attributes, and say them all.
struct Says<F: Format>(F, F::Attributes);

impl<F: Format> RootVisitor<F> for Says<F> {
    type Output = bool;

    fn visit<L: Level<Format = F>>(self) -> bool {
        if L::IS_FLOOR {
            return true;
        }
        let Self(f, attributes) = self;
        L::leaf_sizes(f).iter().all(|lg2| L::template(f, &attributes, lg2).is_ok()) && self.visit::<L::Below>()
    }
}
