//! The trial formats resolve without complaint, and `with` means what the language says.

mod support;

use ptdsl::tree::FormatKind;

#[test]
fn every_trial_resolves() {
    let descriptions = support::resolved(&support::trials());
    let formats = descriptions.iter().filter(|one| one.kind == FormatKind::Format).count();
    assert_eq!(formats, 23);
}
