//! Writes the list of what the mistakes are shown on: few cases, for what they break they break on all.

fn main() {
    let cases = ["x86_64_4level_usual", "aarch64_stage1_4k_usual", "riscv_sv39_full", "rowan_full", "juniper_usual"];
    ptgen_cases::write_some("../formats", ptgen_cases::Bindings::Decided, &cases);
}
