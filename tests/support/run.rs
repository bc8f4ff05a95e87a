//! What `cargo lab` and the checks that it runs, each in a process of its own, tell each
//! other: a folder that all checks of one run share, and the width of the screen.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::story::headline_of;

/// The widest and the narrowest text of a story, in columns.
const COLUMNS: std::ops::RangeInclusive<usize> = 60..=96;

/// What a check that was begun leaves until it has ended.
const BEGUN: &str = "begun";

/// What a check that passes leaves.
const PASSED: &str = "passed";

/// A program of the run.
pub(crate) enum Program {
    /// Its executable.
    Built(PathBuf),
    /// It does not compile, which `cargo lab` tells.
    Broken,
}

/// The width of a story's text.
pub(crate) fn columns() -> usize {
    let told = std::env::var("LAB_COLUMNS").ok().and_then(|columns| columns.parse().ok());
    told.unwrap_or(*COLUMNS.end()).clamp(*COLUMNS.start(), *COLUMNS.end())
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("LAB_RUN").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// A program that was built for the run, if there is a run.
pub(crate) fn program(name: &str) -> Option<Program> {
    let programs = folder()?.join("programs");
    let path = programs.join(name);
    if let Ok(executable) = fs::canonicalize(&path) {
        return Some(Program::Built(executable));
    }
    programs.join(format!("{name}.broken")).exists().then_some(Program::Broken)
}

/// What came of a check on which others wait: of all processes of a run the first one finds
/// out, and the others wait for it. Without a run, this one finds out.
pub(crate) fn find_out_once(
    group: &str,
    check: &str,
    find_out: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let Some(folder) = folder() else { return find_out() };
    let file = folder.join("first").join(format!("{group}.{check}"));
    match shared(&file) {
        Ok((file, before)) => match before.as_str() {
            "" => tell(file, find_out),
            PASSED => Ok(()),
            // Its process was ended in the middle.
            BEGUN => Err(format!("✗ {}\n  happened        it never ended", headline_of(check))),
            story => Err(story.to_owned()),
        },
        // The folder is gone: `cargo lab` has ended, and this process will be next.
        Err(_) => find_out(),
    }
}

/// The file, which is nobody else's until it is closed, and what is in it.
fn shared(file: &Path) -> io::Result<(Flock<fs::File>, String)> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file)?;
    let mut file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let mut before = String::new();
    file.read_to_string(&mut before)?;
    Ok((file, before))
}

fn tell(
    mut file: Flock<fs::File>,
    find_out: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let mut leave = |what: &str| {
        file.seek(SeekFrom::Start(0))?;
        file.set_len(0)?;
        file.write_all(what.as_bytes())
    };
    let begun = leave(BEGUN);
    let outcome = find_out();
    let told = leave(outcome.as_ref().err().map_or(PASSED, String::as_str));
    // Where nothing can be left, each finds out for itself.
    let _: (io::Result<()>, io::Result<()>) = (begun, told);
    outcome
}
