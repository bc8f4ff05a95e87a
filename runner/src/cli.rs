//! The verbs for students, and what each call of `cargo lab` ends with.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::check::{AT_ONCE, Manner, TIME_LIMIT, build_for, check};
use crate::course::{Course, StepNumber};
use crate::jobs::{Job, Unknown, known, select};
use crate::line::Line;
use crate::places::Places;
use crate::process::Stop;
use crate::progress::Progress;
use crate::report::Report;
use crate::status::Detail;
use crate::{doctor, explain, hint, reset, screen, status, watch};

/// A check has failed, or something is broken.
const FAILED: u8 = 1;

/// The arguments are wrong; clap ends with the same.
const WRONG_ARGUMENTS: u8 = 2;

/// It could not be done at all.
const NOT_DONE: u8 = 3;

/// Ended by Ctrl-C, as a shell has it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// As many stories are told unless all are asked for.
const STORIES: usize = 2;

/// The course at the terminal: how far you are, what is wrong, what to do next.
///
/// Without a verb it shows the labs, your points, and the next step.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version, after_help = STATUSES)]
pub struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    project: Project,
}

/// What the exit statuses mean.
pub const STATUSES: &str = "\
Exit status:
    0  all is well
    1  a check fails, or something is broken
    2  the arguments are wrong
    3  it could not be done
  130  ended by Ctrl-C";

/// Where the course is.
#[derive(Args)]
pub struct Project {
    /// Folder of the project, unless it is the one that this program was built in
    #[arg(id = "project", long, global = true, value_name = "DIR", hide = true)]
    folder: Option<PathBuf>,
}

impl Project {
    /// Reads the course in that folder, or in `built_in`.
    ///
    /// # Errors
    /// It is not there, or something is wrong in it.
    pub fn course(&self, built_in: &Path) -> Result<Course> {
        let root = self.folder.as_deref().unwrap_or(built_in);
        Course::read(root)
    }
}

/// What a student may ask for.
#[derive(Subcommand)]
pub enum Verb {
    /// Build, run the checks, and tell what is wrong
    Check {
        /// Labs (2), steps (2.1) or checks (their names); all labs unless told
        what: Vec<String>,

        /// Tell the story of each check that fails
        #[arg(long)]
        all: bool,

        /// Write one JSON document to stdout, for tools
        #[arg(long)]
        json: bool,

        /// End a check that takes longer
        #[arg(long, value_name = "SECONDS", default_value_t = TIME_LIMIT,
              value_parser = clap::value_parser!(u32).range(1..=3600))]
        time_limit: u32,

        /// How many checks run at once
        #[arg(long, value_name = "NUMBER", default_value_t = AT_ONCE,
              value_parser = clap::value_parser!(u8).range(1..=64))]
        at_once: u8,
    },
    /// Check what you have changed, each time that you save
    Watch {
        /// Look for changes every half second, where the system does not tell of them
        #[arg(long)]
        poll: bool,
    },
    /// Give the next hint for a step
    Hint {
        /// The step, as 2.1; the next one unless told
        step: Option<StepNumber>,
    },
    /// Explain an error or an event: what it means on the wire
    Explain {
        /// A word (reset), an error's name (ECONNRESET), or the message itself
        word: Vec<String>,
    },
    /// Look for what is wrong with this machine, and say how to mend it
    Doctor,
    /// Put a step back to how it was given; what you wrote is kept
    Reset {
        /// The step, as 2.1
        step: StepNumber,

        /// Put its whole file back
        #[arg(long)]
        file: bool,
    },
}

/// Does what the command line says, in the project that was built `built_in` that folder.
pub fn main(built_in: &Path) -> ExitCode {
    let options = Options::parse();
    let run = || run(options.verb.as_ref(), &options.project.course(built_in)?);
    ended(run())
}

/// Tells of an error, and how the process ends.
pub fn ended(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        screen::note(&format!("error: {error:#}"));
        ExitCode::from(if error.is::<Unknown>() { WRONG_ARGUMENTS } else { NOT_DONE })
    })
}

/// Does what a verb says, or shows how far the course is done.
///
/// # Errors
/// It cannot be done.
pub fn run(verb: Option<&Verb>, course: &Course) -> Result<ExitCode> {
    let shown = match verb {
        None => status::status(course)?,
        Some(Verb::Check { what, all, json, time_limit, at_once }) => {
            let jobs = select(course, what)?;
            let stories = if *all { usize::MAX } else { STORIES };
            let telling = if *json { Telling::Json } else { Telling::Stories(stories) };
            return check_once(course, &jobs, *time_limit, usize::from(*at_once), telling);
        }
        Some(Verb::Watch { poll }) => {
            return watch::watch(course, *poll);
        }
        Some(Verb::Hint { step: Some(step) }) => {
            known(course, *step)?;
            hint::hint(course, *step)?
        }
        Some(Verb::Hint { step: None }) => hint::next(course, &[])?,
        Some(Verb::Explain { word }) => {
            let word = word.join(" ");
            let word = Some(word.as_str()).filter(|word| !word.is_empty());
            explain::explain(word, screen::columns()).map_err(Unknown)?
        }
        Some(Verb::Doctor) => {
            let findings = doctor::examine(course);
            screen::print(&doctor::shown(&findings, screen::columns()));
            let broken = if doctor::is_broken(&findings) { FAILED } else { 0 };
            return Ok(ExitCode::from(broken));
        }
        Some(Verb::Reset { step, file }) => {
            known(course, *step)?;
            reset::reset(course, *step, *file)?
        }
    };
    screen::print(&shown);
    Ok(ExitCode::SUCCESS)
}

enum Telling {
    Stories(usize),
    Json,
}

fn check_once(
    course: &Course,
    jobs: &[Job<'_>],
    time_limit: u32,
    at_once: usize,
    telling: Telling,
) -> Result<ExitCode> {
    let (stop, interrupted) = (Arc::new(Stop::default()), Arc::new(AtomicBool::new(false)));
    let on_signal = (Arc::clone(&stop), Arc::clone(&interrupted));
    let handler = move || {
        on_signal.1.store(true, Ordering::SeqCst);
        on_signal.0.stop();
    };
    ctrlc::set_handler(handler).context("cannot wait for Ctrl-C")?;
    let in_colour = matches!(telling, Telling::Stories(_)) && screen::is_coloured();
    let manner = Manner { at_once, time_limit, in_colour, stop: &stop };
    let line = Line::new(matches!(telling, Telling::Json));
    let progress = Progress::read(&course.root);
    let mut queue = jobs.to_vec();
    // The longest first, so that none is left to run alone in the end.
    queue.sort_by_key(|job| Reverse(progress.took(job)));
    let outcome = build_for(course, &queue, &manner, &line).and_then(|built| {
        let verdicts = check(course, &queue, &built, &manner, &line, |_| ())?;
        Ok((built, verdicts))
    });
    line.clear();
    if interrupted.load(Ordering::SeqCst) {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let (built, verdicts) = outcome?;
    let places = Places::read(&course.root)?;
    let progress = Progress::read(&course.root);
    let report = Report::of(course, &places, &built, &verdicts)?;
    match telling {
        Telling::Json => {
            screen::print(&format!("{:#}\n", report.json()));
        }
        Telling::Stories(stories) => {
            let near: Vec<_> = jobs.iter().filter_map(|job| job.step).collect();
            let next = report.next(&progress, &near, Detail::All)?;
            screen::print(&format!("{}\n{next}", report.shown(stories)));
        }
    }
    Ok(if report.all_pass() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
