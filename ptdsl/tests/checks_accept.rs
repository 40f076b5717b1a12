//! Formats of real machines pass every check without a complaint.

mod inputs;

use std::collections::BTreeSet;

use ptdsl::compile;

#[test]
fn the_trials_pass() {
    let mut formats = BTreeSet::new();
    for (name, text) in inputs::trials() {
        let compiled = compile(&name, &text);
        assert!(compiled.diagnostics.is_empty(), "{}", compiled.rendered(false));
        formats.extend(compiled.formats().map(|it| it.name.value.clone()));
    }
    assert_eq!(formats.len(), 23, "{formats:?}");
}

#[test]
fn the_shipped_formats_pass() {
    let files = inputs::shipped();
    assert!(files.len() >= 3, "{files:?}");
    for (name, text) in files {
        let compiled = compile(&name, &text);
        assert!(compiled.diagnostics.is_empty(), "{}", compiled.rendered(false));
        assert!(compiled.formats().count() > 0, "{name}");
    }
}
