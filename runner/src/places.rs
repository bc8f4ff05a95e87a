//! The places that students fill in: where they are, and how they were given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::course::StepNumber;
use crate::fault::Fault;
use crate::marks::Marked;
use crate::project::{self, SOURCES, files_below};

/// In a kit: the programs as they were given, each under the name that [`kept_as`] tells.
pub const GIVEN: &str = "runner/starter";

const AS_GIVEN: &str = ".given";

/// In a kit: the steps that were given with their solutions, one in each line.
pub const SOLVED: &str = "runner/starter/solved.txt";

/// All places of a project.
pub struct Places {
    found: BTreeMap<StepNumber, Found>,
    given: Option<BTreeMap<StepNumber, Given>>,
    solved: BTreeSet<StepNumber>,
    /// What is wrong with marks, so that places cannot be found.
    pub faults: Vec<Fault>,
}

/// Where a place is, and what stands in it.
pub struct Found {
    /// Its file, relative to the project's folder.
    pub file: PathBuf,
    /// The line of its first mark, counted from 1.
    pub line: usize,
    /// What is to be done there, in a few words.
    pub what: String,
    /// The lines between its marks.
    pub content: String,
}

/// What stood in a place when the kit was given.
pub struct Given {
    /// Where its whole file is kept, relative to [`GIVEN`].
    pub name: PathBuf,
    /// Its file, relative to the project's folder.
    pub file: PathBuf,
    /// The lines between its marks.
    pub content: String,
}

impl Places {
    /// Finds them.
    ///
    /// # Errors
    /// What was given cannot be read. A program that cannot is one of the faults.
    pub fn read(root: &Path) -> Result<Self> {
        let (mut found, mut faults) = (BTreeMap::<StepNumber, Found>::new(), Vec::new());
        let given = given(root)?;
        let files = project::source_files(root).unwrap_or_else(|error| {
            faults.push(Fault::new(Path::new(SOURCES), 1, format!("{error:#}")));
            Vec::new()
        });
        for file in files {
            let text = match project::read(root, &file) {
                Ok(text) => text,
                Err(error) => {
                    faults.push(Fault::new(&file, 1, format!("{error:#}")));
                    continue;
                }
            };
            let marked = match given {
                Some(_) => Marked::read_in_kit(&file, &text),
                None => Marked::read(&file, &text),
            };
            let marked = match marked {
                Ok(marked) => marked,
                Err(wrong) => {
                    faults.extend(wrong);
                    continue;
                }
            };
            for place in marked.places() {
                let (step, line, what) = (place.step, place.line, place.what.to_owned());
                let (file, content) = (file.clone(), place.content());
                if let Some(other) = found.insert(step, Found { file, line, what, content }) {
                    let other = format!("{}:{}", other.file.display(), other.line);
                    let what = format!("step {step} is marked in {other} too");
                    faults.push(Fault::new(&found[&step].file, line, what));
                }
            }
        }
        let solved = fs::read_to_string(root.join(SOLVED)).unwrap_or_default();
        let solved = solved.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(Self { found, given, solved, faults })
    }

    /// All that there are, in the order of their steps.
    pub fn all(&self) -> impl Iterator<Item = (StepNumber, &Found)> {
        self.found.iter().map(|(step, found)| (*step, found))
    }

    /// Where a step's place is, unless its marks are gone.
    pub fn found(&self, step: StepNumber) -> Option<&Found> {
        self.found.get(&step)
    }

    /// How a step's place was given; `None` if this is no kit.
    pub fn given(&self, step: StepNumber) -> Option<&Given> {
        self.given.as_ref()?.get(&step)
    }

    /// Whether this is a kit, which keeps what was given.
    pub fn is_kit(&self) -> bool {
        self.given.is_some()
    }

    fn is_untouched(&self, step: StepNumber) -> bool {
        match (self.found(step), self.given(step)) {
            (Some(found), Some(given)) => found.content == given.content,
            _ => false,
        }
    }

    /// Whether a step was given with its solution, and that still stands there.
    pub fn is_solved(&self, step: StepNumber) -> bool {
        self.solved.contains(&step) && self.is_untouched(step)
    }

    /// Whether a step is as it was given, and still to be done.
    pub fn is_to_do(&self, step: StepNumber) -> bool {
        !self.solved.contains(&step) && self.is_untouched(step)
    }

    /// The steps whose places are in a file, or were when the kit was given.
    pub(crate) fn steps_in(&self, file: &Path) -> BTreeSet<StepNumber> {
        let found = self.found.iter().filter(|(_, found)| found.file == file);
        let found = found.map(|(step, _)| *step);
        let given = self.given.iter().flatten().filter(|(_, given)| given.file == file);
        found.chain(given.map(|(step, _)| *step)).collect()
    }
}

fn given(root: &Path) -> Result<Option<BTreeMap<StepNumber, Given>>> {
    let kept = root.join(GIVEN);
    if !kept.is_dir() {
        return Ok(None);
    }
    let mut given = BTreeMap::new();
    for name in files_below(&kept, Path::new(""))? {
        let Some(file) = given_as(&name) else { continue };
        let text = project::read(&kept, &name)?;
        let Ok(marked) = Marked::read(&file, &text) else { continue };
        given.extend(marked.places().map(|place| {
            let (name, file) = (name.clone(), file.clone());
            (place.step, Given { name, file, content: place.content() })
        }));
    }
    Ok(Some(given))
}

/// Under which name a program is kept as it was given: another one than its own, so that
/// nobody takes it for the program.
pub fn kept_as(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(AS_GIVEN);
    name.into()
}

fn given_as(name: &Path) -> Option<PathBuf> {
    name.to_str()?.strip_suffix(AS_GIVEN).map(PathBuf::from)
}
