//! What the machine does, and what is told about it.

use ptgen::{Error, Harvest, PageTable, Scope, Use};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::super::runner::Runner;

/// What the machine has recorded is looked at, and perhaps cleared. A leaf has its records as a whole.
pub(super) fn harvest<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, _) = runner.mapped_range();
    runner.claim(range);
    let policy = runner.one_of(&[Harvest::accessed(), Harvest::dirty(), Harvest::all(), Harvest::all().only_look()]);
    let around = runner.machine.around(range);
    let interferes = runner.interferes;
    let expects = vec![Expect::changed(around, move |before, now| {
        now.same_but_for(before, &["accessed", "dirty"]) && (interferes || now.records_no_more_than(before))
    })];
    let mut shown = 0;
    let result =
        runner.perform(expects, None, &mut |table, cx| table.tree_mut().harvest(cx, range, policy, |_, _| shown += 1));
    match result {
        Ok(_) | Err(Error::Unencodable(_) | Error::BreakBeforeMake { .. }) => {}
        Err(error) => panic!("harvest {range:?} by {policy:?}: {error:?}"),
    }
    result.map(|changed| changed || shown > 0)
}

/// The machine uses some pages.
pub(super) fn touch<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (mut recorded, mut mapped) = (false, false);
    for _ in 0..3 {
        let (range, _) = runner.mapped_range();
        let page = runner.machine.sizes()[0];
        let at = runner.part(range, page);
        let write = runner.chance(50);
        recorded |= runner.machine.touch(at.start().get(), write);
        mapped |= !runner.machine.is_free(at);
    }
    // To look is enough where the machine does not record.
    Ok(recorded || mapped)
}

/// What has been put off is flushed.
pub(super) fn flush<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    runner.flush_all();
    Ok(true)
}

/// The tables are used otherwise from now on.
pub(super) fn reuse<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    runner.flush_all();
    runner.machine.forget_all();
    let used = runner.one_of(&[Use::Live, Use::Elsewhere, Use::Elsewhere, Use::Elsewhere, Use::Offline]);
    runner.machine.set_use(used);
    let space = runner.chance(30).then_some(7);
    runner.machine.set_space(space);
    let scope = if runner.chance(25) { Scope::Local } else { Scope::Everywhere };
    runner.machine.set_scope(scope);
    let readers = runner.rng.random_range(0..3);
    runner.machine.set_readers(readers);
    Ok(true)
}
