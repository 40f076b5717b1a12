//! The hot paths cost what a hand-written twin of the same semantics costs: counted in instructions, in a plain release
//! build without link-time optimisation.
//!
//! `examples/twins` has each path twice, ours and by hand; `examples/ahead` takes frames before; `examples/boot` has each path
//! for machines that are told apart when it runs. What is straight code is counted in the compiler's assembly;
//! what loops or has cold branches is executed one instruction at a time, so that unrolling and vectors count as what they
//! are. The tolerances are the constants below.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "assembly"]
mod x86_64_linux {
    mod listing;
    mod program;
    mod steps;
    mod tests;
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[test]
fn assembly_is_compared_on_x86_64_linux_only() {
    println!("not compared on this host: the twins are written for x86-64 and stepped through by Linux");
}
