//! The table of scenarios and formats, made by running them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::registry::{SCENARIOS, Scenario, Suite, Verdict};

/// What each scenario shows, and where the tables are, as a document.
#[must_use]
pub fn index(tables: &[&str]) -> String {
    let mut out = String::from(
        "# Scenarios\n\nWhat kernels want of page tables. Each is run on every format, under every binding that is tested, with the\n\
         simulator judging every store, and once more for each of its allocations, with that one failing. What came of it:\n\n",
    );
    for table in tables {
        let _ = writeln!(out, "- [{table}](scenarios/{table}.md)");
    }
    out.push_str("\n| scenario | what it shows |\n|---|---|\n");
    for scenario in SCENARIOS {
        let _ = writeln!(out, "| {} | {}. |", scenario.name, scenario.shows);
    }
    out
}

/// Every scenario on every format of a suite, as a document. A format is what its bindings are, taken together.
#[must_use]
pub fn table(suite: &'static Suite, title: &str) -> String {
    let mut formats: Vec<&str> = Vec::new();
    for (_, format) in SCENARIOS.iter().flat_map(|scenario| suite.case_names(scenario.id)) {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    let mut out = format!(
        "# Scenarios: {title}\n\nWhich [scenarios](../scenarios.md) have been shown for which formats: written by running them\n\
         (`PTGEN_BLESS=1 cargo test -p ptgen-simulated-{title} table_of_scenarios`).\n\n",
    );
    let mut reasons = Reasons::default();
    out.push_str("| format |");
    SCENARIOS.iter().for_each(|scenario| {
        let _ = write!(out, " {} |", scenario.name);
    });
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(SCENARIOS.len()));
    out.push('\n');
    for format in &formats {
        let _ = write!(out, "| {format} |");
        for scenario in SCENARIOS {
            let of_format = suite.case_names(scenario.id).filter(|(_, known)| known == format);
            let cases: Vec<&str> = of_format.map(|(case, _)| case).collect();
            let _ = write!(out, " {} |", cell(suite, scenario, format, &cases, &mut reasons));
        }
        out.push('\n');
    }
    out.push_str("\n`✓`: passes, and with every allocation failing leaves everything as it was.\n");
    out.push_str("\n`–` with a number: not applicable, because\n\n");
    for (number, reason) in reasons.list.iter().enumerate() {
        let _ = writeln!(out, "{}. {reason}", number + 1);
    }
    if !reasons.failed.is_empty() {
        out.push_str("\nWhat fails, and how:\n\n");
        for failed in &reasons.failed {
            let _ = writeln!(out, "- {failed}");
        }
    }
    out
}

/// Why scenarios do not apply, numbered, and which fail.
#[derive(Default)]
struct Reasons {
    list: Vec<String>,
    failed: Vec<String>,
}

impl Reasons {
    fn number(&mut self, reason: &str) -> usize {
        match self.list.iter().position(|known| known == reason) {
            Some(place) => place + 1,
            None => {
                self.list.push(reason.to_owned());
                self.list.len()
            }
        }
    }
}

/// What a scenario makes of a format: passed, with the bindings that it applies to if these are not all.
fn cell(suite: &'static Suite, scenario: &Scenario, format: &str, cases: &[&str], reasons: &mut Reasons) -> String {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut numbers = Vec::new();
    for case in cases {
        let binding = case.strip_prefix(format).map_or(*case, |rest| rest.trim_start_matches('_'));
        let kind = match suite.verdict(scenario.id, case) {
            Verdict::Pass(_) => "✓",
            Verdict::Failed(how) => {
                let line = how.lines().next().unwrap_or_default();
                reasons.failed.push(format!("{} on `{case}`: {line}", scenario.name));
                "**FAILS**"
            }
            Verdict::NotApplicable(why) => {
                let number = reasons.number(why);
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
                "–"
            }
        };
        found.entry(kind).or_default().push(binding);
    }
    let all = cases.len();
    let mut parts: Vec<String> = Vec::new();
    for (kind, bindings) in &found {
        let which = if bindings.len() == all { String::new() } else { format!(" ({})", bindings.join(", ")) };
        let why: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        match *kind {
            "–" if bindings.len() == all => parts.push(format!("– {}", why.join(", "))),
            "–" => parts.push(format!("else – {}", why.join(", "))),
            kind => parts.push(format!("{kind}{which}")),
        }
    }
    parts.join("; ")
}
