//! Pieces of lines: numbers, conditions, alternatives, lists.

use super::page::Statement;
use crate::tree::{
    Alt, BitRange, Cond, CondKind, Endian, Extension, Name, Number, Radix, Slice, Value, ValueSpan, Way, Width,
};

/// `0b01`, as it was written.
pub fn number(one: &Number) -> String {
    let (value, digits) = (one.value.value, usize::from(one.value.digits));
    match one.value.radix {
        Radix::Decimal => format!("{value:0digits$}"),
        Radix::Hexadecimal => format!("0x{value:0digits$x}"),
        Radix::Binary => format!("0b{value:0digits$b}"),
    }
}

/// `12` or `name`
pub fn value(one: &Value) -> String {
    match one {
        Value::Number(given) => number(given),
        Value::Name(name) => name.value.clone(),
    }
}

/// `51..12`
pub fn range(bits: &BitRange) -> String {
    format!("{}..{}", number(&bits.high), number(&bits.low))
}

/// `[51..12]` or `[1]`
pub fn slice(bits: &Slice) -> String {
    if bits.high == bits.low {
        format!("[{}]", number(&bits.high))
    } else {
        format!("[{}..{}]", number(&bits.high), number(&bits.low))
    }
}

/// `36 to 52`
pub fn span_of_values(span: &ValueSpan) -> String {
    first_to_last(&span.first, span.last.as_ref())
}

/// `2 to 256` or `16`
pub fn first_to_last(first: &Number, last: Option<&Number>) -> String {
    let last = last.map(|last| format!(" to {}", number(last))).unwrap_or_default();
    number(first) + &last
}

/// `a, b`
pub fn commas(names: &[Name]) -> String {
    names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// `keyword a,` and `b`: pieces of a line.
pub fn listed(keyword: &str, names: &[Name]) -> Vec<String> {
    let last = names.len().saturating_sub(1);
    let mut pieces = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let start = if place == 0 { format!("{keyword} ") } else { String::new() };
        let end = if place == last { "" } else { "," };
        pieces.push(format!("{start}{}{end}", name.value));
    }
    pieces
}

/// ` when c`, or nothing.
pub fn when(condition: Option<&Cond>) -> String {
    condition.map(|condition| format!(" when {}", cond(condition))).unwrap_or_default()
}

/// The pieces of a chain of alternatives, each but the first with its `else`. There is at least one.
pub fn cases<T>(alternatives: &Alt<T>, text: impl Fn(&T) -> String) -> Vec<String> {
    let mut pieces = Vec::new();
    for case in &alternatives.cases {
        let start = if pieces.is_empty() { "" } else { "else " };
        pieces.push(format!("{start}{}{}", text(&case.value.value), when(case.when.as_ref())));
    }
    if pieces.is_empty() {
        pieces.push(String::new());
    }
    pieces
}

/// Pieces of a line with `;` behind the last.
pub fn ended(mut pieces: Vec<String>) -> Vec<String> {
    if let Some(last) = pieces.last_mut() {
        last.push(';');
    }
    pieces
}

/// `output 52;`
pub fn output(width: &Alt<Width>) -> Statement {
    let mut pieces = cases(width, value);
    pieces[0].insert_str(0, "output ");
    Statement { cells: Vec::new(), pieces: ended(pieces) }
}

/// How tightly a condition binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Any,
    All,
    Unit,
}

/// `a & (b | not c)`
pub fn cond(condition: &Cond) -> String {
    joined(condition, Binding::Any)
}

/// The condition, in parentheses if it binds less tightly than the place demands.
fn joined(condition: &Cond, demanded: Binding) -> String {
    let (binding, text) = match &condition.value {
        CondKind::Any(cases) => (Binding::Any, each(cases, " | ", Binding::All)),
        CondKind::All(cases) => (Binding::All, each(cases, " & ", Binding::Unit)),
        CondKind::Not(inner) => (Binding::Unit, format!("not {}", joined(inner, Binding::Unit))),
        CondKind::Name(name) => (Binding::Unit, name.value.clone()),
        CondKind::Compare { name, equal, value: right } => {
            let mark = if *equal { "=" } else { "!=" };
            (Binding::Unit, format!("{} {mark} {}", name.value, value(right)))
        }
    };
    if binding < demanded { format!("({text})") } else { text }
}

fn each(cases: &[Cond], mark: &str, demanded: Binding) -> String {
    cases.iter().map(|case| joined(case, demanded)).collect::<Vec<_>>().join(mark)
}

/// `big` or `little`
pub fn endian(kind: Endian) -> &'static str {
    match kind {
        Endian::Little => "little",
        Endian::Big => "big",
    }
}

/// `sign_extended`
pub fn extension(kind: &Extension) -> String {
    match kind {
        Extension::Sign => "sign_extended".to_owned(),
        Extension::Zero => "zero_extended".to_owned(),
        Extension::Ones => "ones_extended".to_owned(),
        Extension::Prefix(prefix) => format!("prefix {}", number(prefix)),
    }
}

/// `lazy`
pub fn way(kind: Way) -> &'static str {
    match kind {
        Way::Lazy => "lazy",
        Way::Live => "live",
        Way::Instruction => "instruction",
        Way::Break => "break",
    }
}
