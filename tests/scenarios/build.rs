//! Writes the list of what is simulated: formats of each kind, under two bindings. It is not all that ship, which take more
//! memory to compile at once than machines have. `PTGEN_CASES` names others.

fn main() {
    if std::env::var_os("PTGEN_CASES").is_some() {
        ptgen_cases::write("../formats", ptgen_cases::Bindings::Decided);
        ptgen_cases::write_growing("../formats");
        return;
    }
    let cases = [
        "aarch64_stage1_4k_usual",
        "aarch64_stage1_4k_full",
        "aarch64_stage1_4k_lpa2_usual",
        "riscv_sv39_usual",
        "riscv_sv39_full",
        "riscv_sv48_usual",
        "riscv_sv57_usual",
        "x86_64_4level_usual",
        "x86_64_4level_full",
        "x86_64_5level_usual",
        "x86_64_usual",
        "x86_pae_usual",
        "npt_4level_usual",
        "ept_4level_full",
        "juniper_usual",
        "juniper_full",
        "rowan_usual",
        "rowan_full",
        "tamarack_usual",
        "tamarack_full",
    ];
    ptgen_cases::write_some("../formats", ptgen_cases::Bindings::Decided, &cases);
}
