//! Accesses to try, what should become of them, and what did.

use ptgen::{Arena, FaultKind, Format, Mapping, PageTable};
use ptgen_machines::{Access, FaultKind as Kind, Image, Machine, Outcome, Probe};
use rand::RngExt;
use rand::rngs::StdRng;

use super::ground::Ground;
use super::judge::Subject;
use super::memory::{WordOf, read_image, word_bytes};
use super::processor::{Expected, Leaf, Processor};
use super::random::chance;
use super::tally::Tally;

/// So many disagreements are told in full.
const TOLD: usize = 12;

/// An access to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) probe: Probe,
    pub(super) expected: Expected,
    /// Whether it is translated, though there may be nothing where it is led.
    pub(super) translated: bool,
    /// lg2 of the size of the leaf for that VA, if there is one.
    pub(super) size_lg2: Option<u32>,
    /// Why nothing can be concluded from it.
    unsure: Option<&'static str>,
}

impl Attempt {
    /// Whether it should arrive.
    pub(super) fn arrives(&self) -> bool {
        matches!(self.expected, Expected::Reached(_))
    }
}

/// What emitted code says will become of a probe.
pub(super) fn expect<P, R>(table: &P, arena: &Arena<'_, WordOf<P>>, processor: &R, probe: Probe) -> Attempt
where
    P: PageTable,
    R: Processor,
{
    let found = table.lookup(arena, probe.va);
    let oa = found.as_ref().ok().map(|mapping| (mapping.oa + (probe.va - mapping.va.get())).get());
    let translated = table.translate(arena, probe.va).ok().map(|oa| oa.get());
    assert_eq!(translated, oa, "`translate` and `lookup` disagree on {:#x}", probe.va);
    let size_lg2 = found.as_ref().ok().map(|mapping| mapping.size_lg2);
    let unsure = found.as_ref().ok().and_then(|mapping| processor.unsure(&leaf(mapping), &probe));
    let expected = match found {
        Ok(mapping) => through(&mapping, processor, &probe),
        Err(fault) => {
            let level = if fault.kind == FaultKind::NotCanonical { None } else { processor.level(fault.level) };
            Expected::Refused(processor.fault(fault.kind), level)
        }
    };
    let nothing = |oa: u64| processor.nothing_from().is_some_and(|from| oa >= from);
    let (translated, expected) = match expected {
        Expected::Reached(oa) if nothing(oa) => (true, Expected::Refused(Kind::NoMemory, None)),
        Expected::Reached(_) => (true, expected),
        Expected::Refused(..) => (false, expected),
    };
    Attempt { probe, expected, translated, size_lg2, unsure }
}

fn leaf<F: Format>(mapping: &Mapping<F>) -> Leaf<F::Attributes> {
    Leaf { word: mapping.word.into(), attributes: mapping.attributes() }
}

fn through<F: Format, R: Processor>(mapping: &Mapping<F>, processor: &R, probe: &Probe) -> Expected {
    match processor.refuses(&leaf(mapping), probe) {
        Some(kind) => Expected::Refused(kind, processor.level(mapping.level)),
        None => Expected::Reached((mapping.oa + (probe.va - mapping.va.get())).get()),
    }
}

/// Accesses to `va`: all that the machine does, or one of them.
pub(super) fn accesses(va: u64, machine: &dyn Machine, rng: &mut StdRng) -> Vec<Probe> {
    let all = Access::ALL.into_iter().flat_map(|access| [Probe::supervisor(va, access), Probe::user(va, access)]);
    let all: Vec<_> = all.filter(|probe| machine.does(probe.access, probe.user)).collect();
    if chance(rng, 20) { all } else { vec![all[rng.random_range(0..all.len())]] }
}

/// Whether the machine can be asked that, and does not touch what it should not if the answer is the expected one.
pub(super) fn is_fair<R: Processor>(
    attempt: &Attempt,
    machine: &dyn Machine,
    ground: &Ground,
    processor: &R,
    tally: &mut Tally,
) -> bool {
    let probe = &attempt.probe;
    if let Some(reason) = attempt.unsure {
        *tally.left_out.entry(reason).or_default() += 1;
        return false;
    }
    let own = machine.reserved().iter().any(|it| probe.va.wrapping_sub(it.va) < it.bytes);
    let led = match attempt.expected {
        Expected::Reached(oa) => ground.can_be_reached(oa, probe.access),
        Expected::Refused(..) => true,
    };
    !own && led && machine.answers(probe) && processor.concerns(probe.va)
}

/// Has the machine try, and compares.
pub(super) fn run<F: Format, R: Processor>(
    subject: &Subject<F, R>,
    machine: &dyn Machine,
    image: &mut Image,
    root: u64,
    attempts: &[Attempt],
    tally: &mut Tally,
) {
    for attempt in attempts {
        if let Expected::Reached(oa) = attempt.expected
            && image.contains(oa, 1)
        {
            image.tag(oa);
        }
    }
    let probes: Vec<Probe> = attempts.iter().map(|attempt| attempt.probe).collect();
    let outcomes = machine.probe(image, &subject.processor.mmu(root), &probes).expect("the machine runs");
    for (attempt, outcome) in attempts.iter().zip(&outcomes) {
        tally.probes += 1;
        if attempt.expected.agrees(&subject.processor, outcome) || overlooked(subject, image, root, attempt, outcome) {
            count(attempt, tally);
            continue;
        }
        tally.disagreements += 1;
        if tally.disagreements <= TOLD {
            println!("{}", tell(subject, image, root, attempt, outcome));
        }
    }
}

/// Whether the machine went on behind the word by which emitted code refuses the access, and refused it in the end.
fn overlooked<F: Format, R: Processor>(
    subject: &Subject<F, R>,
    image: &Image,
    root: u64,
    attempt: &Attempt,
    outcome: &Outcome,
) -> bool {
    let refused = matches!((attempt.expected, outcome), (Expected::Refused(..), Outcome::Fault(_)));
    let walked = refused.then(|| subject.reference.walk(&reader(subject.format, image), root, attempt.probe.va));
    let words = walked.map_or(Vec::new(), |walked| subject.reference.words(&walked));
    words.last().is_some_and(|word| word.is_reserved && subject.processor.overlooks(word))
}

/// Reads the words of tables in an image.
fn reader<F: Format>(f: F, image: &Image) -> impl Fn(u64) -> Option<u64> {
    move |address| image.contains(address, word_bytes::<F::Word>()).then(|| read_image(f, image, address))
}

fn count(attempt: &Attempt, tally: &mut Tally) {
    match attempt.expected {
        Expected::Reached(_) => {
            tally.reached += 1;
            *tally.sizes.entry(attempt.size_lg2.unwrap_or(0)).or_default() += 1;
        }
        Expected::Refused(kind, _) => *tally.refused.entry(kind).or_default() += 1,
    }
}

/// A disagreement, with the way through the tables.
fn tell<F: Format, R: Processor>(
    subject: &Subject<F, R>,
    image: &Image,
    root: u64,
    attempt: &Attempt,
    outcome: &Outcome,
) -> String {
    let Probe { va, access, user } = attempt.probe;
    let who = if user { "a user" } else { "the supervisor" };
    let expected = match attempt.expected {
        Expected::Reached(oa) => format!("arrives at {oa:#x}"),
        Expected::Refused(kind, Some(level)) => format!("is refused: {kind} at level {level}"),
        Expected::Refused(kind, None) => format!("is refused: {kind}"),
    };
    format!(
        "{}: {access:?} at {va:#x} by {who}: emitted code says it {expected}, the machine: {outcome}\n{}",
        subject.name,
        subject.reference.path(&reader(subject.format, image), root, va)
    )
}
