//! Which machine has confirmed which format with how many probes: the records that the documentation shows.
//!
//! A format has a file of its own name in `tests/judged`, a line for each machine and subject. Every run has to do at
//! least what its line says; `PTGEN_BLESS=1` writes the line of what was done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use ptgen::PageTable;
use ptgen_machines::Machine;

use super::judge::{Subject, judge};
use super::processor::Processor;
use super::random::seed;
use super::words::judge_words;

/// The environment variable that has records written.
const BLESS: &str = "PTGEN_BLESS";

/// At least so many accesses to tables that emitted code built are compared for each format and machine.
const PROBES: usize = 10_000;

/// Has `machine` walk tables that emitted code (`P`) built, and then strange words, and compares with the record.
///
/// # Panics
///
/// If machine and emitted code disagree, or if less was tried than the record says, or if there is none.
pub fn judge_all<P, R>(subject: &Subject<P::Format, R>, machine: &dyn Machine)
where
    P: PageTable,
    R: Processor,
{
    let seed = seed();
    let tables = judge::<P, R>(subject, machine, seed);
    assert!(tables.probes >= PROBES, "{tables}");
    let words = judge_words::<P, R>(subject, machine, seed);
    assert_eq!(tables.disagreements + words.disagreements, 0);
    compare::<P>(&subject.name, machine.name(), tables.probes + words.probes);
}

/// Compares with the line of the record, or writes it.
fn compare<P: PageTable>(subject: &str, machine: &str, probes: usize) {
    // Tests of one format may run side by side.
    static RECORDS: Mutex<()> = Mutex::new(());
    let _one_at_a_time = RECORDS.lock();
    let format = <P::Format as ptgen::Format>::NAME;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("judged").join(format!("{format}.txt"));
    let mut lines = lines(&std::fs::read_to_string(&path).unwrap_or_default());
    let key = (machine.to_owned(), subject.to_owned());
    if std::env::var_os(BLESS).is_some() {
        lines.insert(key, probes / 1000 * 1000);
        let text: String = lines.iter().map(|((machine, subject), n)| format!("{machine}\t{subject}\t{n}\n")).collect();
        std::fs::write(&path, text).expect("the record can be written");
        return;
    }
    let least = lines.get(&key);
    let done = least.is_some_and(|least| *least <= probes);
    assert!(
        done,
        "{format}: {machine} judged {subject} with {probes} probes; recorded: {least:?}. {BLESS}=1 records it"
    );
}

/// The lines of a record: machine, subject, probes; a tab between them.
fn lines(text: &str) -> BTreeMap<(String, String), usize> {
    let line = |line: &str| {
        let mut parts = line.split('\t');
        let key = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some((key, parts.next()?.parse().ok()?))
    };
    text.lines().map(|text| line(text).unwrap_or_else(|| panic!("a record has a broken line: `{text}`"))).collect()
}
