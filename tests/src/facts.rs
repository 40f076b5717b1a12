//! What emitted code says about whole levels and about the machine, against the rows of the model.

use ptdsl::model::{self, Content, LayoutKind};
use ptgen::{Format, Level};

use crate::levels::{EachLevel, each_level};

/// Compares software bits of tables and the cleaning of stores.
///
/// # Panics
///
/// If emitted code and the model disagree.
pub fn compare<F: Format>(f: F, model: &model::Format, range: usize) {
    assert_eq!(f.cleans(), model.update.clean, "{}", F::NAME);
    each_level(f, &mut Facts { model, place: model.ranges[range].root });
}

/// The levels from the root down, beside those of the model.
struct Facts<'a> {
    model: &'a model::Format,
    /// The index of the level that comes next.
    place: usize,
}

impl<F: Format> EachLevel<F> for Facts<'_> {
    fn level<L: Level<Format = F>>(&mut self, f: F) {
        let entries = self.model.levels[self.place].entries.iter().filter(|entry| !entry.refused);
        let layouts = entries.map(|entry| &self.model.layouts[entry.layout]);
        let tables: Vec<&model::Layout> = layouts.filter(|layout| layout.kind == LayoutKind::Table).collect();
        let software: u64 = L::table_software(f).into();
        assert_eq!(u128::from(software), tables.iter().map(|layout| software_rows(layout)).sum(), "{}", L::NAME);
        self.place += 1;
    }
}

/// The bits that rows leave to software.
fn software_rows(layout: &model::Layout) -> u128 {
    let rows = layout.rows.iter().filter(|row| row.content == Content::Software);
    rows.map(|row| (2_u128 << row.high) - (1 << row.low)).sum()
}
