//! Writes the list of what is simulated: every format that ships, and the file of a client's own, under several bindings.

fn main() {
    ptgen_cases::write("../formats", ptgen_cases::Bindings::Decided);
    ptgen_cases::write_growing("../formats");
}
