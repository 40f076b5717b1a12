//! One model for each combination of what is left to run time.

use crate::binding::{Address, Family, Member};
use crate::diagnostic::Diagnostic;
use crate::model::{Attribute, AttributeKind, Format, Layout};
use crate::resolve::Description;

use super::assemble;
use super::client::{Client, nothing_left};

/// All models that the client's binding leaves possible.
pub(super) fn family(description: &Description, client: &Client) -> Result<Family, Vec<Diagnostic>> {
    let mut members: Vec<Member> = Vec::new();
    let mut complaints: Vec<Diagnostic> = Vec::new();
    for assignment in assignments(client) {
        let made = client.decide(description, &assignment).and_then(|env| match env {
            Some(env) => assemble(description, client, &env).map(Some),
            None => Ok(None),
        });
        match made {
            Ok(Some(format)) => members.push(Member { assignment, format }),
            Ok(None) => {}
            Err(all) => complaints.extend(all),
        }
    }
    if !complaints.is_empty() {
        complaints.dedup();
        return Err(complaints);
    }
    if members.is_empty() {
        return Err(vec![nothing_left(description, client)]);
    }
    share_attributes(&mut members);
    Ok(Family {
        variables: client.variables.clone(),
        open: client.open.clone(),
        addresses: addresses(description, &members, client.range),
        members,
        range: client.range,
    })
}

/// The addresses that tests of words in tables of the chosen range compare with.
fn addresses(description: &Description, members: &[Member], range: usize) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    for format in members.iter().map(|member| &member.format) {
        let root = format.ranges.get(range).map_or(0, |range| range.root);
        for (place, level) in format.levels.iter().enumerate().skip(root) {
            let layouts = level.entries.iter().filter_map(|entry| format.layouts.get(entry.layout));
            for layout in layouts {
                for (name, table) in layout.addresses() {
                    let bits = stored(format, place, layout, table);
                    match found.iter_mut().find(|known| known.name == name) {
                        Some(known) => known.bits &= bits,
                        None => found.push(Address { docs: docs(description, &name), name, bits }),
                    }
                }
            }
        }
    }
    found
}

/// The bits of an address that a word stores; if it is a table's, from the alignment of tables there.
fn stored(format: &Format, place: usize, layout: &Layout, table: bool) -> u128 {
    let pieces = layout.stored(table);
    let bits = pieces.iter().fold(0, |bits, piece| bits | super::rows::mask(piece.value_low, piece.bits));
    let below = format.levels.get(place + 1).filter(|_| table).map_or(0, |level| level.align_lg2);
    bits & !super::rows::mask(0, below)
}

/// The docs of the parameter that the name belongs to.
fn docs(description: &Description, name: &str) -> Vec<String> {
    let own = name.split('.').next().unwrap_or(name);
    let found = description.parameters.iter().find(|parameter| parameter.node.name.value == own);
    found.map(|parameter| parameter.docs.clone()).unwrap_or_default()
}

/// Every combination of the variables' values, the first variable changing slowest.
fn assignments(client: &Client) -> Vec<Vec<u128>> {
    let mut all = vec![Vec::new()];
    for variable in &client.variables {
        let values = variable.values.clone().unwrap_or_else(|| vec![0, 1]);
        all = all
            .iter()
            .flat_map(|start: &Vec<u128>| values.iter().map(|value| start.iter().copied().chain([*value]).collect()))
            .collect();
    }
    all
}

/// Gives every model every attribute that any of them has, in one order. Where a model does not have it, no layout says
/// it.
fn share_attributes(members: &mut [Member]) {
    let mut all: Vec<Attribute> = Vec::new();
    for member in members.iter() {
        let mut place = 0;
        for attribute in &member.format.attributes {
            match all.iter().position(|other| other.name == attribute.name) {
                Some(found) => {
                    all[found].hardware |= attribute.hardware;
                    widen(&mut all[found].kind, &attribute.kind);
                    place = found + 1;
                }
                None => {
                    let unsaid = Attribute { sources: std::collections::BTreeMap::new(), ..attribute.clone() };
                    all.insert(place, unsaid);
                    place += 1;
                }
            }
        }
    }
    for member in members {
        let own = core::mem::take(&mut member.format.attributes);
        member.format.attributes = all
            .iter()
            .map(|attribute| {
                let found = own.iter().find(|other| other.name == attribute.name);
                found.cloned().unwrap_or_else(|| Attribute { hardware: false, ..attribute.clone() })
            })
            .collect();
    }
}

/// A number that is wider in one model is as wide where it is not said.
fn widen(kind: &mut AttributeKind, other: &AttributeKind) {
    if let (AttributeKind::Number(bits), AttributeKind::Number(more)) = (kind, other) {
        *bits = (*bits).max(*more);
    }
}
