//! KV1: faults while a leaf goes through absent.
//!
//! Here a fault comes at a moment of the change that has to wait for it; the package `ptgen-loom` explores every order in
//! which two threads can meet.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ptgen::{ChangeKind, Context, Error, FaultKind, Leaves, PageTable, Protect, RangeMut, Unmap, Use, VaRange, Way};
use ptgen_simulator::{Expect, Judge, Kind, Machine, Moment};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, CxOf, Outcome, Steps, change, data};

/// Leaves that have to go through absent.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "no leaf is a table's worth of others"),
        (facts.way(ChangeKind::Size) == Way::Break, "no change goes through an absent word"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// What a page is changed to.
#[derive(Clone, Copy)]
enum Work {
    Protect,
    Unmap,
    Split,
}

/// One owner changes the first page of a large leaf, which has to be absent for that for a moment; another one owns the rest.
/// At whichever moment an access to the rest faults, it finds that nothing is there, or what there was; whoever wants to map
/// something there waits, or is told that there is something. One table is made, and there is nothing in it but what was to be.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let (page, large) = (facts.smallest(), facts.large().expect("it applies").shift);
    machine.set_use(Use::Elsewhere);
    let leaf = Area::new(machine, facts, large, 3);
    for work in [Work::Protect, Work::Unmap, Work::Split] {
        machine.map_leaf(&leaf, &data::<P>())?;
        faults(machine, &leaf, page, work)?;
        machine.unmap(leaf.range())?;
        machine.assert_balanced();
    }
    Ok(())
}

/// Changes the first page, with faults at every moment.
fn faults<P: PageTable>(machine: &mut Machine<'_, P>, leaf: &Area, page: u32, work: Work) -> Outcome {
    let (judge, reader, first) = (machine.judge(), machine.reader(), leaf.part(page, 0, 1));
    let expect = match work {
        Work::Protect => machine.protected(first, &change::<P>(&[("write", 0)])),
        Work::Unmap => machine.unmapped(first),
        Work::Split => Expect::same(first),
    };
    let mut other = {
        let cx = machine.cx();
        Context::new(cx.memory.clone(), cx.frames.clone(), cx.tlb.clone())
    };
    machine.begin(vec![expect]);
    let (table, cx) = machine.parts();
    let (mut lower, mut upper) =
        table.tree_mut().range_mut().split_at(first.last() + 1).expect("the middle is a multiple of a page");
    let rest = leaf.sub(page, 5);
    let (mut absent, mut waited) = (0, 0);
    let mut fault = |_| {
        // An access faults, or not.
        match reader.translate(&other.memory, rest.va) {
            Ok(oa) => assert_eq!(oa.get(), rest.oa),
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::Absent);
                absent += 1;
            }
        }
        // Who handles it wants to map something.
        waited += usize::from(waits::<P>(&judge, &mut upper, &mut other, rest.range()));
    };
    let result = judge.during(&mut fault, || match work {
        Work::Protect => lower.protect(cx, first, &change::<P>(&[("write", 0)]), Protect::mapped()),
        Work::Unmap => lower.unmap(cx, first, Unmap::mapped()),
        Work::Split => lower.split(cx, first, page),
    });
    match result {
        Ok(unflushed) => unflushed.flush(cx),
        Err(error) => {
            judge.failed();
            judge.check();
            return Err(error);
        }
    }
    assert!(absent > 0 && waited > 0, "the leaf was absent for a moment, and somebody came");
    // Later, there is something.
    assert!(!waits::<P>(&judge, &mut upper, &mut other, rest.range()));
    judge.assert_flushed();
    judge.end();
    judge.log(|log| {
        log.assert_count(Kind::Link, 1);
        log.assert_count(Kind::Alloc, 1);
        log.assert_count(Kind::Free, 0);
    });
    assert_eq!(judge.translate(rest.va), Some(rest.oa));
    Ok(())
}

/// Somebody tries to map a page. Returns whether that waits for the slot, in which case it tries no more for now; otherwise
/// there is something already. Nothing is stored, and no frame is taken.
#[track_caller]
fn waits<P: PageTable>(
    judge: &Judge,
    upper: &mut RangeMut<'_, P::Format>,
    cx: &mut CxOf<'_, P>,
    page: VaRange,
) -> bool {
    /// It would wait.
    struct Retry;
    let known = |judge: &Judge| (judge.log(|log| log.stores()), judge.frames());
    let before = known(judge);
    let mut looks = 0;
    let mut give_up = |moment| {
        if moment == Moment::Waits {
            resume_unwind(Box::new(Retry));
        }
        looks += 1;
        assert!(looks < 1000, "it neither waits nor ends");
    };
    let mapping = AssertUnwindSafe(|| {
        judge.during(&mut give_up, || upper.map(cx, page, 0_u64, &data::<P>(), Leaves::Largest).map(drop))
    });
    let waited = match catch_unwind(mapping) {
        Ok(result) => {
            assert_eq!(result, Err(Error::Occupied { va: page.start() }), "there is something");
            false
        }
        Err(panic) if panic.is::<Retry>() => true,
        Err(panic) => resume_unwind(panic),
    };
    assert_eq!(known(judge), before, "nothing is changed");
    waited
}
