//! A7: every root that has a table sees what is made below it.

use std::sync::atomic::Ordering;

use ptgen::{Applied, Apply, Cause, FlushRequest, Format, Memory, Oa, PageTable, Pin, Tlb, Word};
use ptgen_simulator::{Event, Machine};

use super::{apply, at, pages};
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, data};

/// Tables below the root, in which there can be pages.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    let slots = facts.levels.last().map_or(0, |root| 1_u64 << root.index_bits);
    Applies::if_all([
        (pages(facts).is_some(), "the root is the only table of pages"),
        (slots > 2, "the root has no more than two slots"),
    ])
}

/// What is made below a slot of the root that has been empty is there for every processor before the operation returns, also
/// if that fails. If all roots are to have it, the slot is filled ahead, and copied into each: whatever is made below it then
/// changes no root, so that none is behind, not even for a moment, and not even on an error.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let root = facts.levels.last().expect("there is a root");
    let page = pages(facts).expect("it applies").shift;
    // A slot that nobody has.
    let own = at(machine, 1 << root.shift, 0, page + 3);
    fails_at_four(machine, &own, page, &[])?;
    let links = machine.log(|log| links_of(log.events(), root.number));
    assert_eq!(links, 1, "the root's slot is filled");

    // A slot that all roots are to have.
    let area = at(machine, 2 << root.shift, 8 << page, page + 3);
    let slot = area.part(root.shift, 0, 1);
    let pin = if root.table_software_bits > 0 { Pin::Pinned } else { Pin::Plain };
    machine.run(Vec::new(), |table, cx| table.tree_mut().populate(cx, area.range(), page, pin))?;
    let format = machine.format();
    let other = P::new_in(machine.cx(), format)?;
    machine.load(other.root(), None);
    let from = machine.table().root() + slot_offset::<P>(2);
    let to = other.root() + slot_offset::<P>(2);
    machine.begin(Vec::new());
    let memory = &machine.cx().memory;
    let (word, empty) = (memory.read(from).expect("it is a word"), memory.read(to).expect("it is a word"));
    assert_ne!(word, empty);
    write::<P>(machine, to, word);
    machine.end();

    fails_at_four(machine, &area, page, &[other.root()])?;
    let links = machine.log(|log| links_of(log.events(), root.number));
    assert_eq!(links, 0, "no root changes");
    for number in 0..4 {
        let va = area.va + (number << page);
        let oa = other.translate(&machine.cx().memory, va).map(Oa::get);
        assert_eq!(oa, Ok(area.oa + (number << page)), "the other root has it");
    }

    // The other root goes, without what is not its own.
    machine.begin(vec![machine.unmapped(slot).under(other.root())]);
    write::<P>(machine, to, empty);
    let mut request = FlushRequest::new(slot, facts.sizes);
    request.tables = true;
    machine.cx().tlb.flush(&request);
    machine.end();
    machine.assert_flushed();
    machine.unload(other.root());
    machine.begin(Vec::new());
    assert_eq!(other.free(machine.cx()), Ok(()));
    machine.end();
    Ok(())
}

/// Maps pages until the function fails at the fifth, under the first root and those that have the same tables.
fn fails_at_four<P: PageTable>(machine: &mut Machine<'_, P>, area: &Area, page: u32, others: &[Oa]) -> Outcome {
    let attributes = data::<P>();
    let done = area.part(page, 0, 4);
    let mut expects = vec![machine.mapped(done, area.oa, &attributes)];
    expects.extend(others.iter().map(|root| machine.mapped(done, area.oa, &attributes).under(*root)));
    let fails_at = area.va + (4 << page);
    let ended = apply(machine, expects, (area.range(), Apply::create(page)), |slot| {
        let va = slot.va.get();
        if va == fails_at { Err(()) } else { Ok(Applied::Set { oa: Oa::new(area.oa + (va - area.va)), attributes }) }
    });
    ended.frames(machine, |_, _| Vec::new())?;
    machine.end();
    assert_eq!(ended.early, Some((fails_at, Cause::Function(()))));
    Ok(())
}

/// Writes a word by hand, where a walker sees it.
fn write<P: PageTable>(machine: &mut Machine<'_, P>, to: Oa, word: <P::Format as Format>::Word) {
    let memory = &machine.cx().memory;
    assert!(memory.write(to, word, Ordering::Release));
    memory.clean(to, 1 << <P::Format as Format>::Word::BYTES_LG2);
}

/// How many tables have been linked in a table of this level.
fn links_of(events: &[Event], number: u8) -> usize {
    events.iter().filter(|event| matches!(event, Event::Link { level, .. } if *level == number)).count()
}

/// Where slot `number` of a table is.
fn slot_offset<P: PageTable>(number: u64) -> u64 {
    number << <P::Format as Format>::Word::BYTES_LG2
}
