//! The hot paths twice: as a client of ptgen has them, and written by hand with the same semantics.
//!
//! `tests/assembly.rs` reads the assembly of this program, and runs it as `twins CASE PAGES`: it sets the case up, says
//! so, waits for a line of input, and does the one thing between two marks (`SIGUSR1`).

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod cases;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod hand;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod ours;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, pages] = &*arguments else { return Err("CASE PAGES".into()) };
    let pages = pages.parse().map_err(|error| format!("{pages}: {error}"))?;
    cases::run(case, pages)
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("the twins are written for x86-64 and stepped through by Linux");
}
