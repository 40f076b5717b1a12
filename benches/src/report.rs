//! The table that is printed, and whether the aims are met.

use core::fmt::Write;

use crate::measure::{COLUMNS, Times};
use crate::peers::{BASELINE, OURS};

/// One line of the table.
pub type Row = (&'static str, Times);

/// Nanoseconds, and in brackets the ratio to the baseline.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let base = rows.iter().find(|(name, _)| *name == BASELINE).map(|(_, times)| *times);
    let mut out = format!("{:34}", "ns a page (ratio to chk+atomic)");
    for column in COLUMNS {
        _ = write!(out, "{column:>17}");
    }
    out.push('\n');
    for (name, times) in rows {
        _ = write!(out, "{name:34}");
        for (column, value) in times.iter().enumerate() {
            let ratio = base.map_or(f64::NAN, |base| value / base[column]);
            _ = write!(out, "{:>17}", format!("{value:.2} ({ratio:.2}x)"));
        }
        out.push('\n');
    }
    out
}

/// What [`OURS`] aims at in a column, as a ratio to the baseline.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// The column.
    pub column: &'static str,
    /// The highest ratio.
    pub ratio: f64,
}

/// What the project aims at.
pub const AIMS: [Aim; 5] = [
    Aim { column: "map", ratio: 0.4 },
    Aim { column: "translate", ratio: 1.0 },
    Aim { column: "translate dep.", ratio: 1.0 },
    Aim { column: "protect", ratio: 1.2 },
    Aim { column: "unmap", ratio: 1.2 },
];

/// By how much two measurements of the same code differ.
const NOISE: f64 = 0.05;

/// One line for each aim: the ratio, the aim, and whether it is met.
#[must_use]
pub fn aims(rows: &[Row]) -> String {
    let find = |name| rows.iter().find(|(row, _)| *row == name).map(|(_, times)| times);
    let mut out = String::new();
    let (Some(ours), Some(base)) = (find(OURS), find(BASELINE)) else { return out };
    for aim in AIMS {
        let Some(column) = COLUMNS.iter().position(|column| *column == aim.column) else { continue };
        let ratio = ours[column] / base[column];
        let verdict = if ratio <= aim.ratio + NOISE { "met" } else { "MISSED" };
        _ = writeln!(out, "{:16} {ratio:.2}x {BASELINE}, aim {:.2}x: {verdict}", aim.column, aim.ratio);
    }
    out
}
