//! All checks on each right program.

use std::fmt;

use anyhow::Result;
use lab::check::Outcome;

use crate::checks::{Checks, Programs, side_by_side};
use crate::manifest::{self, FOLDER, Right};

/// What has come of running the checks on right programs.
#[derive(Default)]
pub struct Accepted {
    /// How many sets of programs there were.
    pub sets: usize,
    /// How many programs are in them.
    pub programs: usize,
    /// How many checks were run.
    pub checks: usize,
    /// The stories of the checks that did not pass.
    pub complaints: Vec<String>,
}

/// Runs all checks on right programs, or those of which `is_wanted` says so by lab and name.
///
/// # Errors
/// Programs are missing, or the checks cannot be run.
pub fn try_all(
    checks: &Checks,
    is_wanted_set: impl Fn(&Right) -> bool,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Accepted> {
    let course = &checks.course;
    let museum = Programs::of_the_museum(course)?;
    let mut all = Accepted::default();
    for right in manifest::right(&course.root)?.iter().filter(|right| is_wanted_set(right)) {
        let programs = match &right.folder {
            Some(folder) => {
                Programs::of_the_folder(course, &course.root.join(FOLDER).join(folder))?
            }
            None => museum.in_the_manner(&right.name),
        };
        let jobs = course.labs.iter().flat_map(lab::course::Lab::jobs);
        let jobs: Vec<_> = jobs.filter(|job| is_wanted(job.name)).collect();
        all.sets += 1;
        all.programs += crate::checks::programs(course).count();
        all.checks += jobs.len();
        let complaints = side_by_side(jobs, |job| {
            let story = match checks.one(job.lab.number, job.name, &programs) {
                Ok(Outcome::Passed) => return None,
                Ok(Outcome::Failed(story) | Outcome::Skipped(story)) => story.text,
                Err(error) => format!("{error:#}"),
            };
            Some(format!("{} ({}):\n{story}", right.name, right.unlike))
        })?;
        all.complaints.extend(complaints.into_iter().flatten());
    }
    Ok(all)
}

impl Accepted {
    /// For the table.
    pub fn figure(&self) -> String {
        let Self { sets, programs, checks, complaints } = self;
        let passed = checks - complaints.len();
        format!("{programs} in {sets} sets: {passed} of {checks} checks pass")
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            writeln!(f, "{complaint}\n")?;
        }
        write!(f, "right programs: {}", self.figure())
    }
}
