//! The table that is printed, and whether the aims are met.

use core::fmt::Write;

use crate::measure::{COLUMNS, Medians};
use crate::peers::BASELINE;

/// One line of the table.
pub type Row = (&'static str, Medians);

/// Nanoseconds, and in brackets the ratio to the baseline.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let base = rows.iter().find(|(name, _)| *name == BASELINE).map(|(_, medians)| *medians);
    let mut out = format!("{:34}", "ns a page (ratio to chk+atomic)");
    for column in COLUMNS {
        _ = write!(out, "{column:>17}");
    }
    out.push('\n');
    for (name, medians) in rows {
        _ = write!(out, "{name:34}");
        for (column, value) in medians.iter().enumerate() {
            let ratio = base.map_or(f64::NAN, |base| value / base[column]);
            _ = write!(out, "{:>17}", format!("{value:.2} ({ratio:.2}x)"));
        }
        out.push('\n');
    }
    out
}

/// What a row aims at in a column, as a ratio to the baseline.
pub struct Aim {
    /// The row.
    pub row: &'static str,
    /// The column.
    pub column: usize,
    /// The highest ratio.
    pub ratio: f64,
}

/// One line for each aim: the ratio, the aim, and whether it is met.
#[must_use]
pub fn aims(rows: &[Row], aims: &[Aim]) -> String {
    let find = |name| rows.iter().find(|(row, _)| *row == name).map(|(_, medians)| medians);
    let mut out = String::new();
    for aim in aims {
        let (Some(ours), Some(base)) = (find(aim.row), find(BASELINE)) else { continue };
        let ratio = ours[aim.column] / base[aim.column];
        let verdict = if ratio <= aim.ratio { "met" } else { "MISSED" };
        let what = format!("{}: {}", aim.row, COLUMNS[aim.column]);
        _ = writeln!(out, "{what:34} {ratio:5.2}x, aim {:.2}x: {verdict}", aim.ratio);
    }
    out
}
