//! What is remembered from one call to the next: hints given, and what came of each check.
//! It lives in one small file; if that is lost, `cargo lab check` finds all but the hints
//! out again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::check::Verdict;
use crate::course::{Lab, StepNumber};
use crate::jobs::Job;
use crate::screen;

/// Where what belongs to one student's work is kept; git does not see it.
pub(crate) const FOLDER: &str = ".lab";

const FILE: &str = "progress.json";

/// Whoever has locked it changes what is remembered.
const LOCK: &str = "lock";

/// The version of the file that is read and written here.
const FORMAT_VERSION: u32 = 1;

/// What is remembered.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Progress {
    format_version: u32,
    /// How many hints of a step were given.
    hints: BTreeMap<String, usize>,
    /// What came of each check, by lab and name.
    checks: BTreeMap<u8, BTreeMap<String, Last>>,
}

/// What came of a check when it was run last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Last {
    /// Whether it passed.
    pub passed: bool,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// When the run began, in milliseconds since 1970 (UTC).
    pub at: u64,
}

impl Default for Progress {
    fn default() -> Self {
        let (hints, checks) = (BTreeMap::new(), BTreeMap::new());
        Self { format_version: FORMAT_VERSION, hints, checks }
    }
}

impl Progress {
    /// Reads the file. One that is damaged is put aside, and said so; one that is missing
    /// is a beginning.
    pub(crate) fn read(root: &Path) -> Self {
        let file = file(root);
        let is_file = fs::metadata(&file).map(|file| file.is_file());
        if is_file.is_ok_and(|is_file| !is_file) {
            // A pipe might be read for ever.
            screen::note(&format!("note: {FOLDER}/{FILE} is no file"));
            return Self::default();
        }
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::default(),
            Err(error) => {
                screen::note(&format!("note: cannot read {}: {error}", file.display()));
                return Self::default();
            }
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(progress) if progress.format_version == FORMAT_VERSION => progress,
            _ => {
                let aside = file.with_extension("damaged.json");
                let kept = fs::rename(&file, &aside).is_ok();
                let kept = if kept { ", and is now progress.damaged.json" } else { "" };
                screen::note(&format!(
                    "note: {FOLDER}/{FILE} was damaged, or is of another version{kept}; \
                     `cargo lab check` finds out again how far you are"
                ));
                Self::default()
            }
        }
    }

    /// Changes what is remembered, and says so if it cannot be: what was to be remembered
    /// matters more.
    pub(crate) fn remember(root: &Path, change: impl FnOnce(&mut Self)) {
        if let Err(error) = Self::change(root, change) {
            screen::note(&format!("note: this will not be remembered: {error:#}"));
        }
    }

    /// Changes what is remembered. It is read anew for that, as another `cargo lab` may have
    /// changed it meanwhile, and is never half written.
    ///
    /// # Errors
    /// It cannot be written.
    fn change(root: &Path, change: impl FnOnce(&mut Self)) -> Result<Self> {
        let shown = || format!("cannot write {FOLDER}/{FILE}");
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder).with_context(shown)?;
        let lock = File::create(folder.join(LOCK)).with_context(shown)?;
        let _turn = Flock::lock(lock, FlockArg::LockExclusive)
            .map_err(|(_, error)| error)
            .with_context(shown)?;
        let mut progress = Self::read(root);
        change(&mut progress);
        let mut new = NamedTempFile::new_in(&folder).with_context(shown)?;
        serde_json::to_writer_pretty(&mut new, &progress).with_context(shown)?;
        new.write_all(b"\n").with_context(shown)?;
        new.persist(file(root)).with_context(shown)?;
        Ok(progress)
    }

    /// Takes what came of checks that began at `at`.
    pub(crate) fn take(&mut self, verdicts: &[Verdict<'_>], at: SystemTime) {
        let at = in_millis(at.duration_since(UNIX_EPOCH).unwrap_or_default());
        for verdict in verdicts {
            let passed = verdict.passes();
            let millis = in_millis(verdict.took);
            let lab = self.checks.entry(verdict.job.lab.number).or_default();
            lab.insert(verdict.job.name.to_owned(), Last { passed, millis, at });
        }
    }

    /// What came of a check, if it was ever run.
    pub(crate) fn last(&self, job: &Job<'_>) -> Option<Last> {
        self.checks.get(&job.lab.number)?.get(job.name).copied()
    }

    /// How long a check took when it was run last.
    pub(crate) fn took(&self, job: &Job<'_>) -> Duration {
        Duration::from_millis(self.last(job).map_or(0, |last| last.millis))
    }

    /// The checks of a lab that passed when they were run last.
    pub(crate) fn passed<'a>(&self, lab: &'a Lab) -> impl Iterator<Item = Job<'a>> {
        lab.jobs().filter(|job| self.last(job).is_some_and(|last| last.passed))
    }

    /// The points of those checks.
    pub(crate) fn points(&self, lab: &Lab) -> u32 {
        self.passed(lab).map(|job| u32::from(job.points)).sum()
    }

    /// Whether all checks of a step passed when they were run last.
    pub(crate) fn is_done(&self, lab: &Lab, step: StepNumber) -> bool {
        self.of_step(lab, step).all(|last| last.is_some_and(|last| last.passed))
    }

    /// Whether a check of a step failed when it was run last.
    pub(crate) fn has_failed(&self, lab: &Lab, step: StepNumber) -> bool {
        self.of_step(lab, step).any(|last| last.is_some_and(|last| !last.passed))
    }

    fn of_step(&self, lab: &Lab, step: StepNumber) -> impl Iterator<Item = Option<Last>> {
        lab.jobs().filter(move |job| job.step == Some(step)).map(|job| self.last(&job))
    }

    /// When a check of the lab was run last.
    pub(crate) fn checked_at(&self, lab: &Lab) -> Option<SystemTime> {
        let last = self.checks.get(&lab.number)?.values().map(|last| last.at).max()?;
        Some(UNIX_EPOCH + Duration::from_millis(last))
    }

    /// How many hints of a step were given.
    pub(crate) fn hints(&self, step: StepNumber) -> usize {
        self.hints.get(&step.to_string()).copied().unwrap_or_default()
    }

    /// One more hint of a step is given.
    pub(crate) fn give_hint(&mut self, step: StepNumber) {
        *self.hints.entry(step.to_string()).or_default() += 1;
    }
}

fn in_millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

fn file(root: &Path) -> PathBuf {
    root.join(FOLDER).join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(Progress::read(root.path()), Progress::default());
        let step = "2.1".parse().expect("a step");
        Progress::change(root.path(), |progress| progress.give_hint(step)).expect("written");
        let read = Progress::change(root.path(), |progress| progress.give_hint(step));
        assert_eq!(read.expect("written").hints(step), 2);
        assert_eq!(Progress::read(root.path()).hints(step), 2);
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join(FOLDER);
        fs::create_dir(&folder).expect("a folder");
        for damage in ["", "{", "[]", "{\"format_version\": 99}", "\0\0\0"] {
            fs::write(folder.join(FILE), damage).expect("written");
            assert_eq!(Progress::read(root.path()), Progress::default(), "{damage:?}");
            let kept = fs::read_to_string(folder.join("progress.damaged.json"));
            assert_eq!(kept.expect("kept"), damage);
            assert!(!folder.join(FILE).exists());
        }
    }
}
