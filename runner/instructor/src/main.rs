//! `cargo lab` for instructors: the verbs for students, and those that make their kit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use instructor::release::{Kit, Solved};
use lab::cli::{self, Project};
use lab::course::{Course, number};
use lab::screen;

/// The course at the terminal.
///
/// Without a verb it shows the labs, your points, and the next step.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version, after_help = cli::STATUSES)]
struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    project: Project,
}

#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Student(cli::Verb),

    /// For instructors: write the students' kit to a new folder
    Release {
        /// The new folder
        folder: PathBuf,

        /// Labs whose solutions stay in the kit, as in 1-3 or 1,4
        #[arg(long, value_name = "LABS", value_parser = labs)]
        solved: Option<BTreeSet<u8>>,
    },
}

fn main() -> ExitCode {
    cli::ended(run(&Options::parse()))
}

fn run(options: &Options) -> Result<ExitCode> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let course = options.project.course(built_in.unwrap_or(Path::new(".")))?;
    match &options.verb {
        Some(Verb::Release { folder, solved }) => {
            release(&course, folder, solved.as_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Student(verb)) => cli::run(Some(verb), &course),
        None => cli::run(None, &course),
    }
}

fn release(course: &Course, folder: &Path, solved: Option<&BTreeSet<u8>>) -> Result<()> {
    let none = BTreeSet::new();
    let labs = solved.unwrap_or(&none);
    if let Some(unknown) = labs.iter().find(|lab| course.lab(**lab).is_none()) {
        let labs: Vec<_> = course.labs.iter().map(|lab| lab.number.to_string()).collect();
        bail!("there is no lab {unknown}: they are {}", labs.join(", "));
    }
    is_outside(course, folder)?;
    Kit::of(course, &Solved::labs(course, labs))?.write(folder)?;
    let steps: usize = course
        .labs
        .iter()
        .filter(|lab| !labs.contains(&lab.number))
        .map(|lab| lab.plan.steps.len())
        .sum();
    let said = format!("The kit is in {}, with {steps} steps to be done.\n", folder.display());
    // The kit is there, whether or not somebody reads this.
    screen::print(&said);
    Ok(())
}

/// A kit within the project would be taken for a part of it.
fn is_outside(course: &Course, folder: &Path) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    let project = course.root.canonicalize().context("the project's folder")?;
    // The folder itself need not be there yet, nor those that it is in.
    let mut above = folder.ancestors().filter_map(|folder| folder.canonicalize().ok());
    if above.next().is_some_and(|above| above.starts_with(&project)) {
        bail!("{} is within the project: a kit stands for itself", folder.display());
    }
    Ok(())
}

/// Reads `1-3,5`.
fn labs(text: &str) -> Result<BTreeSet<u8>, String> {
    let wrong = || format!("\"{text}\" names no labs, as 1-3 or 1,4 do");
    let number = |text: &str| number(text).ok_or_else(wrong);
    let mut labs = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(wrong());
        }
        labs.extend(first..=last);
    }
    Ok(labs)
}
