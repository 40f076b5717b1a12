//! M2: who pays changes.

use ptgen::{Leaves, PageTable, TableShape, Tally, Unmap};
use ptgen_simulator::{Event, Machine};

use super::{paid, run_paid};
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, data};

/// Tables below the root.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1 && facts.levels[0].has_leaf(), "the root is the only table of pages")])
}

/// A parent's tables are made, and a child's with the same leaves: each pays for its own. The child moves to another group,
/// which pays from then on, unless that is more than it may have; when the child ends there, that group has paid for
/// nothing, and the parent for what it did before.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let page = facts.smallest();
    let table_lg2 = facts.levels[0].shift + facts.levels[0].index_bits;
    let area = Area::new(machine, facts, table_lg2, 3);
    let pages = [area.sub(page, 1), area.sub(page, 3)];
    let (mut parent, mut child, mut group) = (Tally::new(), Tally::new(), Tally::new());
    for page in &pages {
        let expects = vec![machine.mapped(page.range(), page.oa, &data::<P>())];
        run_paid(machine, &mut parent, expects, |table, cx| {
            table.map(cx, page.range(), page.oa, &data::<P>(), Leaves::Exactly(page.lg2))
        })?;
    }
    let parents = parent.clone();
    assert_eq!(out(facts, &parents), facts.levels.len() as u64 - 1, "the root was there already");

    // The child, and what it pays for.
    let format = machine.format();
    let mut cx = paid(machine, &mut child);
    let mut tables = P::new_in(&mut cx, format)?;
    machine.load(tables.root(), None);
    for page in &pages {
        let leaf = machine.table().lookup(&cx.memory, page.va).expect("the parent has it");
        machine.begin(vec![machine.mapped(page.range(), page.oa, &data::<P>()).under(tables.root())]);
        let mapped = tables.map(&mut cx, page.range(), leaf.oa, &leaf.attributes(), Leaves::Exactly(leaf.size_lg2));
        let mapped = match mapped {
            Ok(unflushed) => {
                unflushed.flush(&mut cx);
                machine.end();
                Ok(())
            }
            Err(error) => {
                machine.failed();
                machine.check();
                Err(error)
            }
        };
        if let Err(error) = mapped {
            machine.unload(tables.root());
            machine.begin(Vec::new());
            assert_eq!(tables.free(&mut cx), Ok(()));
            machine.end();
            assert!(child.is_balanced(), "{child:?}");
            return Err(error);
        }
    }
    assert_eq!(out(facts, &child), facts.levels.len() as u64, "the root, too");
    assert_eq!(parent, parents, "the parent pays for nothing of it");

    // It moves, but not where there is no room for it.
    let paid_by_child = child.clone();
    let mut full = Tally::up_to(child.bytes() - 1);
    assert!(!child.move_to(&mut full));
    assert_eq!((&child, full.bytes()), (&paid_by_child, 0), "nothing moves by half");
    // One table first, then all the rest.
    let root = machine.log(|_| facts.levels.last().expect("there is a root").number);
    let bytes_lg2 = facts.levels.last().map_or(0, |level| level.index_bits) + word_lg2::<P>();
    assert!(child.move_one(TableShape::of_size(root, bytes_lg2), &mut group));
    assert_eq!((group.out(root), group.bytes(), child.out(root)), (1, 1 << bytes_lg2, 0));
    assert!(child.move_to(&mut group));
    assert!(child.is_balanced() && group.bytes() == paid_by_child.bytes(), "{child:?} {group:?}");

    // It ends there.
    machine.unload(tables.root());
    let mut cx = paid(machine, &mut group);
    machine.begin(Vec::new());
    assert_eq!(tables.free(&mut cx), Ok(()));
    machine.end();
    let freed = machine.log(|log| log.events().iter().filter(|event| matches!(event, Event::Free { .. })).count());
    assert_eq!(freed, facts.levels.len());
    assert!(group.is_balanced() && child.is_balanced(), "{group:?} {child:?}");
    assert_eq!(parent, parents, "nothing of it is the parent's");

    let expects = vec![machine.unmapped(area.range())];
    run_paid(machine, &mut parent, expects, |table, cx| table.unmap(cx, area.range(), Unmap::everything()))?;
    assert!(parent.is_balanced(), "{parent:?}");
    Ok(())
}

/// lg2 of the bytes of a word.
const fn word_lg2<P: PageTable>() -> u32 {
    <super::WordOf<P> as ptgen::Word>::BYTES_LG2
}

/// How many frames an owner pays for.
fn out(facts: &Facts, tally: &Tally) -> u64 {
    facts.levels.iter().map(|level| tally.out(level.number)).sum()
}
