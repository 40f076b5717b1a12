//! What came of it, counted.

use std::collections::BTreeMap;
use std::fmt;

use ptgen_machines::FaultKind;

/// The counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whose tables, and who judged.
    pub name: String,
    /// Accesses that were compared.
    pub probes: usize,
    /// Those that should go through, and did.
    pub reached: usize,
    /// Those that should be refused, and were, by the kind of the fault.
    pub refused: BTreeMap<FaultKind, usize>,
    /// Those that went through, by lg2 of the leaf's size.
    pub sizes: BTreeMap<u32, usize>,
    /// Those in which the machine and emitted code disagree.
    pub disagreements: usize,
    /// Accesses of which nothing can be concluded, by the reason; not among the probes.
    pub left_out: BTreeMap<&'static str, usize>,
    /// Words in which the machine recorded something.
    pub recorded: usize,
    /// Changes of rights after which what the machine had recorded was still there.
    pub kept: usize,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// How many were translated: those that arrived, and those that were led where nothing is.
    #[must_use]
    pub fn translated(&self) -> usize {
        self.reached + self.refused.get(&FaultKind::NoMemory).copied().unwrap_or(0)
    }

    /// How many were refused.
    #[must_use]
    pub fn refusals(&self) -> usize {
        self.refused.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}: {} probes, {} reached, {} refused, {} disagreements",
            self.name,
            self.probes,
            self.reached,
            self.refusals(),
            self.disagreements
        )?;
        let refused: Vec<_> = self.refused.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(out, " [refused: {}]", refused.join(", "))?;
        let sizes: Vec<_> = self.sizes.iter().map(|(lg2, count)| format!("{} {count}", size(*lg2))).collect();
        write!(out, " [reached: {}]", sizes.join(", "))?;
        if self.recorded > 0 {
            write!(out, " [recorded in {} words, kept by {} changes]", self.recorded, self.kept)?;
        }
        for (reason, count) in &self.left_out {
            write!(out, " [left out: {reason}, {count}]")?;
        }
        Ok(())
    }
}

/// A size for people.
fn size(lg2: u32) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = (lg2 / 10).min(5);
    format!("{} {}", 1_u64 << (lg2 - 10 * unit), UNITS[unit as usize])
}
