//! Running something with a mistake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ptgen::mutant;
use ptgen_scenarios::{SCENARIOS, Verdict};
use simulated::SUITE;

use crate::mutations::Shown;
use crate::pieces;

/// How long a run may take: many times as long as any takes.
const LONGEST: Duration = Duration::from_secs(120);

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing was wrong.
    Passed,
    /// Something was, which this says.
    Failed(String),
    /// It does not apply to the case, or cannot be done yet.
    NotRun(String),
    /// It was still running after a long time.
    Endless,
}

/// Says nothing about panics, which are what is looked for.
pub fn quietly() {
    std::panic::set_hook(Box::new(|info| {
        // The test's own are told.
        if thread::current().name().is_some_and(|name| name != "run") {
            eprintln!("{info}");
        }
    }));
}

/// What comes of each run, in order. Several run at once; each has its thread, as mistakes are made by threads.
pub fn found(work: &[(Option<usize>, Shown)]) -> Vec<Found> {
    let all: Vec<_> = work.iter().map(|_| Mutex::new(None)).collect();
    let next = Mutex::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let mine = {
                        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        *next += 1;
                        *next - 1
                    };
                    let Some((number, shown)) = work.get(mine) else { return };
                    *all[mine].lock().unwrap_or_else(PoisonError::into_inner) = Some(with_limit(*number, *shown));
                }
            });
        }
    });
    let taken = all.into_iter().map(|found| found.into_inner().unwrap_or_else(PoisonError::into_inner));
    taken.map(|found| found.expect("every run was made")).collect()
}

/// Runs it in a thread of its own, which is left alone if it does not end.
fn with_limit(number: Option<usize>, shown: Shown) -> Found {
    let (tell, told) = mpsc::channel();
    let run = move || {
        mutant::switch(number);
        let found = run(shown);
        mutant::switch(None);
        // Nobody listens any more if it has taken too long.
        let _ = tell.send(found);
    };
    let spawned = thread::Builder::new().name("run".to_owned()).spawn(run);
    spawned.expect("there can be a thread");
    told.recv_timeout(LONGEST).unwrap_or(Found::Endless)
}

fn run(shown: Shown) -> Found {
    let verdict = match shown {
        Shown::In(scenario, case) => SUITE.verdict_anew(scenario, case),
        Shown::Driven(piece, case) => driven(piece, case),
    };
    match verdict {
        Verdict::Pass(_) => Found::Passed,
        Verdict::Failed(text) => Found::Failed(text),
        Verdict::NotApplicable(why) => Found::NotRun(why),
    }
}

fn driven(piece: &str, case: &str) -> Verdict {
    let ran = catch_unwind(AssertUnwindSafe(|| pieces::run(piece, case)));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Verdict::Failed(text.unwrap_or_else(|| "a panic without words".to_owned()))
    })
}

/// Runs everything with a mistake, and prints what sees it.
pub fn everything(number: usize) {
    let only = std::env::var("PTGEN_CASE").ok();
    let is_wanted = |case: &str| only.as_ref().is_none_or(|only| only == case);
    let mut work = Vec::new();
    // One that is long, and shows nothing else than others.
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.id != "one_flush") {
        let cases = SUITE.case_names(scenario.id).filter(|(case, _)| is_wanted(case));
        work.extend(cases.map(|(case, _)| (Some(number), Shown::In(scenario.id, case))));
    }
    for case in pieces::cases().into_iter().filter(|case| is_wanted(case)) {
        work.extend(pieces::NAMES.iter().map(|piece| (Some(number), Shown::Driven(piece, case))));
    }
    for ((_, shown), found) in work.iter().zip(found(&work)) {
        match found {
            Found::Passed | Found::NotRun(_) => {}
            Found::Failed(text) => println!("{shown:?}: {}", text.lines().next().unwrap_or_default()),
            Found::Endless => println!("{shown:?}: does not end"),
        }
    }
}
