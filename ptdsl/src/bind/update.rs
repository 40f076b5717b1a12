//! The ways of change under a binding.

use std::collections::BTreeMap;

use crate::model::{Change, Update, Way};
use crate::tree::RuleKind;

use super::env::{At, Env};
use super::geometry::Geometry;

/// The rules that hold. `all` covers the kinds that no rule names; a later rule for a kind replaces an earlier one.
pub(super) fn update(env: &Env<'_>, geometry: &Geometry<'_>) -> Update {
    let mut named: BTreeMap<Change, Way> = BTreeMap::new();
    let mut rest = None;
    let mut update = Update { ways: BTreeMap::new(), registers: None, clean: false, hold: None, pairs: false };
    for rule in &env.description.update {
        match &rule.kind {
            RuleKind::Way { kinds, way } => {
                let Some(case) = env.choose(way, At::default()) else { continue };
                for kind in kinds {
                    if kind.value == "all" {
                        rest = Some(case.value.value);
                    } else if let Some(change) = Change::ALL.iter().find(|change| change.name() == kind.value) {
                        named.insert(*change, case.value.value);
                    }
                }
            }
            RuleKind::Registers(level) => update.registers = geometry.find(&level.value),
            RuleKind::Clean(when) => {
                update.clean = when.as_ref().is_none_or(|when| env.holds(when, At::default()));
            }
            RuleKind::Hold { field, when } => {
                if when.as_ref().is_none_or(|when| env.holds(when, At::default())) {
                    update.hold = Some(field.value.clone());
                }
            }
            RuleKind::Pairs => update.pairs = true,
            RuleKind::Hardware { .. } => {}
        }
    }
    for change in Change::ALL {
        // That each kind has a way is proven of the description; what is unsaid is made the safest way.
        let way = named.get(&change).copied().or(rest).unwrap_or(Way::Break);
        update.ways.insert(change, way);
    }
    update
}

/// The fields that the machine writes by itself.
pub(super) fn hardware<'e>(env: &'e Env<'_>) -> Vec<&'e str> {
    let rules = env.description.update.iter().filter_map(|rule| match &rule.kind {
        RuleKind::Hardware { fields, when } => Some((fields, when)),
        _ => None,
    });
    let holds = rules.filter(|(_, when)| when.as_ref().is_none_or(|when| env.holds(when, At::default())));
    holds.flat_map(|(fields, _)| fields).map(|field| field.value.as_str()).collect()
}
