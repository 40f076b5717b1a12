//! C-F: a mapping and its alias.

use ptgen::{Attributes, ChangeKind, Error, Leaves, PageTable, Protect, Use, VaRange, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, AttributesOf, ChangeOf, Outcome, Steps, assert_words, change, data};

/// Large leaves, and rights.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// Two pages are mapped by themselves and, by a large leaf, elsewhere; one of the two says read-only already. Both are made
/// read-only by one operation, and what is flushed covers the one that changes, whichever it is. What only the mapping is
/// to lose, the alias keeps. If one of them cannot be changed, neither is.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    if !facts.changes_live() {
        machine.set_use(Use::Elsewhere);
    }
    let (large, page) = (facts.large().expect("it applies").shift, facts.smallest());
    let direct = Area::new(machine, facts, large, 3);
    let alias = direct.part(page, 7, 2);
    let mapping =
        Area { va: Area::new(machine, facts, large, 5).sub(page, 7).va, oa: direct.sub(page, 7).oa, lg2: page };
    let both = mapping.part(page, 0, 2);
    let read_only = change::<P>(&[("write", 0)]);
    // A right that only the mapping loses, where there is one.
    let mut attributes = data::<P>();
    let mut strict = read_only;
    if facts.says("execute") {
        attributes.set(AttributesOf::<P>::index("execute").expect("leaves say it"), 1);
        strict = change::<P>(&[("write", 0), ("execute", 0)]);
    }
    for is_mapping_done in [true, false] {
        machine.map_leaf(&direct, &attributes)?;
        let oa = mapping.oa;
        let expects = vec![machine.mapped(both, oa, &attributes)];
        machine.run(expects, |table, cx| table.map(cx, both, oa, &attributes, Leaves::Exactly(page)))?;
        let changes = [(both, strict), (alias, read_only)];
        let (done, other) = if is_mapping_done { (0, 1) } else { (1, 0) };
        machine.protect(changes[done].0, &changes[done].1)?;

        each(machine, &changes)?;
        let changed = changes[other].0;
        if facts.way(ChangeKind::Restrict) != Way::Instruction {
            machine.log(|log| {
                let covers = |request: &ptgen::FlushRequest| {
                    request.range.contains(changed.start()) && request.range.contains(changed.last())
                };
                assert!(log.flushes().any(covers), "what has changed is flushed:\n{log}");
            });
        }
        assert_eq!(machine.leaf(alias.start().get()).size_lg2, page, "the alias is split off");
        machine.log(|log| log.assert_count(Kind::Alloc, usize::from(is_mapping_done)));

        refused(machine, &direct, &changes);
        machine.unmap(both)?;
        machine.unmap(direct.range())?;
    }
    Ok(())
}

/// Makes all changes by one operation.
fn each<P: PageTable>(machine: &mut Machine<'_, P>, changes: &[(VaRange, ChangeOf<P>)]) -> Outcome {
    let expects = changes.iter().map(|(range, change)| machine.protected(*range, change)).collect();
    machine.run(expects, |table, cx| table.tree_mut().protect_each(cx, changes, Protect::mapped()))
}

/// The last of several changes is one of a hole: none of them is made.
fn refused<P: PageTable>(machine: &mut Machine<'_, P>, direct: &Area, changes: &[(VaRange, ChangeOf<P>); 2]) {
    let words = machine.words();
    let back = change::<P>(&[("write", 1)]);
    let hole = direct.sub(direct.lg2, 1).range();
    let [(first, _), (second, _)] = *changes;
    let result = machine.run(Vec::new(), |table, cx| {
        table.tree_mut().protect_each(cx, &[(first, back), (second, back), (hole, back)], Protect::mapped())
    });
    assert_eq!(result, Err(Error::Hole { va: hole.start() }));
    assert_words(machine, &words);
}
