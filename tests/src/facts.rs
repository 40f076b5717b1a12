//! What emitted code says about whole levels and about the machine, against the rows of the model.

use ptdsl::model::{self, Content, LayoutKind};
use ptgen::{Attributes, Format, Level};

use crate::levels::{EachLevel, each_level};

/// Compares software bits of tables, the cleaning of stores, and what leaves are held by.
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
        let tables: Vec<&model::Layout> = layouts.clone().filter(|layout| layout.kind == LayoutKind::Table).collect();
        let software: u64 = L::table_software(f).into();
        assert_eq!(u128::from(software), tables.iter().map(|layout| software_rows(layout)).sum(), "{}", L::NAME);
        let leaves: Vec<&model::Layout> = layouts.filter(|layout| layout.kind == LayoutKind::Leaf).collect();
        self.held::<F, L>(f, &leaves);
        self.place += 1;
    }
}

impl Facts<'_> {
    /// Leaves are held by the bit that the model names, where their layout has it; otherwise slots are emptied.
    fn held<F: Format, L: Level<Format = F>>(&self, f: F, leaves: &[&model::Layout]) {
        let bits = leaves.iter().map(|layout| {
            let named = |row: &&model::Row| match &row.content {
                Content::Field { name, .. } => self.model.update.hold.as_ref() == Some(name),
                _ => false,
            };
            layout.rows.iter().find(named).map(|row| 1_u64 << row.low)
        });
        let bits: Vec<Option<u64>> = bits.collect();
        assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "{}: all leaves or none", L::NAME);
        for lg2 in L::leaf_sizes(f).iter() {
            let oa = f.output_last() & !((1 << lg2) - 1);
            let template = L::template(f, &F::Attributes::kernel_data(), lg2).expect("kernel data can be said");
            let leaf = L::leaf(f, template, lg2, oa);
            assert_eq!(L::resize(f, leaf, lg2), Ok(template), "{}: what has its size is resized to itself", L::NAME);
            let held = L::held(f, leaf);
            match bits[0] {
                None => assert_eq!(held, L::empty(f), "{}", L::NAME),
                Some(bit) => {
                    assert_eq!(held.into(), leaf.into() | bit, "{}", L::NAME);
                    assert!(L::is_leaf(f, held) && L::leaf_lg2(f, held) == lg2, "{}: {held:x?}", L::NAME);
                    assert_eq!(L::leaf_oa(f, held), oa, "{}", L::NAME);
                }
            }
        }
    }
}

/// The bits that rows leave to software.
fn software_rows(layout: &model::Layout) -> u128 {
    let rows = layout.rows.iter().filter(|row| row.content == Content::Software);
    rows.map(|row| (2_u128 << row.high) - (1 << row.low)).sum()
}
