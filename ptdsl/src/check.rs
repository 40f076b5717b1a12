//! Proves of a description what every later stage relies on, one small file for each property.
//!
//! A check states the properties it builds on. What an earlier check found broken is left alone by those that build on
//! it, so one mistake is one diagnostic and everything else is still reported. Of a description that is not whole, those
//! checks are made that do not build on what is missing. The central proof is
//! [`words_are_one_layout`]: at every level each word is exactly one of the listed layouts, under every binding.

mod condition;
mod facts;
mod geometry;
mod identity;
mod shape;
mod text;
mod variables;

mod address_bits_stored_once;
mod alternatives_apply;
mod attributes_encodable;
mod bits_in_one_row;
mod changes_have_a_way;
mod conditions_decidable;
mod emptied_slots_absent;
mod features_used;
mod fields_whole;
mod lacks_exact;
mod layouts_possible;
mod levels_reached;
mod levels_tile;
mod meanings_once;
mod meanings_spelt;
mod names_fit_rust;
mod numbers_fit;
mod pointers_have_a_level;
mod ranges_hold;
mod reach_within_output;
mod rows_in_place;
mod runs_fit;
mod said_once;
mod sources_cited;
mod tables_aligned;
mod wide_words_whole;
mod widths_sane;
mod words_are_one_layout;

use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{Description, Extent, Partial, Resolved};
use crate::tree::FormatKind;

use facts::{Facts, Subject};

/// Every check, in the order of their properties' needs.
const CHECKS: &[Check] = &[
    Check { property: Property::NamesFitRust, needs: &[], run: names_fit_rust::check },
    Check { property: Property::WidthsSane, needs: &[], run: widths_sane::check },
    Check { property: Property::ConditionsDecidable, needs: &[], run: conditions_decidable::check },
    Check { property: Property::FeaturesUsed, needs: &[Property::ConditionsDecidable], run: features_used::check },
    Check { property: Property::MeaningsSpelt, needs: &[], run: meanings_spelt::check },
    Check { property: Property::RangesHold, needs: &[Property::WidthsSane], run: ranges_hold::check },
    Check { property: Property::LevelsTile, needs: &[Property::WidthsSane], run: levels_tile::check },
    Check { property: Property::TablesAligned, needs: &[Property::WidthsSane], run: tables_aligned::check },
    Check { property: Property::RowsInPlace, needs: &[Property::WidthsSane], run: rows_in_place::check },
    Check { property: Property::BitsInOneRow, needs: &[Property::WidthsSane], run: bits_in_one_row::check },
    Check {
        property: Property::AlternativesApply,
        needs: &[Property::ConditionsDecidable],
        run: alternatives_apply::check,
    },
    Check { property: Property::NumbersFit, needs: &[Property::BitsInOneRow], run: numbers_fit::check },
    Check {
        property: Property::FieldsWhole,
        needs: &[Property::BitsInOneRow, Property::NumbersFit, Property::ConditionsDecidable],
        run: fields_whole::check,
    },
    Check {
        property: Property::PointersHaveALevel,
        needs: &[Property::WidthsSane, Property::LevelsTile],
        run: pointers_have_a_level::check,
    },
    Check {
        property: Property::LevelsReached,
        needs: &[
            Property::WidthsSane,
            Property::ConditionsDecidable,
            Property::LevelsTile,
            Property::PointersHaveALevel,
        ],
        run: levels_reached::check,
    },
    Check { property: Property::RunsFit, needs: &[Property::WidthsSane], run: runs_fit::check },
    Check {
        property: Property::ReachWithinOutput,
        needs: &[Property::WidthsSane, Property::AlternativesApply],
        run: reach_within_output::check,
    },
    Check {
        property: Property::AddressBitsStoredOnce,
        needs: &[
            Property::LevelsTile,
            Property::TablesAligned,
            Property::RowsInPlace,
            Property::BitsInOneRow,
            Property::AlternativesApply,
            Property::NumbersFit,
            Property::PointersHaveALevel,
            Property::RunsFit,
            Property::ReachWithinOutput,
            Property::ConditionsDecidable,
        ],
        run: address_bits_stored_once::check,
    },
    Check { property: Property::MeaningsOnce, needs: &[Property::FieldsWhole], run: meanings_once::check },
    Check {
        property: Property::SaidOnce,
        needs: &[Property::MeaningsOnce, Property::FieldsWhole, Property::ConditionsDecidable],
        run: said_once::check,
    },
    Check { property: Property::WordsAreOneLayout, needs: WORDS, run: words_are_one_layout::check },
    Check { property: Property::LayoutsPossible, needs: LAYOUTS, run: layouts_possible::check },
    Check { property: Property::EmptiedSlotsAbsent, needs: LAYOUTS, run: emptied_slots_absent::check },
    Check {
        property: Property::LacksExact,
        needs: &[
            Property::FieldsWhole,
            Property::AlternativesApply,
            Property::MeaningsSpelt,
            Property::WordsAreOneLayout,
        ],
        run: lacks_exact::check,
    },
    Check {
        property: Property::AttributesEncodable,
        needs: &[
            Property::WordsAreOneLayout,
            Property::LayoutsPossible,
            Property::SaidOnce,
            Property::MeaningsOnce,
            Property::LacksExact,
        ],
        run: attributes_encodable::check,
    },
    Check { property: Property::WideWordsWhole, needs: &[Property::WordsAreOneLayout], run: wide_words_whole::check },
    Check {
        property: Property::ChangesHaveAWay,
        needs: &[Property::ConditionsDecidable, Property::FieldsWhole, Property::LevelsTile, Property::MeaningsSpelt],
        run: changes_have_a_way::check,
    },
];

/// What the identities of layouts build on.
const WORDS: &[Property] = &[
    Property::WidthsSane,
    Property::ConditionsDecidable,
    Property::BitsInOneRow,
    Property::AlternativesApply,
    Property::NumbersFit,
    Property::FieldsWhole,
];

/// What the validity of layouts builds on beside.
const LAYOUTS: &[Property] = &[
    Property::WidthsSane,
    Property::ConditionsDecidable,
    Property::BitsInOneRow,
    Property::AlternativesApply,
    Property::NumbersFit,
    Property::FieldsWhole,
    Property::LevelsTile,
    Property::TablesAligned,
    Property::RunsFit,
    Property::MeaningsOnce,
];

/// What can be established where names may mean nothing and layouts may be missing.
const OF_PLACES: &[Property] = &[
    Property::WidthsSane,
    Property::MeaningsSpelt,
    Property::LevelsTile,
    Property::TablesAligned,
    Property::RowsInPlace,
    Property::BitsInOneRow,
    Property::NumbersFit,
    Property::RunsFit,
];

/// A check: the property that it establishes, and those that it builds on.
struct Check {
    property: Property,
    needs: &'static [Property],
    run: fn(&mut Facts<'_>),
}

/// What a check establishes, by the name of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Property {
    AddressBitsStoredOnce,
    AlternativesApply,
    AttributesEncodable,
    BitsInOneRow,
    ChangesHaveAWay,
    ConditionsDecidable,
    EmptiedSlotsAbsent,
    FeaturesUsed,
    FieldsWhole,
    LacksExact,
    LayoutsPossible,
    LevelsReached,
    LevelsTile,
    MeaningsOnce,
    MeaningsSpelt,
    NamesFitRust,
    NumbersFit,
    PointersHaveALevel,
    RangesHold,
    ReachWithinOutput,
    RowsInPlace,
    RunsFit,
    SaidOnce,
    TablesAligned,
    WideWordsWhole,
    WidthsSane,
    WordsAreOneLayout,
}

impl Property {
    /// Whether it can be established when only so much of a description can be relied on.
    fn within(self, extent: Option<Extent>) -> bool {
        match extent {
            None => true,
            Some(Extent::AllButUpdate) => self != Self::ChangesHaveAWay,
            Some(Extent::Places) => OF_PLACES.contains(&self),
        }
    }
}

/// Everything that is wrong with one description, in the order of the text. A `base` may lack parts and is judged in the
/// formats that are made from it.
#[must_use]
pub fn check(description: &Description) -> Vec<Diagnostic> {
    let whole = vec![description.clone()];
    check_resolved(&Resolved { whole, ..Resolved::default() })
}

/// Everything that is wrong with the formats of a file beside what was found when its names were looked up, in the order
/// of the text.
///
/// A rule that one place breaks is reported once, however many levels and formats the place is part of.
#[must_use]
pub fn check_resolved(resolved: &Resolved) -> Vec<Diagnostic> {
    let is_format = |it: &&Description| it.kind == FormatKind::Format;
    let whole: Vec<&Description> = resolved.whole.iter().filter(is_format).collect();
    let partial: Vec<&Partial> = resolved.partial.iter().filter(|it| is_format(&&it.description)).collect();
    let mut found: Vec<Diagnostic> = whole.iter().flat_map(|it| of_format(Facts::new(it))).collect();
    found.extend(partial.iter().flat_map(|it| of_format(Facts::of_partial(it))));
    // What uses a feature is known only where everything is.
    if resolved.partial.is_empty() && resolved.lost == 0 {
        found.extend(features_used::unused(&whole));
    }
    found.extend(sources_cited::in_file(whole.into_iter().chain(partial.iter().map(|it| &it.description))));
    let mut once: Vec<Diagnostic> = Vec::new();
    for diagnostic in found {
        let same = |other: &Diagnostic| other.code == diagnostic.code && other.span() == diagnostic.span();
        if !once.iter().any(same) {
            once.push(diagnostic);
        }
    }
    once.sort_by_key(|diagnostic| (diagnostic.span(), diagnostic.code));
    once
}

/// Runs every check on one format.
fn of_format(mut facts: Facts<'_>) -> Vec<Diagnostic> {
    let extent = facts.extent;
    for check in CHECKS.iter().filter(|check| check.property.within(extent)) {
        let before = facts.reports();
        facts.begin(check.property, check.needs);
        (check.run)(&mut facts);
        if facts.bdds.overflowed() {
            // What this check answered since the overflow means nothing, and neither would those that follow.
            facts.retract(before);
            facts.report(Subject::Format, too_complex(facts.description));
            break;
        }
    }
    facts.into_found()
}

fn too_complex(description: &Description) -> Diagnostic {
    Diagnostic::new(Code::TooComplex, format!("the conditions of `{}` are too complex", description.name.value))
        .label(description.span, "in this description")
        .note("found conditions that depend on too many bits and features at once; formats of real machines stay far below")
        .help("let a `where` look at fewer fields, or at one field of several bits")
}

#[cfg(test)]
mod tests {
    use super::{CHECKS, Facts};
    use crate::tree::FormatKind;

    #[test]
    fn every_property_is_established_once_and_before_it_is_needed() {
        for (index, check) in CHECKS.iter().enumerate() {
            let before = &CHECKS[..index];
            assert!(before.iter().all(|other| other.property != check.property), "{:?} twice", check.property);
            for need in check.needs {
                let there = before.iter().any(|other| other.property == *need);
                assert!(there, "{:?} needs {need:?}", check.property);
            }
        }
    }

    /// What the checks cost is what they build: no binding or word is looked at by itself. Twice the largest format today.
    #[test]
    fn diagrams_of_real_machines_stay_small() {
        for folder in ["tests/trials", "../formats"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|it| it != "ptf") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                // Trials that are made from formats of other files do not resolve alone, and those files are here.
                let (descriptions, _) = crate::resolve(&crate::parse(&text).unwrap());
                for description in descriptions.iter().filter(|it| it.kind == FormatKind::Format) {
                    let mut facts = Facts::new(description);
                    for check in CHECKS {
                        facts.begin(check.property, check.needs);
                        (check.run)(&mut facts);
                    }
                    let nodes = facts.bdds.nodes();
                    assert!(nodes < 10_000, "{}: {nodes} nodes", description.name.value);
                }
            }
        }
    }
}
