//! What stands in the museum: wrong programs with one mistake each, and right ones that
//! are unlike the kit's.

use std::path::Path;

use anyhow::{Context, Result};
use lab::course::Course;
use lab::fault::{Fault, Faults};
use lab::project;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

/// Where the museum's programs and lists are, in the project's folder.
pub const FOLDER: &str = "tests/museum";

const EXHIBITS: &str = "tests/museum/exhibits.toml";
const RIGHT: &str = "tests/museum/right.toml";

/// A wrong program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exhibit {
    /// By which the museum is asked for it.
    pub name: Spanned<String>,
    /// Which of the kit's programs it plays.
    pub program: String,
    /// What is wrong with it, in a sentence.
    pub mistake: String,
    lab: u8,
    check: String,
    cause: String,
    #[serde(default)]
    also: Vec<Catch>,
}

/// A check that must catch an exhibit.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catch {
    /// The check's lab.
    pub lab: u8,
    /// Its name.
    pub check: String,
    /// Words that must stand in the likely cause that it tells.
    pub cause: String,
}

/// Right programs, a set that has all those of the kit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Right {
    /// What they are called.
    pub name: String,
    /// In what they are unlike the kit's.
    pub unlike: String,
    /// Where they are in the museum, if they are not the museum's program in this manner.
    pub folder: Option<String>,
}

#[derive(Deserialize)]
struct Exhibits {
    exhibit: Vec<Exhibit>,
}

#[derive(Deserialize)]
struct Rights {
    right: Vec<Right>,
}

impl Exhibit {
    /// The checks that must catch it.
    pub fn catches(&self) -> impl Iterator<Item = Catch> {
        let first =
            Catch { lab: self.lab, check: self.check.clone(), cause: self.cause.clone() };
        std::iter::once(first).chain(self.also.iter().cloned())
    }

    /// What to call it in a complaint.
    pub fn title(&self) -> String {
        format!("{} of {} ({})", self.name.get_ref(), self.program, self.mistake)
    }
}

/// Reads the list of wrong programs, which must be about this course.
///
/// # Errors
/// It cannot be read, or says what cannot be.
pub fn exhibits(course: &Course) -> Result<Vec<Exhibit>> {
    let text = project::read(&course.root, Path::new(EXHIBITS))?;
    let list: Exhibits = parsed(EXHIBITS, &text)?;
    let mut faults = Vec::new();
    for (index, exhibit) in list.exhibit.iter().enumerate() {
        let mut fault = |what: String| {
            let line = text[..exhibit.name.span().start].lines().count();
            faults.push(Fault::new(Path::new(EXHIBITS), line, what));
        };
        let is_same = |other: &Exhibit| {
            (&other.program, other.name.get_ref()) == (&exhibit.program, exhibit.name.get_ref())
        };
        if list.exhibit[..index].iter().any(is_same) {
            fault(format!("{} has another exhibit of that name", exhibit.program));
        }
        for Catch { lab: number, check, .. } in exhibit.catches() {
            let lab = course.lab(number);
            let plays = lab.is_some_and(|lab| lab.plan.programs.contains(&exhibit.program));
            if !plays {
                fault(format!("{} is not a program of lab {number}", exhibit.program));
            } else if !lab.is_some_and(|lab| lab.jobs().any(|job| job.name == check)) {
                fault(format!("lab {number} has no check {check}"));
            }
        }
    }
    Faults::none_in(faults)?;
    Ok(list.exhibit)
}

/// Reads the list of right programs.
///
/// # Errors
/// It cannot be read.
pub fn right(root: &Path) -> Result<Vec<Right>> {
    let text = project::read(root, Path::new(RIGHT))?;
    let list: Rights = parsed(RIGHT, &text)?;
    Ok(list.right)
}

pub(crate) fn parsed<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
    toml::from_str(text).with_context(|| file.to_owned())
}
