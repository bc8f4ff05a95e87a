//! The project's files.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The programs, with their marks.
pub const SOURCES: &str = "src";

/// Reads a file of the project as text.
///
/// # Errors
/// It cannot be read.
pub fn read(root: &Path, file: &Path) -> Result<String> {
    fs::read_to_string(root.join(file))
        .with_context(|| format!("cannot read {}", file.display()))
}

/// The programs and what they share: each source file, and its text.
///
/// # Errors
/// One cannot be read.
pub fn sources(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let files = source_files(root)?.into_iter();
    files.map(|file| read(root, &file).map(|text| (file, text))).collect()
}

/// Their source files, relative to `root`.
///
/// # Errors
/// A folder cannot be read.
pub fn source_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_below(root, Path::new(SOURCES))?;
    files.retain(|file| file.extension() == Some(OsStr::new("rs")));
    Ok(files)
}

/// The files in a folder and the folders in it, sorted, relative to `root`. What begins with
/// a dot belongs to an editor or a system, and is passed over.
///
/// # Errors
/// The folder cannot be read, or has a symbolic link, which may lead anywhere.
pub fn files_below(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for entry in fs::read_dir(&path).with_context(|| path.display().to_string())? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let name = folder.join(name);
            match () {
                () if kind.is_dir() => folders.push(name),
                () if kind.is_file() => files.push(name),
                () => bail!("{} is neither a file nor a folder", name.display()),
            }
        }
    }
    files.sort();
    Ok(files)
}
