//! One model for each combination of what is left to run time.

use crate::binding::{Family, Member};
use crate::diagnostic::Diagnostic;
use crate::model::{Attribute, AttributeKind};
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
    Ok(Family { variables: client.variables.clone(), open: client.open.clone(), members, range: client.range })
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
