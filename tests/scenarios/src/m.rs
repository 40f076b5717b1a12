//! Accounts of tables: who pays for them, and what they are.

pub mod four;
pub mod one;
pub mod three;
pub mod two;

use ptgen::{Accounted, Context, Error, Format, PageTable, Tally, Unflushed};
use ptgen_simulator::{Expect, Machine, Simulator};

use crate::steps::Outcome;

/// The machine's word.
type WordOf<P> = <<P as PageTable>::Format as Format>::Word;

/// The context of a machine's operations, the tables of which somebody pays for.
type Paid<'m, 't, P> =
    Context<Simulator<'m, WordOf<P>>, Accounted<Simulator<'m, WordOf<P>>, &'t mut Tally>, Simulator<'m, WordOf<P>>>;

/// The machine's context, with `owner` paying.
fn paid<'m, 't, P: PageTable>(machine: &mut Machine<'m, P>, owner: &'t mut Tally) -> Paid<'m, 't, P> {
    let cx = machine.cx();
    Context::new(cx.memory.clone(), Accounted::new(cx.frames.clone(), owner), cx.tlb.clone())
}

/// Runs an operation and flushes it, with `owner` paying for its tables.
#[track_caller]
fn run_paid<'m, 't, P: PageTable>(
    machine: &mut Machine<'m, P>,
    owner: &'t mut Tally,
    expects: Vec<Expect>,
    operation: impl FnOnce(&mut P, &mut Paid<'m, 't, P>) -> Result<Unflushed<P::Format>, Error>,
) -> Outcome {
    let mut cx = paid(machine, owner);
    machine.begin(expects);
    let outcome = match operation(machine.parts().0, &mut cx) {
        Ok(unflushed) => {
            unflushed.flush(&mut cx);
            machine.flushed();
            machine.done();
            Ok(())
        }
        Err(error) => {
            machine.failed();
            Err(error)
        }
    };
    machine.check();
    outcome
}
