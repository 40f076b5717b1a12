//! Every trial format binds, with its features on and off and its parameters at both ends.

mod support;

use std::collections::BTreeMap;

use ptdsl::bind;
use ptdsl::diagnostic::Code;
use ptdsl::model::{Format, LayoutKind};
use ptdsl::resolve::Description;
use ptdsl::tree::{FormatKind, ParameterSet};

/// The least and the greatest value of each parameter.
fn ends(description: &Description) -> Vec<(String, Vec<u128>)> {
    let spans = description.parameters.iter().filter_map(|parameter| match &parameter.node.set {
        ParameterSet::Address => None,
        ParameterSet::Spans(spans) => Some((parameter.node.name.value.clone(), spans)),
    });
    spans
        .map(|(name, spans)| {
            let first = spans.first().unwrap().first.value.value;
            let last = spans.last().unwrap();
            let last = last.last.as_ref().map_or(last.first.value.value, |last| last.value.value);
            (name, if first == last { vec![first] } else { vec![first, last] })
        })
        .collect()
}

/// Every combination of features (those that the format excludes turned off), with each parameter alone at each end and
/// all of them at the same end.
fn bindings(description: &Description) -> Vec<(BTreeMap<String, bool>, BTreeMap<String, u128>)> {
    let names: Vec<&String> = description.features.iter().map(|feature| &feature.node.name.value).collect();
    let ends = ends(description);
    let mut sets: Vec<BTreeMap<String, u128>> = vec![BTreeMap::new()];
    for (name, values) in &ends {
        sets.extend(values.iter().map(|value| BTreeMap::from([(name.clone(), *value)])));
    }
    sets.push(ends.iter().map(|(name, values)| (name.clone(), values[0])).collect());
    let mut all = Vec::new();
    // Formats with many features would have thousands of combinations: each alone, all, and none.
    let combinations: Vec<Vec<bool>> = if names.len() <= 6 {
        (0..1_u32 << names.len()).map(|bits| (0..names.len()).map(|bit| bits >> bit & 1 != 0).collect()).collect()
    } else {
        let alone = (0..names.len()).map(|on| (0..names.len()).map(|other| other == on).collect());
        alone.chain([vec![false; names.len()], vec![true; names.len()]]).collect()
    };
    for combination in combinations {
        let features: BTreeMap<String, bool> =
            names.iter().zip(&combination).map(|(name, on)| ((*name).clone(), *on)).collect();
        all.extend(sets.iter().map(|set| (features.clone(), set.clone())));
    }
    all
}

#[test]
fn every_trial_binds_at_every_corner() {
    let descriptions = support::resolved(&support::trials());
    let mut models = 0;
    for description in descriptions.iter().filter(|one| one.kind == FormatKind::Format) {
        let (mut good, mut missed, mut excluded) = (0, 0, 0);
        for (features, parameters) in bindings(description) {
            match bind::model(description, &features, &parameters) {
                Ok(format) => {
                    good += 1;
                    sound(&format);
                }
                // A feature that needs another one, and levels too narrow for the VA, are refused; nothing else is.
                Err(all) if all.iter().all(|one| one.code == Code::FeatureExcluded) => excluded += 1,
                Err(all) if all.iter().all(|one| one.code == Code::TopBitMissed) => missed += 1,
                Err(all) => panic!("{}: {features:?} {parameters:?}: {all:#?}", description.name.value),
            }
        }
        println!("{}: {good} models, {excluded} excluded, {missed} without a root", description.name.value);
        assert!(good > 0, "{}", description.name.value);
        models += good;
    }
    assert!(models > 500, "only {models}");
}

/// What holds of every model.
fn sound(format: &Format) {
    let name = &format.name;
    for layout in &format.layouts {
        let mut next = layout.word_bits;
        for row in &layout.rows {
            assert_eq!(row.high + 1, next, "{name}.{}: {:?}", layout.name, layout.rows);
            next = row.low;
        }
        assert_eq!(next, 0, "{name}.{}", layout.name);
        assert_eq!(layout.reserved_value & !layout.reserved.fixed, 0, "{name}.{}", layout.name);
        assert_eq!(layout.output.is_empty(), layout.kind != LayoutKind::Leaf, "{name}.{}", layout.name);
    }
    for level in &format.levels {
        assert!(!level.entries.is_empty());
        assert_eq!(level.empty.len(), format.ranges.len());
        for entry in level.entries.iter().filter(|entry| !entry.refused) {
            let layout = &format.layouts[entry.layout];
            let here = format.levels.iter().position(|other| other == level).unwrap();
            if layout.kind == LayoutKind::Table {
                for child in &layout.children {
                    assert!(child.levels.contains_key(&here), "{name}: {} at {}", layout.name, level.name);
                }
            }
        }
    }
    for range in &format.ranges {
        let root = &format.levels[range.root];
        assert_eq!(root.shift + range.root_index_bits, range.width, "{name}");
    }
}
