//! The programs that are looked at, built as a client builds its release.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::steps::Steps;
use super::{listing::Listing, steps};

/// A program and its assembly.
pub struct Program {
    executable: PathBuf,
    listing: Listing,
}

impl Program {
    /// The program with the twins, built on the first call.
    pub fn twins() -> &'static Self {
        static PROGRAM: OnceLock<Program> = OnceLock::new();
        PROGRAM.get_or_init(|| build("twins").unwrap_or_else(|error| panic!("the twins: {error}")))
    }

    /// The program that takes frames ahead, built on the first call.
    pub fn ahead() -> &'static Self {
        static PROGRAM: OnceLock<Program> = OnceLock::new();
        PROGRAM.get_or_init(|| build("ahead").unwrap_or_else(|error| panic!("frames ahead: {error}")))
    }

    /// The program that decides at boot, built on the first call.
    pub fn boot() -> &'static Self {
        static PROGRAM: OnceLock<Program> = OnceLock::new();
        PROGRAM.get_or_init(|| build("boot").unwrap_or_else(|error| panic!("deciding at boot: {error}")))
    }

    /// The instructions of a function.
    pub fn function(&self, name: &str) -> &[String] {
        self.listing.function(name).unwrap_or_else(|| panic!("no function `{name}` in the assembly"))
    }

    /// What `case` executes for `pages` pages.
    pub fn trace(&self, case: &str, pages: u64) -> Steps {
        steps::trace(&self.executable, &[case, &pages.to_string()]).unwrap_or_else(|error| panic!("{error}"))
    }

    /// How many instructions `case` executes for `pages` pages, beyond those of marking.
    pub fn executed(&self, case: &str, pages: u64) -> u64 {
        self.trace(case, pages).all() - self.trace("nothing", pages).all()
    }

    /// A function and all that it calls, for people.
    pub fn listing(&self, name: &str) -> String {
        self.listing.with_callees(name)
    }
}

fn build(name: &str) -> Result<Program, String> {
    // A directory of its own: the outer cargo holds the lock of its own one, and its settings would leak in.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let changes_code = name_text.contains("RUSTFLAGS")
            || name_text.starts_with("CARGO_PROFILE_")
            || name_text == "CARGO_INCREMENTAL";
        if changes_code || name_text.starts_with("CARGO_BUILD_") {
            cargo.env_remove(&name);
        }
    }
    let output = cargo
        .args(["rustc", "--quiet", "--release", "--example", name, "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "--emit", "asm"])
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    read(&target.join("release/examples"), name).map_err(|error| error.to_string())
}

/// Finds the program just built, under its own name and the one with a hash; the assembly has the same hash.
fn read(folder: &Path, name: &str) -> std::io::Result<Program> {
    let executable = folder.join(name);
    let same = executable.metadata()?.ino();
    let mut texts = Vec::new();
    let mut files: Vec<PathBuf> =
        folder.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    for file in &files {
        let stem = file.with_extension("");
        let stem = folder.join(stem.file_name().unwrap_or_default().to_string_lossy().split('.').next().unwrap_or(""));
        let ours = stem.metadata().is_ok_and(|metadata| metadata.ino() == same);
        if ours && file.extension().is_some_and(|extension| extension == "s") {
            texts.push(std::fs::read_to_string(file)?);
        }
    }
    Ok(Program { executable, listing: Listing::parse(&texts) })
}
