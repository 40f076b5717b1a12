//! C-E: a memory type changes as a unit.

use ptgen::{AttributeInfo, Attributes, ChangeKind, Error, Format, PageTable, Protect, Use, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, change, data, memory_types};

/// Several memory types.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(
        facts.says("memory_type") && memory_types(facts).len() > 1,
        "leaves do not say a memory type, or can say only one",
    )])
}

/// A leaf of each size gets each type and then the types in the opposite order: one store a step (and one more where the
/// format demands an absent word between), never a third type, and the word says what was asked for.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let index = AttributeInfo::index(facts.attributes, "memory_type").expect("it applies");
    let breaks = facts.way(ChangeKind::MemoryType) == Way::Break;
    let types = memory_types(facts);
    for level in facts.levels.iter().filter(|level| level.has_leaf()) {
        let area = Area::new(machine, facts, level.shift, 1);
        let mut first = data::<P>();
        assert!(first.set(index, types[0]));
        machine.set_use(Use::Live);
        machine.map_leaf(&area, &first)?;
        if breaks {
            refuse(machine, &area, types[1]);
            machine.set_use(Use::Elsewhere);
        }
        for to in types[1..].iter().chain(types.iter().rev().skip(1)) {
            machine.protect(area.range(), &change::<P>(&[("memory_type", *to)]))?;
            machine.log(|log| {
                log.assert_count(Kind::Alloc, 0);
                log.assert_count(Kind::Set, if breaks { 2 } else { 1 });
                if breaks {
                    log.assert_order(&[Kind::Set, Kind::Flush, Kind::Set]);
                }
            });
            assert_eq!(machine.leaf(area.va).attributes().get(index), *to, "the type that was asked for");
        }
        machine.unmap(area.range())?;
    }
    Ok(())
}

/// A live leaf whose type may change only by way of absent keeps it.
fn refuse<P: PageTable>(machine: &mut Machine<'_, P>, area: &Area, to: u64) {
    let words = machine.words();
    let other = change::<P>(&[("memory_type", to)]);
    let result = machine.run(Vec::new(), |table, cx| table.protect(cx, area.range(), &other, Protect::mapped()));
    let refused = matches!(result, Err(Error::BreakBeforeMake { kind: ChangeKind::MemoryType, .. }));
    assert!(refused, "{}: expected a refusal, found {result:?}", P::Format::NAME);
    assert_words(machine, &words);
}
