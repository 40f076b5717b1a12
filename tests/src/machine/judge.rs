//! The course of a judgement.

use ptgen::{Arena, Format, PageTable};
use ptgen_machines::Machine;
use rand::rngs::StdRng;

use super::attempt::{Attempt, accesses, expect, is_fair, run};
use super::ground::Ground;
use super::places::Places;
use super::processor::Processor;
use super::random::rng;
use super::record;
use super::reference::Reference;
use super::space::Space;
use super::tally::Tally;

/// How often the address space grows, changes and is probed.
const ROUNDS: usize = 3;

/// Accesses in each round, at least.
const PROBES: usize = 5_000;

/// Regions that are tried in each round.
const REGIONS: usize = 110;

/// Changes that are tried in each round.
const CHANGES: usize = 70;

/// Tables to be judged.
#[derive(Clone, Debug)]
pub struct Subject<F, R> {
    /// What reports call them.
    pub name: String,
    /// The format, with all that is decided at run time.
    pub format: F,
    /// The processor in the mode for these tables.
    pub processor: R,
    /// The same format for the reference walker.
    pub reference: Reference,
}

/// Has emitted code (`P`) build and change tables in the memory of `machine`, has the machine walk them, and compares.
///
/// The tally is printed, and disagreements are.
///
/// # Panics
///
/// If the machine and emitted code disagree, if the machine changed what it may not, if a change loses what it
/// recorded, or if leaves of some size were never reached.
pub fn judge<P, R>(subject: &Subject<P::Format, R>, machine: &dyn Machine, seed: u64) -> Tally
where
    P: PageTable,
    R: Processor,
{
    let mut rng = rng(seed, &subject.name);
    let ground = Ground::of(subject.format, machine, &subject.processor);
    let mut words = ground.words();
    let arena = Arena::new(ground.tables.start, &mut words);
    let mut image = machine.new_image().expect("the machine has memory");
    subject.processor.prepare(&image);
    let fields = subject.reference.fields::<<P::Format as Format>::Attributes>();
    let mut space = Space::<P>::new(subject.format, fields, &arena, &ground, machine.reserved());
    let mut tally = Tally::new(format!("{} on {}", subject.name, machine.name()));
    let root = space.table.root().get();
    for _ in 0..ROUNDS {
        space.grow(REGIONS, &mut rng);
        space.change(CHANGES, &mut rng);
        ground.copy(&arena, &image);
        let attempts = attempts(&space, subject, machine, &ground, &mut rng, &mut tally);
        run(subject, machine, &mut image, root, &attempts, &mut tally);
        assert_eq!(tally.disagreements, 0, "{tally}");
        record::read_back(&mut space.table, &arena, &ground, &image, &subject.processor, &attempts, &mut tally);
        record::survive(&mut space.table, &arena, subject, &attempts, &mut rng, &mut tally);
    }
    println!("{tally} [{:?}]", space.done);
    check(&tally, &space);
    tally
}

/// Accesses to try.
fn attempts<P, R>(
    space: &Space<'_, '_, P>,
    subject: &Subject<P::Format, R>,
    machine: &dyn Machine,
    ground: &Ground,
    rng: &mut StdRng,
    tally: &mut Tally,
) -> Vec<Attempt>
where
    P: PageTable,
    R: Processor,
{
    let processor = &subject.processor;
    let places = Places::of(&space.table, space.arena, ground, processor.untranslated_bits());
    let mut attempts = Vec::new();
    while attempts.len() < PROBES {
        let tried = accesses(places.pick(rng), machine, rng).into_iter();
        let tried = tried.map(|probe| expect(&space.table, space.arena, processor, probe));
        attempts.extend(tried.filter(|attempt| is_fair(attempt, machine, ground, processor, tally)));
    }
    attempts
}

/// The run was worth it: much was reached, much refused, leaves of every size were, and every operation took part.
fn check<P>(tally: &Tally, space: &Space<'_, '_, P>)
where
    P: PageTable,
{
    assert!(tally.reached * 8 > tally.probes && tally.refusals() * 8 > tally.probes, "one-sided: {tally}");
    for lg2 in space.sizes().iter() {
        assert!(tally.sizes.contains_key(&lg2), "no leaf of 2^{lg2} bytes was reached: {tally}");
    }
    let done = space.done;
    assert!(done.maps > 50 && done.protects > 30 && done.unmaps > 10, "few operations: {done:?}");
}
