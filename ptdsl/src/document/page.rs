//! A format as a page of a manual, in Markdown, and the table of contents of many.
//!
//! A page shows a format whole: what stands in it under every binding in the words of the language, and what follows from
//! that under two bindings: the *usual* one, and the *full* one, with every feature on that can be.

mod index;
mod updates;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{attributes, attributes_beyond};
use super::choices::{features, parameters};
use super::judged::Judged;
use super::levels::{leaf_sizes_beyond, levels_said, ranges};
use super::lines::{description_lines, file_lines};
use super::section::Section;
use crate::bind;
use crate::diagnostic::Diagnostic;
use crate::model::Format;
use crate::print::words as language;
use crate::resolve::Description;

pub use index::index;

/// A format and everything that is told of it.
pub struct Page<'a> {
    /// The name of the format file.
    file: &'a str,
    /// The text of it.
    text: &'a str,
    description: &'a Description,
    /// The model under the usual binding.
    usual: Format,
    /// The model with every feature on that can be, in the order of the description.
    full: Format,
    /// The model with one feature not as usual, by the words for that.
    others: Vec<(String, Format)>,
    judged: Vec<Judged>,
}

impl<'a> Page<'a> {
    /// The page of a description of a format file, with the records about it among `judged`.
    ///
    /// # Errors
    ///
    /// What keeps the format from being bound as usual.
    pub fn of(
        file: &'a str,
        text: &'a str,
        description: &'a Description,
        judged: &[Judged],
    ) -> Result<Self, Vec<Diagnostic>> {
        let name = &description.name.value;
        Ok(Self {
            file,
            text,
            description,
            usual: bind::model(description, &BTreeMap::new(), &BTreeMap::new())?,
            full: full(description)?,
            others: others(description),
            judged: judged.iter().filter(|one| one.format == *name).cloned().collect(),
        })
    }

    /// The name of the format.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name.value
    }

    /// The name of the file of the page.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.md", self.name())
    }

    /// The name of the file of its drawing.
    #[must_use]
    pub fn drawing_name(&self) -> String {
        format!("{}.svg", self.name())
    }

    /// The drawing: the walk and every layout, with every feature on that can be.
    #[cfg(feature = "drawing")]
    #[must_use]
    pub fn drawing(&self) -> String {
        super::drawing::drawing(&self.full, &self.usual)
    }

    /// The page.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = self.head();
        let sections = [
            ("Levels", levels_said(&self.full, &self.entries()).markdown()),
            ("Leaves", leaf_sizes_beyond(&self.full, &self.usual).markdown()),
            ("Roots and addresses", ranges(&self.usual).markdown()),
            ("Features and parameters", self.choices().markdown()),
            ("Attributes", self.attributes().markdown()),
            ("How live entries change", updates::matrix(self).markdown()),
            ("Words", words::words(self)),
            ("Judges", self.judges()),
        ];
        for (title, section) in sections {
            if !section.is_empty() {
                text.push_str(&format!("\n## {title}\n\n{section}"));
            }
        }
        text
    }

    fn head(&self) -> String {
        let name = self.name();
        let mut text = format!("# {name}\n\n{}", paragraph(&self.description.docs));
        text.push_str(&format!("{}.\n\n", index::facts(self)));
        text.push_str(&format!("![The walk and the words of {name}]({})\n\n", self.drawing_name()));
        text.push_str(&self.drawn());
        text.push_str(&format!(
            "Described in [`formats/{file}`](../../formats/{file}#L{line}): {lines} lines without comments and empty ones, \
             {own} of them in the description of this format{others}. This page is written from it by \
             `cargo xtask formats`.\n\nWritten from:\n\n",
            file = self.file,
            line = self.usual.line,
            lines = file_lines(self.text),
            own = self.own_lines(),
            others = self.neighbours(),
        ));
        for line in &self.description.sources {
            text.push_str(format!("> {}", line.trim()).trim_end());
            text.push('\n');
        }
        text
    }

    /// Which features the drawing has that are not usual.
    fn drawn(&self) -> String {
        let more = self.beyond_usual();
        if more.is_empty() {
            return String::new();
        }
        let on: Vec<String> = more
            .iter()
            .map(|name| format!("`{}{name}`", if self.full.features[*name] { "" } else { "not " }))
            .collect();
        format!("Drawn with {}; what is not there usually has a dashed border.\n\n", on.join(", "))
    }

    /// The features that are not in the full model what they are usually.
    fn beyond_usual(&self) -> Vec<&str> {
        let names = self.description.features.iter().map(|feature| feature.node.name.value.as_str());
        names.filter(|name| self.full.features.get(*name) != self.usual.features.get(*name)).collect()
    }

    fn own_lines(&self) -> usize {
        let counts = description_lines(self.text);
        counts.iter().find(|(name, _)| name == self.name()).map_or(0, |(_, lines)| *lines)
    }

    /// What else its file describes.
    fn neighbours(&self) -> String {
        let all = description_lines(self.text);
        let others: Vec<String> =
            all.iter().filter(|(name, _)| name != self.name()).map(|(name, _)| format!("`{name}`")).collect();
        if others.is_empty() { String::new() } else { format!(" (the others: {})", others.join(", ")) }
    }

    /// The layouts of each level with their conditions, by the level's name.
    fn entries(&self) -> BTreeMap<String, String> {
        let levels = self.description.levels.iter();
        levels.map(|level| (level.node.name.value.clone(), language::entries(&level.node).join(", "))).collect()
    }

    fn choices(&self) -> Section {
        Section::default().table(features(self.text, self.description, &self.usual, false)).table(parameters(
            self.description,
            &self.usual,
            false,
        ))
    }

    fn attributes(&self) -> Section {
        let section = attributes(&self.usual);
        let more = attributes_beyond(&self.full, &self.usual);
        if more.is_empty() {
            return section;
        }
        let names: Vec<String> = self.beyond_usual().iter().map(|name| format!("`{name}`")).collect();
        section.title(format!("And otherwise with {}", names.join(", "))).with(more)
    }

    fn judges(&self) -> String {
        if self.judged.is_empty() {
            return "No machine has looked at tables of this format: the reference walker, the conformance suite and the \
                    simulator have.\n"
                .to_owned();
        }
        let mut table = super::Columns::new(&[
            ("machine", super::Align::Left),
            ("tables", super::Align::Left),
            ("probes", super::Align::Right),
        ]);
        for one in &self.judged {
            table.row([one.machine.clone(), one.what.clone(), one.probes.to_string()]);
        }
        let words = "Machines that walked tables which the emitted code built, with at least so many probes, and agreed with it \
                     about every one (`tests/judged`); beside the reference walker, the conformance suite and the \
                     simulator.\n\n";
        words.to_owned() + &table.markdown()
    }
}

/// The model with every feature on that can be, tried in the order of the description.
fn full(description: &Description) -> Result<Format, Vec<Diagnostic>> {
    let mut features = BTreeMap::new();
    let mut best = bind::model(description, &features, &BTreeMap::new())?;
    for feature in &description.features {
        let name = &feature.node.name.value;
        let mut more = features.clone();
        more.insert(name.clone(), true);
        if let Some(format) = with(description, &more, name) {
            (best, features) = (format, more);
        }
    }
    Ok(best)
}

/// One model for each feature, with this one not as usual.
fn others(description: &Description) -> Vec<(String, Format)> {
    let features = description.features.iter().map(|feature| &feature.node);
    let made = features.filter_map(|feature| {
        let name = &feature.name.value;
        let setting = BTreeMap::from([(name.clone(), !feature.usually_on)]);
        let words = if feature.usually_on { format!("without `{name}`") } else { format!("with `{name}`") };
        Some((words, with(description, &setting, name)?))
    });
    made.collect()
}

/// The model under these settings, if the last of them can be what is asked for.
fn with(description: &Description, features: &BTreeMap<String, bool>, last: &str) -> Option<Format> {
    let format = bind::model(description, features, &BTreeMap::new()).ok()?;
    (format.features.get(last) == features.get(last)).then_some(format)
}

/// Lines of `///` as a paragraph, and an empty line; nothing if there are none.
fn paragraph(docs: &[String]) -> String {
    let lines: Vec<&str> = docs.iter().map(|line| line.trim()).collect();
    if lines.is_empty() { String::new() } else { format!("{}\n\n", lines.join("\n").trim()) }
}

/// The names of levels, each once.
fn level_names(formats: [&Format; 2]) -> BTreeSet<&str> {
    formats.iter().flat_map(|format| &format.levels).map(|level| level.name.as_str()).collect()
}
