//! What a client is told who uses the attribute, or what it emits, in a way that cannot work.

use std::path::{Path, PathBuf};

#[test]
fn misuse_is_explained() {
    let client = client_folder().join("misuse");
    std::fs::create_dir_all(&client).expect("the target folder can be written");
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("misuse/broken.ptf");
    std::fs::copy(broken, client.join("broken.ptf")).expect("the format file can be copied");

    let cases = trybuild::TestCases::new();
    cases.compile_fail("misuse/*.rs");
}

/// The folder of the crate that `trybuild` makes of the cases: paths of format files are relative to it.
fn client_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(3).expect("tests are in `target/PROFILE/deps`");
    target.join("tests/trybuild").join(env!("CARGO_PKG_NAME"))
}
