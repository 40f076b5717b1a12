//! One binary for every machine: the same work by code whose format was decided when it was compiled, and by code that
//! decides at boot about four or five levels and about the bit of encrypted memory.
//!
//! `tests/assembly.rs` runs it as it runs the twins: `boot CASE PAGES` sets the case up, says so, waits for a line of
//! input, and does the one thing between two marks (`SIGUSR1`). A case is an operation, a machine and a way of deciding:
//! `translate 5-encrypted boot`.

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
