//! Random attributes and changes, and where randomness comes from.

use ptgen::{AttributeKind, Attributes, Change, Format};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The environment variable that says where random choices begin.
const SEED: &str = "PTGEN_SEED";

/// The seed of this run: the value of `PTGEN_SEED`, or 1. It is printed, so that a run can be repeated.
///
/// # Panics
///
/// If the variable is no number.
#[must_use]
pub fn seed() -> u64 {
    let seed = std::env::var(SEED).map_or(1, |text| text.parse().expect("PTGEN_SEED is a number"));
    println!("{SEED}={seed}");
    seed
}

/// The random choices of a run, different ones for each subject.
pub(super) fn rng(seed: u64, subject: &str) -> StdRng {
    // FNV-1a, so that the same name means the same choices everywhere.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    StdRng::seed_from_u64(subject.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix))
}

/// True in `percent` of cases.
pub(super) fn chance(rng: &mut StdRng, percent: u32) -> bool {
    rng.random_range(0..100) < percent
}

/// One of some things.
pub(super) fn one_of<'a, T>(rng: &mut StdRng, things: &'a [T]) -> &'a T {
    &things[rng.random_range(0..things.len())]
}

/// A value of a field.
fn value(kind: AttributeKind, rng: &mut StdRng) -> u64 {
    match kind {
        AttributeKind::Flag => rng.random_range(0..2),
        AttributeKind::Number(bits) => rng.random::<u64>() >> (64 - bits),
        AttributeKind::Choice(names) => one_of(rng, names).1,
    }
}

/// Attributes: ready-made ones, most of them with some of `fields` changed, some with all.
pub(super) fn attributes<F: Format>(fields: &[usize], rng: &mut StdRng) -> F::Attributes {
    type A<F> = <F as Format>::Attributes;
    let ready = [
        A::<F>::kernel_data,
        A::<F>::kernel_rodata,
        A::<F>::kernel_text,
        A::<F>::user_data,
        A::<F>::user_rodata,
        A::<F>::user_text,
    ];
    let mut attributes = one_of(rng, &ready)();
    let percent = *one_of(rng, &[0, 15, 15, 100]);
    for &index in fields {
        if chance(rng, percent) {
            attributes.set(index, value(A::<F>::FIELDS[index].kind, rng));
        }
    }
    attributes
}

/// A change of one or two of `fields`.
pub(super) fn change<F: Format>(fields: &[usize], rng: &mut StdRng) -> F::Change {
    let mut change = F::Change::default();
    for _ in 0..rng.random_range(1..3) {
        let index = *one_of(rng, fields);
        let info = &<F::Attributes as Attributes>::FIELDS[index];
        let value = value(info.kind, rng);
        assert!(change.set(index, value), "a change takes every value of an attribute: {} = {value}", info.name);
    }
    change
}

/// The flag of that name, if there is such an attribute.
pub(super) fn flag<A: Attributes>(attributes: &A, name: &str) -> Option<bool> {
    let index = A::FIELDS.iter().position(|info| info.name == name)?;
    Some(attributes.get(index) != 0)
}
