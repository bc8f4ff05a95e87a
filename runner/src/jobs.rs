//! Checks that are to be run, and the words by which a user chooses them.

use std::collections::BTreeSet;
use std::fmt;

use crate::course::{Course, Lab, StepNumber};

/// A check that is to be run.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Its lab.
    pub lab: &'a Lab,
    /// The step from which on it passes, unless the kit brings along what it checks.
    pub step: Option<StepNumber>,
    /// The name of its function.
    pub name: &'a str,
    /// Its points.
    pub points: u16,
}

impl Lab {
    /// All its checks, in the order of its steps.
    pub fn jobs(&self) -> impl Iterator<Item = Job<'_>> {
        let given = self.plan.given.iter().map(|name| Job {
            lab: self,
            step: None,
            name: name.get_ref(),
            points: 0,
        });
        let of_steps = self.steps().flat_map(move |(number, step)| {
            step.checks.iter().map(move |check| Job {
                lab: self,
                step: Some(number),
                name: check.name.get_ref(),
                points: check.points,
            })
        });
        of_steps.chain(given)
    }
}

impl Job<'_> {
    /// Whether it is the same check.
    pub fn is(&self, other: &Job<'_>) -> bool {
        (self.lab.number, self.name) == (other.lab.number, other.name)
    }
}

/// The programs and the files of checks that these checks need.
pub(crate) fn needs<'a>(jobs: &[Job<'a>]) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let programs = jobs.iter().flat_map(|job| &job.lab.plan.programs).map(String::as_str);
    let checks = jobs.iter().map(|job| job.lab.plan.test.as_str());
    (programs.collect(), checks.collect())
}

/// Arguments that fit nothing in the course.
#[derive(Debug)]
pub(crate) struct Unknown(pub String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

/// There must be such a step.
///
/// # Errors
/// There is none; what there is instead.
pub(crate) fn known(course: &Course, number: StepNumber) -> Result<(), Unknown> {
    if course.step(number).is_some() {
        return Ok(());
    }
    let last = course.lab(number.lab).map(|lab| lab.plan.steps.len());
    let what = match last {
        Some(last) => format!("lab {0} has the steps {0}.1 to {0}.{last}", number.lab),
        None => format!("there is no lab {}: they are {}", number.lab, labs(course)),
    };
    Err(Unknown(format!("there is no step {number}; {what}")))
}

fn labs(course: &Course) -> String {
    let labs: Vec<_> = course.labs.iter().map(|lab| lab.number.to_string()).collect();
    labs.join(", ")
}

/// The checks that these words mean; all for no word. Each once, in the course's order.
///
/// # Errors
/// A word means none; what it may have meant.
pub(crate) fn select<'a>(
    course: &'a Course,
    words: &[String],
) -> Result<Vec<Job<'a>>, Unknown> {
    let all = || course.labs.iter().flat_map(|lab| lab.jobs());
    if words.is_empty() {
        return Ok(all().collect());
    }
    for word in words {
        if all().any(|job| is_meant(&job, word)) {
            continue;
        }
        if let Ok(step) = word.parse() {
            known(course, step)?;
        }
        let near: Vec<_> = all()
            .map(|job| job.name)
            .filter(|name| name.contains(word.as_str()))
            .take(5)
            .collect();
        let near = match &near[..] {
            [] => format!(
                "labs are {}, steps are like 2.1, checks have the names that failures tell",
                labs(course)
            ),
            near => format!("checks like that are {}", near.join(", ")),
        };
        return Err(Unknown(format!("\"{word}\" is no lab, step or check: {near}")));
    }
    Ok(all().filter(|job| words.iter().any(|word| is_meant(job, word))).collect())
}

fn is_meant(job: &Job<'_>, word: &str) -> bool {
    word == job.lab.number.to_string()
        || word == job.lab.plan.test
        || word == job.name
        || job.step.is_some_and(|step| word == step.to_string())
}
