//! Writes the list of what is simulated: the formats of one part of all files, which the name of the package says.

fn main() {
    let package = std::env::var("CARGO_PKG_NAME").expect("cargo sets CARGO_PKG_NAME");
    let part = package.strip_prefix("ptgen-simulated-").expect("the name of the package says which part this is");
    ptgen_cases::write_part("../../formats", part);
}
