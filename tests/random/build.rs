//! Writes the list of what is simulated: formats of each kind, with everything at its usual setting or with every feature on.
//! `PTGEN_CASES` names others: all cases at once take more memory to compile, and more time, than there is.

fn main() {
    if std::env::var_os("PTGEN_CASES").is_some() {
        ptgen_cases::write("../formats", ptgen_cases::Bindings::Decided);
        return;
    }
    let cases = [
        "aarch64_stage1_4k_usual",
        "aarch64_stage1_4k_full",
        "aarch64_stage1_4k_lpa2_usual",
        "arm_lpae_usual",
        "ept_4level_full",
        "npt_4level_usual",
        "power_radix_4k_usual",
        "riscv_sv39_usual",
        "riscv_sv39_full",
        "riscv_sv48_usual",
        "riscv_sv48x4_usual",
        "riscv_sv57_usual",
        "x86_64_4level_usual",
        "x86_64_4level_full",
        "x86_64_5level_usual",
        "x86_64_usual",
        "x86_pae_usual",
        "juniper_usual",
        "juniper_full",
        "rowan_usual",
        "rowan_full",
        "tamarack_usual",
        "tamarack_full",
    ];
    ptgen_cases::write_some("../formats", ptgen_cases::Bindings::Decided, &cases);
}
