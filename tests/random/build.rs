//! Writes the list of what is simulated: every format that ships, and the files of a client's own, with everything at its
//! usual setting and with every feature on.

fn main() {
    ptgen_cases::write("../formats", ptgen_cases::Bindings::Decided);
}
