//! A page of a large leaf is protected, with frames of the moment and with frames that were taken before: there is no twin,
//! the plain operation is the measure.
//!
//! A program of its own, as `plan` calls what an operation calls: where both are in one program, the compiler decides
//! otherwise about inlining. `tests/assembly.rs` runs it as it runs the twins: `ahead CASE PAGES` sets the case up, says so,
//! waits for a line of input, and does the one thing between two marks (`SIGUSR1`).

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod cases;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, pages] = &*arguments else { return Err("CASE PAGES".into()) };
    let pages = pages.parse().map_err(|error| format!("{pages}: {error}"))?;
    cases::run(case, pages)
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("the program is stepped through by Linux on x86-64");
}
