//! From what the command line calls a format to descriptions and models.

use std::io;
use std::path::Path;

use ptdsl::Compiled;
use ptdsl::binding::{Binding, Family};
use ptdsl::diagnostic::{Diagnostic, nearest, render};
use ptdsl::model::Format;
use ptdsl::resolve::Description;

use crate::args::{Color, FormatChoice};
use crate::binding::{binding, left_open};
use crate::failure::{Failure, Outcome};

/// A description and the file it is in.
pub struct Source {
    /// The file, in which nothing is wrong.
    pub compiled: Compiled,
    /// The description.
    pub description: Description,
}

impl Source {
    /// A request about the description that these problems stand in the way of.
    pub fn refused(&self, problems: &[Diagnostic], color: Color) -> Failure {
        let text = render(&self.compiled.name, &self.compiled.text, problems, color.of_messages());
        Failure::Rendered { text, code: 2 }
    }
}

/// A format under a binding that decides everything.
pub struct Bound {
    /// Where it comes from.
    pub source: Source,
    /// Its only model, and which range the client chose.
    pub family: Family,
}

impl Bound {
    /// The model.
    pub fn format(&self) -> &Format {
        &self.family.members[0].format
    }
}

/// Reads a format file.
pub fn read(path: &Path) -> Outcome<String> {
    let shown = path.display();
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::found(format!("there is no file {shown}")),
        io::ErrorKind::InvalidData => Failure::found(format!("{shown} is not text")).expected("a format file in UTF-8"),
        _ => Failure::found(format!("cannot read {shown}: {error}")),
    })
}

/// Finds a format by name or path, parses it and proves it right.
pub fn load(wanted: &str, color: Color) -> Outcome<Source> {
    let (path, fragment) = match wanted.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment)),
        None => (wanted, None),
    };
    let is_path = path.contains('/') || path.ends_with(".ptf") || path.contains(std::path::MAIN_SEPARATOR);
    let (name, text, fragment) = if is_path {
        (path.to_owned(), read(Path::new(path))?, fragment)
    } else {
        let builtin = builtin(wanted)?;
        (builtin.file.to_owned(), builtin.text.to_owned(), Some(builtin.name))
    };
    let compiled = ptdsl::compile(&name, &text);
    if !compiled.diagnostics.is_empty() {
        return Err(Failure::Rendered { text: compiled.rendered(color.of_messages()), code: 1 });
    }
    let description = pick(&compiled, fragment)?;
    Ok(Source { compiled, description })
}

/// A format with its settings, for commands that look at one model.
pub fn decided(choice: &FormatChoice, root: Option<&str>, color: Color) -> Outcome<Bound> {
    let binding = binding(choice, root)?;
    if let Some(open) = left_open(&binding).first() {
        return Err(undecided(open));
    }
    let source = load(&choice.format, color)?;
    let family = bind(&source, &binding, color)?;
    let open = family.open.first().map(|(name, ..)| name.as_str());
    match (family.members.len(), open) {
        (1, None) => Ok(Bound { source, family }),
        (_, open) => Err(undecided(open.unwrap_or(&source.description.name.value))),
    }
}

/// A format with its settings, for commands that look at words: these may be told apart by addresses, too.
pub fn decided_with_addresses(choice: &FormatChoice, root: Option<&str>, color: Color) -> Outcome<Bound> {
    let bound = decided(choice, root, color)?;
    let open = bound.format().addresses.iter().find(|(_, address)| address.is_none());
    match open.map(|(name, _)| undecided(name)) {
        Some(failure) => Err(failure),
        None => Ok(bound),
    }
}

fn undecided(name: &str) -> Failure {
    Failure::found(format!("`{name}` is left to run time"))
        .expected("a format in which everything is decided")
        .help(format!("give `{name}` a value; only `ptdsl expand` can leave it open"))
}

/// The models of a description under a binding.
pub fn bind(source: &Source, binding: &Binding, color: Color) -> Outcome<Family> {
    ptdsl::bind(&source.description, binding).map_err(|problems| source.refused(&problems, color))
}

fn builtin(wanted: &str) -> Outcome<&'static ptgen_formats::Builtin> {
    ptgen_formats::format(wanted).ok_or_else(|| {
        let names: Vec<&str> = ptgen_formats::FORMATS.iter().map(|format| format.name).collect();
        unknown(
            format!("no built-in format is called `{wanted}`"),
            wanted,
            &names,
            "a path has a `/` in it or ends in .ptf",
        )
    })
}

/// The description of this name, or the only one that is complete.
fn pick(compiled: &Compiled, fragment: Option<&str>) -> Outcome<Description> {
    let file = &compiled.name;
    let formats: Vec<&Description> = compiled.formats().collect();
    let names: Vec<&str> = formats.iter().map(|format| format.name.value.as_str()).collect();
    let named = |wanted: &str| formats.iter().find(|format| format.name.value == wanted);
    match (fragment, formats.as_slice()) {
        (Some(wanted), _) => named(wanted)
            .map(|format| (*format).clone())
            .ok_or_else(|| unknown(format!("{file} describes no format `{wanted}`"), wanted, &names, "")),
        (None, [only]) => Ok((*only).clone()),
        (None, []) => Err(Failure::found(format!("{file} describes no format")).expected("at least one `format`")),
        (None, [first, ..]) => Err(Failure::found(format!("{file} describes {} formats", names.len()))
            .expected(format!("one of {}", names.join(", ")))
            .help(format!("write {file}#{}", first.name.value))),
    }
}

/// A name that is not known, with those that are and the nearest.
fn unknown(found: String, wanted: &str, names: &[&str], otherwise: &str) -> Failure {
    let mut failure = Failure::found(found).expected(format!("one of {}", names.join(", ")));
    let near = nearest(wanted, names.iter().copied());
    match near {
        Some(near) => failure = failure.help(format!("did you mean `{near}`?")),
        None if !otherwise.is_empty() => failure = failure.help(otherwise),
        None => {}
    }
    failure
}
