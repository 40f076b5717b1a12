//! Running the command.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What the command wrote and returned.
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\n--- standard output\n{}--- standard error\n{}", self.code, self.out, self.err)
    }
}

/// The command with its arguments, in the folder of the package.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ptdsl"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the command. What it writes is text, and it never panics.
pub fn run(arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    let ran =
        Ran { out: String::from_utf8(stdout).unwrap(), err: String::from_utf8(stderr).unwrap(), code: status.code() };
    assert!(matches!(ran.code, Some(0..=2)), "{arguments:?}: {ran}");
    assert!(!ran.err.contains("panicked"), "{arguments:?}: {ran}");
    ran
}

/// Runs the command and expects it to succeed without a complaint; with what it wrote.
pub fn succeed(arguments: &[&str]) -> String {
    let ran = run(arguments);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}: {ran}");
    ran.out
}

/// A file of this test run with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("command-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Text with the folder of this test run taken out of it.
pub fn without_folder(text: &str) -> String {
    let folder = format!("{}/command-{}/", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    text.replace(&folder, "")
}
