//! C-N: a rule that forbids some of it.

use ptgen::{Attributes, PageTable, Protect, Use, VaRange, Verdict};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, AttributesOf, Outcome, Steps, assert_words, change};

/// Large leaves, and rights.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// A stretch of a large read-only leaf is to become writable, and a rule forbids the second half of it: the leaf is split
/// where the rule changes its mind, the first half is changed, the second is reported and stays. Where the rule forbids
/// all, nothing happens and all is reported; where it allows a whole leaf, nothing is split.
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
    let area = Area::new(machine, facts, large, 3);
    machine.map_leaf(&area, &AttributesOf::<P>::kernel_rodata())?;
    let forbidden = area.part(page, 10, 10);

    let words = machine.words();
    let denied = writable(machine, area.part(page, 12, 3), forbidden, None)?;
    assert_eq!(denied, [area.part(page, 12, 3)]);
    assert_words(machine, &words);

    let denied = writable(machine, area.part(page, 5, 10), forbidden, Some(area.part(page, 5, 5)))?;
    assert_eq!(denied, [area.part(page, 10, 5)], "what was left alone is reported");
    machine.log(|log| log.assert_count(Kind::Alloc, 1));
    for (number, expected) in [(4, 0), (5, 1), (9, 1), (10, 0), (14, 0), (15, 0)] {
        let leaf = machine.leaf(area.sub(page, number).va);
        let index = AttributesOf::<P>::index("write").expect("leaves say it");
        assert_eq!(leaf.attributes().get(index), expected, "page {number}");
    }

    let next = area.sub(large, 1);
    machine.map_leaf(&next, &AttributesOf::<P>::kernel_rodata())?;
    let denied = writable(machine, next.range(), forbidden, Some(next.range()))?;
    assert_eq!(denied, []);
    machine.log(|log| log.assert_count(Kind::Alloc, 0));
    assert_eq!(machine.leaf(next.va).size_lg2, large);
    Ok(())
}

/// Makes a range writable but for what is forbidden. Returns what was left alone; `allowed` is what is to be changed.
fn writable<P: PageTable>(
    machine: &mut Machine<'_, P>,
    range: VaRange,
    forbidden: VaRange,
    allowed: Option<VaRange>,
) -> Result<Vec<VaRange>, ptgen::Error> {
    let change = change::<P>(&[("write", 1)]);
    let expects = allowed.iter().map(|range| machine.protected(*range, &change)).collect();
    let mut denied = Vec::new();
    machine.run(expects, |table, cx| {
        let rule = |va| match forbidden.contains(va) {
            true => Verdict { allowed: false, until: forbidden.last() + 1 },
            false if va < forbidden.start() => Verdict { allowed: true, until: forbidden.start() },
            false => Verdict { allowed: true, until: ptgen::Va::new(0) },
        };
        table.tree_mut().protect_where(cx, range, &change, Protect::mapped(), rule, |part| denied.push(part))
    })?;
    Ok(denied)
}
