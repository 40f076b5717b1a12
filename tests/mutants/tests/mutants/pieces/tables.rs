//! What is done to tables, and temporary maps in tables that stay.

use std::mem::{ManuallyDrop, forget};

use ptgen::{
    Attributes, ChangeKind, Error, Leaves, LocalMaps, LocalSlots, PageTable, Pin, Protect, RangeMut, RingMaps, Scope,
    Unmap, VaRange, Way,
};
use ptgen_scenarios::{Area, Facts, Steps, change, data};
use ptgen_simulator::{Expect, Machine};

use super::Done;

/// A pinned table stays when it is empty.
pub fn pinned<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let above = facts.levels.get(1)?;
    if above.table_software_bits == 0 || !facts.levels[0].has_leaf() {
        return None;
    }
    let (page, area) = (facts.smallest(), Area::new(machine, facts, above.shift, 3));
    let mut work = || -> Result<(), Error> {
        machine.run(Vec::new(), |table, cx| table.tree_mut().populate(cx, area.range(), page, Pin::Pinned))?;
        let frames = machine.frames();
        for mapped in [area.sub(page, 4), area] {
            machine.map(&mapped, &data::<P>(), Leaves::Exactly(page))?;
            machine.unmap(mapped.range())?;
            assert_eq!(machine.frames(), frames, "the pinned table stays");
        }
        Ok(())
    };
    Some(work())
}

/// Two roots have a table. Through neither it is changed, and it goes back with the last of them.
pub fn shared<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let above = facts.levels.get(1)?;
    let by_stores = facts.way(ChangeKind::Other) != Way::Instruction;
    if !by_stores || above.table_software_bits < 2 || !facts.levels[0].has_leaf() || !facts.says("write") {
        return None;
    }
    let area = Area::new(machine, facts, above.shift, 3);
    let (range, part) = (area.range(), area.part(facts.smallest(), 2, 3));
    let mut work = || -> Result<(), Error> {
        machine.map(&area, &data::<P>(), Leaves::Exactly(facts.smallest()))?;
        machine.begin(Vec::new());
        let format = machine.format();
        let mut other = P::new_in(machine.cx(), format)?;
        machine.load(other.root(), None);
        machine.begin(vec![machine.mapped(range, area.oa, &data::<P>()).under(other.root())]);
        let (table, cx) = machine.parts();
        let share = ManuallyDrop::new(table.tree_mut().range_mut().share(cx, area.va, 0)?);
        let adopted = other.tree_mut().range_mut().adopt(cx, area.va, ManuallyDrop::into_inner(share));
        let adopted = adopted.map_err(|(error, share)| {
            // What is dropped may say nothing.
            forget(share);
            error
        })?;
        adopted.flush(cx);
        machine.assert_flushed();
        machine.end();

        let read_only = change::<P>(&[("write", 0)]);
        let expects = vec![machine.protected(part, &read_only)];
        let refused = machine.run(expects, |table, cx| table.protect(cx, part, &read_only, Protect::mapped()));
        assert!(matches!(refused, Err(Error::Borrowed { .. })), "{refused:?}");
        // One of them leaves.
        machine.unmap(range)?;
        let leaf = other.lookup(&machine.cx().memory, area.va);
        assert!(leaf.is_ok_and(|leaf| leaf.oa.get() == area.oa), "the other has it still");
        // So does the other.
        machine.begin(vec![machine.unmapped(range).under(other.root())]);
        other.unmap(machine.cx(), range, Unmap::everything())?.flush(machine.cx());
        machine.assert_flushed();
        machine.end();
        machine.assert_balanced();
        machine.unload(other.root());
        machine.begin(Vec::new());
        other.free(machine.cx())?;
        machine.end();
        Ok(())
    };
    Some(work())
}

/// Eight pages of VA for temporary maps.
fn pages<'t, P: PageTable>(table: &'t mut P, area: &Area) -> Result<RangeMut<'t, P::Format>, Error> {
    let (_, rest) = table.tree_mut().range_mut().split_at(area.va)?;
    Ok(rest.split_at(area.va + (1 << area.lg2))?.0)
}

/// Only this processor has used the VA, and is told of what changes there.
fn only_here<P: PageTable>(machine: &mut Machine<'_, P>) {
    machine.assert_flushed();
    machine.log(|log| {
        let elsewhere = log.flushes().find(|request| request.scope != Scope::Local);
        assert_eq!(elsewhere, None, "no other processor has to be told");
    });
    machine.end();
}

/// A ring of temporary maps comes round, more than once.
pub fn ring<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let area = Area::new(machine, facts, facts.smallest() + 3, 1);
    // The machine knows that only this processor uses the VA; the tables do not.
    machine.set_scope(Scope::Local);
    let mut work = || -> Result<(), Error> {
        machine.begin(vec![Expect::anything(area.range())]);
        let (table, cx) = machine.parts();
        table.tree_mut().set_scope(Scope::Everywhere);
        let (memory, tlb) = (cx.memory.clone(), cx.tlb.clone());
        {
            let range = pages(table, &area)?;
            let (ring, _reserved) = RingMaps::<P::Format, _, _, 1>::prepare(range, memory, &mut cx.frames, tlb)?;
            for page in 0..20_u64 {
                drop(ring.get(page << facts.smallest(), 1, &data::<P>())?);
            }
        }
        only_here(machine);
        Ok(())
    };
    Some(work())
}

/// Temporary maps, one above the other, one after the other.
pub fn local<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let area = Area::new(machine, facts, facts.smallest() + 3, 1);
    machine.set_scope(Scope::Local);
    let mut work = || -> Result<(), Error> {
        machine.begin(vec![Expect::anything(area.range())]);
        let (table, cx) = machine.parts();
        table.tree_mut().set_scope(Scope::Everywhere);
        let (memory, tlb) = (cx.memory.clone(), cx.tlb.clone());
        {
            let slots = LocalSlots::prepare(pages(table, &area)?, memory, &mut cx.frames, tlb)?;
            let maps = LocalMaps::<P::Format, 4>::new();
            for page in 0..3_u64 {
                let mut nest = maps.nest();
                let mut low = nest.map(&slots, (2 * page) << facts.smallest(), &data::<P>())?;
                drop(low.map((2 * page + 1) << facts.smallest(), &data::<P>())?);
            }
        }
        only_here(machine);
        Ok(())
    };
    Some(work())
}

/// Pages of one address space come and go.
pub fn space<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let area = Area::new(machine, facts, facts.smallest() + 3, 1);
    machine.set_space(Some(4));
    let mapped = machine.map(&area, &Attributes::user_data(), Leaves::Exactly(facts.smallest()));
    Some(mapped.and_then(|()| machine.unmap(VaRange::new(area.va, 1 << area.lg2))))
}
