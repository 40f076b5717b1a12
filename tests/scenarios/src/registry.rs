//! The list of scenarios, and how one is run on a case.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use ptgen::{Error, PageTable};
use ptgen_simulator::{Case, Decided, Machine, simulate};

use crate::facts::{Applies, Facts};
use crate::steps::Outcome;

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What its tests are called.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it shows, in a line.
    pub shows: &'static str,
    /// Whether it applies to a format, and if not, why.
    pub applies: fn(&Facts) -> Applies,
    /// Which it is.
    index: usize,
}

/// What runs a scenario, for one type of tables.
type Run<P> = fn(&mut Machine<'_, P>, &Facts) -> Outcome;

/// What came of a scenario on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed for so many values of the format.
    Pass(usize),
    /// It applies to none, and why.
    NotApplicable(String),
    /// It failed, with this message.
    Failed(String),
}

/// Calls `$use!` with every scenario: what its tests are called, its name, what it shows, and its module, which has the
/// functions `applies` and `run`.
#[macro_export]
macro_rules! registry {
    ($use:ident) => {
        $use! {
            c_a "C-A": "A leaf is split for three pages and joined again: two broadcasts, and the word is what it was" = c::a;
            c_b "C-B": "What changes nothing stores nothing, splits nothing, flushes nothing" = c::b;
            c_c "C-C": "A whole leaf is changed in place: no split, one flush" = c::c;
            c_d "C-D": "What is hidden comes back with every bit it had, and its neighbours join" = c::d;
            c_e "C-E": "A memory type changes as a unit: no word of a third type" = c::e;
            c_f "C-F": "A mapping and its alias are changed as one, and what changed is flushed" = c::f;
            c_g "C-G": "Without a frame, at each allocation: nothing changes, and a second try works" = c::g;
            c_h "C-H": "Prepared where one may sleep, done where nothing may be allocated" = c::h;
            c_i "C-I": "A hole is an error, or is skipped, or is filled: the caller says which" = c::i;
            c_j "C-J": "Only the leaves at the ends are split; by way of absent where it must be, or refused" = c::j;
            c_k "C-K": "A run is taken apart before one of its slots says something else" = c::k;
            c_l "C-L": "A part of a large leaf changes, everything around it is untouched" = c::l;
            c_m "C-M": "A live entry is replaced by the instruction, never by a store" = c::m;
            c_n "C-N": "A rule forbids a part: the rest is changed, the part is reported" = c::n;
            u_1 "U1": "Leaves and tables go out, one flush, and only then pages and tables go back" = u::one;
            u_2 "U2": "A table goes with the last thing in it, at the ends of the address space too" = u::two;
            u_3 "U3": "Two ranges share a table that is installed once, and goes with neither" = u::three;
            u_4 "U4": "A table is given back when nobody reads it any more" = u::four;
            u_5 "U5": "A huge page is split without memory, with tables that were put aside" = u::five;
            u_6 "U6": "A collapse that is given up leaves every word as it was" = u::six;
            u_7 "U7": "A flush names the sizes of the leaves that have gone, and no others" = u::seven;
            u_8 "U8": "A reader follows what it has read, once, whatever becomes of it meanwhile" = u::eight;
            one_flush "1 GiB": "A gigabyte of small pages is made read-only with one flush" = c::one_flush;
            g_1 "G1": "Pages are taken away one by one, in a batch, as a whole: flushes counted, and the leaf comes back" = g::one;
            g_2 "G2": "What is taken away of a huge leaf splits it no further than that" = g::two;
            g_3 "G3": "Putting back takes no memory" = g::three;
            g_4 "G4": "Without a frame for the split, the page stays mapped" = g::four;
            g_5 "G5": "A page may be used for something else only after the flush" = g::five;
            g_6 "G6": "What is not mapped is said to be so, and nothing changes" = g::six;
            g_7 "G7": "A page that was taken away is reached by a temporary map" = g::seven;
            a_1 "A1": "A function is called for every page that is there, in order, once; a hole ends nothing" = a::one;
            a_2 "A2": "A function fills every slot of a range that begins within a table: two tables, and none the next time" = a::two;
            a_3 "A3": "A larger leaf on the way is named and left alone, or split" = a::three;
            a_4 "A4": "A function fails: what is before is done, nothing behind, and it is said where that is" = a::four;
            a_5 "A5": "Slots of tables made ahead are visited though they are empty" = a::five;
            a_6 "A6": "A function is shown a value that was read once, and no record of the machine is lost" = a::six;
            a_7 "A7": "What is made below a slot that all roots have is there for all, also on an error" = a::seven;
            v_1 "V1": "The largest leaves that VA, OA and length allow: exact numbers, and no flush but that of filling" = v::one;
            v_2 "V2": "A large leaf takes the place of a table that is empty, which goes back after a flush and its readers" = v::two;
            v_3 "V3": "A table that is not empty stays, and nothing changes" = v::three;
            v_4 "V4": "Over leaves of any size nothing is mapped: the first that is there is named" = v::four;
            v_5 "V5": "A part of a large leaf is unmapped: split, or refused with what the leaf is, or all of it goes" = v::five;
            v_6 "V6": "Without a frame, at each allocation, nothing is mapped and every frame is back" = v::six;
            v_7 "V7": "A hundred unmaps, one flush; until then neither VA nor pages can be used" = v::seven;
            v_8 "V8": "Two kinds of TLBs: both are flushed before a table goes back" = v::eight;
            io_1 "IO1": "What is there already is named, and exactly what is before it can be mapped" = io::one;
            io_2 "IO2": "A new root above the old one, from which devices and readers go on" = io::two;
            io_3 "IO3": "Where walkers do not look into caches, a table is cleaned, then linked, then its link is cleaned" = io::three;
            io_4 "IO4": "A slot of a run goes: the run is named, or split, and comes back word by word" = io::four;
            kv_1 "KV1": "Who faults on what is absent for a moment waits or tries again, and installs nothing twice" = kv::one;
            k_1 "K1": "Three maps of a page, one inside the other: three stores, three more, a flush of one page each, here" = k::one;
            k_2 "K2": "A map that goes before the one above it does no damage, and its slot is free after that one" = k::two;
            k_3 "K3": "One map too many is an error, and nothing changes" = k::three;
            k_4 "K4": "Two tasks and an interrupt have each its own maps, and no TLB another's" = k::four;
            k_5 "K5": "When the tables are there, nothing is allocated any more" = k::five;
            k_6 "K6": "The last map goes first, and its VA is used again at once" = k::six;
            n_1 "N1": "Maps of any size in any order: no frame, and refused only where there is no room" = n::one;
            n_2 "N2": "One flush when VA come round, and none before" = n::two;
            n_3 "N3": "A VA that a TLB may still hold is not handed out" = n::three;
            n_4 "N4": "A page that was mapped may be given back only after the flush" = n::four;
            n_5 "N5": "The reserved page works when nothing else does" = n::five;
            n_6 "N6": "Tables that were made ahead stay, though they hold nothing, until they are let go" = n::six;
            n_r "N-R": "A change takes at most two tables a level, and none when so many are reserved" = n::reserve;
            m_1 "M1": "After a storm of operations every account is balanced, at every level" = m::one;
            m_2 "M2": "Tables are charged to another owner when who uses them changes" = m::two;
            m_3 "M3": "Tables that are parts of a page: it goes back after the flush of the last one" = m::three;
            m_4 "M4": "Frames come back as what they were asked for, and are no pages" = m::four;
        }
    };
}

macro_rules! define {
    ($($id:ident $name:literal: $shows:literal = $family:ident::$module:ident;)*) => {
        /// All scenarios.
        pub const SCENARIOS: &[Scenario] = &{
            let mut all = [
                $(Scenario {
                    id: stringify!($id),
                    name: $name,
                    shows: $shows,
                    applies: crate::$family::$module::applies,
                    index: 0,
                }),*
            ];
            let mut place = 0;
            while place < all.len() {
                all[place].index = place;
                place += 1;
            }
            all
        };

        /// The function that runs each scenario, for one type of tables.
        fn functions<P: PageTable>() -> Vec<Run<P>> {
            vec![$(crate::$family::$module::run::<P>),*]
        }
    };
}

registry!(define);

/// Something to be done with all values of a format.
type Runner = Box<dyn Fn(&Scenario, Mode) -> Verdict + Send + Sync>;

/// How a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// As it is.
    Plain,
    /// Again and again, failing the first allocation, the second, and so on, until none fails any more.
    Starved,
}

/// The scenario for which there are formats with more levels than one.
const GROWS: &str = "io_2";

/// A case, ready to run scenarios.
pub struct Ready {
    case: &'static Case,
    /// If it is there for one scenario only, that one.
    only: Option<&'static str>,
    run: Runner,
}

impl Ready {
    /// A case with these values, for every scenario.
    #[must_use]
    pub fn new<P: PageTable + 'static>(case: &'static Case, values: Vec<(P::Format, Decided)>) -> Self {
        ready::<P>(case, values, None, |index| functions()[index])
    }

    /// A case whose number of levels is left to run time, for the scenario of new roots.
    #[must_use]
    pub fn growing<P: PageTable + 'static>(case: &'static Case, values: Vec<(P::Format, Decided)>) -> Self {
        ready::<P>(case, values, Some(GROWS), |_| crate::io::two::run)
    }
}

/// All scenarios on some cases. What comes of one is known from then on, so that a table costs nothing where tests have run.
pub struct Suite {
    cases: LazyLock<Vec<Ready>>,
    known: Mutex<Known>,
}

impl Suite {
    /// The scenarios on these cases.
    #[must_use]
    pub const fn new(cases: fn() -> Vec<Ready>) -> Self {
        Self { cases: LazyLock::new(cases), known: Mutex::new(BTreeMap::new()) }
    }

    /// The names of the cases on which a scenario is run, with those of their formats.
    pub fn case_names(&'static self, scenario: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_run = move |ready: &&Ready| ready.only.is_none_or(|only| only == scenario);
        self.cases.iter().filter(is_run).map(|ready| (ready.case.name, ready.case.format))
    }

    /// What comes of a scenario on a case, run as it is.
    ///
    /// # Panics
    ///
    /// If there is no such scenario or case.
    #[must_use]
    pub fn verdict(&'static self, scenario: &str, case: &str) -> &'static Verdict {
        self.verdict_of(scenario, case, Mode::Plain)
    }

    /// As [`verdict`](Self::verdict), but run again, whatever came of it before: for those who change what is run.
    ///
    /// # Panics
    ///
    /// If there is no such scenario or case.
    #[must_use]
    pub fn verdict_anew(&'static self, scenario: &str, case: &str) -> Verdict {
        let (scenario, ready) = self.find(scenario, case);
        anew(scenario, ready, Mode::Plain)
    }

    /// The scenario passes on the case, or does not apply to it.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn check(&'static self, scenario: &str, case: &str) {
        settle(scenario, case, self.verdict_of(scenario, case, Mode::Plain));
    }

    /// Every allocation of the scenario can fail, one at a time, and what fails leaves everything as it was.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn check_starved(&'static self, scenario: &str, case: &str) {
        settle(scenario, case, self.verdict_of(scenario, case, Mode::Starved));
    }

    /// Runs a scenario on a case, once.
    fn verdict_of(&'static self, scenario: &str, case: &str, mode: Mode) -> &'static Verdict {
        let (scenario, ready) = self.find(scenario, case);
        let cell: &'static OnceLock<Verdict> = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry((scenario.index, ready.case.name, mode)).or_insert_with(|| Box::leak(Box::default()))
        };
        cell.get_or_init(|| anew(scenario, ready, mode))
    }

    fn find(&'static self, scenario: &str, case: &str) -> (&'static Scenario, &'static Ready) {
        let scenario = SCENARIOS.iter().find(|known| known.id == scenario).expect("the scenario is in the registry");
        let ready = self.cases.iter().find(|ready| ready.case.name == case).expect("the case is in the list");
        (scenario, ready)
    }
}

/// A value of a format.
struct Value<F> {
    format: F,
    decided: Decided,
    facts: Facts,
    /// The value with one level more.
    larger: Option<(F, Decided)>,
}

/// A case with all that can be told apart of its values.
fn ready<P: PageTable + 'static>(
    case: &'static Case,
    values: Vec<(P::Format, Decided)>,
    only: Option<&'static str>,
    function: fn(usize) -> Run<P>,
) -> Ready {
    // Values that a scenario cannot tell apart are one.
    let mut different: Vec<Value<P::Format>> = Vec::new();
    for (format, decided) in values {
        let facts = Facts::of(format);
        if different.iter().all(|known| known.facts != facts) {
            different.push(Value { format, decided, facts, larger: None });
        }
    }
    for smaller in 0..different.len() {
        let value = &different[smaller];
        let is_larger =
            |one: &&Value<P::Format>| one.facts.is_one_level_above((one.format, &value.facts), value.format);
        let larger = different.iter().find(is_larger).map(|larger| (larger.format, larger.decided));
        different[smaller].larger = larger;
        different[smaller].facts.grows = larger.is_some();
    }
    let run = move |scenario: &Scenario, mode| {
        let (mut passed, mut reason) = (0, None);
        for value in &different {
            match (scenario.applies)(&value.facts) {
                Applies::No(why) => {
                    reason.get_or_insert(why);
                }
                Applies::Yes => {
                    let function = function(scenario.index);
                    match mode {
                        Mode::Plain => plain::<P>(case, value, function),
                        Mode::Starved => starved::<P>(case, value, function),
                    }
                    passed += 1;
                }
            }
        }
        match reason {
            Some(why) if passed == 0 => Verdict::NotApplicable(why),
            _ => Verdict::Pass(passed),
        }
    };
    Ready { case, only, run: Box::new(run) }
}

/// Runs a scenario as it is.
fn plain<P: PageTable>(case: &Case, value: &Value<P::Format>, scenario: fn(&mut Machine<'_, P>, &Facts) -> Outcome) {
    let Value { format, decided, facts, larger } = value;
    simulate::<P>(*format, case, decided, |mut machine| {
        machine.set_larger(*larger);
        scenario(&mut machine, facts).unwrap_or_else(|error| panic!("with {decided:?}: {error}"));
        machine.limit_allocations(None);
        machine.finish();
    });
}

/// More allocations than any scenario makes: one that never ends is one that runs out of frames by itself.
const MOST_ALLOCATIONS: usize = 4096;

/// Runs a scenario with its first allocation failing, then with its second, and so on until none fails any more. What an
/// operation without a frame leaves behind is judged by the machine: every translation and every frame is where it was.
fn starved<P: PageTable>(case: &Case, value: &Value<P::Format>, scenario: fn(&mut Machine<'_, P>, &Facts) -> Outcome) {
    let Value { format, decided, facts, larger } = value;
    for allocations in 0..MOST_ALLOCATIONS {
        let mut ended = false;
        simulate::<P>(*format, case, decided, |mut machine| {
            machine.set_larger(*larger);
            machine.limit_allocations(Some(allocations));
            match scenario(&mut machine, facts) {
                Ok(()) => ended = true,
                Err(Error::OutOfFrames) => machine.assert_balanced(),
                Err(error) => panic!("with {decided:?}, after {allocations} allocations: {error}"),
            }
            machine.limit_allocations(None);
            machine.finish();
        });
        if ended {
            return;
        }
    }
    panic!("it runs out of frames, however many there are");
}

/// What is known already.
type Known = BTreeMap<(usize, &'static str, Mode), &'static OnceLock<Verdict>>;

/// Runs a scenario on a case, whatever is known of it.
fn anew(scenario: &Scenario, ready: &Ready, mode: Mode) -> Verdict {
    let run = catch_unwind(AssertUnwindSafe(|| (ready.run)(scenario, mode)));
    run.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        text.map_or_else(|| resume_unwind(panic), Verdict::Failed)
    })
}

#[track_caller]
fn settle(scenario: &str, case: &str, verdict: &Verdict) {
    match verdict {
        Verdict::Pass(_) => {}
        Verdict::NotApplicable(why) => println!("{scenario} does not apply to {case}: {why}"),
        Verdict::Failed(how) => panic!("{scenario} on {case}: {how}"),
    }
}
