//! Errors of the scan and of pest, in words.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::MOST_ERRORS;
use super::grammar::{self, Rule};
use super::scan::{Kind, Scan, Token};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::span::Span;

/// How deep conditions may be nested.
const DEEPEST: usize = 64;

/// Words that begin a statement of a description, or a description.
const STATEMENTS: [&str; 15] = [
    "format",
    "base",
    "word",
    "virtual",
    "output",
    "feature",
    "parameter",
    "level",
    "absent",
    "table",
    "leaf",
    "root",
    "attribute",
    "update",
    "with",
];

/// What can be said without the grammar: characters that no rule admits, and nesting that would exhaust the stack.
pub fn before_parsing(scan: &Scan<'_>) -> Vec<Diagnostic> {
    let unknown = scan.tokens.iter().filter(|token| token.kind == Kind::Unknown).map(|&token| unknown(scan, token));
    unknown.chain(too_deep(scan)).take(MOST_ERRORS).collect()
}

fn unknown(scan: &Scan<'_>, token: Token) -> Diagnostic {
    let text = scan.text_of(token);
    let message = format!("found `{}`, which the language does not use", text.escape_debug());
    let found = Diagnostic::new(Code::UnknownCharacter, message).label(token.span, "");
    match text {
        _ if text.chars().any(char::is_alphabetic) => found.help("names consist of the letters a to z, digits and `_`"),
        "." | "..." | "-" | ":" | "…" | "–" => found.help("a range of bits is written `51..12`"),
        "+" => found.help("fields are joined by listing them: `(a, b)`"),
        "!" | "~" => found.help("write `not`"),
        "*" | "/" | "/*" | "#" | "--" => found.help("comments begin with `//`"),
        "<" | ">" => found.help("fields can only be compared with `=` and `!=`"),
        _ => found,
    }
}

/// The places where a condition passes the depth that is allowed, one for each statement.
fn too_deep(scan: &Scan<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // For each open parenthesis, how many `not` stand before it; the last counts those since.
    let mut nots: Vec<usize> = vec![0];
    let mut depth = 0_usize;
    for &token in scan.tokens.iter().filter(|token| token.kind != Kind::Comment) {
        let text = scan.text_of(token);
        match text {
            "not" | "(" => {
                depth += 1;
                if depth == DEEPEST + 1 {
                    let message = format!("found a condition that is nested more than {DEEPEST} deep");
                    found.push(Diagnostic::new(Code::NestedTooDeeply, message).label(token.span, "this is too deep"));
                }
            }
            ";" | "{" | "}" => (nots, depth) = (vec![0], 0),
            _ => {}
        }
        let last = nots.len() - 1;
        match text {
            "not" => nots[last] += 1,
            "(" => nots.push(0),
            ")" if nots.len() > 1 => {
                depth = depth.saturating_sub(1 + nots[last] + nots[last - 1]);
                nots.pop();
                nots[last - 1] = 0;
            }
            _ if depth > 0 => {
                depth -= nots[last];
                nots[last] = 0;
            }
            _ => {}
        }
    }
    found
}

/// A place where the text stops following the grammar.
pub struct Unexpected<'s, 't> {
    scan: &'s Scan<'t>,
    at: usize,
    found: Option<Token>,
    expected: Vec<Rule>,
}

impl<'s, 't> Unexpected<'s, 't> {
    /// Takes from pest's error what it knows.
    pub fn new(scan: &'s Scan<'t>, error: &Error<Rule>) -> Self {
        let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
        let expected = match &error.variant {
            ErrorVariant::ParsingError { positives, .. } => positives.clone(),
            ErrorVariant::CustomError { .. } => Vec::new(),
        };
        Self { scan, at, found: scan.token_at(at), expected }
    }

    /// Where it is: in the statement that is to be left out.
    pub fn at(&self) -> usize {
        if let Some(end) = self.unended() {
            return end.start.saturating_sub(1);
        }
        let docs = self.found.and_then(|token| self.stray_docs(token));
        docs.or(self.found).map_or(self.at, |token| token.span.start)
    }

    /// Whether what follows can be looked at without this statement: not if a brace seems to be missing.
    pub fn is_local(&self) -> bool {
        self.found.is_some() && !self.begins_outer_statement()
    }

    /// The error in words.
    pub fn diagnostic(&self) -> Diagnostic {
        let Some(token) = self.found else { return self.at_the_end() };
        if let Some(end) = self.unended() {
            let text = "found the docs of another statement before the end of this one";
            let diagnostic = Diagnostic::new(Code::UnexpectedText, text).label(token.span, "");
            let diagnostic = self.with_expected(diagnostic.label(end, "here the statement could end"));
            return diagnostic.help("end the statement before it with `;`");
        }
        if let Some(docs) = self.stray_docs(token) {
            return stray(docs);
        }
        let text = self.scan.text_of(token);
        let admits_name = self.expected.iter().copied().any(grammar::admits_name);
        let keyword = grammar::keywords().iter().any(|word| word == text);
        if token.kind == Kind::Word && !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return self.malformed_name(token);
        }
        if keyword && admits_name && !self.begins_outer_statement() {
            let message = format!("found `{text}`, a word of the language, where a name may stand");
            let help = format!("choose another name, such as `{text}_{}`", self.kind_of_name());
            return self.with_expected(Diagnostic::new(Code::KeywordAsName, message).label(token.span, "")).help(help);
        }
        let diagnostic = Diagnostic::new(Code::UnexpectedText, format!("found {}", self.description(token)));
        let diagnostic = self.with_expected(diagnostic.label(token.span, ""));
        if let Some(help) = self.meant(token) {
            diagnostic.help(help)
        } else if self.begins_outer_statement() {
            self.with_block(diagnostic).help("close the block before it with `}`")
        } else if let Some(end) = self.missing_semicolon(self.at()) {
            diagnostic.label(end, "here the statement could end").help("end the statement before it with `;`")
        } else {
            diagnostic
        }
    }

    fn at_the_end(&self) -> Diagnostic {
        let end = Span::new(self.scan.text.trim_end().len(), self.scan.text.trim_end().len());
        if let Some(docs) = self.scan.token_before(self.at).filter(|token| token.kind == Kind::Doc) {
            return stray(docs);
        }
        match self.scan.open_braces(self.scan.text.len()).last() {
            Some(brace) => Diagnostic::new(Code::UnclosedBlock, "found the end of the file inside a block")
                .label(brace.span, "this brace is not closed")
                .label(end, "the file ends here")
                .help("add `}`"),
            None => {
                self.with_expected(Diagnostic::new(Code::UnexpectedText, "found the end of the file").label(end, ""))
            }
        }
    }

    /// Docs, where they or what follows them was found.
    fn stray_docs(&self, token: Token) -> Option<Token> {
        if matches!(token.kind, Kind::Doc | Kind::FileDoc) {
            return Some(token);
        }
        let before = self.scan.token_before(token.span.start).filter(|before| before.kind == Kind::Doc)?;
        (self.scan.is(token, "}") || self.scan.text_of(token) == "else").then_some(before)
    }

    /// What a name that belongs here would be the name of, for one that is made up.
    fn kind_of_name(&self) -> &str {
        const NAMED: [&str; 6] = ["absent", "leaf", "level", "root", "table", "feature"];
        let before = self.scan.token_before(self.at()).map_or("", |before| self.scan.text_of(before));
        if NAMED.contains(&before) { before } else { "bits" }
    }

    fn malformed_name(&self, token: Token) -> Diagnostic {
        let text = self.scan.text_of(token);
        let diagnostic = Diagnostic::new(Code::MalformedName, format!("found `{text}`, which is not a name"))
            .label(token.span, "names begin with a lower-case letter");
        let lower = text.trim_start_matches('_').to_ascii_lowercase();
        if lower.starts_with(|first: char| first.is_ascii_lowercase()) {
            diagnostic.help(format!("write `{lower}`"))
        } else {
            diagnostic
        }
    }

    fn with_expected(&self, diagnostic: Diagnostic) -> Diagnostic {
        let expected = self.expectations();
        match expected.split_last() {
            None => diagnostic,
            Some((last, [])) => diagnostic.note(format!("expected {last}")),
            Some((last, others)) => diagnostic.note(format!("expected {} or {last}", others.join(", "))),
        }
    }

    /// Shows the block that could have ended here.
    fn with_block(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.scan.open_braces(self.at()).last() {
            Some(brace) => diagnostic.label(brace.span, "in this block"),
            None => diagnostic,
        }
    }

    /// What was expected, in the order of the grammar.
    fn expectations(&self) -> Vec<String> {
        let mut rules = self.expected.clone();
        rules.sort_unstable();
        let mut words = Vec::new();
        for choice in rules.into_iter().flat_map(grammar::choices) {
            if !words.contains(&choice) {
                words.push(choice);
            }
        }
        words
    }

    fn description(&self, token: Token) -> String {
        let text = self.scan.text_of(token);
        match token.kind {
            Kind::Number => format!("the number `{text}`"),
            Kind::Word if !grammar::keywords().iter().any(|word| word == text) => format!("the name `{text}`"),
            _ => format!("`{text}`"),
        }
    }

    /// Which keyword was probably misspelt: the word found, or the name before it.
    fn meant(&self, token: Token) -> Option<String> {
        let expected = self.expectations();
        let possible = expected.iter().filter_map(|choice| choice.strip_prefix('`')?.strip_suffix('`'));
        if let Some(word) = nearest(self.scan.text_of(token), possible).filter(|_| token.kind == Kind::Word) {
            return Some(format!("did you mean `{word}`?"));
        }
        let before = self.scan.token_before(self.at()).filter(|before| before.kind == Kind::Word)?;
        let (before, keywords) = (self.scan.text_of(before), grammar::keywords());
        if keywords.iter().any(|word| word == before) {
            return None;
        }
        let word = nearest(before, keywords.iter().map(String::as_str))?;
        Some(format!("did you mean `{word}` instead of `{before}`?"))
    }

    /// Where the statement before the docs of another one has no end.
    fn unended(&self) -> Option<Span> {
        let docs = self.found.filter(|token| token.kind == Kind::Doc)?;
        self.missing_semicolon(docs.span.start)
    }

    /// The end of the line before, if the statement there could end.
    fn missing_semicolon(&self, at: usize) -> Option<Span> {
        let end = self.scan.token_before(at)?.span.end;
        let between = self.scan.text.get(end..at)?;
        (self.expected.contains(&Rule::semicolon) && between.contains('\n')).then(|| Span::new(end, end))
    }

    /// Whether what was found begins a statement of an outer block, so that a `}` seems to be missing before it.
    fn begins_outer_statement(&self) -> bool {
        let text = self.found.map_or("", |token| self.scan.text_of(token));
        self.expected.contains(&Rule::close_brace) && STATEMENTS.contains(&text)
    }
}

fn stray(docs: Token) -> Diagnostic {
    let message = match docs.kind {
        Kind::FileDoc => "found docs of the file behind its beginning",
        _ => "found docs that stand before nothing they could document",
    };
    Diagnostic::new(Code::StrayDocs, message).label(docs.span, "").help("make it a comment: `//`")
}
