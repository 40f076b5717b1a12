//! What is compared, and with which tolerance.

use super::listing::instructions;
use super::program::Program;

/// Instructions that `translate` may execute more than its twin.
const TRANSLATE: u64 = 5;
/// Instructions that `translate` may be written with more than its twin. Ours has ends of its own for the leaves and the
/// faults of each level, as the compiler lays it out; in the twin the levels share theirs, with the level in a register,
/// which is shorter to write and longer to execute. What is executed has the narrower limit.
const TRANSLATE_WRITTEN: u64 = 16;
/// Instructions that mapping one page may execute more than its twin: it finds out which sizes can say the attributes,
/// which of them fit, and whether the range is its to change, where the twin knows of one size and of one owner.
const ONE_PAGE: u64 = 50;
/// Instructions that an operation may execute more than the plain one if its frames were taken before: it takes them out of
/// a list that stands in the frames themselves, where the bench's own source counts up.
const RESERVED: u64 = 100;
/// Instructions that a page may cost more where the format is decided at boot: there are none, but what is left of an unrolled
/// loop is executed page by page.
const AT_BOOT: f64 = 1.0;
/// Pages of one leaf table.
const TABLE: u64 = 512;

/// Compares two counts, and shows both functions if ours is more than `tolerance` above the other.
fn compare(what: &str, name: &str, (ours, hand): (f64, f64), tolerance: f64) {
    println!("{what}: {ours} instructions, {hand} by hand");
    let program = Program::twins();
    assert!(
        ours <= hand + tolerance,
        "{what}: {ours} instructions, {hand} by hand, at most {tolerance} more are tolerated\n\n{}\n{}",
        program.listing(&format!("ours_{name}")),
        program.listing(&format!("hand_{name}")),
    );
}

/// Compares straight functions as they are written.
fn compare_written(name: &str) {
    let program = Program::twins();
    let count = |who: &str| instructions(program.function(&format!("{who}_{name}"))) as f64;
    compare(&format!("{name}, written"), name, (count("ours"), count("hand")), TRANSLATE_WRITTEN as f64);
}

/// Compares what is executed for one page.
fn compare_executed(case: &str, name: &str, tolerance: u64) {
    let program = Program::twins();
    let count = |who: &str| program.executed(&format!("{case} {who}"), 1) as f64;
    compare(&format!("{case}, one page, executed"), name, (count("ours"), count("hand")), tolerance as f64);
}

/// Compares what is executed in loops for each page of a leaf table.
fn compare_loops(case: &str, name: &str) {
    let program = Program::twins();
    let per_page = |who: &str| {
        // Loops are unrolled less than sixteen times, and nothing else is executed as often.
        let in_loops = program.trace(&format!("{case} {who}"), TABLE).repeated(TABLE / 16);
        assert!(in_loops >= TABLE / 8, "{case} {who}: its loop was not found");
        in_loops as f64 / TABLE as f64
    };
    compare(&format!("{case}, each page, in loops"), name, (per_page("ours"), per_page("hand")), 0.0);
}

#[test]
fn translate_is_the_twins_code() {
    compare_written("translate");
    compare_executed("translate", "translate", TRANSLATE);
}

#[test]
fn translate_with_attributes_is_the_twins_code() {
    compare_written("translate_attributes");
    compare_executed("attributes", "translate_attributes", TRANSLATE);
}

#[test]
fn mapping_one_page_costs_little_more() {
    compare_executed("map", "map", ONE_PAGE);
}

#[test]
fn map_into_existing_tables_loops_like_the_twin() {
    compare_loops("map", "map");
}

#[test]
fn map_into_new_tables_loops_like_the_twin() {
    compare_loops("new", "map");
}

#[test]
fn protect_loops_like_the_twin() {
    compare_loops("protect", "protect");
}

#[test]
fn unmap_loops_like_the_twin() {
    compare_loops("unmap", "unmap");
}

#[test]
fn a_reserved_commit_costs_what_a_plain_one_does() {
    let program = Program::ahead();
    let count = |case: &str| program.executed(case, 1);
    let (plain, reserved) = (count("plain"), count("reserved"));
    println!("a page of a leaf of 2 MiB is protected: {plain} instructions, {reserved} with frames taken before");
    println!("taking them: {} for what is planned, {} for anything in the page", count("plan"), count("prepare"));
    assert!(reserved <= plain + RESERVED, "{reserved} instructions, {plain} without a reservation");
}

/// One program for machines of four and of five levels, with and without a bit of encrypted memory: what it found at boot
/// decides at most one conditional jump an operation.
#[test]
fn what_is_decided_at_boot_takes_one_branch() {
    let machines = ["4", "4-encrypted", "5", "5-encrypted"];
    for (operation, pages) in [("translate", 1), ("map", 1), ("map", 64), ("protect", 64), ("unmap", 64)] {
        let runs = machines.map(|machine| Program::boot().trace(&format!("{operation} {machine} boot"), pages));
        for (one, run) in machines.iter().zip(&runs) {
            for (other, against) in machines.iter().zip(&runs) {
                let forks = run.forks(against);
                // Another number of levels shows: otherwise nothing would be compared here.
                let least = usize::from(one.as_bytes()[0] != other.as_bytes()[0]);
                assert!(
                    (least..=1).contains(&forks),
                    "{operation}, {pages} pages, {one} against {other}: {forks} branches"
                );
            }
        }
    }
}

/// What one page costs more in a program for all machines than in one for this machine alone.
#[test]
fn deciding_at_boot_costs_little_for_each_page() {
    let program = Program::boot();
    for operation in ["map", "protect", "unmap"] {
        for machine in ["4", "4-encrypted", "5", "5-encrypted"] {
            let per_page = |decided: &str| {
                let count = |pages| program.executed(&format!("{operation} {machine} {decided}"), pages) as f64;
                (count(65) - count(1)) / 64.0
            };
            let (boot, compiled) = (per_page("boot"), per_page("compiled"));
            println!("{operation} {machine}, a page: {boot} instructions decided at boot, {compiled} compiled");
            assert!(boot <= compiled + AT_BOOT, "{operation} {machine}: {boot} against {compiled}");
        }
    }
}
