//! Kinds of change against ways.

use super::Page;
use crate::document::updates::{change_words, concerns, way_words};
use crate::document::{Align, Columns, Section};
use crate::model::{Change, Way};
use crate::print::words as language;
use crate::tree::RuleKind;

const WAYS: [Way; 4] = [Way::Lazy, Way::Live, Way::Instruction, Way::Break];

/// A row for each kind of change, a column for each way that some kind takes, and the other rules as they are written.
pub fn matrix(page: &Page<'_>) -> Section {
    let formats = || core::iter::once(&page.usual).chain(page.others.iter().map(|(_, format)| format));
    let changes: Vec<Change> =
        Change::ALL.into_iter().filter(|change| formats().any(|format| concerns(*change, format))).collect();
    let used = |way: &&Way| changes.iter().any(|change| !cell(page, *change, **way).is_empty());
    let ways: Vec<Way> = WAYS.iter().filter(used).copied().collect();
    let mut header = vec![("change", Align::Code), ("of", Align::Left)];
    header.extend(ways.iter().map(|way| (way_words(*way).0, Align::Left)));
    let mut table = Columns::new(&header);
    for change in changes.iter().copied() {
        let cells = ways.iter().map(|way| cell(page, change, *way));
        table.row([change.name().to_owned(), change_words(change).to_owned()].into_iter().chain(cells));
    }
    let section = Section::default().table(table);
    let section = ways.iter().fold(section, |section, way| {
        let (name, meaning) = way_words(*way);
        section.line(format!("{name}: {meaning}"))
    });
    let rules = page.description.update.iter().filter(|rule| !matches!(rule.kind, RuleKind::Way { .. }));
    rules.fold(section, |section, rule| section.line(format!("`{}`", language::rule(rule))))
}

/// A mark where a kind of change is usually made so, or the features with which it is.
fn cell(page: &Page<'_>, change: Change, way: Way) -> String {
    let usual = page.usual.update.ways.get(&change).copied();
    if usual == Some(way) {
        return "●".to_owned();
    }
    let otherwise = page.others.iter().filter(|(_, format)| format.update.ways.get(&change) == Some(&way));
    let words: Vec<&str> = otherwise.map(|(words, _)| words.as_str()).collect();
    words.join(", ")
}
