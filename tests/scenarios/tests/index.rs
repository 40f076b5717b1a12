//! The list of scenarios in the documentation.

/// It is what the registry says. `PTGEN_BLESS=1` writes it.
#[test]
fn table_of_scenarios() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios.md");
    let parts: Vec<&str> = ptgen_cases::PARTS.iter().map(|part| part.name).collect();
    let index = ptgen_scenarios::index(&parts);
    if std::env::var_os("PTGEN_BLESS").is_some() {
        std::fs::write(path, &index).expect("the list can be written");
    }
    let written = std::fs::read_to_string(path).expect("there is a list");
    assert!(written == index, "docs/scenarios.md is not what the registry says; PTGEN_BLESS=1 writes it:\n{index}");
}
