//! What a client is told who uses the attribute, or what it emits, in a way that cannot work.

#[test]
fn misuse_is_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("misuse/*.rs");
}
