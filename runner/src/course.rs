//! The course as `labs/N-name/lab.toml` has it: steps, checks and points, minutes, hints.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml::Spanned;

use crate::fault::{Fault, Faults};
use crate::project;

/// The version of `lab.toml` that is read here.
const FORMAT_VERSION: u32 = 1;

/// The points of the whole course.
pub const POINTS: u32 = 100;

/// The hints of a step, from a nudge to what is nearly the code.
const HINTS: usize = 3;

/// `2.1`: a lab, and a step in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepNumber {
    /// The lab's number, from 1.
    pub lab: u8,
    /// The step's number in its lab, from 1.
    pub step: u8,
}

impl fmt::Display for StepNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.lab, self.step)
    }
}

impl FromStr for StepNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('.')
            .and_then(|(lab, step)| Some(Self { lab: number(lab)?, step: number(step)? }))
            .ok_or_else(|| format!("\"{text}\" is no step: they are numbered like 2.1"))
    }
}

/// The number of a lab or a step, in digits; they begin with 1.
pub fn number(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// `12000/udp`: a port, and the protocol that counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Whose port it is.
    pub protocol: Protocol,
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 768.
    Udp,
    /// RFC 9293.
    Tcp,
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no port: they are written like 12000/udp");
        let (number, protocol) = text.split_once('/').ok_or_else(wrong)?;
        let protocol = match protocol {
            "udp" => Protocol::Udp,
            "tcp" => Protocol::Tcp,
            _ => return Err(wrong()),
        };
        Ok(Self { number: number.parse().map_err(|_| wrong())?, protocol })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        write!(f, "{}/{protocol}", self.number)
    }
}

/// All labs, and where they are.
pub struct Course {
    /// The project's folder.
    pub root: PathBuf,
    /// In the order of their numbers.
    pub labs: Vec<Lab>,
}

/// A lab.
pub struct Lab {
    /// Its number, from 1.
    pub number: u8,
    /// Its folder, relative to the project's.
    pub folder: PathBuf,
    /// What its `lab.toml` says.
    pub plan: Plan,
    text: String,
}

/// What a `lab.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format_version: u32,
    /// The name of its checks' file in `tests/`, without `.rs`.
    pub test: String,
    /// The programs that its checks start, by the names of their executables.
    pub programs: Vec<String>,
    /// The ports that its programs take unless told otherwise.
    pub ports: Vec<Port>,
    /// Minutes for what belongs to no step: reading, trying things out, questions.
    pub minutes: u16,
    /// Checks that the kit passes as students get it, and that must go on to pass.
    pub given: Vec<Spanned<String>>,
    /// Its steps, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// A piece of work.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its number, as in `2.1`.
    pub number: Spanned<String>,
    /// About how many minutes it takes.
    pub minutes: u16,
    /// Each clearer than the one before.
    pub hints: Vec<String>,
    /// The checks that pass from this step on.
    pub checks: Vec<Check>,
}

/// A check and what it counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The name of its function.
    pub name: Spanned<String>,
    /// Its points, of [`POINTS`] in all.
    pub points: u16,
}

impl Course {
    /// Reads the `lab.toml` of each folder of `labs/`.
    ///
    /// # Errors
    /// One cannot be read, or says what cannot be.
    pub fn read(root: &Path) -> Result<Self> {
        let folder = root.join("labs");
        let mut labs = BTreeMap::new();
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.split_once('-').and_then(|(first, _)| number(first));
            let Some(number) = number else {
                if entry.path().join("lab.toml").exists() {
                    bail!("labs/{name}: a lab's folder is called like 2-tcp-uppercase");
                }
                // Somebody's notes.
                continue;
            };
            let lab = Lab::read(root, number, Path::new("labs").join(&name))?;
            if labs.insert(number, lab).is_some() {
                bail!("labs/{name}: there is another lab {number}");
            }
        }
        let course = Self { root: root.to_owned(), labs: labs.into_values().collect() };
        Faults::none_in(course.faults())?;
        Ok(course)
    }

    /// The lab of that number.
    pub fn lab(&self, number: u8) -> Option<&Lab> {
        self.labs.iter().find(|lab| lab.number == number)
    }

    /// The step of that number, and its lab.
    pub fn step(&self, number: StepNumber) -> Option<(&Lab, &Step)> {
        let lab = self.lab(number.lab)?;
        Some((lab, lab.plan.steps.get(usize::from(number.step).checked_sub(1)?)?))
    }

    /// What is wrong in the files alone, without looking at others.
    fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = self.labs.iter().flat_map(Lab::faults).collect();
        let points: Vec<u32> = self.labs.iter().map(Lab::points).collect();
        let sum: u32 = points.iter().sum();
        if let Some(lab) = self.labs.first().filter(|_| sum != POINTS) {
            let points: Vec<_> = points.iter().map(ToString::to_string).collect();
            let points = points.join(" + ");
            let what = format!("the points of the labs are {points} = {sum}, not {POINTS}");
            faults.push(Fault::new(&lab.file(), 1, what));
        }
        faults
    }
}

impl Lab {
    fn read(root: &Path, number: u8, folder: PathBuf) -> Result<Self> {
        let file = folder.join("lab.toml");
        let text = project::read(root, &file)?;
        match toml::from_str(&text) {
            Ok(plan) => Ok(Self { number, folder, plan, text }),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_at(&text, span.start));
                bail!(Fault::new(&file, line, error.message()));
            }
        }
    }

    /// Its `lab.toml`, relative to the project's folder.
    pub fn file(&self) -> PathBuf {
        self.folder.join("lab.toml")
    }

    /// Its handout, relative to the project's folder.
    pub fn handout(&self) -> PathBuf {
        self.folder.join("README.md")
    }

    /// The file of its checks, relative to the project's folder.
    pub fn checks(&self) -> PathBuf {
        Path::new("tests").join(format!("{}.rs", self.plan.test))
    }

    /// Its points.
    pub fn points(&self) -> u32 {
        self.plan.steps.iter().map(Step::points).sum()
    }

    /// The minutes that it takes: its steps, and what belongs to none.
    pub fn minutes(&self) -> u32 {
        let steps = self.plan.steps.iter().map(|step| u32::from(step.minutes));
        u32::from(self.plan.minutes) + steps.sum::<u32>()
    }

    /// Each step with its number.
    pub fn steps(&self) -> impl Iterator<Item = (StepNumber, &Step)> {
        self.numbers().zip(&self.plan.steps)
    }

    /// The number of each step.
    pub fn numbers(&self) -> impl Iterator<Item = StepNumber> {
        let steps = (1..).zip(&self.plan.steps);
        steps.map(|(step, _)| StepNumber { lab: self.number, step })
    }

    /// A fault where that part of `lab.toml` stands.
    pub fn fault<T>(&self, at: &Spanned<T>, what: impl Into<String>) -> Fault {
        Fault::new(&self.file(), line_at(&self.text, at.span().start), what)
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.plan.format_version != FORMAT_VERSION {
            let what = format!(
                "format_version is {}, and {FORMAT_VERSION} is read here",
                self.plan.format_version
            );
            faults.push(Fault::new(&self.file(), 1, what));
        }
        for (number, step) in self.steps() {
            let mut fault = |what| faults.push(self.fault(&step.number, what));
            if *step.number.get_ref() != number.to_string() {
                fault(format!("this is step {number}, as steps are counted"));
            }
            if step.hints.len() != HINTS || step.hints.iter().any(|hint| hint.trim().is_empty())
            {
                fault(format!("step {number} needs {HINTS} hints"));
            }
            if step.minutes == 0 {
                fault(format!("step {number} takes no time"));
            }
            if step.points() == 0 {
                fault(format!("no check of step {number} has points"));
            }
        }
        faults
    }
}

impl Step {
    /// Its points.
    pub fn points(&self) -> u32 {
        self.checks.iter().map(|check| u32::from(check.points)).sum()
    }
}

/// The line, counted from 1, that has the byte at `offset`.
fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
