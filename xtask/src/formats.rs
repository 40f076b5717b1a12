//! The pages of `docs/formats`: one of each format that ships, its drawing, and the list of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ptdsl::document::{Judged, Page, index, judged};
use ptgen_formats::{FILES, FORMATS};

use crate::files;

/// Writes the pages, and takes away those of formats that are gone. Gives the files that were not so before.
pub fn write(root: &Path) -> Result<Vec<PathBuf>, String> {
    let changed = stale(root)?;
    let folder = folder(root);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let pages = pages(root)?;
    for file in &changed {
        let done = match pages.get(file) {
            Some(text) => std::fs::write(file, text),
            None => std::fs::remove_file(file),
        };
        done.map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(changed)
}

/// The files that are not what the formats and records say: older, missing, or of a format that is gone.
pub fn stale(root: &Path) -> Result<Vec<PathBuf>, String> {
    let pages = pages(root)?;
    let differs = |file: &Path, text: &str| std::fs::read_to_string(file).ok().as_deref() != Some(text);
    let mut stale: Vec<PathBuf> =
        pages.iter().filter(|(file, text)| differs(file, text)).map(|(file, _)| file.clone()).collect();
    stale.extend(files(&folder(root), "").into_iter().filter(|file| !pages.contains_key(file)));
    Ok(stale)
}

/// What each file is to hold.
fn pages(root: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let judged = records(root)?;
    let compiled: Vec<_> =
        FILES.iter().map(|file| (file.name, file.text, ptdsl::compile_proven(file.name, file.text))).collect();
    let mut shown = Vec::new();
    for format in FORMATS {
        let found = compiled.iter().filter(|(name, ..)| *name == format.file).find_map(|(name, text, compiled)| {
            let description = compiled.formats().find(|one| one.name.value == format.name)?;
            Some(Page::of(name, text, description, &judged))
        });
        let page = found.ok_or_else(|| format!("{} does not compile: see `ptdsl check`", format.file))?;
        shown.push(page.map_err(|problems| format!("{} cannot be bound: {problems:?}", format.name))?);
    }
    if let Some(stranger) = judged.iter().find(|one| FORMATS.iter().all(|format| format.name != one.format)) {
        return Err(format!("tests/judged tells of {}, which is no format that ships", stranger.format));
    }
    let folder = folder(root);
    let mut pages = BTreeMap::from([(folder.join("README.md"), index(&shown))]);
    for page in &shown {
        pages.insert(folder.join(page.file_name()), page.markdown());
        pages.insert(folder.join(page.drawing_name()), page.drawing());
    }
    Ok(pages)
}

/// What the machines said, out of `tests/judged`.
fn records(root: &Path) -> Result<Vec<Judged>, String> {
    let mut all = Vec::new();
    for file in files(&root.join("tests/judged"), ".txt") {
        let wrong = |error: String| format!("{}: {error}", file.display());
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let format = file.file_stem().unwrap_or_default().to_string_lossy();
        all.extend(judged(&format, &text).map_err(wrong)?);
    }
    all.sort();
    Ok(all)
}

fn folder(root: &Path) -> PathBuf {
    root.join("docs/formats")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_formats_and_records_say() {
        let root = crate::workspace();
        if std::env::var_os("PTGEN_BLESS").is_some() {
            write(&root).expect("the pages are written");
        }
        let stale = stale(&root).expect("every format has a page");
        assert!(stale.is_empty(), "not up to date: {stale:#?}\n`cargo xtask formats` writes them; look at the diff");
    }
}
