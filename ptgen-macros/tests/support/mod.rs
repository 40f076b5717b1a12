//! What holds for the types of every format, whatever it is.

use ptgen::{Access, AttributeKind, Attributes, AttributesOf, Change, Format, Level, RootVisitor, Sizes, Word, WordOf};

/// A generator of numbers, the same at every run.
pub struct Dice(u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0.rotate_right(29)
    }

    /// Any attributes, encodable or not.
    fn attributes<A: Attributes>(&mut self) -> A {
        let mut attributes = A::default();
        for (index, info) in A::FIELDS.iter().enumerate() {
            let value = match info.kind {
                AttributeKind::Flag => self.roll() >> 40 & 1,
                AttributeKind::Number(bits) => self.roll() >> 13 & ((1 << bits) - 1),
                AttributeKind::Choice(names) => names[(self.roll() >> 7) as usize % names.len()].1,
            };
            assert!(attributes.set(index, value), "{} = {value}", info.name);
            assert_eq!(attributes.get(index), value, "{}", info.name);
        }
        attributes
    }
}

/// Checks a format at every level.
pub fn check<F: Format>(f: F) {
    let leaves = f.root(Down { f, dice: &mut Dice(1), levels: 0 });
    assert!(leaves > 0, "{}: not a single leaf could be said", F::NAME);
    for bit in 0..64 {
        let va = f.extend(1 << bit);
        assert!(f.is_canonical(va), "{} {bit}", F::NAME);
    }
}

struct Down<'a, F> {
    f: F,
    dice: &'a mut Dice,
    levels: u32,
}

impl<F: Format> RootVisitor<F> for Down<'_, F> {
    type Output = u32;

    fn visit<L: Level<Format = F>>(self) -> u32 {
        if L::IS_FLOOR {
            assert!(self.levels > 1);
            return 0;
        }
        assert!(u32::from(L::NUMBER) < 8);
        words::<F, L>(self.f, self.dice);
        let found = leaves::<F, L>(self.f, self.dice);
        let Self { f, dice, levels } = self;
        found + Down { f, dice, levels: levels + 1 }.visit::<L::Below>()
    }
}

/// Every word is at most one of absent, table, leaf; empty words are absent; payloads and pointers come back.
fn words<F: Format, L: Level<Format = F>>(f: F, dice: &mut Dice) {
    let empty = L::empty(f);
    assert!(L::is_absent(f, empty) && L::is_empty(f, empty));
    for round in 0..2000 {
        let w = WordOf::<L>::truncate(match round % 3 {
            0 => dice.roll(),
            1 => dice.roll() & dice.roll() & dice.roll(),
            _ => dice.roll() & 0xff | (dice.roll() & 3) << 62,
        });
        let kinds = [L::is_absent(f, w), L::is_table(f, w), L::is_leaf(f, w)];
        assert!(kinds.iter().filter(|kind| **kind).count() <= 1, "{} {w:#x}: {kinds:?}", L::NAME);
        assert!(!L::is_empty(f, w) || L::is_absent(f, w), "{} {w:#x}", L::NAME);
        let payload = dice.roll();
        let bits = L::payload_bits(f);
        let kept = if bits == 64 { payload } else { payload & ((1 << bits) - 1) };
        let absent = L::absent(f, payload);
        assert!(L::is_absent(f, absent) && L::payload(f, absent) == kept, "{} {absent:#x}", L::NAME);
        if L::HAS_TABLES {
            let address = dice.roll() & f.table_last() & !((1 << L::Below::align_lg2(f)) - 1);
            let table = L::table(f, address);
            assert!(L::is_table(f, table) && L::table_address(f, table) == address, "{} {table:#x}", L::NAME);
            let limits = L::limit(f, f.no_limits(), table);
            let leaf = L::leaf_sizes(f).iter().next().and_then(|lg2| L::template(f, &Default::default(), lg2).ok());
            if let Some(leaf) = leaf {
                let own = L::attributes(f, leaf, f.no_limits());
                assert_eq!(L::attributes(f, leaf, limits), own, "a new table limits {}", L::NAME);
            }
        }
    }
}

/// The attributes without those that no leaf of this machine says: these are ignored, and always read alike.
fn said<F: Format>(f: F, attributes: &F::Attributes) -> F::Attributes {
    struct Neutral<'a, F: Format>(F, &'a mut F::Attributes);
    impl<F: Format> RootVisitor<F> for Neutral<'_, F> {
        type Output = ();

        fn visit<L: Level<Format = F>>(self) {
            let Self(f, kept) = self;
            if L::IS_FLOOR {
                return;
            }
            let Some(lg2) = L::leaf_sizes(f).smallest() else { return Neutral(f, kept).visit::<L::Below>() };
            for (index, info) in F::Attributes::FIELDS.iter().enumerate() {
                let values: &[u64] = match info.kind {
                    AttributeKind::Choice(names) => &names.iter().map(|(_, number)| *number).collect::<Vec<_>>(),
                    _ => &[0, 1],
                };
                let read = |value: u64| {
                    let mut wanted = F::Attributes::kernel_data();
                    assert!(wanted.set(index, value));
                    Some(L::attributes(f, L::template(f, &wanted, lg2).ok()?, f.no_limits()).get(index))
                };
                let found: Vec<u64> = values.iter().filter_map(|value| read(*value)).collect();
                if found.len() > 1 && found.iter().all(|value| *value == found[0]) {
                    assert!(kept.set(index, found[0]), "{} = {}", info.name, found[0]);
                }
            }
            Neutral(f, kept).visit::<L::Below>();
        }
    }
    let mut kept = *attributes;
    f.root(Neutral(f, &mut kept));
    kept
}

/// Leaves say what they were made to say, here, below and changed.
fn leaves<F: Format, L: Level<Format = F>>(f: F, dice: &mut Dice) -> u32 {
    let mut found = 0;
    for lg2 in L::leaf_sizes(f).iter() {
        for _ in 0..200 {
            let attributes: AttributesOf<L> = dice.attributes();
            let Ok(template) = L::template(f, &attributes, lg2) else { continue };
            let attributes = said(f, &attributes);
            found += 1;
            let oa = dice.roll() & f.output_last() & !((1 << lg2) - 1);
            let slot = if L::run_is_identical(f, lg2) { 0 } else { dice.roll() & ((1 << (lg2 - L::shift(f))) - 1) };
            let own_oa = oa + (slot << L::shift(f));
            let w = L::leaf(f, template, lg2, own_oa);
            assert!(L::is_leaf(f, w), "{} {w:#x} of {attributes:?}", L::NAME);
            assert_eq!((L::leaf_oa(f, w), L::leaf_lg2(f, w)), (own_oa, lg2), "{} {w:#x}", L::NAME);
            let inside = dice.roll() & ((1 << L::shift(f)) - 1);
            let va = f.extend(dice.roll() & !((1 << lg2) - 1)) | slot << L::shift(f) | inside;
            assert_eq!(L::output(f, w, va), own_oa + inside, "{} {w:#x} {va:#x}", L::NAME);
            assert_eq!(L::attributes(f, w, f.no_limits()), attributes, "{} {w:#x}", L::NAME);
            moved::<F, L>(f, w, &attributes, L::leaf_sizes(f), &|lg2| L::resize(f, w, lg2), L::is_leaf);
            below::<F, L, L::Below>(f, w, &attributes);
            changed::<F, L>(f, dice, w, &attributes);
        }
    }
    found
}

/// The word said at another size of the level.
fn moved<F: Format, L: Level<Format = F>>(
    f: F,
    w: WordOf<L>,
    attributes: &AttributesOf<L>,
    sizes: Sizes,
    resize: &dyn Fn(u32) -> Result<WordOf<L>, ptgen::Unencodable>,
    is_leaf: fn(F, WordOf<L>) -> bool,
) {
    if sizes.iter().count() < 2 {
        return;
    }
    for lg2 in sizes.iter() {
        let again = resize(lg2).unwrap_or_else(|refused| panic!("{} {w:#x}: {refused:?}", L::NAME));
        assert!(is_leaf(f, again) && L::leaf_lg2(f, again) == lg2, "{} {w:#x} became {again:#x}", L::NAME);
        assert_eq!(L::attributes(f, again, f.no_limits()), *attributes, "{} {w:#x} became {again:#x}", L::NAME);
        assert_eq!(L::leaf_oa(f, again), 0, "{} {w:#x} became {again:#x}", L::NAME);
    }
}

/// The word said at the level below.
fn below<F: Format, L: Level<Format = F>, B: Level<Format = F>>(f: F, w: F::Word, attributes: &F::Attributes) {
    for lg2 in B::leaf_sizes(f).iter() {
        match L::descend(f, w, lg2) {
            Ok(again) => {
                assert!(B::is_leaf(f, again) && B::leaf_lg2(f, again) == lg2, "{} {w:#x}: {again:#x}", L::NAME);
                assert_eq!(B::attributes(f, again, f.no_limits()), *attributes, "{} {w:#x}: {again:#x}", L::NAME);
            }
            Err(refused) => assert!(B::template(f, attributes, lg2).is_err(), "{} {w:#x}: {refused:?}", L::NAME),
        }
    }
}

/// The word with one attribute changed.
fn changed<F: Format, L: Level<Format = F>>(f: F, dice: &mut Dice, w: F::Word, attributes: &F::Attributes) {
    let index = (dice.roll() >> 9) as usize % F::Attributes::FIELDS.len();
    let wanted: F::Attributes = dice.attributes();
    let mut change = F::Change::default();
    assert!(change.set(index, wanted.get(index)));
    let revised = change.revise(attributes);
    assert_eq!(revised.get(index), wanted.get(index));
    let revised = said(f, &revised);
    let Ok(patch) = L::patch(f, &change) else {
        // Some leaf would be asked to say what none can say, if not this one.
        let lg2 = L::leaf_lg2(f, w);
        let mut refused = (0..2000)
            .map(|_| dice.attributes::<F::Attributes>())
            .filter(|it| L::template(f, it, lg2).is_ok() && L::template(f, &change.revise(it), lg2).is_err());
        assert!(refused.next().is_some(), "{}: {change:?} is refused", L::NAME);
        return;
    };
    let new = L::apply(f, &patch, w);
    let sayable = L::template(f, &revised, L::leaf_lg2(f, w)).is_ok();
    assert!(!L::changes_fit(f) || L::is_leaf(f, new), "{} {w:#x} became {new:#x}", L::NAME);
    if sayable {
        assert!(L::is_leaf(f, new), "{} {w:#x} became {new:#x}", L::NAME);
        assert_eq!(L::attributes(f, new, f.no_limits()), revised, "{} {w:#x} became {new:#x}", L::NAME);
        assert_eq!(L::leaf_oa(f, new), L::leaf_oa(f, w), "{} {w:#x} became {new:#x}", L::NAME);
    }
    for access in [Access::Read, Access::Write, Access::Execute] {
        let _ = revised.permits(access, true);
    }
}
