//! What machines that nobody here wrote have said about formats: the records of the machine tests.

/// One line of a record: a machine looked at tables of a format, and agreed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judged {
    /// The format.
    pub format: String,
    /// The machine.
    pub machine: String,
    /// Which tables of the format, in a few words; empty where nothing is special.
    pub what: String,
    /// How many accesses it was asked about, at least.
    pub probes: u64,
}

/// Reads the record of a format: a line for each machine and subject, of these and the number of probes, with tabs between.
/// A subject may begin with the name of the format, which says nothing here.
///
/// # Errors
///
/// The first line that is not so.
pub fn judged(format: &str, text: &str) -> Result<Vec<Judged>, String> {
    let line = |line: &str| {
        one(format, line)
            .ok_or_else(|| format!("found {line:?}, expected a machine, a subject and a number, with tabs between"))
    };
    text.lines().map(line).collect()
}

fn one(format: &str, line: &str) -> Option<Judged> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [machine, subject, probes] = cells[..] else { return None };
    let what = subject.strip_prefix(format).map_or(subject, |rest| rest.trim_start_matches([',', ' ']));
    Some(Judged {
        format: format.to_owned(),
        machine: machine.to_owned(),
        what: what.to_owned(),
        probes: probes.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Judged, judged};

    #[test]
    fn records_are_read_and_what_is_none_is_named() {
        let one = |what: &str| Judged { format: "f".into(), machine: "KVM".into(), what: what.into(), probes: 12_000 };
        let text = "KVM\tf\t12000\nKVM\tf, high\t12000\nKVM\tf of 48 bits\t12000\n";
        assert_eq!(judged("f", text), Ok(vec![one(""), one("high"), one("of 48 bits")]));
        assert!(judged("f", "KVM\t12000").is_err_and(|wrong| wrong.contains("KVM")));
        assert!(judged("f", "KVM\tf\tmany").is_err());
    }
}
