//! `cargo lab`, the course at the terminal.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use lab::course::{Course, number};
use lab::release::{Kit, Solved};

/// The course at the terminal.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
struct Options {
    #[command(subcommand)]
    verb: Verb,

    /// Folder of the project, unless it is the one that this program was built in
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    project: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Write the students' kit to a new folder
    Release {
        /// The new folder
        folder: PathBuf,

        /// Labs whose solutions stay in the kit, as in 1-3 or 1,4
        #[arg(long, value_name = "LABS", value_parser = labs)]
        solved: Option<BTreeSet<u8>>,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody can be told if stderr is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let course = Course::read(options.project.as_deref().unwrap_or(built_in))?;
    match &options.verb {
        Verb::Release { folder, solved } => release(&course, folder, solved.as_ref()),
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
    let said = format!("The kit is in {}, with {steps} steps to be done.", folder.display());
    // The kit is there, whether or not somebody reads this.
    let _ = writeln!(io::stdout(), "{said}");
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
