//! What machines that nobody here wrote have said about formats: the records of the machine tests.

/// One line of a record: a machine looked at tables of a format, and agreed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judged {
    /// The format.
    pub format: String,
    /// The machine.
    pub machine: String,
    /// What was looked at.
    pub what: String,
    /// How many accesses it was asked about.
    pub probes: u64,
}

/// Reads a record: a line for each judgement, of format, machine, what and probes, with tabs between; lines that begin
/// with `#` are comments.
///
/// # Errors
///
/// The first line that is not so.
pub fn judged(text: &str) -> Result<Vec<Judged>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(one).collect()
}

fn one(line: &str) -> Result<Judged, String> {
    let wrong = || format!("found {line:?}, expected a format, a machine, what, and a number, with tabs between");
    let cells: Vec<&str> = line.split('\t').collect();
    let [format, machine, what, probes] = cells[..] else { return Err(wrong()) };
    let probes = probes.trim().replace('_', "").parse().map_err(|_| wrong())?;
    Ok(Judged { format: format.to_owned(), machine: machine.to_owned(), what: what.to_owned(), probes })
}

#[cfg(test)]
mod tests {
    use super::{Judged, judged};

    #[test]
    fn records_are_read_and_what_is_none_is_named() {
        let only = Judged { format: "f".into(), machine: "KVM".into(), what: "usual".into(), probes: 12_000 };
        assert_eq!(judged("# format\tmachine\nf\tKVM\tusual\t12000\n\n"), Ok(vec![only]));
        assert!(judged("f\tKVM\t12000").is_err_and(|wrong| wrong.contains("KVM")));
        assert!(judged("f\tKVM\tusual\tmany").is_err());
    }
}
