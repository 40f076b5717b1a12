//! Memory that wants the walker to fail: any word anywhere, tables that point to each other, addresses that do not exist.

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use proptest::prelude::*;
use ptdsl::bind;
use ptdsl::model::{Format, LayoutKind};
use ptdsl::tree::FormatKind;
use ptdsl::walk::{self, Class, Found, Outcome};

/// Every trial format and every shipped one, with all features that go together on, and with none.
static MODELS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let mut descriptions = support::resolved(&support::trials());
    descriptions.extend(ptgen_formats::FILES.iter().flat_map(|file| support::resolved(file.text)));
    let mut models = Vec::new();
    for description in descriptions.iter().filter(|one| one.kind == FormatKind::Format) {
        let names = description.features.iter().map(|feature| feature.node.name.value.clone());
        let mut features: BTreeMap<String, bool> = names.clone().map(|name| (name, false)).collect();
        models.push(bind::model(description, &features, &Default::default()).unwrap());
        // All that can be on together with those before; twice, for features that need a later one.
        for name in names.clone().chain(names) {
            let before = features.insert(name.clone(), true);
            if bind::model(description, &features, &Default::default()).is_err() {
                features.insert(name, before.unwrap_or(false));
            }
        }
        models.push(bind::model(description, &features, &Default::default()).unwrap());
    }
    models
});

/// A number that depends on two others in no obvious way.
fn mixed(seed: u64, address: u64) -> u128 {
    let step = |value: u64| {
        let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    };
    let low = step(seed ^ step(address));
    u128::from(low) | u128::from(step(low)) << 64
}

/// A word that some layout of the format claims, made from noise: what hostile memory would hold.
fn likely(format: &Format, noise: u128) -> u128 {
    let index = (noise >> 100) as usize % format.layouts.len();
    let layout = &format.layouts[index];
    if layout.kind == LayoutKind::Root {
        return noise;
    }
    let mut word = noise;
    let mut settle = |test: &ptdsl::model::Test| {
        if let ptdsl::model::Test::Equal { mask, value } = test {
            word = word & !mask | value;
        }
    };
    match &layout.identity {
        ptdsl::model::Test::All(parts) => parts.iter().for_each(&mut settle),
        test => settle(test),
    }
    if noise >> 90 & 3 != 0 {
        word = word & !layout.reserved.fixed | layout.reserved_value;
    }
    word
}

#[test]
fn every_word_is_exactly_one_thing() {
    let mut seen = [0; 4];
    for format in MODELS.iter() {
        for (level, known) in format.levels.iter().enumerate() {
            for noise in 0..400 {
                let word = mixed(noise, level as u64);
                let word =
                    if noise % 4 == 0 { word } else { likely(format, word) } & (u128::MAX >> (128 - known.word_bits));
                match walk::classify(format, level, word) {
                    Class::Absent { .. } => seen[0] += 1,
                    Class::Table { layout } => {
                        seen[1] += 1;
                        assert!(!walk::targets(format, level, layout, word).is_empty());
                    }
                    Class::Leaf { layout } => {
                        seen[2] += 1;
                        assert!(walk::leaf_output(format, level, layout, word).is_some(), "{} {word:#x}", format.name);
                    }
                    Class::Reserved { reason, .. } => {
                        seen[3] += 1;
                        let unproven = matches!(reason, walk::Reason::Unlisted | walk::Reason::Ambiguous);
                        assert!(!unproven, "{} {}: {word:#x} is {reason:?}", format.name, known.name);
                    }
                }
                for layout in 0..format.layouts.len() {
                    let rows = walk::decode(format, layout, word);
                    let again = rows.iter().fold(0, |all, (row, value)| all | value << row.low);
                    let bits = format.layouts[layout].word_bits;
                    assert_eq!(again, word & u128::MAX >> (128 - bits));
                    let said = walk::attributes(format, layout, word);
                    assert!(said.keys().all(|name| format.attributes.iter().any(|one| one.name == *name)));
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 1000), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn walks_end(seed: u64, root: u64, noise: u64, holes in 0_u32..4) {
        for format in MODELS.iter() {
            let words = |address: u64, _bytes: u32| {
                let noise = mixed(seed, address);
                (noise as u32 % 16 >= holes).then(|| likely(format, noise))
            };
            for (index, range) in format.ranges.iter().enumerate() {
                let inside = noise & (u64::MAX >> (64 - range.width));
                for va in [noise, inside, !inside, u64::MAX, 0] {
                    let walk = walk::translate(format, index, &words, root, va);
                    prop_assert!(walk.path.len() <= 2 * format.levels.len());
                    // A walk reads nothing for an address that no range up to its own holds, and begins at the root otherwise.
                    let own = walk::canonical_range(format, va).is_some_and(|first| first <= index);
                    prop_assert!(own || walk.path.is_empty());
                    prop_assert!(walk.path.first().is_none_or(|step| (step.level, step.table) == (range.root, root)));
                }
            }
        }
    }

    /// What a tour finds is what a walk for that address finds; and it can be stopped in a maze without end.
    #[test]
    fn tours_and_walks_agree(seed: u64, page in 0_u64..16) {
        for format in MODELS.iter().step_by(3) {
            // A few tables only, so that they point to each other.
            let words = |address: u64, bytes: u32| {
                let word = likely(format, mixed(seed, address % 0x8000));
                (address.checked_add(bytes.into())? < 1 << 45).then_some(word)
            };
            for range in 0..format.ranges.len() {
                let mut left = 300;
                let mut before = None;
                let flow = walk::mappings(format, range, &words, page << 12, &mut |found| {
                    let va = match &found {
                        Found::Leaf { va, .. } | Found::Fault { va, .. } | Found::Cycle { va, .. } => *va,
                    };
                    assert!(before.is_none_or(|before| before < va), "{}: {before:x?} {va:#x}", format.name);
                    before = Some(va);
                    let walk = walk::translate(format, range, &words, page << 12, va);
                    match (found, walk.outcome) {
                        (Found::Leaf { leaf, oa, .. }, Outcome::Leaf(other)) => {
                            assert_eq!(leaf.oa, oa);
                            assert_eq!(leaf, other);
                        }
                        (Found::Fault { fault, .. }, Outcome::Fault { fault: other, .. }) => assert_eq!(fault, other),
                        (Found::Cycle { .. }, _) => {}
                        (found, outcome) => panic!("{}: {found:?} {outcome:?}", format.name),
                    }
                    left -= 1;
                    if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                prop_assert!(flow.is_continue() || left == 0);
            }
        }
    }
}

/// Whatever a leaf says can be said again, in the same place and to the same effect.
#[test]
fn what_a_leaf_says_can_be_encoded() {
    let mut leaves = 0;
    for format in MODELS.iter() {
        for (level, known) in format.levels.iter().enumerate() {
            for noise in 0..200 {
                let word = likely(format, mixed(noise, 77)) & (u128::MAX >> (128 - known.word_bits));
                let Class::Leaf { layout } = walk::classify(format, level, word) else { continue };
                let (oa, size_lg2) = walk::leaf_output(format, level, layout, word).unwrap();
                let own = walk::attributes(format, layout, word);
                let again = walk::encode(format, level, layout, size_lg2, oa, &own)
                    .unwrap_or_else(|why| panic!("{} {}: {word:#x}: {why:?}", format.name, known.name));
                assert_eq!(walk::leaf_output(format, level, layout, again), Some((oa, size_lg2)));
                assert_eq!(walk::attributes(format, layout, again), own, "{}: {word:#x} {again:#x}", format.name);
                // What the client may use and what nobody looks at is not copied.
                let known = &format.layouts[layout];
                assert_eq!(again & known.software, 0);
                assert_eq!(again & known.ignored, known.written & known.ignored);
                leaves += 1;
            }
        }
    }
    assert!(leaves > 1000, "{leaves}");
}

#[test]
fn an_image_has_an_end() {
    let image: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
    let word = |address, bytes| walk::Words::word(image, address, bytes);
    assert_eq!(word(0, 8), Some(0x0807_0605_0403_0201));
    assert_eq!(word(4, 4), Some(0x0807_0605));
    assert_eq!(word(4, 8), None);
    assert_eq!(word(u64::MAX, 8), None);
    assert_eq!(word(0, 32), None);
}
