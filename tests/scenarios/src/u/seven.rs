//! U7: a flush says which sizes of leaves have gone, and no others.

use ptgen::{ChangeKind, PageTable, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Leaves at several levels.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (
            facts.way(ChangeKind::Clear) == Way::Live,
            "live entries are replaced by an instruction, which purges each (C-M)",
        ),
    ])
}

/// A leaf of each level is unmapped: each time one flush, of the leaf's range, that names its size and none of another
/// level. Nothing is left in the TLBs, as the machine sees to.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    for level in facts
        .levels
        .iter()
        .filter(|level| level.has_leaf() && facts.has_stretches(level.shift, 4) && level.shift + level.index_bits < 48)
    {
        // A neighbour keeps the table, so that nothing is flushed but a leaf.
        let area = Area::new(machine, facts, level.shift, 2);
        let neighbour = area.sub(level.shift, 1);
        machine.map_leaf(&area, &data::<P>())?;
        machine.map_leaf(&neighbour, &data::<P>())?;
        machine.unmap(area.range())?;
        machine.log(|log| {
            log.assert_count(Kind::Flush, 1);
            let request = log.flushes().next().expect("there is one");
            assert_eq!(request.range, area.range(), "{log}");
            assert!(request.leaf_sizes.has(level.shift) && !request.tables, "{log}");
            let strangers = request.leaf_sizes.iter().find(|lg2| !level.sizes.has(*lg2));
            assert_eq!(strangers, None, "{log}");
        });
        machine.unmap(neighbour.range())?;
        machine.assert_balanced();
    }
    Ok(())
}
