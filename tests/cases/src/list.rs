//! Writes the list of cases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ptdsl::binding::{Binding, Family, Setting, Value};
use ptdsl::model::Extension;
use ptdsl::resolve::Description;
use ptdsl::tree::FormatKind;

/// Under which bindings of a format something is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bindings {
    /// Everything at its usual setting; and every feature on that can be. The second for the first format of its file with
    /// these features only: those that are made from it differ in their levels, which the first shows.
    Decided,
    /// Those of `Decided`, and, likewise once, with features and parameters left to run time.
    All,
}

/// Names the cases that are tested, for work on one format.
const ASKED: &str = "PTGEN_CASES";

/// No more features than this are left to run time at once: each doubles the number of models.
const MOST_RUNTIME: usize = 4;

/// Writes `cases.rs` into the `OUT_DIR` of the build script that calls it: for each case a module with the type of its
/// format, a constant [`Case`](crate::Case), and a function that returns every value of the format; and a macro
/// `every_case` that calls another one once for each case.
///
/// `formats` is the folder of formats that do not ship, relative to the package that is built, whose root re-exports
/// [`Case`](crate::Case) and [`Decided`](crate::Decided) and knows the runtime as `ptgen`.
///
/// # Panics
///
/// If a format file is broken, or cannot be read.
pub fn write(formats: &str, which: Bindings) {
    let is_asked = asked();
    let is_wanted = |name: &str, repeats: bool| !repeats && is_asked(name);
    write_each(formats, ("cases", "every_case"), |source, out, names| source.cases(which, &is_wanted, out, names));
}

/// Whether `PTGEN_CASES` asks for a case of this name, by its beginning; it asks for all if it is not set. For work on one
/// format: what is not asked for is neither compiled nor tested, and every build says so.
fn asked() -> impl Fn(&str) -> bool {
    println!("cargo::rerun-if-env-changed={ASKED}");
    let asked = std::env::var(ASKED).ok();
    if let Some(asked) = &asked {
        println!("cargo::warning={ASKED} is set: of the cases only `{asked}` are tested");
    }
    move |name| asked.as_ref().is_none_or(|some| some.split(',').any(|one| name.starts_with(one)))
}

/// As [`write()`], but only these cases, by name, and in `growing.rs` those of their formats, as [`write_part`] has them.
///
/// # Panics
///
/// Likewise, and if there is no such case.
pub fn write_some(formats: &str, which: Bindings, cases: &[&str]) {
    let mut written = Vec::new();
    write_each(formats, ("cases", "every_case"), |source, out, names| {
        source.cases(which, &|name, _| cases.contains(&name), out, names);
        written.clone_from(names);
    });
    for case in cases {
        assert!(written.iter().any(|name| name == case), "there is no case `{case}`");
    }
    write_each(formats, ("growing", "every_growing_case"), |source, out, names| {
        if cases.iter().any(|case| case.strip_prefix(source.format).is_some_and(|binding| binding.starts_with('_'))) {
            source.growing(out, names);
        }
    });
}

/// As [`write()`], but only the cases of the formats that are in one of the [parts](crate::PARTS); and likewise `growing.rs`,
/// with a macro `every_growing_case`: those whose number of levels is left to run time, where a root of one level more
/// translates the same VA.
///
/// # Panics
///
/// Likewise, and if there is no such part.
pub fn write_part(formats: &str, part: &str) {
    assert!(crate::PARTS.iter().any(|known| known.name == part), "there is no part `{part}`");
    let is_asked = asked();
    let is_in = |source: &Source<'_>| crate::part_of(source.file) == part;
    write_each(formats, ("cases", "every_case"), |source, out, names| {
        if is_in(source) {
            source.cases(Bindings::Decided, &|name, repeats| !repeats && is_asked(name), out, names);
        }
    });
    write_each(formats, ("growing", "every_growing_case"), |source, out, names| {
        if is_in(source) && is_asked(&format!("{}_growing", source.format)) {
            source.growing(out, names);
        }
    });
}

/// Writes a file with what `cases` makes of each format, and a macro that has all of it.
fn write_each(
    formats: &str,
    (file, all): (&str, &str),
    mut cases: impl FnMut(&Source<'_>, &mut String, &mut Vec<String>),
) {
    println!("cargo::rerun-if-changed={formats}");
    let mut out = String::from("// Written by the build script.\n");
    let mut names = Vec::new();
    for builtin in ptgen_formats::FORMATS {
        let source = Source {
            text: builtin.text,
            format: builtin.name,
            attribute: builtin.name.to_owned(),
            file: Some(builtin.file),
            path: None,
        };
        cases(&source, &mut out, &mut names);
    }
    for (attribute, path, text) in own_files(formats) {
        let file = ptdsl::parse(&text).expect("a test format parses");
        for format in &file.formats {
            let name = format.name.value.as_str();
            let source = Source {
                text: &text,
                format: name,
                attribute: attribute.clone(),
                file: None,
                path: Some(path.clone()),
            };
            cases(&source, &mut out, &mut names);
        }
    }
    list(&mut out, all, &names);
    let target = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join(format!("{file}.rs"));
    std::fs::write(target, out).expect("OUT_DIR can be written");
}

/// The format files of a folder: as a client would name each, where it is, and its text.
fn own_files(formats: &str) -> Vec<(String, PathBuf, String)> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let entries = std::fs::read_dir(Path::new(&package).join(formats)).expect("there is a folder of formats");
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ptf"))
        .map(|path| {
            let name = path.file_name().expect("files have names").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a format file can be read");
            (format!("{formats}/{name}"), path, text)
        })
        .collect();
    found.sort();
    found
}

/// Where a format comes from.
struct Source<'a> {
    text: &'a str,
    format: &'a str,
    /// What the attribute is told.
    attribute: String,
    /// The file, if the format ships.
    file: Option<&'a str>,
    /// Where it is, if not.
    path: Option<PathBuf>,
}

impl Source<'_> {
    /// Writes a module for each binding under which this format is tested.
    fn cases(
        &self,
        which: Bindings,
        is_wanted: &dyn Fn(&str, bool) -> bool,
        out: &mut String,
        names: &mut Vec<String>,
    ) {
        let file = ptdsl::parse(self.text).expect("a shipped format parses");
        let (descriptions, complaints) = ptdsl::resolve(&file);
        assert!(complaints.is_empty(), "{complaints:?}");
        let Some(description) = descriptions.iter().find(|d| d.name.value == self.format) else { return };
        let ranges: Vec<Option<String>> =
            description.ranges.iter().map(|r| r.node.name.as_ref().map(|n| n.value.clone())).collect();
        let (first, last) = (ranges.first().cloned().flatten(), ranges.last().cloned().flatten());
        let mut bindings = vec![("usual", usual(first.clone())), ("full", full(description, last.clone()))];
        let late: &[_] = if which == Bindings::All { &[("runtime", 0), ("runtime_late", MOST_RUNTIME)] } else { &[] };
        for &(name, skip) in late {
            bindings.extend(runtime(description, last.clone(), skip).map(|binding| (name, binding)));
        }
        let repeats = !is_first_of_its_features(&descriptions, description);
        for (name, binding) in bindings {
            let repeats = repeats && name != "usual";
            if !is_wanted(&format!("{}_{name}", self.format), repeats) {
                continue;
            }
            let family = ptdsl::bind::bind(description, &binding).expect("a binding of the test list is valid");
            let module = format!("{}_{name}", self.format);
            self.module(out, &module, &binding, &family);
            names.push(module);
        }
    }

    /// Writes a module for each parameter that decides the number of levels, if more levels translate the same VA as well.
    fn growing(&self, out: &mut String, names: &mut Vec<String>) {
        let file = ptdsl::parse(self.text).expect("a shipped format parses");
        let (descriptions, _) = ptdsl::resolve(&file);
        let Some(description) = descriptions.iter().find(|d| d.name.value == self.format) else { return };
        let range =
            description.ranges.first().and_then(|range| range.node.name.as_ref().map(|name| name.value.clone()));
        for parameter in &description.parameters {
            let mut binding = full(description, range.clone());
            binding.parameters.insert(parameter.node.name.value.clone(), Value::Runtime);
            let Ok(family) = ptdsl::bind::bind(description, &binding) else { continue };
            if grows(&family) {
                let module = format!("{}_growing", self.format);
                self.module(out, &module, &binding, &family);
                names.push(module);
            }
        }
    }

    fn module(&self, out: &mut String, module: &str, binding: &Binding, family: &Family) {
        let attribute = attribute(&self.attribute, binding);
        let text = match &self.path {
            Some(path) => format!("Some(include_str!({path:?}))"),
            None => "None".to_owned(),
        };
        let _ = write!(
            out,
            "/// `{attribute}`\npub mod {module} {{\n    /// What the attribute makes of it.\n    #[ptgen::{attribute}]\n    pub mod tables {{}}\n\n    \
             /// Where the reference comes from.\n    pub const CASE: crate::Case = crate::Case {{ name: {module:?}, format: {:?}, text: {text} }};\n\n    \
             /// Every value of the format that is tested, with all that it decides.\n    #[must_use]\n    \
             pub fn values() -> Vec<(tables::Format, crate::Decided)> {{\n        vec![\n",
            self.format
        );
        for value in values(binding, family) {
            let _ = writeln!(out, "            {value},");
        }
        out.push_str("        ]\n    }\n}\n\n");
    }
}

/// Whether no format before this one has the same features, and words of the same width.
fn is_first_of_its_features(all: &[Description], one: &Description) -> bool {
    let kind = |description: &Description| -> (BTreeSet<String>, Option<u128>) {
        let features = description.features.iter().map(|feature| feature.node.name.value.clone());
        (features.collect(), description.word.as_ref().map(|word| word.bits.value.value))
    };
    let before = all.iter().take_while(|other| other.name.value != one.name.value);
    let mut formats = before.filter(|other| other.kind == FormatKind::Format);
    formats.all(|other| kind(other) != kind(one))
}

/// Everything at its usual setting.
fn usual(range: Option<String>) -> Binding {
    Binding { range, ..Binding::default() }
}

/// Every feature on that can be on together with those before it.
fn full(description: &Description, range: Option<String>) -> Binding {
    let mut binding = usual(range);
    // Twice, for features that need a later one.
    for _ in 0..2 {
        for feature in &description.features {
            let mut more = binding.clone();
            more.features.insert(feature.node.name.value.clone(), Setting::On);
            if ptdsl::bind::bind(description, &more).is_ok() {
                binding = more;
            }
        }
    }
    binding
}

/// Some features, and every parameter that can be, decided at run time.
fn runtime(description: &Description, range: Option<String>, skip: usize) -> Option<Binding> {
    let features: Vec<_> = description.features.iter().skip(skip).take(MOST_RUNTIME).collect();
    if skip > 0 && features.is_empty() {
        return None;
    }
    let mut binding = usual(range);
    for feature in features {
        binding.features.insert(feature.node.name.value.clone(), Setting::Runtime);
    }
    for parameter in &description.parameters {
        let mut more = binding.clone();
        more.parameters.insert(parameter.node.name.value.clone(), Value::Runtime);
        if ptdsl::bind::bind(description, &more).is_ok() {
            binding = more;
        }
    }
    Some(binding)
}

/// Whether some member has one level more than another, and VA have zeroes above them.
fn grows(family: &Family) -> bool {
    let ranges = family.members.iter().map(|member| &member.format.ranges[family.range]);
    let zero = ranges.clone().all(|range| range.extension == Extension::Zero);
    let mut levels: Vec<usize> =
        ranges.zip(&family.members).map(|(range, member)| member.format.levels.len() - range.root).collect();
    levels.sort_unstable();
    zero && family.open.is_empty() && levels.windows(2).any(|pair| pair[0] + 1 == pair[1])
}

/// The attribute with its arguments.
fn attribute(format: &str, binding: &Binding) -> String {
    let mut out = format!("pagetable(format = {format:?}");
    let settings = binding.features.iter().map(|(name, setting)| {
        let setting = match setting {
            Setting::On => "on",
            Setting::Off => "off",
            Setting::Runtime => "runtime",
        };
        format!("{name} = {setting}")
    });
    let settings: Vec<_> = settings.collect();
    if !settings.is_empty() {
        let _ = write!(out, ", features({})", settings.join(", "));
    }
    let parameters: Vec<_> = binding
        .parameters
        .iter()
        .map(|(name, value)| match value {
            Value::Fixed(value) => format!("{name} = {value}"),
            Value::Runtime => format!("{name} = runtime"),
        })
        .collect();
    if !parameters.is_empty() {
        let _ = write!(out, ", parameters({})", parameters.join(", "));
    }
    if let Some(range) = &binding.range {
        let _ = write!(out, ", range = {range}");
    }
    out.push(')');
    out
}

/// Every member of the family, with open numbers at both ends, as expressions.
fn values(binding: &Binding, family: &Family) -> Vec<String> {
    let mut out = Vec::new();
    for member in &family.members {
        let ends: &[bool] = if family.open.is_empty() { &[false] } else { &[false, true] };
        for &most in ends {
            let mut arguments = Vec::new();
            let mut features: BTreeMap<String, bool> = member.format.features.clone();
            let mut parameters: BTreeMap<String, u128> = BTreeMap::new();
            for (name, value) in &binding.parameters {
                if let Value::Fixed(value) = value {
                    parameters.insert(name.clone(), *value);
                }
            }
            for (variable, &value) in family.variables.iter().zip(&member.assignment) {
                if variable.values.is_none() {
                    arguments.push((value == 1).to_string());
                    features.insert(variable.name.clone(), value == 1);
                } else {
                    arguments.push(value.to_string());
                    parameters.insert(variable.name.clone(), value);
                }
            }
            for (name, least, greatest) in &family.open {
                let value = if most { *greatest } else { *least };
                arguments.push(value.to_string());
                parameters.insert(name.clone(), u128::from(value));
            }
            for (number, address) in family.addresses.iter().enumerate() {
                let value = somewhere(address.bits, number);
                arguments.push(value.to_string());
                parameters.insert(address.name.clone(), value);
            }
            let format = match arguments.as_slice() {
                [] => "tables::Format {}".to_owned(),
                _ if always_valid(family) => format!("tables::Format::new({})", arguments.join(", ")),
                _ => format!("tables::Format::new({}).expect(\"a member of the family\")", arguments.join(", ")),
            };
            let features: Vec<_> = features.iter().map(|(n, on)| format!("({n:?}, {on})")).collect();
            let parameters: Vec<_> = parameters.iter().map(|(n, v)| format!("({n:?}, {v})")).collect();
            out.push(format!(
                "({format}, crate::Decided {{ features: &[{}], parameters: &[{}], range: {} }})",
                features.join(", "),
                parameters.join(", "),
                family.range
            ));
        }
    }
    out
}

/// An address that no test uses for anything else: in the middle of those that have these bits, one for each number.
fn somewhere(bits: u128, number: usize) -> u128 {
    let (middle, lowest) = (0x5a5a_5a5a_5a5a_5a5a, bits.trailing_zeros());
    (middle & bits >> lowest >> 4 << 4 << lowest) | (number as u128) << lowest
}

/// Whether every combination of what is decided at run time is a format: features alone, none of which excludes another.
fn always_valid(family: &Family) -> bool {
    let flags = family.variables.iter().all(|variable| variable.values.is_none());
    flags
        && family.open.is_empty()
        && family.addresses.is_empty()
        && family.members.len() == 1 << family.variables.len()
}

/// A macro that calls another one once for each case.
fn list(out: &mut String, all: &str, names: &[String]) {
    let _ = write!(
        out,
        "/// Calls `$test!(module)` for every case.\n#[macro_export]\nmacro_rules! {all} {{\n    ($test:ident) => {{\n"
    );
    for name in names {
        let _ = writeln!(out, "        $test!({name});");
    }
    out.push_str("    };\n}\n");
}
